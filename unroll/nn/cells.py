"""Recurrent cells. A cell is a `step` over a state; `unroll` applies it along time.

The base class unrolls by looping over `step`: that loop is the specification. A `FusedCell` owns the weights of a torch
kernel and unrolls with it; a `LoopCell`, which no kernel has, multiplies all inputs at once and loops over the rest.
Tests hold both equal to the specification. A state is always a tuple of `BH` tensors, the output first.

A new cell is one class and one line in `CELLS`.

Notation: x input, h output and hidden state, c cell state, W, U and p weights, b bias, * the elementwise product. In
shapes G is the width of all gates side by side, N the number of all steps of all rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, ...]


class Cell(nn.Module, ABC):
    """One recurrent layer in one direction.

    >>> cell = LSTM(3, 5)
    >>> x_BTD, lengths_B = torch.zeros(2, 7, 3), torch.tensor([7, 4])
    >>> h, c = cell.step(x_BTD[:, 0], cell.initial(2))
    >>> h.shape, c.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    >>> outputs_BTH, (h, c) = cell.unroll(x_BTD, lengths_B, cell.initial(2))
    >>> outputs_BTH.shape, torch.equal(h[1], outputs_BTH[1, 3])
    (torch.Size([2, 7, 5]), True)

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
        """Return (outputs_BTH, last state). Beyond a row's length outputs are zero and its state stays as it is."""
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

    def step(self, x_BD: Tensor, state: State) -> State:
        """Return the state after one input; its first tensor is the output."""
        W, U, b_x, b_h = self.kernel.all_weights[0]
        return self.gate(nn.functional.linear(x_BD, W, b_x), nn.functional.linear(state[0], U, b_h), state)

    @abstractmethod
    def gate(self, from_x_BG: Tensor, from_h_BG: Tensor, state: State) -> State:
        """Return the state after one input, given W x + b_x and U h + b_h."""

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

    nonlinearity = "tanh"

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        self.kernel = nn.RNN(input_size, hidden, nonlinearity=self.nonlinearity, batch_first=True)

    def gate(self, from_x_BG: Tensor, from_h_BG: Tensor, state: State) -> State:
        """Return (h,)."""
        return (getattr(torch, self.nonlinearity)(from_x_BG + from_h_BG),)


class ReluRNN(RNN):
    """The basic cell with a rectifier (Le, Jaitly and Hinton 2015): h = max(0, W x + U h + b).

    Their start, U the identity, is not taken over: U starts as in `RNN`.
    """

    nonlinearity = "relu"


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

    def gate(self, from_x_BG: Tensor, from_h_BG: Tensor, state: State) -> State:
        """Return (h, c)."""
        i, f, g, o = (from_x_BG + from_h_BG).chunk(4, dim=1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class GRU(FusedCell):
    """The gated recurrent unit in cuDNN's form, with the reset gate after the recurrent product.

    r = sigmoid(W_r x + U_r h + b_r)      reset gate
    z = sigmoid(W_z x + U_z h + b_z)      update gate
    g = tanh(W_g x + b_g + r * (U_g h + b_u))
    h = (1 - z) * g + z * h

    `ChoGRU` has the reset gate before the product.
    """

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        self.kernel = nn.GRU(input_size, hidden, batch_first=True)

    def gate(self, from_x_BG: Tensor, from_h_BG: Tensor, state: State) -> State:
        """Return (h,)."""
        (r_x, z_x, g_x), (r_h, z_h, g_h) = from_x_BG.chunk(3, dim=1), from_h_BG.chunk(3, dim=1)
        r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
        return ((1 - z) * torch.tanh(g_x + r * g_h) + z * state[0],)


class LoopCell(Cell):
    """A cell that no kernel has: `recur` is what a step does once the input is multiplied.

    W and b hold what the letters of `blocks` name, side by side in that order. All weights start as torch's recurrent
    layers do, uniform within 1 / sqrt(H).
    """

    blocks = ""

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        self.W, self.b = self.weight(len(self.blocks) * hidden, input_size), self.weight(len(self.blocks) * hidden)

    def weight(self, *shape: int) -> nn.Parameter:
        """Return a new parameter."""
        bound = self.hidden**-0.5
        return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))

    def project(self, x_ND: Tensor) -> Tensor:
        """Return W x + b."""
        return nn.functional.linear(x_ND, self.W, self.b)

    @abstractmethod
    def recur(self, z_BG: Tensor, state: State) -> State:
        """Return the state after one input, given what `project` makes of it."""

    def step(self, x_BD: Tensor, state: State) -> State:
        """Return the state after one input; its first tensor is the output."""
        return self.recur(self.project(x_BD), state)

    def unroll(self, x_BTD: Tensor, lengths_B: Tensor, state: State) -> tuple[Tensor, State]:
        """As `Cell.unroll`, with one product for all inputs; a row takes part in as many steps as it is long."""
        packed = pack_padded_sequence(x_BTD, lengths_B.cpu(), batch_first=True, enforce_sorted=False)
        sizes = packed.batch_sizes
        start = tuple(part[packed.sorted_indices] for part in state)
        states = self.loop(self.project(packed.data), sizes.tolist(), start)
        outputs = PackedSequence(states[0], *packed[1:])
        outputs_BTH, _ = pad_packed_sequence(outputs, batch_first=True, total_length=x_BTD.shape[1])
        # `states` holds step after step, the rows of each in the order of their rank, longest first. So a row's last
        # state lies behind all rows of the steps before (the sum of their sizes), as far as its rank.
        rank_B = packed.unsorted_indices
        assert rank_B is not None
        last_B = (sizes.cumsum(0) - sizes)[lengths_B.cpu() - 1].to(rank_B.device) + rank_B
        return outputs_BTH, tuple(part[last_B] for part in states)

    def loop(self, z_NG: Tensor, sizes: list[int], state: State) -> State:
        """Return the states (NH) after each step, step behind step; rows are longest first, `sizes` of them alive."""
        states = []
        for z_BG in z_NG.split(sizes):
            state = self.recur(z_BG, tuple(part[: len(z_BG)] for part in state))
            states.append(state)
        return tuple(torch.cat(parts) for parts in zip(*states, strict=True))


class PeepholeLSTM(LoopCell):
    """The LSTM whose gates see the cell state through peepholes p (Gers and Schmidhuber 2000).

    i = sigmoid(W_i x + U_i h + p_i * c + b_i)      input gate
    f = sigmoid(W_f x + U_f h + p_f * c + b_f)      forget gate
    g = tanh(W_g x + U_g h + b_g)                   what could be remembered
    c = f * c + i * g
    o = sigmoid(W_o x + U_o h + p_o * c + b_o)      output gate, which sees the new c
    h = o * tanh(c)

    The subclasses leave one thing out each, as in "LSTM: A Search Space Odyssey" (Greff et al. 2017). A gate that
    `blocks` does not name is 1 and has no weights. The forget gate's bias starts at 1 (Jozefowicz 2015).
    """

    states = 2
    blocks = "ifgo"
    coupled = False
    """whether i is 1 - f"""
    input_activation = output_activation = True
    """whether g and h are made with tanh or without"""

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        self.U = self.weight(len(self.blocks) * hidden, hidden)
        self.p = nn.ParameterDict({gate: self.weight(hidden) for gate in self.blocks if gate != "g"})
        if "f" in self.blocks:
            nn.init.ones_(self.split(self.b)["f"])

    def split(self, a: Tensor) -> dict[str, Tensor]:
        """Return the blocks, which lie side by side, by their letters."""
        return dict(zip(self.blocks, a.chunk(len(self.blocks), -1), strict=True))

    def recur(self, z_BG: Tensor, state: State) -> State:
        """Return (h, c)."""
        h, c = state
        return self.gate(torch.addmm(z_BG, h, self.U.t()), c)

    def gate(self, a_BG: Tensor, c: Tensor) -> State:
        """Return (h, c), given a = W x + U h + b; every element by itself."""
        a = self.split(a_BG)

        def gate(part: str, c: Tensor) -> Tensor | float:
            return torch.sigmoid(torch.addcmul(a[part], self.p[part], c)) if part in a else 1.0

        f = gate("f", c)
        i = 1 - f if self.coupled else gate("i", c)
        g = torch.tanh(a["g"]) if self.input_activation else a["g"]
        c = f * c + i * g
        return gate("o", c) * (torch.tanh(c) if self.output_activation else c), c

    def slopes(self, a_NG: Tensor, before: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the derivatives of `gate`, given the c before and after.

        They are, for each of the K blocks of a, that of c by the block, or of h by o's (NKH); of h by the c after (NH);
        of the c after by the c before (NH).
        """
        a, p = self.split(a_NG), self.p
        f = torch.sigmoid(a["f"] + p["f"] * before) if "f" in a else torch.ones_like(c)
        i = 1 - f if self.coupled else torch.sigmoid(a["i"] + p["i"] * before) if "i" in a else torch.ones_like(c)
        o = torch.sigmoid(a["o"] + p["o"] * c) if "o" in a else torch.ones_like(c)
        g = torch.tanh(a["g"]) if self.input_activation else a["g"]
        y = torch.tanh(c) if self.output_activation else c
        by = {
            "i": g * i * (1 - i),
            "f": (before - g if self.coupled else before) * f * (1 - f),
            "g": i * (1 - g * g) if self.input_activation else i,
            "o": y * o * (1 - o),
        }
        h_by_c = o * (1 - y * y) if self.output_activation else o
        if "o" in a:
            h_by_c = h_by_c + by["o"] * p["o"]
        c_by_c = f + sum(by[gate] * p[gate] for gate in p if gate != "o")
        return torch.stack([by[block] for block in self.blocks], 1), h_by_c, c_by_c

    def loop(self, z_NG: Tensor, sizes: list[int], state: State) -> State:
        """As `LoopCell.loop`, with its own backpropagation; in the weights' precision, also where products are cast."""
        z_NG, h, c = (part.to(self.U.dtype) for part in (z_NG, *state))
        with torch.autocast(z_NG.device.type, enabled=False):
            return PeepholeLoop.apply(self, sizes, z_NG, h, c, self.U, *self.p.values())


class PeepholeLoop(torch.autograd.Function):
    """`LoopCell.loop` of a `PeepholeLSTM`, with backpropagation through time written by hand.

    The gates act on each element by itself: how h and c change with a and with the c before are vectors, computed for
    all steps at once. The loop backwards is left with summing the gradients of h and c; those of the weights follow at
    once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        cell: PeepholeLSTM,
        sizes: list[int],
        z_NG: Tensor,
        h: Tensor,
        c: Tensor,
        U: Tensor,
        *peepholes: Tensor,
    ) -> State:
        """Return (h_NH, c_NH)."""
        steps = []
        state: State = (h, c)
        for z_BG in z_NG.split(sizes):
            alive = len(z_BG)
            a_BG = torch.addmm(z_BG, state[0][:alive], U.t())
            state = cell.gate(a_BG, state[1][:alive])
            steps.append((a_BG, *state))
        a_NG, h_NH, c_NH = (torch.cat(parts) for parts in zip(*steps, strict=True))
        ctx.cell, ctx.sizes = cell, sizes
        ctx.save_for_backward(a_NG, h, c, h_NH, c_NH, U, *peepholes)
        return h_NH, c_NH

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dh_NH: Tensor, dc_NH: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of what `forward` took."""
        a_NG, h, c, h_NH, c_NH, U, *_ = ctx.saved_tensors
        cell, sizes = ctx.cell, ctx.sizes
        h_before_NH, c_before_NH = (
            torch.cat([part[:alive] for part, alive in zip((first, *after.split(sizes)), sizes, strict=False)])
            for first, after in ((h, h_NH), (c, c_NH))
        )
        slopes = cell.slopes(a_NG, c_before_NH, c_NH)
        da_NKH, dh_NH, dc_NH = slopes[0], dh_NH.clone(), dc_NH.clone()
        dh, dc = dh_NH[:0], dc_NH[:0]
        steps = zip(*(part.split(sizes) for part in (dh_NH, dc_NH, *slopes)), strict=True)
        for sum_h, sum_c, by_a, h_by_c, c_by_c in reversed(list(steps)):
            sum_h[: len(dh)] += dh
            sum_c[: len(dc)] += dc
            sum_c.addcmul_(sum_h, h_by_c)
            by_a *= torch.stack([sum_h if block == "o" else sum_c for block in cell.blocks], 1)
            dh, dc = by_a.flatten(1) @ U, sum_c * c_by_c
        da_NG = da_NKH.flatten(1)
        da = cell.split(da_NG)
        seen = ((da[gate] * (c_NH if gate == "o" else c_before_NH)).sum(0) for gate in cell.p)
        return None, None, da_NG, dh, dc, da_NG.t() @ h_before_NH, *seen


class NoInputGateLSTM(PeepholeLSTM):
    """i = 1."""

    blocks = "fgo"


class NoForgetGateLSTM(PeepholeLSTM):
    """f = 1: the LSTM of 1997, except for its peepholes."""

    blocks = "igo"


class NoOutputGateLSTM(PeepholeLSTM):
    """o = 1."""

    blocks = "ifg"


class NoInputActivationLSTM(PeepholeLSTM):
    """g = W_g x + U_g h + b_g."""

    input_activation = False


class NoOutputActivationLSTM(PeepholeLSTM):
    """h = o * c."""

    output_activation = False


class CoupledLSTM(PeepholeLSTM):
    """i = 1 - f: what is forgotten makes room. Greff's f = 1 - i is the same with its weights' signs turned."""

    blocks = "fgo"
    coupled = True


class LayerNormLSTM(LoopCell):
    """The LSTM with layer normalisation (Ba, Kiros and Hinton 2016).

    (i, f, g, o) = LN_x(W x) + LN_h(U h) + b
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(LN_c(c))

    LN takes a vector to mean 0 and variance 1 and multiplies it by a learnt gain; LN_x and LN_h take all gates as one
    vector. LN_c adds a learnt bias, the others' are in b. The forget gate's bias starts at 1.
    """

    states = 2
    blocks = "ifgo"

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        wide = len(self.blocks) * hidden
        self.U = self.weight(wide, hidden)
        self.norm_x, self.norm_h = nn.LayerNorm(wide, bias=False), nn.LayerNorm(wide, bias=False)
        self.norm_c = nn.LayerNorm(hidden)
        nn.init.ones_(self.b[hidden : 2 * hidden])

    def project(self, x_ND: Tensor) -> Tensor:
        """Return LN_x(W x) + b."""
        return self.norm_x(nn.functional.linear(x_ND, self.W)) + self.b

    def recur(self, z_BG: Tensor, state: State) -> State:
        """Return (h, c)."""
        h, c = state
        i, f, g, o = (z_BG + self.norm_h(nn.functional.linear(h, self.U))).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(self.norm_c(c)), c


class ChoGRU(LoopCell):
    """The gated recurrent unit of Cho (2014), with the reset gate before the recurrent product.

    r = sigmoid(W_r x + U_r h + b_r)      reset gate
    z = sigmoid(W_z x + U_z h + b_z)      update gate
    g = tanh(W_g x + U_g (r * h) + b_g)
    h = (1 - z) * h + z * g

    `GRU`, cuDNN's form, multiplies by r after the product, r * (U_g h + b_u), which a kernel can do in one product for
    all gates; it also has z and 1 - z in each other's place, as has Cho's paper: here z = 1 takes in the new, as in
    Chung (2014) and the lecture. The lecture's slide misprints the last line as h = (1 - z) * tanh(W_xg h + z * g).
    """

    blocks = "rzg"

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        self.U_rz, self.U_g = self.weight(2 * hidden, hidden), self.weight(hidden, hidden)

    def recur(self, z_BG: Tensor, state: State) -> State:
        """Return (h,)."""
        h = state[0]
        z_rz, z_g = z_BG.split([2 * self.hidden, self.hidden], 1)
        r, z = torch.sigmoid(torch.addmm(z_rz, h, self.U_rz.t())).chunk(2, 1)
        g = torch.tanh(torch.addmm(z_g, r * h, self.U_g.t()))
        return ((1 - z) * h + z * g,)


CELLS: dict[str, type[Cell]] = {
    "rnn": RNN,
    "rnn_relu": ReluRNN,
    "lstm": LSTM,
    "lstm_peephole": PeepholeLSTM,
    "lstm_no_input_gate": NoInputGateLSTM,
    "lstm_no_forget_gate": NoForgetGateLSTM,
    "lstm_no_output_gate": NoOutputGateLSTM,
    "lstm_no_input_activation": NoInputActivationLSTM,
    "lstm_no_output_activation": NoOutputActivationLSTM,
    "lstm_coupled": CoupledLSTM,
    "lstm_layer_norm": LayerNormLSTM,
    "gru": GRU,
    "gru_cho": ChoGRU,
}
