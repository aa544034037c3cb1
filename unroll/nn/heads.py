"""Heads that answer from the memory alone: once, or at each position. The head that answers at length is the decoder.

Every head leaves readouts, of which its `logits` are a linear map: so there is one loss, sampled or exact. All are made
of the same: the target's embedding, the number of tokens that can be said, the width of a memory state, their section
of the pipeline file, dropout, and whether the output layer is the embedding. A head of one's own is one class and one
line, `unroll.nn.model.HEADS["mine"] = Mine`; a pipeline file says as which of these it is fed and asked: `like:
classifier`.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from unroll.nn.attention import CONTEXTS, Memory
from unroll.params.model import ClassifierParams, HeadParams


class Classifier(nn.Module):
    """One answer: a linear map of C, the encoder's last state or a transform of all states."""

    def __init__(
        self,
        embedding: nn.Module,
        vocabulary: int,
        memory_size: int,
        settings: ClassifierParams,
        dropout: float,
        tied: bool,
    ) -> None:
        super().__init__()
        self.context = CONTEXTS[settings.context](memory_size)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(memory_size, vocabulary)

    def forward(self, memory: Memory) -> Tensor:
        """Return readouts_BTH with T = 1."""
        return self.dropout(self.context(memory))[:, None]


class Tagger(nn.Module):
    """An answer at each position: a linear map of its state; `tied`, the map is the embedding (Press and Wolf 2017)."""

    def __init__(
        self,
        embedding: nn.Module,
        vocabulary: int,
        memory_size: int,
        settings: HeadParams,
        dropout: float,
        tied: bool,
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(memory_size, vocabulary)
        if tied:
            nn.init.zeros_(self.logits.bias)
            self.logits.weight = cast(nn.Embedding, embedding).weight

    def forward(self, memory: Memory) -> Tensor:
        """Return readouts_BTH with T = S."""
        return self.dropout(memory.states_BSH)
