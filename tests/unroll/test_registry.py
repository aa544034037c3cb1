from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages import Folders
from tests.tracked import answers, client, evaluate, history, make_folders, recipe, runs, settings
from unroll import artifacts, lineage, registry, tracking
from unroll.errors import IntegrityError, ParamsError, ResourceError


def record(folders: Folders) -> str:
    return registry.record(settings().evaluate.search, settings().register_, folders)


def register(folders: Folders) -> registry.Registration:
    return registry.register(settings().evaluate.search, settings().register_, folders, record(folders))


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log models without loading them: seconds less for a test that never asks them."""
    import mlflow

    log_model = mlflow.pyfunc.log_model
    monkeypatch.setattr(mlflow.pyfunc, "log_model", lambda **kw: log_model(**{**kw, "input_example": None}))


def test_a_run_is_made_anew_from_files_and_made_once(home: Path) -> None:
    folders = make_folders(home, answers(3))
    run = record(folders)
    assert record(folders) == run
    found = client().get_run(run)
    assert found.info.status == "FINISHED"
    assert found.data.metrics["bleu"] == 50.0
    assert found.data.metrics["train.best_valid_score"] == 9.5
    assert found.data.params["tokenize.source.kind"] == "char"
    assert found.data.params["model.encoder.cell"] == "lstm"
    assert found.data.tags["evaluate.main"] == "bleu"
    assert found.data.tags["evaluate.signature"] == "nrefs:var|case:mixed"
    assert found.data.tags["search.beam"] == str(settings().evaluate.search.beam)
    assert found.data.tags["model.sha256"] == lineage.verify(folders.model, folders.evaluation)["model"]
    assert "Leo un libro" in found.data.tags["mlflow.note.content"]
    assert history(run, "train_loss") == [(2, 3.5), (4, 2.25)]
    assert history(run, "valid_score") == [(4, 9.5)]
    assert history(run, "bleu") == [(0, 50.0)]
    files = {file.path for file in client().list_artifacts(run)}
    assert files == {"pictures", "evaluation", "lineage.txt", "lineage.json"}
    pictures = [file.path for file in client().list_artifacts(run, "pictures")]
    assert pictures == ["pictures/attention.png", "pictures/embeddings.png"]


def test_a_live_run_is_completed_not_doubled(home: Path) -> None:
    folders = make_folders(home, answers(3))
    with tracking.live("translate", recipe(), "f1") as live:
        live.log({"train_loss": 3.5}, 2)
        live.adopt(lineage.verify(folders.model, folders.evaluation)["model"])
    (before,) = runs()
    assert record(folders) == before.info.run_id
    assert history(before.info.run_id, "train_loss") == [(2, 3.5), (4, 2.25)]
    assert runs()[0].info.end_time == before.info.end_time


def test_a_new_score_takes_the_place_of_the_old(home: Path) -> None:
    folders = make_folders(home, answers(3))
    run = record(folders)
    evaluate(folders, answers(6))
    assert record(folders) == run
    assert client().get_run(run).data.metrics["bleu"] == 100.0
    assert len(client().list_artifacts(run, "evaluation")) == 2


def test_an_altered_model_is_not_recorded(home: Path) -> None:
    folders = make_folders(home, answers(3))
    with (folders.model / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        record(folders)


def test_a_dead_server_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = make_folders(tmp_path, answers(3))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with pytest.raises(ResourceError, match=r"tracking store http://127\.0\.0\.1:1: "):
        record(folders)


def version(number: str) -> Any:
    return client().get_model_version("translate", number)


def champion() -> str:
    return str(client().get_model_version_by_alias("translate", "champion").version)


@pytest.mark.usefixtures("unloaded")
def test_the_champion_moves_only_when_beaten(home: Path) -> None:
    first = register(make_folders(home, answers(3)))
    assert (first.version, first.created, first.verdict) == ("1", True, "first")
    assert first.aliases == ["challenger", "champion"]

    equal = register(make_folders(home, answers(3), seed=2))
    assert (equal.version, equal.aliases) == ("2", ["challenger"])
    assert equal.verdict.startswith("not better than version 1: +0.00 BLEU")
    assert champion() == "1"

    better = register(make_folders(home, answers(6), seed=3))
    assert better.verdict.startswith("better than version 1: +")
    assert champion() == "3"
    tags = version("3").tags
    assert tags["verdict.against"] == "1"
    assert tags["verdict.resamples"] == str(settings().register_.resamples)
    assert float(tags["verdict.delta"]) > 0
    assert float(tags["verdict.p_value"]) < settings().register_.p_value
    assert tags["bleu"] == "100.00"

    worse = register(make_folders(home, answers(1), seed=4))
    assert worse.verdict.startswith("not better than version 3: -")
    assert champion() == "3"

    other = register(make_folders(home, answers(6), seed=5, corpus="another"))
    assert other.verdict == "test sets differ: not comparable"
    assert champion() == "3"


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(("ours", "theirs", "ends_as"), [(6, 5, "3"), (4, 6, "2")])
def test_a_version_that_was_overtaken_looks_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, ours: int, theirs: int, ends_as: str
) -> None:
    def compare(params: Any, before: list[Any], after: list[Any], champion: Any) -> tuple[bool, dict[str, str]]:
        return right(after) > right(before), {"verdict": "compared"}

    monkeypatch.setattr(registry, "_compare", compare)
    register(make_folders(home / "first", answers(1)))
    register(make_folders(home / "theirs", answers(theirs), seed=2))
    store = type(client())
    write = store.set_registered_model_alias
    once = iter([True])

    def overtaken(self: Any, name: str, alias: str, number: str) -> None:
        write(self, name, alias, number)
        if (alias, number) == ("champion", "3") and next(once, False):
            write(self, name, alias, "2")

    write(client(), "translate", "champion", "1")
    monkeypatch.setattr(store, "set_registered_model_alias", overtaken)
    register(make_folders(home / "ours", answers(ours), seed=3))
    assert champion() == ends_as
    assert version("3").tags["verdict.against"] == "2"


def right(rows: list[Any]) -> int:
    return sum(row["hypothesis"] in row["references"] for row in rows)


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    ("main", "unit"), [("accuracy", r"\+50\.00 accuracy points"), ("perplexity", r"\+0\.750 nats per token")]
)
def test_rows_with_values_are_judged_by_them(home: Path, main: str, unit: str) -> None:
    folders = make_folders(home, answers(3))
    for right, verdict in (
        (3, "first"),
        (6, f"better than version 1: {unit}, p = 0.0"),
        (5, "not better than version 2: -"),
    ):
        evaluate(folders, answers(right), main)
        assert re.match(verdict, register(folders).verdict)
    assert champion() == "2"
    assert version("2").tags["main"] == main


@pytest.mark.usefixtures("unloaded")
def test_scores_of_different_kinds_are_not_compared(home: Path) -> None:
    folders = make_folders(home, answers(3))
    evaluate(folders, answers(3), "accuracy")
    register(folders)
    evaluate(folders, answers(6), "accuracy", weight=2)
    assert register(folders).verdict == "version 1 counts other tokens: not comparable"
    evaluate(folders, answers(6), "perplexity")
    assert register(folders).verdict == "main scores differ: not comparable"
    assert champion() == "1"


SEARCHES = {
    "translate": {"beam": 5, "n_best": 1},
    "language": {"n_best": 1, "temperature": 0.8, "top_k": 0, "top_p": 0.95, "max_tokens": 60, "seed": 1},
    "classify": {"n_best": 1},
    "frames": {},
}


@pytest.mark.parametrize("pipeline", SEARCHES)
def test_a_request_may_set_what_the_kind_of_search_has(pipeline: str, make_params: Callable[..., Any]) -> None:
    signature = registry._signature(make_params(pipeline).evaluate.search)
    assert {spec.name: spec.default for spec in signature.params} == SEARCHES[pipeline]
    assert {spec.name for spec in signature.params if spec.dtype.name == "double"} <= {"temperature", "top_p"}
    assert signature.inputs.input_names() == ["text"]
    assert signature.outputs.input_names() == ["input", "rank", "text", "score", "truncated"]


@pytest.mark.usefixtures("unloaded")
def test_the_same_model_with_the_same_scores_keeps_its_version(home: Path) -> None:
    folders = make_folders(home, answers(3))
    first = register(folders)
    before, run = version("1").last_updated_timestamp, runs()[0]
    again = register(folders)
    assert (again.version, again.created, again.verdict) == ("1", False, first.verdict)
    assert version("1").last_updated_timestamp == before
    assert len(client().search_model_versions("name = 'translate'")) == 1
    assert runs()[0].info.end_time == run.info.end_time

    evaluate(folders, answers(6))  # the same model, scored anew, meets its earlier self
    assert register(folders).verdict.startswith("better than version 1")


@pytest.mark.usefixtures("unloaded")
def test_a_version_that_was_not_judged_is_judged_later(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = make_folders(home, answers(3))
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_judge", lambda *_: "killed before it was judged")
        register(folders)
    found = register(folders)
    assert (found.version, found.verdict, found.aliases) == ("1", "first", ["challenger", "champion"])


@pytest.mark.usefixtures("unloaded")
def test_lost_hypotheses_of_the_champion_leave_it_in_place(home: Path) -> None:
    run = record(make_folders(home, answers(3)))
    register(make_folders(home, answers(3)))
    shutil.rmtree(home / "mlartifacts" / "translate" / run / "artifacts" / "evaluation")
    found = register(make_folders(home, answers(6), seed=2))
    assert found.verdict == "the hypotheses of version 1 are missing: not comparable"
    assert champion() == "1"


@pytest.mark.usefixtures("unloaded")
def test_names_resolve_to_checkpoint_folders(home: Path) -> None:
    folders = make_folders(home, answers(3))
    register(folders)
    assert registry.resolve("data/translate/model") == Path("data/translate/model")
    for name in ("models:/translate@champion", "models:/translate/1"):
        found = registry.resolve(name)
        assert artifacts.verify(found, "model") == artifacts.verify(folders.model, "model")
        assert (found.parent / "search.json").is_file()
        assert found.is_relative_to(home / "mlartifacts")


@pytest.mark.usefixtures("unloaded")
def test_a_version_on_a_server_is_fetched_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    register(make_folders(home, answers(3)))
    local = registry.resolve("models:/translate/1")
    fetched: list[str] = []

    def fetch(artifact_uri: str, dst_path: str) -> str:
        fetched.append(artifact_uri)
        return str(shutil.copytree(local.parent, Path(dst_path) / "artifacts"))

    logged = mlflow.MlflowClient.get_logged_model
    monkeypatch.setattr(mlflow.MlflowClient, "get_logged_model", lambda *args: moved(logged(*args)))
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", fetch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    found = {registry.resolve("models:/translate/1") for _ in range(2)}
    assert [artifacts.verify(folder, "model") for folder in found] == [artifacts.verify(local, "model")]
    assert found.pop().is_relative_to(home / "cache")
    assert fetched == ["mlflow-artifacts:/1/models/m/artifacts/artifacts"]


def moved(model: Any) -> Any:
    model._artifact_location = "mlflow-artifacts:/1/models/m/artifacts"
    return model


@pytest.mark.parametrize("name", ["models:/absent@champion", "models:/absent/3", "models:/absent", "models:x"])
def test_an_unknown_model_is_one_line(home: Path, name: str) -> None:
    with pytest.raises(ParamsError, match=f"^{re.escape(name)}: "):
        registry.resolve(name)


@pytest.mark.usefixtures("unloaded")
def test_what_is_registered_holds_no_pickle_and_no_cache(home: Path) -> None:
    register(make_folders(home, answers(3)))
    files = [path for path in (home / "mlartifacts").rglob("*") if path.is_file()]
    assert not [
        path for path in files if path.suffix in (".pkl", ".pickle", ".pt", ".pyc") or "__pycache__" in path.parts
    ]
    requirements = next(path for path in files if path.name == "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[a-z]+==[0-9.]+", line) for line in requirements)
