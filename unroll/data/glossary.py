"""Which word becomes which: the surest pairs of words that the training rows hold, for rows of single words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from unroll.data.copying import words
from unroll.data.lexicon import translations

ROWS = 200_000
"""Training rows from which it is learnt."""
LEAST, OFTEN = 0.06, 3
"""Of a pair: p(target | source) p(source | target); and how often the source word occurs."""


def learn(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return {source word: the target word that is surely meant by it}, in small letters.

    By Model 1 of Brown et al. (1993) in both directions. Words that become several, or nothing, are left out.
    """
    numbers: tuple[dict[str, int], dict[str, int]] = ({}, {})
    rows = [tuple(_numbered(text, known) for text, known in zip(pair, numbers, strict=True)) for pair in pairs]
    sources, targets = ([row[side] for row in rows] for side in (0, 1))
    sizes = len(numbers[0]), len(numbers[1])
    source_P, target_P, chance_P = translations(sources, targets, sizes)
    back_target_P, back_source_P, back_P = translations(targets, sources, sizes[::-1])
    back = dict(zip(zip(back_source_P.tolist(), back_target_P.tolist(), strict=True), back_P.tolist(), strict=True))
    counts_S = np.bincount(np.concatenate([*sources, np.empty(0, np.int64)]), minlength=sizes[0])
    best: dict[int, tuple[float, int]] = {}
    for source, target, chance in zip(source_P.tolist(), target_P.tolist(), chance_P.tolist(), strict=True):
        sure = chance * back.get((source, target), 0.0)
        if source < sizes[0] and counts_S[source] >= OFTEN and sure > max(LEAST, best.get(source, (0.0, 0))[0]):
            best[source] = sure, target
    spelled = [list(known) for known in numbers]
    return {spelled[0][source]: spelled[1][target] for source, (_, target) in best.items()}


def _numbered(text: str, known: dict[str, int]) -> np.ndarray:
    found: Iterator[int] = (known.setdefault(word.group().lower(), len(known)) for word in words(text))
    return np.fromiter(found, np.int64)
