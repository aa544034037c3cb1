"""What tokens become: for each source token the target tokens that it is likely to be said with.

Learnt from train by Model 1 of Brown et al. (1993): each target token of a pair comes from one of its source tokens, or
from none of them, whatever the order. In shapes S is the source vocabulary, P the pairs of tokens that meet in a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unroll.data import tokenizers
from unroll.data.ids import EOS, GO, ID_DTYPE, PAD, SPECIAL, Ids

ROWS = 50_000
"""Rows to learn from, spread over train, so that neither time nor memory grow with a corpus."""
ROUNDS = 5
"""Of expectation and maximisation; the order of the likeliest hardly changes afterwards."""
KEPT, ALWAYS = 50, 300
"""Target tokens kept for a source token, and those so frequent that they are likely in every sentence."""
MARKS = (GO, EOS)
"""What every small vocabulary begins with."""

NOTHING = np.empty(0, np.int64)

Table = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Lexicon:
    """Target tokens by what they are likely said for.

    Attributes:
        likely_SK: for each source token, the likeliest first; filled up with `<pad>`.
        always_A: the most frequent ones, whatever the source.
    """

    likely_SK: Table
    always_A: Table

    def words(self, rows: Sequence[Sequence[int]], most: int) -> list[npt.NDArray[np.int64]]:
        """Return a small vocabulary for each row of source ids: `MARKS`, then tokens in order, each once.

        Args:
            most: target tokens taken for each source token.
        """
        found = []
        for row in rows:
            likely = self.likely_SK[np.asarray(row, np.int64), :most].ravel()
            tokens = np.unique(np.concatenate([self.always_A, likely]))
            found.append(np.concatenate([MARKS, tokens[~np.isin(tokens, (PAD, *MARKS))]]).astype(np.int64))
        return found

    def fits(self, source: int, target: int) -> bool:
        """Return whether it is one between vocabularies of these sizes."""
        tables = (self.likely_SK, self.always_A)
        known = all(table.dtype == ID_DTYPE and int(table.max(initial=0)) < target for table in tables)
        return known and self.likely_SK.ndim == 2 and self.always_A.ndim == 1 and len(self.likely_SK) == source

    def save(self, folder: Path) -> None:
        """Write it beside the tokenizers of a folder."""
        from safetensors.numpy import save_file

        save_file({"likely": self.likely_SK, "always": self.always_A}, folder / NAME)

    @classmethod
    def load(cls, folder: Path) -> Lexicon | None:
        """Read it from a folder that was verified; None if there is none."""
        from safetensors.numpy import load_file

        if not (folder / NAME).exists():
            return None
        parts = load_file(folder / NAME)
        return cls(parts["likely"], parts["always"])


NAME = "target.lexicon.safetensors"


def of(tokenized: Path, joint: bool) -> Lexicon:
    """Return the lexicon of the training rows in a folder of ids.

    Args:
        joint: as `learn`.
    """
    sizes = len(tokenizers.load(tokenized, "source")), len(tokenizers.load(tokenized, "target"))
    return learn(Ids(tokenized, "train", "source"), Ids(tokenized, "train", "target"), sizes, joint)


def learn(source: Ids, target: Ids, sizes: tuple[int, int], joint: bool) -> Lexicon:
    """Return the lexicon of the rows of a split.

    Args:
        sizes: of the vocabularies, the source's first.
        joint: both sides share one, so that a token may stay what it is: names do.
    """
    rows = range(0, len(source), max(-(-len(source) // ROWS), 1))
    source_P, target_P, chance_P = translations([source[row] for row in rows], [target[row] for row in rows], sizes)
    order_P = np.lexsort((target_P, -chance_P, source_P))
    source_P, target_P = source_P[order_P], target_P[order_P]
    rank_P = np.arange(len(source_P)) - np.searchsorted(source_P, source_P)
    kept_P = (rank_P < KEPT) & (source_P < sizes[0])
    likely_SK = np.full((sizes[0], KEPT), PAD, ID_DTYPE)
    likely_SK[source_P[kept_P], rank_P[kept_P]] = target_P[kept_P]
    if joint:
        likely_SK = np.concatenate([np.arange(sizes[0], dtype=ID_DTYPE)[:, None], likely_SK], 1)
    counts_V = np.bincount(np.concatenate([NOTHING, *(target[row] for row in rows)]), minlength=sizes[1])
    counts_V[: len(SPECIAL)] = 0
    frequent_V = np.argsort(-counts_V, kind="stable")
    return Lexicon(likely_SK, frequent_V[counts_V[frequent_V] > 0][:ALWAYS].astype(ID_DTYPE))


def translations(
    sources: Sequence[npt.NDArray[np.uint16]], targets: Sequence[npt.NDArray[np.uint16]], sizes: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return (source_P, target_P, p(target | source) P) of all tokens that meet; source S is none of the row's."""
    meetings, widths = [], []
    for source, target in zip(sources, targets, strict=True):
        with_none = np.append(source, sizes[0]).astype(np.int64)
        meetings.append((with_none * sizes[1] + target[:, None].astype(np.int64)).ravel())
        widths.append(np.full(len(target), len(with_none)))
    pairs_P, pair_N = np.unique(np.concatenate([NOTHING, *meetings]), return_inverse=True)
    widths_T = np.concatenate([NOTHING, *widths])
    starts_T = widths_T.cumsum() - widths_T
    source_P, chance_P = pairs_P // sizes[1], np.ones(len(pairs_P))
    for _ in range(ROUNDS if len(pairs_P) else 0):
        share_N = chance_P[pair_N]
        share_N /= np.repeat(np.add.reduceat(share_N, starts_T), widths_T)
        counts_P = np.bincount(pair_N, share_N)
        chance_P = counts_P / np.bincount(source_P, counts_P)[source_P]
    return source_P, pairs_P % sizes[1], chance_P
