from __future__ import annotations

import importlib
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tracked import history, recipe, runs, silent_server
from unroll import tracking

DIGEST = "ab" * 32


def test_a_run_that_ends_well_is_found_by_its_model(home: Path) -> None:
    with tracking.live("translate", recipe(), "f1") as live:
        for update in range(3):
            live.log({"loss": 2.0 - update, "bad": math.inf, "worse": math.nan}, update)
        live.adopt(DIGEST)
    (run,) = runs()
    assert run.info.status == "FINISHED"
    assert run.data.tags["model.sha256"] == DIGEST
    assert run.data.tags["fingerprint"] == "f1"
    assert run.data.params["model.encoder.cell"] == "lstm"
    assert run.data.params["shape"] == "n_to_m"
    assert history(run.info.run_id, "loss") == [(0, 2.0), (1, 1.0), (2, 0.0)]
    assert set(run.data.metrics) == {"loss"}


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
    assert tracking.title(make_params(pipeline)) == TITLES[pipeline]
    assert tracking.run_name(make_params(pipeline), DIGEST) == f"{TITLES[pipeline]} · abababab"


def test_every_parameter_of_a_recipe_has_a_dotted_name(make_params: Callable[..., Any]) -> None:
    found = tracking.recipe_params(make_params("classify"))
    assert found["prepare.corpus.format"] == "csv"
    assert found["prepare.split.test.rows"] == "[5453, 5953]"
    assert found["tokenize.source.vocab_size"] == "9000"
    assert found["model.head.kind"] == "classifier"
    assert found["train.bptt"] == "null"
    assert not [name for name in found if name.startswith(("evaluate", "register", "fetch"))]


def break_off(error: type[BaseException]) -> None:
    with tracking.live("translate", recipe(), "f1") as live:
        live.log({"loss": 2.0}, 1)
        raise error


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "KILLED"), (ValueError, "FAILED")])
def test_a_run_that_ends_badly_says_so_and_is_continued(home: Path, error: type[BaseException], status: str) -> None:
    with pytest.raises(error):
        break_off(error)
    assert [run.info.status for run in runs()] == [status]
    with tracking.live("translate", recipe(), "f1") as live:
        live.log({"loss": 1.0}, 2)
    (run,) = runs()
    assert run.info.status == "FINISHED"
    assert history(run.info.run_id, "loss") == [(1, 2.0), (2, 1.0)]


def test_another_fingerprint_is_another_run(home: Path) -> None:
    for fingerprint in ("f1", "f2"):
        with pytest.raises(KeyboardInterrupt), tracking.live("translate", recipe(), fingerprint):
            raise KeyboardInterrupt
    assert len(runs()) == 2


def test_one_model_has_one_run(home: Path) -> None:
    for _ in range(2):
        with tracking.live("translate", recipe(), "f1") as live:
            live.adopt(DIGEST)
    assert len(runs()) == 1


def test_metrics_are_sent_together(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(tracking, "log_points", lambda client, run, points: calls.append(len(points)))
    with tracking.live("translate", recipe(), "f1") as live:
        for update in range(500):
            live.log({"loss": 1.0, "rate": 0.1}, update)
    assert sum(calls) == 1000
    assert len(calls) <= 2


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "silent", "sqlite:////dev/null/mlflow.db", "odd://x"])
def test_a_store_that_fails_neither_stops_nor_slows_training(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = silent_server()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("silent", f"http://127.0.0.1:{server.getsockname()[1]}"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    tracking._prepare(1)
    importlib.import_module("mlflow")  # which takes its time anyway
    began = time.monotonic()
    with server, tracking.live("translate", recipe(), "f1") as live:
        for update in range(100):
            live.log({"loss": 1.0}, update)
        live.adopt(DIGEST)
    assert time.monotonic() - began < 2.5
    assert re.fullmatch(r"unroll: tracking store .*; training goes on without it\n", capsys.readouterr().err)


def test_a_store_that_dies_later_is_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def die(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(tracking, "FLUSH_SECONDS", 0.01)
    with tracking.live("translate", recipe(), "f1") as live:
        monkeypatch.setattr(tracking, "log_points", die)
        live.log({"loss": 1.0}, 1)
        live.log({"loss": 1.0}, 2)
        live.adopt(DIGEST)
    assert capsys.readouterr().err.count("disk full") == 1
    assert [run.info.status for run in runs()] == ["FINISHED"]  # it came back in time for the end


def test_a_warning_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:1")
    assert "secret" not in tracking.where()


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
