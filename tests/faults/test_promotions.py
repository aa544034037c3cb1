"""Two models that are registered at once: two versions, and the better one is champion."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import clean_environment
from tests.tracked import answers, client, make_folders, settings
from unroll.registry.names import CHAMPION

pytestmark = pytest.mark.fault("two promotions at once")

ROUNDS = 20
WORKER = """
import json, os, sys
from pathlib import Path
import mlflow
from tests.tracked import settings
from unroll.folders import Folders
from unroll.registry import runs, versions

log_model = mlflow.pyfunc.log_model
mlflow.pyfunc.log_model = lambda **kw: log_model(**{**kw, "input_example": None})  # seconds less
evaluate, how = settings().evaluate, settings().register_
for line in sys.stdin:
    home, root = json.loads(line)
    os.chdir(home)
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # mlflow remembers the last round's there
    folders = Folders(Path(root), "translate")
    versions.register(evaluate, how, folders, runs.record(evaluate.search, how, folders))
    print("done", flush=True)
"""


class Worker:
    """A process that registers one model after another."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=clean_environment(),
        )  # fmt: skip

    def begin(self, home: Path, root: Path) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps([str(home), str(root)]) + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == "done\n"


@pytest.fixture(scope="module")
def two() -> Iterator[list[Worker]]:
    workers = [Worker(), Worker()]
    yield workers
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_better_of_two_is_champion(home: Path, two: list[Worker], number: int) -> None:
    good, bad = (make_folders(home / name, answers(right), seed) for name, right, seed in (("a", 6, 1), ("b", 0, 2)))
    for worker, folders in zip(two, (good, bad) if number % 2 else (bad, good), strict=True):
        worker.begin(home, folders.root)
    for worker in two:
        worker.end()
    versions = client().search_model_versions(f"name = '{settings().register_.name}'")
    assert sorted(int(version.version) for version in versions) == [1, 2]
    champion = client().get_model_version_by_alias(settings().register_.name, CHAMPION)
    assert champion.tags["bleu"] == "100.00"
