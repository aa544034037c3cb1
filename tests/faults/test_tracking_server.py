"""A tracking server that is away, dies or comes back: training goes on, no point is lost, none is there twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import until
from tests.stores import Server
from tests.tracked import answers, make_folders, recipe, settings
from unroll.artifacts import lineage
from unroll.folders import Folders
from unroll.registry import live, runs, tracking

pytestmark = pytest.mark.fault("tracking server away")

UPDATES = 60


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(home)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setattr(live, "FLUSH_SECONDS", 0.05)
    monkeypatch.setattr(live, "MOST_SECONDS", 0.2)
    yield server
    server.kill()


def learn(at: dict[int, Callable[[], None]]) -> float:
    """Log the points of a training in which something happens after some updates; return the seconds logging took."""
    spent = 0.0
    with live.live("translate", recipe(), "f1") as run:
        for update in range(1, UPDATES + 1):
            began = time.perf_counter()
            run.log({"train_loss": 1 / update}, update)
            spent += time.perf_counter() - began
            time.sleep(0.01)
            at.get(update, lambda: None)()
    return spent


def points(server: Server) -> list[tuple[int, float]]:
    if server.process is None:
        server.start()
    with tracking.reaching() as client:
        (experiment,) = (e for e in client.search_experiments() if e.name == "translate")
        (run,) = client.search_runs([experiment.experiment_id])
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "train_loss")
    return sorted((point.step, point.value) for point in history)


ALL = [(update, 1 / update) for update in range(1, UPDATES + 1)]


def begun() -> bool:
    """Return whether the server has a run."""
    with tracking.reaching() as client:
        return bool(client.search_runs([tracking.experiment_of(client, "translate")]))


def test_a_server_that_comes_up_late(server: Server) -> None:
    learn({20: server.start})
    assert points(server) == ALL


def test_a_server_that_dies_and_comes_back(server: Server) -> None:
    server.start()
    learn({20: lambda: time.sleep(1), 21: server.kill, 40: server.start})
    assert points(server) == ALL


def test_a_server_that_answers_too_late_to_be_heard(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.start()
    log_points = live.log_points
    heard = iter([True, False, True, False, False])

    def deaf(*arguments: object) -> None:
        log_points(*arguments)  # type: ignore[arg-type]
        if arguments[2] and not next(heard, True):
            raise TimeoutError("the answer was lost")

    monkeypatch.setattr(live, "log_points", deaf)
    learn({20: lambda: time.sleep(0.5)})
    assert points(server) == ALL


def test_what_a_dead_server_missed_comes_from_the_files(server: Server, home: Path) -> None:
    folders: Folders = make_folders(home / "files", answers(3))
    lines = ["update,train_loss,valid_score", *(f"{update},{loss!r}," for update, loss in ALL)]
    (folders.reports / "curves.csv").write_text("\n".join(lines) + "\n")
    server.start()
    learn({30: lambda: until(begun), 31: server.kill})
    server.start()
    digest = lineage.verify(folders.model, folders.evaluation)["model"]
    with tracking.reaching() as client:
        experiment = tracking.experiment_of(client, "translate")
        (run,) = client.search_runs([experiment])
        client.set_tag(run.info.run_id, "model.sha256", digest)
    runs.record(settings().evaluate.search, settings().register_, folders)
    assert points(server) == ALL


def test_logging_takes_no_time_from_training(server: Server) -> None:
    assert learn({}) < 0.01 * UPDATES * 0.01  # a hundredth of the updates, which take a hundredth of a second here


def test_runs_of_killed_processes_are_ended(home: Path) -> None:
    code = (
        "import os, time; from tests.tracked import recipe; from unroll.registry.live import LiveRun;"
        "run = LiveRun('translate', recipe(), 'f0'); run.log({'train_loss': 1.0}, 1);"
        "time.sleep(0.5); run._send(); os.kill(os.getpid(), 9)"
    )
    root = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": root}, check=False)
    with live.live("translate", recipe(), "f1"):
        pass
    with tracking.reaching() as client:
        experiment = client.get_experiment_by_name("translate")
        assert experiment
        statuses = {
            run.data.tags["fingerprint"]: run.info.status for run in client.search_runs([experiment.experiment_id])
        }
    assert statuses == {"f0": "KILLED", "f1": "FINISHED"}
