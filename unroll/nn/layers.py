"""`Bidirectional` and `Stack`, over any cell; below them what embeds: `Table`, or `OneHot` or `Frames` in its place.

`Scaled` is what numbers that are read and numbers that are said have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from unroll.nn.cells import Cell, State


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
        self.input_size, self.hidden = forward.input_size, forward.hidden + backward.hidden

    def initial(self, batch: int) -> State:
        """Return the state of zeros, both directions joined."""
        return _join(self.forwards.initial(batch), self.backwards.initial(batch))

    def unroll(self, x_BTD: Tensor, lengths_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Return (outputs_BTH, state); a state joins that of both directions."""
        ahead, back = zip(
            *(part.split([self.forwards.hidden, self.backwards.hidden], 1) for part in state), strict=True
        )
        ahead_BTH, ahead = self.forwards.unroll(x_BTD, lengths_B, ahead)
        back_BTH, back = self.backwards.unroll(reverse(x_BTD, lengths_B), lengths_B, back)
        return torch.cat([ahead_BTH, reverse(back_BTH, lengths_B)], 2), _join(ahead, back)


def _join(ahead: State, back: State) -> State:
    return tuple(torch.cat(pair, 1) for pair in zip(ahead, back, strict=True))


class Stack(nn.Module):
    """Layers on top of each other, with dropout between them: cells, or cells in both directions.

    With `residual`, from the second layer on a layer's input, as it was before dropout, is added to its output (He et
    al. 2016, between recurrent layers Wu et al. 2016). The states stay the cells' own.
    """

    def __init__(self, layers: Sequence[Cell | Bidirectional], dropout: float, residual: bool) -> None:
        super().__init__()
        assert not residual or all(layer.input_size == layer.hidden for layer in layers[1:]), "the widths differ"
        self.layers = cast(Sequence[Cell | Bidirectional], nn.ModuleList(layers))
        self.dropout = nn.Dropout(dropout)
        self.residual = residual

    def initial(self, batch: int) -> tuple[State, ...]:
        """Return the states of zeros of all layers."""
        return tuple(layer.initial(batch) for layer in self.layers)

    def step(self, x_BD: Tensor, states: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Return (output_BH, the states of all layers) after one input; what reads backwards cannot go on."""
        after = []
        for depth, (cell, state) in enumerate(zip(self.layers, states, strict=True)):
            assert isinstance(cell, Cell), "one direction alone"
            after.append(cell.step(self.dropout(x_BD) if depth else x_BD, state))
            x_BD = after[-1][0] + x_BD if self.residual and depth else after[-1][0]
        return x_BD, tuple(after)

    def unroll(self, x_BTD: Tensor, lengths_B: Tensor, states: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Return (outputs_BTH, the last states of all layers)."""
        after = []
        for depth, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
            outputs_BTH, last = layer.unroll(self.dropout(x_BTD) if depth else x_BTD, lengths_B, state)
            x_BTD = outputs_BTH + x_BTD if self.residual and depth else outputs_BTH
            after.append(last)
        return x_BTD, tuple(after)


class Table(nn.Embedding):
    """`nn.Embedding` that can look up several tensors of ids at once.

    Backwards, each lookup makes a gradient as large as the whole table: of those of an update one is enough.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._looked_up: dict[int, Tensor] = {}

    @contextmanager
    def together(self, *several: Tensor) -> Iterator[None]:
        """Look up these tensors now; inside, a call with one of them gets its part."""
        parts = super().forward(torch.cat([ids.flatten() for ids in several])).split([ids.numel() for ids in several])
        self._looked_up = {id(ids): part.view(*ids.shape, -1) for ids, part in zip(several, parts, strict=True)}
        try:
            yield
        finally:
            self._looked_up = {}

    def forward(self, ids: Tensor) -> Tensor:
        """Return vectors (..., D) for ids of any shape."""
        found = self._looked_up.get(id(ids))
        return super().forward(ids) if found is None else found


class OneHot(nn.Module):
    """Ids as vectors of zeros with a single 1, of the dtype that weights have.

    The inefficient baseline to `nn.Embedding`: there are no weights here, the layer above learns a matrix as wide as
    the vocabulary, and a product with it looks up one column.
    """

    zeros: Tensor

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding_dim = vocabulary
        self.register_buffer("zeros", torch.zeros(vocabulary), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Return vectors (..., V) for ids of any shape."""
        return self.zeros.new_zeros(*ids.shape, self.embedding_dim).scatter_(-1, ids[..., None], 1)


class Frames(nn.Module):
    """Real vectors of a width, as they are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding_dim = width

    def forward(self, frames: Tensor) -> Tensor:
        """Return the vectors (..., width)."""
        assert frames.shape[-1] == self.embedding_dim, f"frames {frames.shape[-1]} wide, not {self.embedding_dim}"
        return frames


class Scaled(nn.Module):
    """Numbers on the scale that training rows have: how many standard deviations they are from the mean.

    Attributes:
        mean_W, deviation_W: of each number of a vector in train; 0 and 1 until `take_scale`. A model's weights.
    """

    mean_W: Tensor
    deviation_W: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean_W", torch.zeros(width))
        self.register_buffer("deviation_W", torch.ones(width))

    def take_scale(self, vectors_NW: np.ndarray) -> None:
        """Take the scale of training vectors; a number that never varies, but for rounding, is left its own."""
        mean_W, deviation_W = (measure(vectors_NW, axis=0, dtype=np.float64) for measure in (np.mean, np.std))
        varies_W = deviation_W > np.finfo(np.float32).eps * np.abs(mean_W)
        self.mean_W.copy_(torch.from_numpy(mean_W))
        self.deviation_W.copy_(torch.from_numpy(np.where(varies_W, deviation_W, 1.0)))

    def scaled(self, vectors: Tensor) -> Tensor:
        """Return raw vectors (..., width) on the scale of train."""
        return (vectors - self.mean_W) / self.deviation_W


class ScaledFrames(Scaled):
    """Real vectors of a width, on the scale of train: whoever asks a model brings raw numbers."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.embedding_dim = width

    def forward(self, frames: Tensor) -> Tensor:
        """Return the vectors (..., width)."""
        assert frames.shape[-1] == self.embedding_dim, f"frames {frames.shape[-1]} wide, not {self.embedding_dim}"
        return self.scaled(frames)
