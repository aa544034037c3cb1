"""Source ids or vectors -> `Memory`."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from unroll.nn.attention import Memory
from unroll.nn.cells import CELLS, Cell, State
from unroll.nn.layers import Bidirectional, Stack
from unroll.params.model import SequenceEncoderParams, VectorEncoderParams

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


def mask(lengths_B: Tensor, like_BSH: Tensor) -> Tensor:
    """Return mask_BS: True at real positions."""
    return (torch.arange(like_BSH.shape[1]) < lengths_B[:, None]).to(like_BSH.device)


class VectorEncoder(nn.Module):
    """The lecture's one-layer network, y = f(W x + b), layer upon layer; a memory of one position.

    Args:
        embedding: ids or vectors -> vectors of `embedding.embedding_dim`.
    Attributes:
        memory_size: H, the width of what it leaves behind.
    """

    def __init__(self, embedding: nn.Module, settings: VectorEncoderParams, dropout: float) -> None:
        super().__init__()
        self.embedding = embedding
        width = int(cast(int, embedding.embedding_dim))
        widths = [width] + [settings.hidden] * settings.layers
        layers: list[nn.Module] = [nn.Dropout(dropout)]
        for into, out in pairwise(widths):
            layers += [nn.Linear(into, out), ACTIVATIONS[settings.activation](), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.memory_size = widths[-1]

    def forward(self, source_BS: Tensor, lengths_B: Tensor, start: tuple[State, ...] | None = None) -> Memory:
        """Return the memory of a batch of items; each source is one position long."""
        assert source_BS.shape[1] == 1, "one item at a time"
        states_BSH = self.layers(self.embedding(source_BS))
        last_BH = states_BSH[:, 0]
        return Memory(states_BSH, mask(lengths_B, states_BSH), ((last_BH,),), last_BH)


class SequenceEncoder(nn.Module):
    """A recurrent network that reads a source, forwards or in both directions, layer upon layer.

    Args:
        embedding: as in VectorEncoder.
    Attributes:
        memory_size: as in VectorEncoder.
    """

    def __init__(self, embedding: nn.Module, settings: SequenceEncoderParams, dropout: float) -> None:
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        cell, hidden = CELLS[settings.cell], settings.hidden

        def layer(width: int) -> Cell | Bidirectional:
            if settings.bidirectional:
                return Bidirectional(cell(width, hidden // 2), cell(width, hidden // 2))
            return cell(width, hidden)

        widths = [int(cast(int, embedding.embedding_dim))] + [hidden] * (settings.layers - 1)
        self.stack = Stack([layer(width) for width in widths], dropout, settings.residual)
        self.memory_size, self.bidirectional = hidden, settings.bidirectional

    def forward(self, source_BS: Tensor, lengths_B: Tensor, start: tuple[State, ...] | None = None) -> Memory:
        """Return the memory of a batch of sources, read from zeros or on from the states of `start`."""
        x_BSD = self.dropout(self.embedding(source_BS))
        states_BSH, final = self.stack.unroll(x_BSD, lengths_B, start or self.stack.initial(len(x_BSD)))
        last_BH = self._last(states_BSH, lengths_B) if self.stack.residual else final[-1][0]
        return Memory(states_BSH, mask(lengths_B, states_BSH), final, last_BH)

    def _last(self, states_BSH: Tensor, lengths_B: Tensor) -> Tensor:
        """Return the last output of each direction, what lower layers added to it included."""
        ends_BH = states_BSH[torch.arange(len(lengths_B)), lengths_B - 1]
        ahead = self.memory_size // 2 if self.bidirectional else self.memory_size
        return torch.cat([ends_BH[:, :ahead], states_BSH[:, 0, ahead:]], 1)

    def step(self, ids_B: Tensor, states: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Return (output_BH, the states of all layers) after one more item; for one direction alone."""
        return self.stack.step(self.dropout(self.embedding(ids_B)), states)


ENCODERS: dict[str, type[VectorEncoder] | type[SequenceEncoder]] = {
    "vector": VectorEncoder,
    "sequence": SequenceEncoder,
}
