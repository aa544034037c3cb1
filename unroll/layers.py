"""`Bidirectional` and `Stack`, over any cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from unroll.cells import Cell, State


def reverse(x_BTD: Tensor, lengths_B: Tensor) -> Tensor:
    """Reverse each row within its length; padding stays at the end."""
    steps = x_BTD.shape[1]
    if int(lengths_B.min()) == steps:
        return x_BTD.flip(1)
    t_T = torch.arange(steps)
    index_BT = torch.where(t_T < lengths_B[:, None], lengths_B[:, None] - 1 - t_T, t_T).to(x_BTD.device)
    return x_BTD.gather(1, index_BT[:, :, None].expand_as(x_BTD))


class Bidirectional(nn.Module):
    """Two cells, one reading forwards, one backwards; their outputs side by side (Schuster and Paliwal 1997)."""

    def __init__(self, forward: Cell, backward: Cell) -> None:
        super().__init__()
        self.forwards, self.backwards = forward, backward

    def unroll(self, x_BTD: Tensor, lengths_B: Tensor) -> tuple[Tensor, State]:
        """Return (outputs_BTH, state); the state joins both directions' last states."""
        batch = len(x_BTD)
        ahead_BTH, ahead = self.forwards.unroll(x_BTD, lengths_B, self.forwards.initial(batch))
        back_BTH, back = self.backwards.unroll(reverse(x_BTD, lengths_B), lengths_B, self.backwards.initial(batch))
        state = tuple(torch.cat(pair, 1) for pair in zip(ahead, back, strict=True))
        return torch.cat([ahead_BTH, reverse(back_BTH, lengths_B)], 2), state


class Stack(nn.Module):
    """Cells on top of each other, with dropout between them."""

    def __init__(self, cells: Sequence[Cell], dropout: float) -> None:
        super().__init__()
        self.cells = cast(Sequence[Cell], nn.ModuleList(cells))
        self.dropout = nn.Dropout(dropout)

    def step(self, x_BD: Tensor, states: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Return (output_BH, the states of all layers) after one input."""
        after = []
        for depth, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            after.append(cell.step(self.dropout(x_BD) if depth else x_BD, state))
            x_BD = after[-1][0]
        return x_BD, tuple(after)

    def unroll(self, x_BTD: Tensor, lengths_B: Tensor, states: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Return (outputs_BTH, the last states of all layers)."""
        after = []
        for depth, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            x_BTD, last = cell.unroll(self.dropout(x_BTD) if depth else x_BTD, lengths_B, state)
            after.append(last)
        return x_BTD, tuple(after)
