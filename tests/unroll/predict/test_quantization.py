from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests import recipes
from unroll.nn.cells import GRU, LSTM, RNN, FusedCell
from unroll.nn.model import EncoderDecoder, build
from unroll.predict.quantization import BOUNDED, LEVELS, Int8Cell, Int8Linear, quantize, sums_whole


def product(wide: int, out: int, bound: float) -> tuple[Int8Linear, nn.Linear, Tensor]:
    """Return a layer in integers, the one that it was made of, and inputs within the bound."""
    torch.manual_seed(wide + out)
    linear = nn.Linear(wide, out)
    return Int8Linear(linear.weight, linear.bias, bound), linear, (torch.rand(7, wide) * 2 - 1) * bound


@pytest.mark.skipif(not sums_whole(), reason="no oneDNN here that adds products of bytes in 32 bits")
@pytest.mark.parametrize(("wide", "out", "bound"), [(1, 1, 1.0), (16, 33, 1.0), (150, 800, 3.7), (1024, 64, 1.0)])
def test_the_kernel_equals_its_reference(wide: int, out: int, bound: float) -> None:
    fast, _, x_BD = product(wide, out, bound)
    assert fast.fused
    torch.testing.assert_close(fast.kernel(x_BD), fast.reference(x_BD), rtol=1e-6, atol=1e-6)
    beyond_BD = x_BD * 100
    torch.testing.assert_close(fast.kernel(beyond_BD), fast.reference(beyond_BD), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("bound", [1.0, 3.7])
def test_no_output_is_further_off_than_rounding_allows(bound: float) -> None:
    fast, linear, x_BD = product(150, 800, bound)
    # Half a step of each input times its weight, and half a step of each weight times the rounded input.
    step_G, half = fast.scales, bound / LEVELS / 2
    most_BG = half * linear.weight.abs().sum(1) + (x_BD.abs().sum(1, keepdim=True) + half * 150) * step_G / 2
    wrong_BG = (fast(x_BD) - linear(x_BD)).abs()
    assert (wrong_BG <= most_BG + 1e-5).all()
    assert wrong_BG.max() > 0  # it is rounded


def test_whole_numbers_are_exact() -> None:
    weight_GD = torch.tensor([[127.0, -3.0], [2.0, 127.0]])
    x_BD = torch.tensor([[127.0, -127.0], [1.0, 5.0]])
    fast = Int8Linear(weight_GD, torch.tensor([0.5, -1.0]), 127.0)
    assert torch.equal(fast(x_BD), x_BD @ weight_GD.t() + torch.tensor([0.5, -1.0]))


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_a_cell_steps_nearly_as_it_did(kind: type[FusedCell]) -> None:
    torch.manual_seed(1)
    cell = kind(12, 20)
    state = tuple(torch.rand(5, 20) * 2 - 1 for _ in range(kind.states))
    x_BD = torch.rand(5, 12) * 4 - 2
    for after, exact in zip(Int8Cell(cell, 2.0).step(x_BD, state), cell.step(x_BD, state), strict=True):
        torch.testing.assert_close(after, exact, rtol=0, atol=0.03)
        assert not torch.equal(after, exact)


@pytest.mark.parametrize("kind", BOUNDED)
def test_a_cell_that_counts_as_bounded_is(kind: type[FusedCell]) -> None:
    torch.manual_seed(1)
    cell = kind(4, 6)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.mul_(50)
        h_BTH, _ = cell.unroll(torch.randn(3, 40, 4) * 50, torch.full((3,), 40), cell.initial(3))
    assert 0.9 < h_BTH.abs().max() <= 1


Build = Callable[..., EncoderDecoder]


@pytest.fixture
def decoder() -> Build:
    """A function that builds `translate`, small, with changes."""

    def build_one(**changes: object) -> EncoderDecoder:
        small = {"model.encoder.hidden": 24, "model.head.hidden": 24, "embed.dimensions": 10}
        recipe = recipes.make("translate", **small | changes).recipe
        torch.manual_seed(1)
        tables = {side: np.random.default_rng(1).normal(size=(50, 10)) for side in ("source", "target")}
        made = build(recipe, {"source": 50, "target": 50}, tables).eval()
        assert isinstance(made, EncoderDecoder)
        return made

    return build_one


MORE: list[dict[str, object]] = [
    {},
    {"model.head.input_feeding": True},
    {"model.head.layers": 2, "model.tied": False},
]


def steps(model: EncoderDecoder) -> Tensor:
    """Return the logits of a few steps on two sentences."""
    source_BS, lengths_B = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]]), torch.tensor([4, 2])
    state, said = model.initial(model.encode(source_BS, lengths_B)), []
    with torch.no_grad():
        for ids in ([1, 1], [11, 12], [13, 14]):
            logits_BV, state = model.step(torch.tensor(ids), state)
            said.append(logits_BV)
    return torch.stack(said, 1)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "lstm_layer_norm", "rnn_relu"])
@pytest.mark.parametrize("more", MORE)
def test_a_model_says_nearly_what_it_said(decoder: Build, cell: str, more: dict[str, object]) -> None:
    model = decoder(**{"model.head.cell": cell} | more)
    exact = steps(model)
    told = steps(quantize(model))
    assert (told - exact).norm() < 0.05 * exact.norm()
    assert not torch.equal(told, exact)
    assert torch.equal(steps(model), exact)  # and is itself as it was


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        ({}, True),
        ({"model.head.layers": 2, "model.head.residual": True}, False),
        ({"model.encoder.cell": "rnn_relu"}, False),
        ({"model.head.cell": "rnn_relu"}, False),
    ],
)
def test_only_what_is_bounded_is_rounded(decoder: Build, changes: dict[str, object], layers: bool) -> None:
    head = quantize(decoder(**changes)).head
    assert isinstance(head.logits, Int8Linear)
    assert isinstance(head.readout, Int8Linear) == layers
    assert isinstance(head.stack.layers[0], Int8Cell) == layers


def test_an_answer_depends_on_no_other(decoder: Build) -> None:
    model = quantize(decoder())
    memory = model.encode(torch.tensor([[5, 6, 7, 8]]), torch.tensor([4]))
    alone_BV, _ = model.step(torch.tensor([3]), model.initial(memory))
    many_BV, _ = model.step(torch.tensor([3] * 5), model.initial(memory, 5))
    torch.testing.assert_close(many_BV, alone_BV.expand(5, -1), rtol=1e-5, atol=1e-5)
