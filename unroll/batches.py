"""Ids -> `Batch`: rows of like length side by side, as many as a number of tokens allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unroll.text import EOS, GO, PAD, Ids


@dataclass  # not frozen: under mixed precision Fabric casts its fields
class Batch:
    """Padded ids of a few pairs.

    Attributes:
        source_BS: the source, without marks.
        source_lengths_B: its real lengths, at least 1.
        input_BT: `<go>` and the target: what teacher forcing feeds the decoder.
        output_BT: the target and `<eos>`: what the decoder should say.
    """

    source_BS: Tensor
    source_lengths_B: Tensor
    input_BT: Tensor
    output_BT: Tensor

    @property
    def mask_BT(self) -> Tensor:
        """True where the output is real."""
        return self.output_BT != PAD

    @property
    def tokens(self) -> int:
        """Source and target tokens, end marks counted, padding not."""
        return int(self.source_lengths_B.sum()) + int(self.mask_BT.sum())

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device; lengths stay where the kernels want them, on the CPU."""
        return Batch(
            self.source_BS.to(device), self.source_lengths_B, self.input_BT.to(device), self.output_BT.to(device)
        )


def pad(rows: Sequence[Sequence[int] | np.ndarray]) -> Tensor:
    """Return rows as one padded tensor of int64, B x longest."""
    padded = np.full((len(rows), max(map(len, rows), default=0)), PAD, np.int64)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(padded)


def source_batch(rows: Sequence[Sequence[int] | np.ndarray], reverse: bool) -> tuple[Tensor, Tensor]:
    """Return (source_BS, lengths_B); an empty row is read as a lone `<eos>`, so that no length is zero.

    With `reverse`, each source is read backwards, as in the lecture and Sutskever 2014.
    """
    rows = [row if len(row) else [EOS] for row in rows]
    return pad([row[::-1] if reverse else row for row in rows]), torch.tensor([len(row) for row in rows])


def make_batch(sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], reverse: bool) -> Batch:
    """Return the batch of a few pairs of id rows."""
    source_BS, lengths_B = source_batch(sources, reverse)
    marked_BT = pad([[GO, *target, EOS] for target in targets])
    output_BT = marked_BT[:, 1:].contiguous()
    input_BT = marked_BT[:, :-1].masked_fill(output_BT == PAD, PAD)
    return Batch(source_BS, lengths_B, input_BT, output_BT)


class Batches:
    """The rows of a split as batches of about `batch_tokens` target tokens.

    Rows are sorted by target length, then source length, ties broken at random; a batch is a run of this order, so
    padding is rare. Each epoch breaks the ties and shuffles the batches anew, from its own seed: epoch n is the same
    whether or not epochs before it were drawn.
    """

    def __init__(self, source: Ids, target: Ids, batch_tokens: int, reverse: bool, seed: int) -> None:
        self.source, self.target, self.reverse, self.seed = source, target, reverse, seed
        self.batch_tokens = batch_tokens
        self.source_lengths, self.target_lengths = source.lengths, target.lengths + 1

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Return the row numbers of each batch of an epoch, in order."""
        random = np.random.default_rng((self.seed, epoch))
        order = np.lexsort((random.random(len(self.source)), self.source_lengths, self.target_lengths))
        lengths = self.target_lengths[order]
        batches, first, longest = [], 0, 0
        for row, length in enumerate(lengths):
            longest = max(longest, int(length))
            if row > first and longest * (row + 1 - first) > self.batch_tokens:
                batches.append(order[first:row])
                first, longest = row, int(length)
        batches.append(order[first:])
        random.shuffle(batches)
        return batches

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch."""
        for rows in self.plan(epoch):
            yield make_batch([self.source[row] for row in rows], [self.target[row] for row in rows], self.reverse)
