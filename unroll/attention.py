"""Ways to look back at the source.

`prepare` runs once per sentence; `attend` answers any number of queries at once, so one decoder step (T = 1), the beams
of a sentence (T = K) and a whole target under teacher forcing are the same call. Nothing is kept on `self`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unroll.cells import State


@dataclass(frozen=True)
class Memory:
    """What an encoder leaves behind.

    Attributes:
        states_BSH: a state for each source position.
        mask_BS: True at real positions.
        final: the last state of each layer.
    """

    states_BSH: Tensor
    mask_BS: Tensor
    final: tuple[State, ...]

    def select(self, rows: Tensor) -> Memory:
        """Return the memory of some sentences."""
        final = tuple(tuple(part[rows] for part in state) for state in self.final)
        return Memory(self.states_BSH[rows], self.mask_BS[rows], final)


class Attention(nn.Module, ABC):
    """Weights over source positions, and the context they pick.

    Args:
        query_size: the width of a query.
        memory_size: H, the width of a memory state and so of a context.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size, self.memory_size = query_size, memory_size

    @property
    def context_size(self) -> int:
        """Return the width of a context."""
        return self.memory_size

    def prepare(self, memory: Memory) -> Tensor:
        """Return the keys, B x S x anything: what can be computed before the first query."""
        return memory.states_BSH

    @abstractmethod
    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return how well each key answers each query, before the softmax, as BTS."""

    def attend(self, query_BTH: Tensor, keys_BSH: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Return (context_BTH, weights_BTS). Weights are zero at padding and sum to one."""
        scores_BTS = self.score(query_BTH, keys_BSH)
        weights_BTS = scores_BTS.masked_fill(~memory.mask_BS[:, None], -torch.inf).softmax(2)
        return weights_BTS @ memory.states_BSH, weights_BTS


class Additive(Attention):
    """Bahdanau 2015, appendix A.1.2: score = v . tanh(W q + U k)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.query = nn.Linear(query_size, query_size)
        self.key = nn.Linear(memory_size, query_size, bias=False)
        self.energy = nn.Linear(query_size, 1, bias=False)

    def prepare(self, memory: Memory) -> Tensor:
        """Return U k."""
        return self.key(memory.states_BSH)

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return v . tanh(W q + U k) as BTS."""
        return self.energy(torch.tanh(self.query(query_BTH)[:, :, None] + keys_BSH[:, None])).squeeze(3)


class Dot(Attention):
    """Luong 2015, equation 8, dot: score = q . k. Query and memory must be of one width."""

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return q . k as BTS."""
        return query_BTH @ keys_BSH.transpose(1, 2)


class General(Attention):
    """Luong 2015, equation 8, general: score = q . W k."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.key = nn.Linear(memory_size, query_size, bias=False)

    def prepare(self, memory: Memory) -> Tensor:
        """Return W k."""
        return self.key(memory.states_BSH)

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return q . W k as BTS."""
        return query_BTH @ keys_BSH.transpose(1, 2)


class Final(Attention):
    """The lecture's fixed context: the same C, the encoder's last output, at every step (Cho 2014)."""

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return zeros: nothing is compared."""
        return query_BTH.new_zeros(*query_BTH.shape[:2], keys_BSH.shape[1])

    def attend(self, query_BTH: Tensor, keys_BSH: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Return C for every query, and weights of zero."""
        context_BTH = memory.final[-1][0][:, None].expand(-1, query_BTH.shape[1], -1)
        return context_BTH, self.score(query_BTH, keys_BSH)


class NoAttention(Final):
    """The lecture's C as the decoder's first state alone: contexts are empty."""

    @property
    def context_size(self) -> int:
        """Return 0."""
        return 0

    def attend(self, query_BTH: Tensor, keys_BSH: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Return contexts of width 0, and weights of zero."""
        return query_BTH.new_zeros(*query_BTH.shape[:2], 0), self.score(query_BTH, keys_BSH)


ATTENTIONS: dict[str, type[Attention]] = {
    "additive": Additive,
    "dot": Dot,
    "general": General,
    "final": Final,
    "none": NoAttention,
}
