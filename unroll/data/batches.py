"""Rows of ids or vectors -> `Batch`: rows of like length side by side, or running text in parallel streams."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from unroll.data.ids import EOS, GO, PAD, Ids, Items
from unroll.errors import DataError
from unroll.params.model import ForecasterParams
from unroll.params.pipeline import Recipe


@dataclass  # not frozen: under mixed precision Fabric casts its fields
class Batch:
    """Padded rows.

    Attributes:
        source_BS: ids of the source, or real vectors, B x S x width.
        source_lengths_B: its real lengths, at least 1.
        input_BT: `<go>` and the target: what teacher forcing feeds a decoder; of width 0 for other heads.
        output_BT: what should be answered; for a decoder the target and `<eos>`. Real vectors, B x T x width, are not a
            number behind their end.
        continues: each row goes on where the same row of the batch before ended.
    """

    source_BS: Tensor
    source_lengths_B: Tensor
    input_BT: Tensor
    output_BT: Tensor
    continues: bool

    @property
    def mask_BT(self) -> Tensor:
        """True where the output is real."""
        vectors = self.output_BT.ndim == 3
        return ~self.output_BT[..., 0].isnan() if vectors else self.output_BT != PAD

    @property
    def tokens(self) -> int:
        """Source and target tokens, end marks counted, padding not."""
        return int(self.source_lengths_B.sum()) + int(self.mask_BT.sum())

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device; lengths stay where the kernels want them, on the CPU."""
        moved = {name: getattr(self, name).to(device) for name in ("source_BS", "input_BT", "output_BT")}
        return replace(self, **moved)

    def shard(self, number: int, count: int) -> tuple[Batch, float]:
        """Return every `count`-th row from `number` on, for one of so many processes, and its share of the targets.

        The shares add up to 1. Where there are too few rows, the last one is read for nothing: its share is 0.
        """
        if count == 1:
            return self, 1.0
        idle = number >= len(self.source_BS)
        rows = slice(-1, None) if idle else slice(number, None, count)
        names = ("source_BS", "source_lengths_B", "input_BT", "output_BT")
        own = replace(self, **{name: getattr(self, name)[rows] for name in names})
        return own, 0.0 if idle else int(own.mask_BT.sum()) / int(self.mask_BT.sum())


def pad(rows: Sequence[Items], vector: float = PAD) -> Tensor:
    """Return rows as one padded tensor: ids, B x longest, or vectors, B x longest x width, filled up with `vector`."""
    longest = max(map(len, rows), default=0)
    first = np.asarray(rows[0]) if rows else np.empty(0)
    vectors = first.ndim == 2
    fill, dtype = (vector, np.float32) if vectors else (PAD, np.int64)
    padded = np.full((len(rows), longest, *first.shape[1:]), fill, dtype)
    for row, items in zip(padded, rows, strict=True):
        row[: len(items)] = items
    return torch.from_numpy(padded)


def source_batch(rows: Sequence[Items], reverse: bool) -> tuple[Tensor, Tensor]:
    """Return (source_BS, lengths_B); an empty row is read as a lone `<eos>`, so that no length is zero.

    With `reverse`, each source is read backwards, as in the lecture and Sutskever 2014.
    """
    rows = [row if len(row) else [EOS] for row in rows]
    return pad([row[::-1] if reverse else row for row in rows]), torch.tensor([len(row) for row in rows])


def make_batch(sources: Sequence[Items], targets: Sequence[Items], recipe: Recipe) -> Batch:
    """Return the batch of a few rows, laid out as the recipe's head wants it.

    A decoder hears the target behind `<go>` and says it with `<eos>`; other heads say it as it is. Rows without a
    target are read behind `<eos>` and say themselves: at each position the next token.

    Raises:
        DataError: a head that answers at each position has not a target for each item; a forecaster has more targets
            than it says.
    """
    if recipe.reads_on:
        marked = [[EOS, *row, EOS] for row in sources]
        sources, targets = [row[:-1] for row in marked], [row[1:] for row in marked]
    if recipe.model.head.each_position and not recipe.reads_on:
        _check_labels(sources, targets)
    if isinstance(recipe.model.head, ForecasterParams):
        _check_horizon(targets, recipe.model.head.horizon)
    source_BS, lengths_B = source_batch(sources, recipe.model.reverse_source)
    if recipe.model.head.family != "decoder":
        return Batch(
            source_BS, lengths_B, torch.empty(len(lengths_B), 0, dtype=torch.long), pad(targets, np.nan), False
        )
    marked_BT = pad([[GO, *target, EOS] for target in targets])
    output_BT = marked_BT[:, 1:].contiguous()
    input_BT = marked_BT[:, :-1].masked_fill(output_BT == PAD, PAD)
    return Batch(source_BS, lengths_B, input_BT, output_BT, False)


def _check_labels(sources: Sequence[Items], targets: Sequence[Items]) -> None:
    for source, target in zip(sources, targets, strict=True):
        if len(source) != len(target):
            raise DataError(
                f"a row has {len(source)} items and {len(target)} labels or numbers, where one for each is needed; "
                "fix the row, or set tokenize kinds that part both sides alike"
            )


def _check_horizon(targets: Sequence[Items], horizon: int) -> None:
    if (longest := max(map(len, targets), default=0)) > horizon:
        raise DataError(f"a row has {longest} steps to be said, more than model.head.horizon {horizon}: set that")


class Epochs(ABC):
    """The rows of a split, to be read again and again."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of batches of the first epoch."""

    @abstractmethod
    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `first` on; the same whatever was drawn before."""


class Rows(Epochs):
    """Rows that stand alone, as batches of about `batch_tokens` target tokens.

    Rows are sorted by target length, then source length, ties broken at random; a batch is a run of this order, so
    padding is rare. Each epoch breaks the ties and shuffles the batches again, from its own seed.
    """

    def __init__(self, source: Ids, target: Ids, recipe: Recipe) -> None:
        self.source, self.target, self.recipe = source, target, recipe
        marks = recipe.reads_on or recipe.model.head.family == "decoder"
        # Of a million pairs these stay in memory: four bytes a length are enough.
        self.source_lengths = source.lengths.astype(np.int32)
        self.target_lengths = (target.lengths + int(marks)).astype(np.int32)

    def __len__(self) -> int:
        return len(self.plan(0))

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Return the row numbers of each batch of an epoch, in order."""
        random = np.random.default_rng((self.recipe.train.seed, epoch))
        order = np.lexsort((random.random(len(self.source)), self.source_lengths, self.target_lengths)).astype(np.int32)
        lengths = self.target_lengths[order]
        batches, first, longest = [], 0, 0
        for row, length in enumerate(lengths):
            longest = max(longest, int(length))
            if row > first and longest * (row + 1 - first) > self.recipe.train.batch_tokens:
                batches.append(order[first:row])
                first, longest = row, int(length)
        batches.append(order[first:])
        random.shuffle(batches)
        return batches

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        for rows in self.plan(epoch)[first:]:
            yield make_batch([self.source[row] for row in rows], [self.target[row] for row in rows], self.recipe)


class Streams(Epochs):
    """Running text: rows end to end, each followed by `<eos>`, cut into parallel streams.

    A batch holds the next `steps` tokens of each stream and continues the one before; the first token of the text is
    read behind an `<eos>`. Epochs after the first begin with a batch of random length, so that the cuts between batches
    fall elsewhere each time.
    """

    def __init__(self, rows: Ids | Sequence[Items], lengths: np.ndarray, streams: int, steps: int, seed: int) -> None:
        self.rows, self.steps, self.seed = rows, steps, seed
        self.starts = np.cumsum(lengths + 1) - (lengths + 1)
        self.length = int(lengths.sum()) + len(lengths)
        self.streams = max(min(streams, self.length // steps), 1)

    def __len__(self) -> int:
        return -(-self.length // self.streams // self.steps)

    def span(self, first: int, last: int) -> np.ndarray:
        """Return the tokens of the text from position `first` to before `last`; at -1 stands an `<eos>`."""
        if first >= last:
            return np.empty(0, np.int64)
        top, bottom = np.searchsorted(self.starts, [max(first, 0), last - 1], side="right") - 1
        rows = np.concatenate([np.append(self.rows[row], EOS) for row in range(top, bottom + 1)]).astype(np.int64)
        inside = rows[max(first, 0) - self.starts[top] : last - self.starts[top]]
        return np.append(EOS, inside) if first < 0 else inside

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        random = np.random.default_rng((self.seed, epoch))
        each = -(-self.length // self.streams)
        cut = int(random.integers(1, self.steps + 1)) if epoch else self.steps
        cuts = [0, *range(cut, each, self.steps), each]
        nothing = torch.empty(self.streams, 0, dtype=torch.long)
        for begin, end in itertools.pairwise(cuts[first:]):
            # The last stream may end before the others: what it lacks is padding, which is never scored.
            text = pad([self.span(i * each + begin - 1, min(i * each + end, self.length)) for i in range(self.streams)])
            lengths_B = torch.full((self.streams,), end - begin)
            yield Batch(text[:, :-1], lengths_B, nothing, text[:, 1:].contiguous(), begin > 0)


def batches(recipe: Recipe, source: Ids, target: Ids | None = None, most: int | None = None) -> Epochs:
    """Return the epochs of a split: streams where the recipe cuts running text, else rows.

    Args:
        target: None where rows say themselves.
        most: rows of a running text that are read, from its beginning; None reads all.
    """
    train = recipe.train
    if train.bptt:
        return Streams(source, source.lengths[:most], train.batch_tokens // train.bptt, train.bptt, train.seed)
    return Rows(source, source if target is None else target, recipe)
