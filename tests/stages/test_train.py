from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping

import pytest
import torch

from stages import train
from unroll.artifacts import manifest, store
from unroll.errors import DivergenceError, IntegrityError, ParamsError, ResourceError
from unroll.folders import Folders
from unroll.params import reading
from unroll.params.pipeline import Pipeline
from unroll.predict import checkpoints
from unroll.registry import tracking
from unroll.training import following, setup
from unroll.training.planning import ROUND_UPDATES, ROUNDS, WARM, pace_of

BF16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()


def again(small: Pipeline, ran: Folders, pipeline: str, **changes: object) -> Folders:
    folders = Folders(ran.root, pipeline)
    for kind in ("prepared", "tokenized", "embedded"):
        shutil.copytree(getattr(ran, kind), getattr(folders, kind))
    train.run(reading.changed(small, {path.replace("__", "."): value for path, value in changes.items()}), folders)
    return folders


@pytest.fixture(autouse=True)
def _at_its_root(ran: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ran.root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_same_parameters_give_the_same_bytes(small: Pipeline, ran: Folders) -> None:
    twin = again(small, ran, "twin")
    assert store.verify(twin.model, "model") == store.verify(ran.model, "model")
    for name in ("train.json", "curves.csv"):
        assert (twin.reports / name).read_bytes() == (ran.reports / name).read_bytes()


def test_another_seed_gives_another_model(small: Pipeline, ran: Folders) -> None:
    other = again(small, ran, "seed", train__seed=2, train__updates=11)
    assert checkpoints.load(other.model).recipe.train.seed == 2
    assert (other.model / "model.safetensors").read_bytes() != (ran.model / "model.safetensors").read_bytes()


def test_curves_and_report_say_how_it_went(small: Pipeline, ran: Folders) -> None:
    with (ran.reports / "curves.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["train_loss"]) for row in rows]
    assert losses[-1] < losses[0] / 2
    scored = {int(row["update"]): float(row["valid_score"]) for row in rows if row["valid_score"]}
    assert list(scored) == [300, 600]
    report = json.loads((ran.reports / "train.json").read_text())
    assert report["best_valid_score"] == max(scored.values()) > 20
    assert report["updates"] == small.train.updates
    weights = checkpoints.load(ran.model).model
    assert report["parameters"] == sum(p.numel() for p in set(weights.parameters()))


def test_the_checkpoint_remembers_all_it_was_made_by(small: Pipeline, ran: Folders) -> None:
    recipe = checkpoints.load(ran.model).recipe
    assert recipe.train == small.train
    assert recipe.model == small.model
    ancestry = store.verify(ran.model, "model")["inputs"]
    assert ancestry == {kind: store.verify(getattr(ran, kind), kind) for kind in train.INPUTS}


def test_the_run_in_mlflow_has_the_curves(ran: Folders) -> None:
    with tracking.reaching() as client:
        digest = manifest.identity(store.verify(ran.model, "model"))
        experiment = client.get_experiment_by_name("translate").experiment_id
        (run,) = client.search_runs([experiment], f"tags.`model.sha256` = '{digest}'")
        history = client.get_metric_history(run.info.run_id, "train_loss")
        assert [point.step for point in history] == list(range(20, 601, 20))
        assert run.info.status == "FINISHED"
        assert "tokens_per_second" in run.data.metrics


@pytest.mark.skipif(BF16, reason="says what a processor without bf16 says")
def test_a_processor_without_bf16_says_so(small: Pipeline, ran: Folders) -> None:
    with pytest.raises(ResourceError, match=r"train\.precision: this processor has no products in bf16"):
        again(small, ran, "no_bf16", train__precision="bf16-mixed")


@pytest.mark.skipif(not BF16, reason="this processor has no products in bf16")
def test_mixed_precision_learns(small: Pipeline, ran: Folders) -> None:
    folders = again(small, ran, "mixed_precision", train__precision="bf16-mixed", train__updates=40, train__warmup=5)
    with (folders.reports / "curves.csv").open(encoding="utf-8", newline="") as file:
        first, *_, last = (float(row["train_loss"]) for row in csv.DictReader(file))
    assert last < first
    weights = checkpoints.load(folders.model).model.state_dict()
    assert {value.dtype for value in weights.values()} == {torch.float32}


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without CUDA says")
def test_an_accelerator_that_is_not_there_is_one_line(small: Pipeline, ran: Folders) -> None:
    with pytest.raises(ResourceError, match=r"machine\.accelerator: cuda cannot be used here"):
        again(small, ran, "no_cuda", machine__accelerator="cuda")


def test_divergence_is_told_and_leaves_no_model(small: Pipeline, ran: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = lambda x, *_: (x.sum() * float("nan"), x.detach().new_zeros(len(x)))  # noqa: E731
    monkeypatch.setattr("unroll.nn.model.linear_cross_entropy", lost)
    with pytest.raises(DivergenceError, match=r"at update 6 .* lower train\.learning_rate"):
        again(small, ran, "diverged")
    assert not Folders(ran.root, "diverged").model.exists()


CELL = """
from unroll.nn.cells import CELLS, GRU

class Mine(GRU):
    "A cell of the project's own."

CELLS["mine"] = Mine
"""


def test_a_model_of_parts_of_its_own_remembers_them(small: Pipeline, ran: Folders) -> None:
    (ran.root / "parts.py").write_text(CELL)
    changes = {"model__encoder__cell": "mine", "train__updates": 11}
    folders = again(small, ran, "own", parts="parts.py", **changes)
    inherited = store.verify(folders.model, "model")["inputs"]["parts"]
    assert inherited["files"] == {"parts.py": manifest.sha256(ran.root / "parts.py")}
    assert checkpoints.load(folders.model).recipe.parts == "parts.py"
    (ran.root / "parts.py").write_text(CELL.replace("GRU", "LSTM"))
    with pytest.raises(IntegrityError, match=r"parts\.py: is not the module with which the model was made"):
        checkpoints.load(folders.model)


def test_a_cell_that_nobody_knows_is_one_line(small: Pipeline, ran: Folders) -> None:
    with pytest.raises(ParamsError, match=r"'mine' is not known"):
        again(small, ran, "unknown", model__encoder__cell="mine")


def test_validation_looks_at_the_whole_of_its_split() -> None:
    pairs = {str(n): [str(n)] for n in range(10)}
    assert list(setup.spread(pairs, 5)) == ["0", "2", "4", "6", "8"]
    assert list(setup.spread(pairs, 4)) == ["0", "3", "6", "9"]
    assert setup.spread(pairs, 99) == pairs
    assert setup.spread({}, 9) == {}


def test_a_machine_is_measured_on_the_training_itself(small: Pipeline, ran: Folders) -> None:
    _, training = setup.start(small.recipe, ran)
    pace = pace_of(training)
    assert training.learner.updates == WARM + ROUNDS * ROUND_UPDATES
    assert 0 < pace.update < 10
    assert 0 < pace.validation < 60
    assert pace.tokens > 0
    assert pace.epoch == len(list(training.feed.epochs.epoch(0)))


GOING_ON = {"train__start_from": "translate", "train__updates": 12, "train__validate_every": 6, "train__log_every": 3}


def killed(small: Pipeline, ran: Folders, pipeline: str, patch: pytest.MonkeyPatch, **changes: object) -> None:
    """Train as `again` does, and end after the sixth update."""

    def shown(point: Mapping[str, float]) -> dict[str, float]:
        if point["update"] > 6:
            raise KeyboardInterrupt
        return dict(point)

    with patch.context() as patched:
        patched.setenv("UNROLL_SNAPSHOT_SECONDS", "0")
        patched.setattr(following, "shown", shown)
        with pytest.raises(KeyboardInterrupt):
            again(small, ran, pipeline, **changes)


def test_a_training_that_goes_on_from_a_model_says_so_and_gives_the_same_bytes(
    small: Pipeline, ran: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = again(small, ran, "going_on", **GOING_ON)
    assert "start: 19 of 19 tensors as in " in capsys.readouterr().out
    report = json.loads((whole.reports / "train.json").read_text())
    assert report["start_tensors"] == report["tensors"] == 19
    assert report["start_source_tokens_percent"] == 100
    before = json.loads((ran.reports / "train.json").read_text())
    assert not [name for name in before if name.startswith("start")]
    assert store.verify(whole.model, "model")["inputs"]["start"] == store.verify(ran.model, "model")

    killed(small, ran, "halved", monkeypatch, **GOING_ON)
    halved = Folders(ran.root, "halved")
    assert not halved.model.exists()
    train.run(reading.changed(small, {name.replace("__", "."): value for name, value in GOING_ON.items()}), halved)
    assert store.verify(halved.model, "model") == store.verify(whole.model, "model")
    assert "starting from the beginning" not in capsys.readouterr().err


def test_a_snapshot_of_another_start_is_not_gone_on_from(
    small: Pipeline, ran: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ran.model, ran.root / "data/sources/old")
    killed(small, ran, "other_start", monkeypatch, **GOING_ON | {"train__start_from": "data/sources/old"})
    other = Folders(ran.root, "other_start")
    (held := store.verify(ran.root / "data/sources/old", "model"))["inputs"].pop("embedded")
    held.pop("sha256")
    text = manifest.dump_json(manifest.signed(**held))
    (ran.root / "data/sources/old/manifest.json").write_text(text, encoding="utf-8", newline="")
    changes = GOING_ON | {"train__start_from": "data/sources/old"}
    train.run(reading.changed(small, {name.replace("__", "."): value for name, value in changes.items()}), other)
    assert "starting from the beginning" in capsys.readouterr().err


def test_a_start_that_does_not_fit_leaves_no_model(small: Pipeline, ran: Folders) -> None:
    with pytest.raises(ParamsError, match=r"model\.head\.hidden is 16 here and 32 there"):
        again(small, ran, "unfitting", **GOING_ON, model__head__hidden=16)
    assert not Folders(ran.root, "unfitting").model.exists()
