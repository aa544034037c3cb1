"""Search in integers of eight bits: a quarter of the memory to read, and instructions made for it.

Weights are rounded once, those of each output on a scale of their own. What they are multiplied with is bounded before
it is seen: states, contexts and readouts lie within 1, embeddings within the greatest entry of their table. So its
scale is fixed too, and what a text is answered does not depend on the texts beside it. Sums of integers are exact in
any order; but oneDNN rounds a lone row otherwise than one of several, so that a score differs by up to 0.002. (Bhandare
et al. 2019 do this to a translator, with ranges that they measured.)
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from unroll.nn.cells import GRU, LSTM, RNN, Cell, FusedCell, State
from unroll.nn.decoders import Decoder
from unroll.nn.encoders import SequenceEncoder
from unroll.nn.layers import Stack
from unroll.nn.model import EncoderDecoder

LEVELS = 127
"""An integer counts steps of its scale, so many on either side of zero."""
ZERO = 128
"""Added to inputs: the kernel takes them without a sign."""
BOUNDED = (RNN, LSTM, GRU)
"""Cells whose outputs lie within 1."""


@cache
def sums_whole() -> bool:
    """Return whether oneDNN is there and adds products of bytes in 32 bits.

    Without VNNI, processors add pairs of them in 16 bits, where the largest do not fit.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    largest = Int8Linear(torch.full((1, 2), 1.0), torch.zeros(1), 1.0, fused=True)
    x_BD = torch.ones(2, 2)
    return torch.equal(largest.kernel(x_BD), largest.reference(x_BD))


class Int8Linear(nn.Module):
    """W x + b, with W and x rounded to integers.

    Args:
        weight_GD: W.
        bias_G: b.
        bound: the greatest |x|; what lies beyond is taken for it.
        fused: whether oneDNN multiplies; None where it does so rightly.
    """

    integers: Tensor
    scales: Tensor
    bias: Tensor
    middle: Tensor

    def __init__(self, weight_GD: Tensor, bias_G: Tensor, bound: float, fused: bool | None = None) -> None:
        super().__init__()
        scales_G = weight_GD.detach().abs().amax(1).clamp_min(1e-30) / LEVELS
        self.bound, self.out_features = bound, len(weight_GD)
        self.register_buffer("integers", (weight_GD.detach() / scales_G[:, None]).round().to(torch.int8))
        self.register_buffer("scales", scales_G)
        self.register_buffer("bias", bias_G.detach())
        self.register_buffer("middle", torch.tensor(ZERO + 0.5))
        self.fused = weight_GD.device.type == "cpu" and sums_whole() if fused is None else fused
        if self.fused:
            self.packed = torch.ops.onednn.qlinear_prepack(self.integers, None)
            self.zeros = torch.zeros(len(scales_G), dtype=torch.int64)

    def forward(self, x_BD: Tensor) -> Tensor:
        """Return the product, as float32."""
        return self.kernel(x_BD) if self.fused else self.reference(x_BD)

    def reference(self, x_BD: Tensor) -> Tensor:
        """Return it in floating point, which is as exact: float32 counts the sum of 1,040 products of two bytes."""
        sums_BG = nn.functional.linear(self._shifted(x_BD).floor() - ZERO, self.integers.float())
        return sums_BG * (self.scales * self.bound / LEVELS) + self.bias

    def kernel(self, x_BD: Tensor) -> Tensor:
        """Return it from oneDNN."""
        scale = self.bound / LEVELS
        unsigned_BD = self._shifted(x_BD).to(torch.uint8)  # which leaves off the fraction
        weights = (self.packed, self.scales, self.zeros, self.bias)
        output: tuple[Any, ...] = (1.0, 0, torch.float32, "none", [], "")
        return cast(Tensor, torch.ops.onednn.qlinear_pointwise(unsigned_BD, scale, ZERO, *weights, *output))

    def _shifted(self, x_BD: Tensor) -> Tensor:
        """Return so many steps above the least, and a half more: without its fraction it is the nearest integer."""
        return torch.add(self.middle, x_BD, alpha=LEVELS / self.bound).clamp_(ZERO - LEVELS, ZERO + LEVELS)


class Int8Cell(Cell):
    """A cell that steps with both of its products in integers.

    Args:
        bound: of its inputs; that of its state is 1.
    """

    def __init__(self, cell: FusedCell, bound: float) -> None:
        super().__init__(cell.input_size, cell.hidden)
        W, U, b_x, b_h = cell.kernel.all_weights[0]
        self.states, self.cell = cell.states, cell
        self.from_x, self.from_h = Int8Linear(W, b_x, bound), Int8Linear(U, b_h, 1.0)

    def step(self, x_BD: Tensor, state: State) -> State:
        """Return the state after one input; its first tensor is the output."""
        return self.cell.gate(self.from_x(x_BD), self.from_h(state[0]), state)


def quantize(model: EncoderDecoder) -> EncoderDecoder:
    """Return a model that searches as `model` does, in integers; not for training. It shares what does not change.

    The output layer always changes, its input being a tanh; the recurrent layers and the readout, where outputs of all
    layers, and with them states and contexts, are bounded.
    """
    head = model.head
    stays = (model.encoder, head.embedding, head.bridge, head.attention, head.context, head.stack, head.readout)
    after = copy.deepcopy(model, {id(part): part for part in (*stays, head.logits)})
    after.head.register_module("logits", _linear(head.logits, 1.0))
    if isinstance(model.encoder, SequenceEncoder) and _bounded(model.encoder.stack) and _bounded(head.stack):
        after.head.register_module("readout", _linear(head.readout, 1.0))
        after.head.stack = _stack(head)
    return after.eval()


def _bounded(stack: Stack) -> bool:
    cells = [cell for cell in stack.modules() if isinstance(cell, Cell)]
    return not stack.residual and all(type(cell) in BOUNDED for cell in cells)


def _linear(linear: nn.Linear, bound: float) -> nn.Module:
    return Int8Linear(linear.weight, linear.bias, bound)


def _stack(head: Decoder) -> Stack:
    table = getattr(head.embedding, "weight", torch.ones(1))  # one-hot vectors have none
    bounds = [max(1.0, float(table.detach().abs().max()))] + [1.0] * (len(head.stack.layers) - 1)
    cells = zip(cast(list[FusedCell], list(head.stack.layers)), bounds, strict=True)
    return Stack([Int8Cell(cell, bound) for cell, bound in cells], 0.0, residual=False)
