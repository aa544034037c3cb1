from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unroll.predict import predictor
from unroll.registry import tracking

DIGEST = "ab" * 32


TITLES = {
    "translate": "lstm 256 · general · bpe 8000",
    "letter": "linear · classifier · label",
    "caption": "relu 64 · decoder lstm 64 · char 300",
    "language": "lstm 256 · language model · space 33280",
    "frames": "lstm 128 · tagger · space 20",
    "classify": "gru 256 · classifier · space 9000",
    "rows": "lstm 64 · classifier · vectors",
}


@pytest.mark.parametrize("pipeline", TITLES)
def test_a_title_tells_models_apart(
    pipeline: str, make_params: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    assert predictor.title(make_params(pipeline)) == TITLES[pipeline]
    assert tracking.run_name(make_params(pipeline), DIGEST) == f"{TITLES[pipeline]} · abababab"


def test_every_parameter_of_a_recipe_has_a_dotted_name(make_params: Callable[..., Any]) -> None:
    found = tracking.recipe_params(make_params("classify"))
    assert found["prepare.corpus.format"] == "csv"
    assert found["prepare.split.test.rows"] == "[5453, 5953]"
    assert found["tokenize.source.vocab_size"] == "9000"
    assert found["model.head.kind"] == "classifier"
    assert found["train.bptt"] == "null"
    assert not [name for name in found if name.startswith(("evaluate", "register", "fetch"))]


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("http://me:SECRET@127.0.0.1:1", "http://127.0.0.1:1"),
        ("postgresql://me:SECRET@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("postgresql://me:SECRET@/mlflow?host=/run", "postgresql:///mlflow?host=/run"),
    ],
)
def test_a_message_shows_no_password(uri: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking.where() == f"tracking store {told}"


@pytest.mark.parametrize(
    "said",
    [
        "cannot reach http://me:SECRET@here:9/api",
        "postgresql://SECRET@db/x\nand more",
        "postgresql://me:SEC@SECRET/SECRET@db/x",
        "postgresql:///x?host=/tmp&user=me&password=SECRET",
        "said by who knows it from the environment: OTHER",
        "no address: SECRET",
    ],
)
def test_what_an_error_says_has_no_password(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "OTHER")
    told = tracking.first_line(OSError(said))
    assert "\n" not in told
    assert "OTHER" not in told
    assert ("SECRET" in told) == ("no address" in said)


def test_experiments_run_aside_share_the_repository_s_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert tracking.store() == f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.parametrize("uri", ["sqlite:///aside.db", "sqlite:///{}/aside.db"])
def test_artifacts_lie_beside_an_sqlite_file(home: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    assert tracking.artifact_folder() == home / "mlartifacts"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(home / "deeper"))
    assert tracking.artifact_folder() == (home / "deeper" if "{}" in uri else home) / "mlartifacts"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert tracking.artifact_folder() is None


def test_two_runs_that_log_a_new_data_set_at_once_share_it(home: Path) -> None:
    from mlflow.entities import Dataset, DatasetInput

    data = [DatasetInput(Dataset("rows", "1234", "local", "{}"), [])]
    with tracking.reaching() as client:
        experiment = tracking.experiment_of(client, "translate")
        one, other = (client.create_run(experiment).info.run_id for _ in range(2))

        def meanwhile() -> uuid.UUID:  # asked for once the data set was found missing
            patch.undo()
            client.log_inputs(other, data)
            return uuid.uuid4()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(uuid, "uuid4", meanwhile)
            tracking.log_datasets(client, one, data)
        logged = [client.get_run(run).inputs.dataset_inputs for run in (one, other)]
    assert [[entry.dataset.digest for entry in entries] for entries in logged] == [["1234"], ["1234"]]
