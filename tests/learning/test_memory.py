"""Cells must learn to remember: each in seconds."""

from __future__ import annotations

import random
from itertools import accumulate
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from tests import tiny
from unroll.nn.cells import CELLS, LSTM
from unroll.params.pipeline import Pipeline
from unroll.predict.predictor import Predictor

LAG = 100
Pairs = list[tuple[str, str]]


def bits(count: int, shortest: int, longest: int, seed: int = 1) -> list[list[int]]:
    rng = random.Random(seed)
    return [rng.choices([0, 1], k=rng.randint(shortest, longest)) for _ in range(count)]


def pair(row: list[int], labels: list[int]) -> tuple[str, str]:
    """A row of bits as vectors of one number, and a label for each."""
    return "; ".join("+1" if bit else "-1" for bit in row), " ".join("yes" if label else "no" for label in labels)


def tagger(cell: str, **changes: object) -> Pipeline:
    numbers = {"prepare__corpus__frame": 1, "tokenize__source__width": 1, "hidden": 32}
    training = {"train__batch_tokens": 256, "train__validate_every": 1000, "train__learning_rate": 0.02}
    one_way = {"model__encoder__cell": cell, "model__encoder__bidirectional": False}
    return tiny.pipeline("frames", **numbers | training | one_way | changes)


def share_right(predictor: Predictor, pairs: Pairs) -> float:
    said = predictor.predict([source for source, _ in pairs])
    return sum(best.text == target for (best,), (_, target) in zip(said, pairs, strict=True)) / len(pairs)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_to_say_what_it_heard_two_steps_ago(tmp_path: Path, cell: str) -> None:
    pairs = [pair(row, [0, 0, *row[:-2]]) for row in bits(600, 3, 8)]
    _, _, exact = tiny.train(tmp_path, tagger(cell, train__updates=400), pairs)
    assert exact > 0.95


def test_parity_is_learnt_from_short_rows_and_holds_on_long_ones(tmp_path: Path) -> None:
    def parity(rows: list[list[int]]) -> Pairs:
        return [pair(row, list(accumulate(row, int.__xor__))) for row in rows]

    _, predictor, exact = tiny.train(tmp_path, tagger("lstm", train__updates=400), parity(bits(600, 1, 8)))
    assert exact > 0.95
    assert share_right(predictor, parity(bits(50, 40, 60, seed=2))) > 0.9


def additions(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows of (number from 0 to 1, mark), with a mark in either half; and the sum of the two numbers marked."""
    numbers, marks, half = torch.rand(count, LAG, generator=generator), torch.zeros(count, LAG), LAG // 2
    for first in (0, half):
        marks.scatter_(1, first + torch.randint(half, (count, 1), generator=generator), 1.0)
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1)


def remember(cell: LSTM) -> None:
    """Start forget gates so that memories last from one step to the lag (Tallec and Ollivier 2018)."""
    hidden, biases = cell.hidden, cell.kernel.all_weights[0][2]
    with torch.no_grad():
        biases[hidden : 2 * hidden] = torch.log(1 + (LAG - 2) * torch.rand(hidden))
        biases[:hidden] = -biases[hidden : 2 * hidden]


def error_of_adding(name: str) -> float:
    """Mean squared error after learning the adding problem (Hochreiter and Schmidhuber 1997, as in Le 2015).

    Always to say 1 costs the variance of a sum of two numbers, 1/6.
    """
    torch.manual_seed(1)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)
    cell, output = CELLS[name](2, 32), nn.Linear(32, 1)
    if name == "lstm":
        remember(cast(LSTM, cell))
    model = nn.ModuleList([cell, output])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

    def error(count: int) -> Tensor:
        x_BTD, sums_B = additions(count, generator)
        outputs_BTH, _ = cell.unroll(x_BTD, torch.full((count,), LAG), cell.initial(count))
        return nn.functional.mse_loss(output(outputs_BTH[:, -1])[:, 0], sums_B)

    for _ in range(1000):
        optimizer.zero_grad()
        error(16).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        return float(error(1000))


def test_an_lstm_adds_numbers_a_hundred_steps_apart() -> None:
    assert error_of_adding("lstm") < 0.02


def test_the_basic_cell_forgets_them() -> None:
    assert error_of_adding("rnn") > 0.14
