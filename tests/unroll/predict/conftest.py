"""Predictors of models that have learnt nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import tiny
from unroll.predict.loading import load
from unroll.predict.predictor import Predictor


@pytest.fixture(scope="session", params=["word", "char"])
def predictor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    settings = tiny.pipeline(train__updates=11, tokenize__source__kind=request.param, tokenize__source__vocab_size=300)
    return load(tiny.checkpoint(tmp_path_factory.mktemp("model"), settings), threads=1)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.checkpoint(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A model that a test may harm."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heads")
