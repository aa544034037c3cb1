"""Regressors must learn: each in a second or two."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from tests import tiny

ESTIMATE = {"kind": "estimate", "batch_sentences": 64}
FRAMES = {"prepare__corpus__frame": 2, "tokenize__source__width": 2,
          "tokenize__target": {"kind": "vectors", "width": 1, "scale": "standard"}, "evaluate__search": ESTIMATE,
          "train__select_by": "loss"}  # fmt: skip


def text(rows: list[list[float]]) -> str:
    return "; ".join(" ".join(f"{number:.4f}" for number in row) for row in rows)


def test_two_marked_numbers_are_added(tmp_path: Path) -> None:
    # The adding problem of Hochreiter and Schmidhuber 1997: saying the mean is 0.33 off.
    rng, pairs = random.Random(1), []
    for _ in range(1500):
        numbers = [rng.random() for _ in range(rng.randint(4, 8))]
        one, other = rng.sample(range(len(numbers)), 2)
        rows = [[number, float(place in (one, other))] for place, number in enumerate(numbers)]
        pairs.append((text(rows), f"{100 * (numbers[one] + numbers[other]):.3f}"))
    head = {"kind": "regressor", "context": "last", "loss": "huber", "quantiles": None}
    settings = tiny.pipeline(
        "rows", **FRAMES | {"prepare__corpus__columns": [0, 24]}, model__head=head, train__updates=600,
        train__batch_tokens=64, train__learning_rate=0.02,
    )  # fmt: skip
    _, predictor, _ = tiny.train(tmp_path, settings, pairs)
    said = [float(one.text) for one in predictor([source for source, _ in pairs[-150:]])]
    assert np.abs(np.subtract(said, [float(target) for _, target in pairs[-150:]])).mean() < 10


def test_quantiles_hold_their_share_of_what_is_wanted(tmp_path: Path) -> None:
    # One word in two, each with a noise of its own: no number is right, but an interval is.
    rng, pairs = random.Random(1), []
    for number in range(3000):
        word, spread = (("calm", 1.0), ("wild", 10.0))[number % 2]
        pairs.append((word, f"{rng.uniform(-spread, spread):.4f}"))
    head = {"kind": "regressor", "context": "last", "loss": "squared", "quantiles": (0.1, 0.5, 0.9)}
    settings = tiny.pipeline("rating", model__head=head, train__updates=400, train__batch_tokens=256)
    _, predictor, _ = tiny.train(tmp_path, settings, pairs)
    for word, spread in (("calm", 1.0), ("wild", 10.0)):
        interval = predictor(word).interval
        assert interval is not None
        np.testing.assert_allclose([float(end) for end in interval], [-0.8 * spread, 0.8 * spread], atol=0.2 * spread)


def test_a_number_is_said_at_each_position(tmp_path: Path) -> None:
    rng, pairs = random.Random(1), []
    for _ in range(600):
        numbers = [[rng.uniform(-1, 1), 0.0] for _ in range(rng.randint(3, 8))]
        sums = np.cumsum([row[0] for row in numbers])
        pairs.append((text(numbers), text([[one] for one in sums])))
    head = {"kind": "regressor", "context": None, "loss": "squared", "quantiles": None}
    settings = tiny.pipeline(
        "frames", **FRAMES, model__head=head, train__updates=500, train__batch_tokens=256,
        model__encoder__bidirectional=False, train__learning_rate=0.02,
    )  # fmt: skip
    _, predictor, _ = tiny.train(tmp_path, settings, pairs)
    for source, target in pairs[-60:]:
        said, wanted = ([float(part) for part in one.split(";")] for one in (predictor(source).text, target))
        np.testing.assert_allclose(said, wanted, atol=0.35)


def test_a_forecast_goes_on_as_the_series_went(tmp_path: Path) -> None:
    # Waves of any phase and height: what follows can be told from what was, and not from what is usual.
    rng, pairs = random.Random(1), []
    for _ in range(1500):
        phase, height = rng.uniform(0, 7), rng.uniform(0.5, 2)
        wave = [[height * float(np.sin(phase + place / 2))] for place in range(20)]
        pairs.append((text(wave[:16]), text(wave[16:])))
    settings = tiny.pipeline("forecast", train__updates=400, train__learning_rate=0.02, train__batch_tokens=256)
    _, predictor, _ = tiny.train(tmp_path, settings, pairs)
    for source, target in pairs[-40:]:
        said, wanted = ([float(part) for part in one.split(";")] for one in (predictor(source).text, target))
        np.testing.assert_allclose(said, wanted, atol=0.35)
