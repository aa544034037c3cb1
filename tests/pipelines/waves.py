"""A small project that forecasts waves, for the tests of benchmarks that run stages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmarks import common
from benchmarks.common import STAGES
from tests import recipes
from unroll.folders import Folders
from unroll.params.reading import load

SMALL = {
    "train.updates": 20, "train.warmup": 5, "train.validate_every": 10, "model.encoder.hidden": 8,
    "model.head.hidden": 8, "evaluate.pictures": 0,
}  # fmt: skip


def waves(hours: int) -> np.ndarray:
    """Return a number for each hour: a wave of eight, and noise."""
    return np.sin(np.arange(hours) * np.pi / 4) + np.random.default_rng(1).normal(0, 0.2, hours)


def write(root: Path, numbers: Iterable[float]) -> None:
    """Write the project and its table."""
    recipes.write_project(root, "forecast", recipes.document("forecast", SMALL))
    (root / "data/sources").mkdir(parents=True)
    table = "".join(f"{hour},{number:.6g}\n" for hour, number in enumerate(numbers))
    (root / "data/sources/waves.csv").write_text(f"hour,y\n{table}", encoding="utf-8")


Run = Callable[[Path, str, Sequence[str]], None]


def run_here(monkeypatch: pytest.MonkeyPatch, blank_store: Path, tmp_path: Path) -> Run:
    """Return what runs stages as `benchmarks.common.run` does, in this process: starting one takes seconds.

    What is told goes into `tmp_path`.
    """
    monkeypatch.setattr(common, "RESULTS", tmp_path / "results")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shutil.copy(blank_store, tmp_path)}")

    def run(root: Path, pipeline: str, stages: Sequence[str] = STAGES) -> None:
        monkeypatch.chdir(root)
        for stage in stages:
            import_module(f"stages.{stage}").run(load(root, pipeline), Folders(root, pipeline))

    return run
