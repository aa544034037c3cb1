from __future__ import annotations

import importlib
import math
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import until
from tests.tracked import client, history, recipe, runs, silent_server
from unroll.registry import tracking
from unroll.registry.live import live

DIGEST = "ab" * 32


def test_a_run_that_ends_well_is_found_by_its_model(home: Path) -> None:
    with live("translate", recipe(), "f1") as run:
        for update in range(3):
            run.log({"loss": 2.0 - update, "bad": math.inf, "worse": math.nan}, update)
        run.adopt(DIGEST)
    (run,) = runs()
    assert run.info.status == "FINISHED"
    assert run.data.tags["model.sha256"] == DIGEST
    assert run.data.tags["fingerprint"] == "f1"
    assert run.data.params["model.encoder.cell"] == "lstm"
    assert run.data.params["shape"] == "n_to_m"
    assert history(run.info.run_id, "loss") == [(0, 2.0), (1, 1.0), (2, 0.0)]
    assert set(run.data.metrics) == {"loss"}


def test_what_the_machine_does_stands_beside_the_curves(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.registry.live.FLUSH_SECONDS", 0.01)
    monkeypatch.setattr("unroll.registry.live.WATCH_SECONDS", 0.01)
    with live("translate", recipe(), "f1") as run:
        run.log({"loss": 1.0}, 7)
        until(lambda: bool(client().get_experiment_by_name("translate")))
        until(lambda: any("system/cpu_utilization_percentage" in one.data.metrics for one in runs()))
        run.log({"loss": 0.5}, 8)
    (run_,) = runs()
    steps = {step for step, _ in history(run_.info.run_id, "system/cpu_utilization_percentage")}
    assert steps <= {7, 8}
    assert 0 < run_.data.metrics["system/system_memory_usage_percentage"] <= 100
    assert history(run_.info.run_id, "loss") == [(7, 1.0), (8, 0.5)]


def break_off(error: type[BaseException]) -> None:
    with live("translate", recipe(), "f1") as run:
        run.log({"loss": 2.0}, 1)
        raise error


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "KILLED"), (ValueError, "FAILED")])
def test_a_run_that_ends_badly_says_so_and_is_continued(home: Path, error: type[BaseException], status: str) -> None:
    with pytest.raises(error):
        break_off(error)
    assert [run.info.status for run in runs()] == [status]
    with live("translate", recipe(), "f1") as run:
        run.log({"loss": 1.0}, 2)
    (run,) = runs()
    assert run.info.status == "FINISHED"
    assert history(run.info.run_id, "loss") == [(1, 2.0), (2, 1.0)]


def test_another_fingerprint_is_another_run(home: Path) -> None:
    for fingerprint in ("f1", "f2"):
        with pytest.raises(KeyboardInterrupt), live("translate", recipe(), fingerprint):
            raise KeyboardInterrupt
    assert len(runs()) == 2


def test_one_model_has_one_run(home: Path) -> None:
    for _ in range(2):
        with live("translate", recipe(), "f1") as run:
            run.adopt(DIGEST)
    assert len(runs()) == 1


def test_metrics_are_sent_together(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr("unroll.registry.live.log_points", lambda client, run, points: calls.append(len(points)))
    with live("translate", recipe(), "f1") as run:
        for update in range(500):
            run.log({"loss": 1.0, "rate": 0.1}, update)
    assert sum(calls) == 1000
    assert len(calls) <= 2


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "silent", "sqlite:////dev/null/mlflow.db", "odd://x"])
def test_a_store_that_fails_neither_stops_nor_slows_training(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = silent_server()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("silent", f"http://127.0.0.1:{server.getsockname()[1]}"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    tracking.prepare(1)
    importlib.import_module("mlflow")  # which takes its time anyway
    began = time.monotonic()
    with server, live("translate", recipe(), "f1") as run:
        for update in range(100):
            run.log({"loss": 1.0}, update)
        run.adopt(DIGEST)
    assert time.monotonic() - began < 2.5
    assert re.fullmatch(r"unroll: tracking store .*; training goes on without it\n", capsys.readouterr().err)


def test_a_store_that_dies_later_is_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def die(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("unroll.registry.live.FLUSH_SECONDS", 0.01)
    with live("translate", recipe(), "f1") as run:
        monkeypatch.setattr("unroll.registry.live.log_points", die)
        run.log({"loss": 1.0}, 1)
        run.log({"loss": 1.0}, 2)
        run.adopt(DIGEST)
    assert capsys.readouterr().err.count("disk full") == 1
    assert [run.info.status for run in runs()] == ["FINISHED"]  # it came back in time for the end
