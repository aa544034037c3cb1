"""Models that must learn: each in seconds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests import tiny

LETTERS = "abcdefghijkl"


def sequences(count: int, longest: int) -> list[str]:
    rng = random.Random(1)
    return [" ".join(rng.choices(LETTERS, k=rng.randint(2, longest))) for _ in range(count)]


@pytest.mark.parametrize(
    "changes",
    [
        {"model__cell": "lstm", "model__attention": "general", "model__query": "after"},
        {"model__cell": "gru", "model__attention": "dot", "model__query": "after", "model__input_feeding": True},
        {"model__cell": "gru", "model__attention": "additive", "model__query": "before"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_attention_learns_to_copy_and_reverse(tmp_path: Path, changes: dict[str, object]) -> None:
    for name, turn in (("copy", 1), ("reverse", -1)):
        pairs = [(s, " ".join(s.split()[::turn])) for s in sequences(1500, 7)]
        settings = tiny.pipeline(model__hidden=64, train__updates=350, train__batch_tokens=256, **changes)
        _, _, exact = tiny.train(tmp_path / name, settings, pairs)
        assert exact > 0.9, name


def test_a_fixed_context_learns_short_sequences(tmp_path: Path) -> None:
    pairs = [(s, s) for s in sequences(1500, 3)]
    settings = tiny.pipeline(model__hidden=96, model__attention="none", train__updates=500, train__batch_tokens=256)
    _, _, exact = tiny.train(tmp_path, settings, pairs)
    assert exact > 0.9


def test_the_sampled_softmax_learns_too(tmp_path: Path) -> None:
    pairs = [(s, s) for s in sequences(1500, 6)]
    settings = tiny.pipeline(
        model__hidden=64,
        train__updates=350,
        train__batch_tokens=256,
        train__sampled_softmax=6,
    )
    _, _, exact = tiny.train(tmp_path, settings, pairs)
    assert exact > 0.9


def test_two_trainings_give_the_same_weights(tmp_path: Path) -> None:
    settings = tiny.pipeline(model__dropout=0.2, train__updates=30, train__validate_every=15, train__average=2)
    pairs = [(s, s) for s in sequences(300, 5)]
    first, second = (tiny.train(tmp_path / name, settings, pairs)[0].state_dict() for name in "ab")
    assert all(first[name].equal(second[name]) for name in first)
