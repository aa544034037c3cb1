"""Heads that answer from the memory alone: once, or at each position. The head that answers at length is the decoder.

Every head leaves readouts, of which its `logits` are a linear map: so there is one loss, sampled or exact. `Numbers`
makes real ones of them, and brings a loss of its own. All are made of the same: the target's embedding, the number
of tokens that can be said, the width of a memory state, their section of the pipeline file, dropout, and whether the
output layer is the embedding. A head of one's own is one class and one line, `unroll.nn.model.HEADS["mine"] = Mine`; a
pipeline file says as which of these it is fed and asked: `like: classifier`.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from unroll.nn.attention import CONTEXTS, Memory
from unroll.nn.layers import Scaled
from unroll.nn.losses import NUMBERS, pinball
from unroll.params.model import ClassifierParams, HeadParams, NumericParams, RegressorParams


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


class Numbers(Scaled):
    """Readouts -> real numbers, each with its quantiles, on the scale that training rows have.

    Attributes:
        levels_Q: of the quantiles; one half alone where there are none.
    """

    levels_Q: Tensor

    def __init__(self, width: int, readout: int, settings: NumericParams) -> None:
        super().__init__(width)
        levels = settings.quantiles or (0.5,)
        self.loss = None if settings.quantiles else NUMBERS[settings.loss]
        self.numbers = nn.Linear(readout, width * len(levels))
        self.register_buffer("levels_Q", torch.tensor(levels), persistent=False)

    def losses(self, readouts_NH: Tensor, targets_NW: Tensor) -> Tensor:
        """Return what the numbers of each position cost, N, in standard deviations of train."""
        wanted_NW1 = self.scaled(targets_NW)[..., None]
        said_NWQ = self.scaled_numbers(readouts_NH)
        costs_NWQ = self.loss(said_NWQ, wanted_NW1) if self.loss else pinball(said_NWQ, wanted_NW1, self.levels_Q)
        return costs_NWQ.mean((1, 2))

    def said(self, readouts_BTH: Tensor) -> Tensor:
        """Return numbers_BTWQ as the targets are: of each its quantiles, ascending (Chernozhukov et al. 2010)."""
        scaled_BTWQ = self.scaled_numbers(readouts_BTH).sort(-1).values
        return scaled_BTWQ * self.deviation_W[:, None] + self.mean_W[:, None]

    def scaled_numbers(self, readouts: Tensor) -> Tensor:
        """Return numbers (..., W, Q) on the scale of train, their quantiles as they come."""
        return self.numbers(readouts).to(self.mean_W.dtype).unflatten(-1, (len(self.mean_W), len(self.levels_Q)))


class Regressor(Numbers):
    """Real numbers: a linear map of C, or of the state at each position."""

    def __init__(
        self,
        embedding: nn.Module,
        width: int,
        memory_size: int,
        settings: RegressorParams,
        dropout: float,
        tied: bool,
    ) -> None:
        super().__init__(width, memory_size, settings)
        self.context = CONTEXTS[settings.context](memory_size) if settings.context else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, memory: Memory) -> Tensor:
        """Return readouts_BTH, with T = 1, or T = S where each position is answered."""
        return self.dropout(memory.states_BSH if self.context is None else self.context(memory)[:, None])
