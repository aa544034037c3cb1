"""Two models that are registered at once: two versions, and the better one is champion."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.conftest import ROOT
from tests.tracked import answers, client, make_folders, settings
from unroll import registry

ROUNDS = 20
REGISTER = """
import sys
from pathlib import Path
from stages import Folders
from tests.tracked import settings
from unroll import registry
import mlflow

pytestmark = pytest.mark.fault("two promotions at once")
log_model = mlflow.pyfunc.log_model
mlflow.pyfunc.log_model = lambda **kw: log_model(**{**kw, "input_example": None})  # seconds less
search, how, folders = settings().evaluate.search, settings().register_, Folders(Path(sys.argv[1]), "translate")
sys.stdin.readline()
registry.register(search, how, folders, registry.record(search, how, folders))
"""


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", REGISTER, str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_better_of_two_is_champion(
    blank_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    shutil.copy(blank_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    good, bad = (
        make_folders(tmp_path / name, answers(right), seed) for name, right, seed in (("a", 6, 1), ("b", 0, 2))
    )
    both = [start(folders.root) for folders in ((good, bad) if number % 2 else (bad, good))]
    for process in both:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    versions = client().search_model_versions(f"name = '{settings().register_.name}'")
    assert sorted(int(version.version) for version in versions) == [1, 2]
    champion = client().get_model_version_by_alias(settings().register_.name, registry.CHAMPION)
    assert champion.tags["bleu"] == "100.00"
