"""Source ids -> `Memory`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from unroll.attention import Memory
from unroll.cells import CELLS
from unroll.layers import Bidirectional
from unroll.params import Model


class SequenceEncoder(nn.Module):
    """Embeds a sequence and reads it in both directions, layer upon layer."""

    def __init__(self, embedding: nn.Embedding, params: Model) -> None:
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(params.dropout)
        cell, half = CELLS[params.cell], params.hidden // 2
        widths = [embedding.embedding_dim] + [params.hidden] * (params.encoder_layers - 1)
        layers = [Bidirectional(cell(width, half), cell(width, half)) for width in widths]
        self.layers = cast(Sequence[Bidirectional], nn.ModuleList(layers))

    def forward(self, source_BS: Tensor, lengths_B: Tensor) -> Memory:
        """Return the memory of a batch of sources."""
        x_BSD = self.dropout(self.embedding(source_BS))
        final = []
        for depth, layer in enumerate(self.layers):
            x_BSD, state = layer.unroll(self.dropout(x_BSD) if depth else x_BSD, lengths_B)
            final.append(state)
        mask_BS = (torch.arange(source_BS.shape[1]) < lengths_B[:, None]).to(source_BS.device)
        return Memory(x_BSD, mask_BS, tuple(final))
