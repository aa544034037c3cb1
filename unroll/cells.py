"""Recurrent cells. A cell is a `step` over a state; `unroll` applies it along time.

The base class unrolls by looping over `step`: that loop is the specification. A cell with a fused kernel owns the
kernel's weights and overrides `unroll`; a test holds the two equal. A state is always a tuple of `BH` tensors, the
output first.

Notation: x input, h output and hidden state, c cell state, W and U weights, b bias, * the elementwise product.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, ...]


class Cell(nn.Module, ABC):
    """One recurrent layer in one direction.

    Args:
        input_size: D, the width of an input.
        hidden: H, the width of the output.
    """

    states = 1
    """tensors in a state"""

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__()
        self.input_size, self.hidden = input_size, hidden

    def initial(self, batch: int) -> State:
        """Return the state of zeros before the first step."""
        like = next(self.parameters())
        return tuple(like.new_zeros(batch, self.hidden) for _ in range(self.states))

    @abstractmethod
    def step(self, x_BD: Tensor, state: State) -> State:
        """Return the state after one input; its first tensor is the output."""

    def unroll(self, x_BTD: Tensor, lengths_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Return (outputs_BTH, last state). Beyond a row's length outputs are zero and its state stands still."""
        outputs = []
        for t in range(x_BTD.shape[1]):
            alive_B1 = (t < lengths_B).to(x_BTD.device)[:, None]
            stepped = self.step(x_BTD[:, t], state)
            state = tuple(torch.where(alive_B1, new, old) for new, old in zip(stepped, state, strict=True))
            outputs.append(state[0] * alive_B1)
        return torch.stack(outputs, 1), state


class FusedCell(Cell):
    """A cell whose weights are those of a `torch.nn` kernel, which unrolls it in one call."""

    kernel: nn.RNNBase

    def parts(self, x_BD: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
        """Return (W x + b_x, U h + b_h), each with all gates side by side."""
        W, U, b_x, b_h = self.kernel.all_weights[0]
        return nn.functional.linear(x_BD, W, b_x), nn.functional.linear(h_BH, U, b_h)

    def unroll(self, x_BTD: Tensor, lengths_B: Tensor, state: State) -> tuple[Tensor, State]:
        """As `Cell.unroll`, in one kernel call; rows of unequal length are packed."""
        steps = x_BTD.shape[1]
        layered = tuple(part[None] for part in state)
        first = layered if self.states > 1 else layered[0]
        if int(lengths_B.min()) == steps:
            outputs_BTH, last = self.kernel(x_BTD, first)
        else:
            packed = pack_padded_sequence(x_BTD, lengths_B.cpu(), batch_first=True, enforce_sorted=False)
            packed_outputs, last = self.kernel(packed, first)
            outputs_BTH, _ = pad_packed_sequence(packed_outputs, batch_first=True, total_length=steps)
        return outputs_BTH, tuple(part[0] for part in (last if self.states > 1 else (last,)))


class RNN(FusedCell):
    """The basic cell of Elman (1990): h = tanh(W x + U h + b)."""

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        self.kernel = nn.RNN(input_size, hidden, batch_first=True)

    def step(self, x_BD: Tensor, state: State) -> State:
        """Return (h,)."""
        from_x_BH, from_h_BH = self.parts(x_BD, state[0])
        return (torch.tanh(from_x_BH + from_h_BH),)


class LSTM(FusedCell):
    """Long short-term memory, Hochreiter and Schmidhuber (1997) with the forget gate of Gers (2000).

    i = sigmoid(W_i x + U_i h + b_i)      input gate
    f = sigmoid(W_f x + U_f h + b_f)      forget gate
    g = tanh(W_g x + U_g h + b_g)         what could be remembered
    o = sigmoid(W_o x + U_o h + b_o)      output gate
    c = f * c + i * g
    h = o * tanh(c)

    The forget gate's bias starts at 1 (Jozefowicz 2015).
    """

    states = 2

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        self.kernel = nn.LSTM(input_size, hidden, batch_first=True)
        _, _, b_x, b_h = self.kernel.all_weights[0]
        nn.init.ones_(b_x[hidden : 2 * hidden])
        nn.init.zeros_(b_h[hidden : 2 * hidden])

    def step(self, x_BD: Tensor, state: State) -> State:
        """Return (h, c)."""
        from_x_BG, from_h_BG = self.parts(x_BD, state[0])
        i, f, g, o = (from_x_BG + from_h_BG).chunk(4, dim=1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class GRU(FusedCell):
    """The gated recurrent unit in cuDNN's form, with the reset gate after the recurrent product.

    r = sigmoid(W_r x + U_r h + b_r)      reset gate
    z = sigmoid(W_z x + U_z h + b_z)      update gate
    g = tanh(W_g x + b_g + r * (U_g h + b_u))
    h = (1 - z) * g + z * h

    Cho (2014) has the reset gate before the product, g = tanh(W_g x + U_g (r * h)), and z and 1 - z in each other's
    place.
    """

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        self.kernel = nn.GRU(input_size, hidden, batch_first=True)

    def step(self, x_BD: Tensor, state: State) -> State:
        """Return (h,)."""
        from_x_BG, from_h_BG = self.parts(x_BD, state[0])
        (r_x, z_x, g_x), (r_h, z_h, g_h) = from_x_BG.chunk(3, dim=1), from_h_BG.chunk(3, dim=1)
        r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
        return ((1 - z) * torch.tanh(g_x + r * g_h) + z * state[0],)


CELLS: dict[str, type[Cell]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
