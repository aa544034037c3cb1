"""Fixtures that several tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from unroll.params import Pipeline, parse

ROOT = Path(__file__).parents[1]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is there: as many workers run as there are cores


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Count a test among the faults, if it does one: `make faults` prints the table."""
    if marker := request.node.get_closest_marker("fault"):
        record_property("fault", marker.args[0])


@pytest.fixture(scope="session")
def make_params() -> Callable[..., Pipeline]:
    """A function that gives a section of params.yaml with changes: `make_params(**{"prepare.max_rows": 9})`."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")

    def make(pipeline: str = "translate", **changes: Any) -> Pipeline:
        section = yaml.safe_load(text)[pipeline]
        for name, value in changes.items():
            *sections, last = name.split(".")
            owner = section
            for key in sections:
                owner = owner[key]
            owner[last] = value
        return parse(Pipeline, section, where=f"params.yaml: {pipeline}")

    return make


@pytest.fixture(scope="session")
def blank_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store: laying out its tables takes seconds, copying it none."""
    from unroll import tracking

    path = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path / 'mlflow.db'}")
        with tracking.reaching() as client:
            client.search_experiments()
    return path / "mlflow.db"


@pytest.fixture
def home(blank_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository's folder, entered, with an empty store in it."""
    shutil.copy(blank_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
