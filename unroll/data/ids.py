"""Rows of ids, or of vectors, as memory-mapped arrays: `ids` end to end, `offsets` where each row begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from unroll.data.tokenizers import ItemReader

PAD, GO, EOS, UNK = range(4)
SPECIAL = ["<pad>", "<go>", "<eos>", "[UNK]"]
"""The first pieces of every vocabulary."""

ID_DTYPE = np.dtype("<u2")
VALUE_DTYPE = np.dtype("<f4")
OFFSET_DTYPE = np.dtype("<i8")
CHUNK = 10_000
Items = Sequence[int] | np.ndarray
"""one row of ids, or of vectors: n x width"""


class Ids:
    """The items of one side of one split, as `write_ids` wrote them: `ids` end to end, `offsets` where each row begins.

    The items of a `VectorReader` are no ids but vectors: `ids` is then N x width, and a row n x width.
    """

    def __init__(self, folder: Path, split: str, side: str) -> None:
        self.offsets = _map(folder / f"{split}.{side}.offsets", OFFSET_DTYPE)
        values = folder / f"{split}.{side}.values"
        if values.exists():
            flat = _map(values, VALUE_DTYPE)
            self.ids = flat.reshape(int(self.offsets[-1]), -1) if len(flat) else flat.reshape(0, 0)
        else:
            self.ids = _map(folder / f"{split}.{side}.ids", ID_DTYPE)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Return the number of items of each row, without an end mark."""
        return np.diff(self.offsets)


def write_ids(folder: Path, split: str, side: str, reader: ItemReader, texts: Iterable[str]) -> None:
    """Write the ids of texts, or their vectors, a chunk at a time, so memory does not grow with the corpus.

    Raises:
        DataError: as in `VectorReader.encode`.
    """
    texts, written = iter(texts), 0
    name = f"{split}.{side}"
    with (
        (folder / f"{name}.{reader.suffix}").open("wb") as items,
        (folder / f"{name}.offsets").open("wb") as offsets,
    ):
        offsets.write(np.zeros(1, OFFSET_DTYPE).tobytes())
        while chunk := list(islice(texts, CHUNK)):
            rows = reader.encode(chunk)
            ends = written + np.cumsum([len(row) for row in rows], dtype=OFFSET_DTYPE)
            offsets.write(ends.tobytes())
            items.write(_flat(rows, reader.dtype).tobytes())
            written = int(ends[-1])


def _flat(rows: Sequence[Items], dtype: np.dtype) -> np.ndarray:
    return np.fromiter(chain.from_iterable(rows), dtype) if dtype == ID_DTYPE else np.concatenate(rows).astype(dtype)


def _map(path: Path, dtype: np.dtype) -> np.ndarray:
    # An empty file cannot be mapped. A plain view, because a memmap takes ten times as long to give a row.
    return np.asarray(np.memmap(path, dtype, mode="r")) if path.stat().st_size else np.empty(0, dtype)
