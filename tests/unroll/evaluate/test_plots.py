"""Pictures: the same numbers give the same bytes, other numbers others, and odd numbers no crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unroll.evaluate import plots

Draw = Callable[[float, Path], None]


def curves(number: float, path: Path) -> None:
    columns = {"train_loss": {1: 3.0, 2: number}, "valid_score": {2: 5.0}, "learning_rate": {1: 0.1, 2: 0.2}}
    plots.curves(columns, "accuracy, %", "nats per target token", path)


def bars(number: float, path: Path) -> None:
    plots.bars({"1-4": (number, 10), "5+": (3.5, 2000)}, "BLEU", "words in the source", path)


def lying(number: float, path: Path) -> None:
    names = ["Arabic", "a long name, longer than a label may be", *"abcdefgh"]
    plots.bars({name: (number + place, 9) for place, name in enumerate(names)}, "accuracy, %", "class", path)


def stress(number: float, path: Path) -> None:
    plots.stress(["lower", "typos"], [number, 3.0], [4.0, 5.0], "bleu", path)


def confusion(number: float, path: Path) -> None:
    plots.confusion(["es", "fr"], np.array([[int(100 * number), 2], [0, 0]]), path)


def estimates(number: float, path: Path) -> None:
    wanted_N = np.linspace(0, 1, 2500)
    plots.estimates(wanted_N, np.stack([wanted_N - 1, wanted_N * number, wanted_N + 1], 1), path)


def lines(number: float, path: Path) -> None:
    plots.lines({"LSTM": [(1, number), (2, 3)], "GRU": [(1, 2.5)]}, "updates", "nats", path)


def forecasts(number: float, path: Path) -> None:
    ahead = np.arange(4.0)
    plots.forecasts([(np.arange(8.0), ahead, np.stack([ahead - 1, ahead * number, ahead + 1], 1))] * 3, path)


def scans(number: float, path: Path) -> None:
    plots.scans([np.eye(8) * number, np.eye(8)], ["3", "8"], path)


def series(number: float, path: Path) -> None:
    plots.series([np.eye(5) * number, np.eye(2)], ["a b", "b"], path)


def strips(number: float, path: Path) -> None:
    said = ["walks", "runs" if number < 0.5 else "walks"]
    plots.series([np.eye(2), np.eye(2)], ["", ""], path, [(["walks", "runs"], said), (["runs"] * 2, ["walks"] * 2)])


def attention(number: float, path: Path) -> None:
    weights_TS = np.array([[number, 1 - number, 0]])
    plots.attention([(["▁I", "￭,", " "], ["▁Yo"], weights_TS)] * 3, path)


def embeddings(number: float, path: Path) -> None:
    points = np.array([[0, 0], [1, number], [2, 2]])
    plots.embeddings(["milk", "tea", "the"], [0, 0, -1], points, ["milk"], path)


PICTURES = [
    curves,
    bars,
    lying,
    stress,
    confusion,
    estimates,
    forecasts,
    lines,
    scans,
    series,
    strips,
    attention,
    embeddings,
]


@pytest.mark.parametrize("draw", PICTURES)
def test_the_same_numbers_give_the_same_bytes_and_others_do_not(draw: Draw, tmp_path: Path) -> None:
    for name, number in (("one", 0.25), ("same", 0.25), ("other", 0.75)):
        draw(number, tmp_path / "new" / f"{name}.png")
    one, same, other = ((tmp_path / "new" / f"{name}.png").read_bytes() for name in ("one", "same", "other"))
    assert one.startswith(b"\x89PNG")
    assert one == same != other
    assert b"Software" not in one


@pytest.mark.filterwarnings("error", "ignore:Glyph")  # the font lacks some
@pytest.mark.parametrize(
    "draw",
    [
        lambda path: plots.curves({}, "BLEU", "nats", path),
        lambda path: plots.bars({}, "BLEU", "words", path),
        lambda path: plots.bars({"$x$ _^": (-0.5, 0)}, "$y$", "words", path),
        lambda path: plots.confusion(["$x$"], np.zeros((1, 1), np.int64), path),
        lambda path: plots.estimates(np.zeros(1), np.zeros((1, 1)), path),
        lambda path: plots.forecasts([(np.zeros(0), np.zeros(1), np.zeros((1, 1)))], path),
        lambda path: plots.lines({}, "x", "y", path),
        lambda path: plots.scans([], [], path),
        lambda path: plots.scans([np.zeros((1, 1)), np.zeros((40, 8))], ["", "$x_$ " * 20], path),
        lambda path: plots.series([], [], path),
        lambda path: plots.series([np.zeros((30, 1))], ["$x$"], path, [([f"_{n}$" for n in range(30)], [""] * 30)]),
        lambda path: plots.attention([], path),
        lambda path: plots.attention([([], [], np.zeros((0, 0)))], path),
        lambda path: plots.attention([(["$x$ _^\\"], ["水", "🙂"], np.ones((2, 1)))], path),
        lambda path: plots.embeddings(["$a_b$"], [0], np.zeros((1, 2)), ["$a_b$"], path),
    ],
    ids=[
        "no curves",
        "no groups",
        "an odd group",
        "nothing counted",
        "one number",
        "nothing before",
        "no lines",
        "no images",
        "images of all sizes",
        "no sequences",
        "thirty labels",
        "no sentences",
        "empty sentence",
        "odd characters",
        "one word",
    ],
)
def test_odd_numbers_still_make_a_picture(draw: Callable[[Path], None], tmp_path: Path) -> None:
    draw(tmp_path / "odd.png")
    assert (tmp_path / "odd.png").read_bytes().startswith(b"\x89PNG")
