"""Heads that answer from vectors must learn: each in a second."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests import tiny


def points(count: int) -> list[tuple[float, float]]:
    rng = random.Random(1)
    return [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(count)]


@pytest.mark.parametrize(("layers", "least", "most"), [(0, 0.0, 0.75), (1, 0.95, 1.0)])
def test_exclusive_or_takes_a_hidden_layer(tmp_path: Path, layers: int, least: float, most: float) -> None:
    # Minsky and Papert 1969: no line parts the quadrants.
    pairs = [(f"{x:.3f} {y:.3f}", "same" if x * y > 0 else "other") for x, y in points(1000)]
    settings = tiny.pipeline(
        "digit", prepare__corpus__columns=[0, 2], prepare__corpus__frame=2, tokenize__source__width=2, hidden=32,
        model__encoder__layers=layers, train__updates=400, train__batch_tokens=64,
    )  # fmt: skip
    _, _, right = tiny.train(tmp_path, settings, pairs)
    assert least <= right <= most


@pytest.mark.parametrize("context", ["last", "transform", "mean", "max", "learned"])
def test_every_context_learns_to_find_the_odd_vector(tmp_path: Path, context: str) -> None:
    rng = random.Random(1)
    pairs = []
    for _ in range(600):
        frames = [[rng.uniform(-0.3, 0.3) for _ in range(3)] for _ in range(rng.randint(3, 8))]
        axis, where = rng.randrange(3), rng.randrange(len(frames))
        frames[where][axis] += 1
        pairs.append(("; ".join(" ".join(f"{x:.3f}" for x in frame) for frame in frames), "xyz"[axis]))
    settings = tiny.pipeline(
        "rows", prepare__corpus__columns=[0, 24], prepare__corpus__frame=3, tokenize__source__width=3,
        model__head__context=context, train__updates=300, train__batch_tokens=64,
    )  # fmt: skip
    _, _, right = tiny.train(tmp_path, settings, pairs)
    assert right > 0.85


@pytest.mark.parametrize(("both_ways", "least", "most"), [(True, 0.95, 1.0), (False, 0.0, 0.4)])
def test_only_a_bidirectional_tagger_knows_what_comes_next(
    tmp_path: Path, both_ways: bool, least: float, most: float
) -> None:
    rng = random.Random(1)
    rows = [rng.choices([-1, 1], k=rng.randint(3, 8)) for _ in range(600)]
    pairs = [
        ("; ".join(map(str, row)), " ".join("up" if bit > 0 else "down" for bit in [*row[1:], -1])) for row in rows
    ]
    settings = tiny.pipeline(
        "frames", prepare__corpus__frame=1, tokenize__source__width=1, model__encoder__bidirectional=both_ways,
        train__updates=200, train__batch_tokens=256, train__learning_rate=0.02,
    )  # fmt: skip
    _, _, exact = tiny.train(tmp_path, settings, pairs)
    assert least <= exact <= most


@pytest.mark.parametrize(("weights", "least", "most"), [(None, 0.0, 0.4), ("balanced", 0.6, 1.0)])
def test_a_rare_class_that_frequent_ones_hide_is_found_where_classes_weigh_the_same(
    tmp_path: Path, weights: str | None, least: float, most: float
) -> None:
    # One row in ten is of the rare class, whose numbers lie one deviation above the others'.
    rng = random.Random(1)
    pairs = [(f"{rng.gauss(kind == 'rare', 1):.3f} 1", kind) for kind in rng.choices(["rare", "usual"], [1, 9], k=2000)]
    settings = tiny.pipeline(
        "digit", prepare__corpus__columns=[0, 2], prepare__corpus__frame=2, tokenize__source__width=2,
        train__class_weights=weights, train__updates=200, train__batch_tokens=128,
    )  # fmt: skip
    _, predictor, _ = tiny.train(tmp_path, settings, pairs)
    rare = [source for source, kind in pairs if kind == "rare"]
    found = sum(best.text == "rare" for best, *_ in predictor.predict(rare)) / len(rare)
    assert least <= found <= most
