"""A search that does not say the same thing over and over.

What a model was not taught may lead it into a loop, from which the end is never the likeliest way out. `Unrepeated` is
a step that leaves out the tokens which would close one; `place` finds in a text what got through, piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from unroll.predict.search import State, Step, Wrapped

TIMES = 3
"""So often a phrase is not said where the source does not."""
LONGEST = 4
"""Tokens, or words, of a phrase that is found when it follows itself."""
APART = 3
"""Tokens, or words, of a phrase that is found wherever it stands."""
_WORD = re.compile(r"\w+")


@lru_cache(4096)  # a text is asked about where it is read, judged and shown
def place(text: str) -> int | None:
    """Return where a text begins to say a phrase the third time, or None if it does not.

    Counted are runs of up to `LONGEST` words that follow each other, and runs of `APART` words anywhere.

    >>> place("hola, hola, mundo"), place("Hola, hola hola"), place("a b c, a b c d a b c")
    (None, 11, 15)
    """
    words = list(_WORD.finditer(text.lower()))
    said = [word.group() for word in words]
    if len(said) - len(set(said)) < TIMES - 1:  # most texts: too few words are said again
        return None
    runs: dict[tuple[str, ...], int] = {}
    for end in range(1, len(said) + 1):
        for size in range(1, LONGEST + 1):
            first = end - TIMES * size
            if first >= 0 and said[first : end - size] == said[first + size : end]:
                return words[end - size].start()
        if end >= APART:
            run = tuple(said[end - APART : end])
            runs[run] = runs.get(run, 0) + 1
            if runs[run] == TIMES:
                return words[end - APART].start()
    return None


@dataclass(frozen=True)
class Remembered(Wrapped):
    """A state, what was said on the way to it, and which hypotheses may repeat themselves."""

    said_RT: Tensor
    free_R: Tensor

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> Remembered:
        """Return the state of some rows, in a new order; of some sentences, if theirs change too."""
        return Remembered(self.inner.select(rows, sentences), self.said_RT[rows], self.free_R[rows])


class Unrepeated:
    """A step that never makes a hypothesis say a phrase the third time.

    Args:
        step: the step of a search.
        free_B: the sentences that may: those whose source does.
    """

    def __init__(self, step: Step[Any], free_B: Tensor) -> None:
        self._step, self.free_B = step, free_B

    def initial(self, state: State) -> Remembered:
        """Return the state before the first token."""
        rows = len(state.weights_BS)
        free_R = self.free_B.repeat_interleave(rows // len(self.free_B))
        return Remembered(state, torch.empty(rows, 0, dtype=torch.long, device=free_R.device), free_R)

    def step(self, ids_R: Tensor, state: Remembered) -> tuple[Tensor, Remembered]:
        """Return (logits_RV, state) after one more token."""
        logits_RV, inner = self._step(ids_R, state.inner)
        said_RT = torch.cat([state.said_RT, ids_R[:, None]], 1)
        for closes_R, token_R in closing(said_RT):
            closes_R = closes_R & ~state.free_R
            if closes_R.any():
                logits_RV[closes_R, token_R[closes_R]] = -torch.inf
        return logits_RV, replace(state, inner=inner, said_RT=said_RT)


def closing(said_RT: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (rows in which a token would close a loop, that token of each row)."""
    length = said_RT.shape[1]
    for size in range(1, LONGEST + 1):
        if length >= TIMES * size - 1:
            same_RT = said_RT[:, -(TIMES - 1) * size + 1 :] == said_RT[:, -TIMES * size + 1 : -size]
            yield same_RT.all(1), said_RT[:, -size]
    if length > APART:
        last_RT = said_RT[:, -APART + 1 :]
        before_RTN = said_RT[:, :-1].unfold(1, APART - 1, 1)
        alike_RT = (before_RTN == last_RT[:, None]).all(2)
        if (alike_RT.sum(1) >= TIMES - 1).any():
            after_RT = said_RT[:, APART - 1 :]
            for place in range(after_RT.shape[1]):
                token_R = after_RT[:, place]
                said_R = (alike_RT & (after_RT == token_R[:, None])).sum(1)
                yield alike_RT[:, place] & (said_R >= TIMES - 1), token_R
