"""A model that goes on from another one is better after few updates than one that begins with nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.grammar import PAIRS
from unroll.params.pipeline import Pipeline
from unroll.predict.loading import load
from unroll.training.whole import train

SPLIT = {"kind": "grouped", "by": "both", "valid": 0.1, "test": 0.1, "largest_component": 50}
NEW = [(source.replace("Tom", "Ann"), target.replace("Tom", "Ann")) for source, target in PAIRS if "Tom" in source]
SUBWORDS = {"kind": "bpe", "vocab_size": 400, "lowercase": False}


def settings(**changes: Any) -> Pipeline:
    short = {
        "tokenize__source": {"kind": "word", "vocab_size": 60, "lowercase": False}, "hidden": 32,
        "prepare__split": SPLIT,
        "embed__kind": "random", "embed__dimensions": 32, "train__updates": 15, "train__validate_every": 15,
        "train__validation_rows": 10,
    }  # fmt: skip
    return tiny.pipeline(**(short | changes))


def right(folder: Path) -> int:
    """Return how many sentences about somebody new are translated rightly."""
    return sum(
        answer.text == target for answer, (_, target) in zip(load(folder)([s for s, _ in NEW]), NEW, strict=True)
    )


@pytest.mark.parametrize("reused", [{}, {"tokenize__source": SUBWORDS, "tokenize__from_start": "both"}])
def test_few_updates_are_enough_for_a_model_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reused: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    old = {name: value for name, value in reused.items() if name != "tokenize__from_start"}
    train(settings(train__updates=150, train__validate_every=150, **old), PAIRS, tmp_path / "a", Path("data/old/model"))
    train(settings(**old), NEW, tmp_path / "b", tmp_path / "nothing")
    train(settings(train__start_from="old", **reused), NEW, tmp_path / "c", tmp_path / "begun")
    assert right(tmp_path / "begun") >= 30
    assert right(tmp_path / "nothing") < 10
