"""Fixtures that several tests share."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unroll import processes

# Before torch is there: as many workers run as there are cores, and none is to keep another from its own.
os.environ.setdefault("OMP_NUM_THREADS", "1")
processes.wait_briefly()
# What is begun in the background may have been told to mind no Ctrl-C, and would hand that on to what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

from tests import recipes, tiny  # noqa: E402
from unroll.data.readers import READERS  # noqa: E402
from unroll.nn.attention import ATTENTIONS, CONTEXTS  # noqa: E402
from unroll.nn.cells import CELLS  # noqa: E402
from unroll.nn.model import HEADS  # noqa: E402
from unroll.params.pipeline import Pipeline  # noqa: E402


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Count a test among the faults, if it does one: `make faults` prints the table."""
    if marker := request.node.get_closest_marker("fault"):
        record_property("fault", marker.args[0])


@pytest.fixture(autouse=True)
def _parts_forgotten() -> Iterator[None]:
    """Forget the parts of their own that tests brought: a process is to know none that it did not ask for."""
    known: list[dict[str, Any]] = [CELLS, ATTENTIONS, CONTEXTS, HEADS, READERS]
    before, loaded = [dict(names) for names in known], set(sys.modules)
    yield
    for names, shipped in zip(known, before, strict=True):
        names.clear()
        names.update(shipped)
    for module in set(sys.modules) - loaded:
        if module.startswith("unroll_parts_"):
            del sys.modules[module]


@pytest.fixture(scope="session")
def make_params() -> Callable[..., Pipeline]:
    """A function that gives one of the tests' own recipes: `make_params("name", **{"prepare.max_rows": 9})`."""
    return recipes.make


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a translator that has learnt nothing."""
    return tiny.checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def blank_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store: laying out its tables takes seconds, copying it none."""
    from unroll.registry import tracking

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
