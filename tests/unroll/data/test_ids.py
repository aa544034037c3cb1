"""Ids and vectors as they lie in files: written a chunk at a time, mapped, and the same again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unroll.data import ids
from unroll.data.ids import Ids, write_ids
from unroll.data.tokenizers import ItemReader, SpaceTokenizer, VectorReader, train
from unroll.errors import DataError
from unroll.params.tokenize import Pieces

SENTENCES = ["I drink milk.", "You drink water, don't you?", "She has 3.5 dogs.", "Bebo agua."]


@pytest.fixture(scope="module")
def words() -> ItemReader:
    return train(iter(SENTENCES), Pieces(kind="word", vocab_size=60, lowercase=False))


def mapped(items: Ids) -> bool:
    """Return whether items lie in their file, not in memory of the process."""
    owner = items.ids
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return isinstance(owner, np.memmap)


@pytest.mark.parametrize("chunk", [1, 3, 10_000])
def test_ids_written_are_the_ids_read(
    words: ItemReader, tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ids, "CHUNK", chunk)
    sentences = ["", *SENTENCES, "", "Bebo."]
    write_ids(tmp_path, "train", "source", words, iter(sentences))
    items = Ids(tmp_path, "train", "source")
    assert mapped(items)
    assert [items[row].tolist() for row in range(len(items))] == words.encode(sentences)
    assert items.lengths.tolist() == [len(row) for row in words.encode(sentences)]


def test_ids_are_two_little_bytes_whatever_the_machine(tmp_path: Path) -> None:
    spaces = SpaceTokenizer([*SpaceTokenizer.RESERVED, *map(str, range(300))], lowercase=False)
    write_ids(tmp_path, "train", "source", spaces, ["0 299", "1"])
    assert (tmp_path / "train.source.ids").read_bytes() == bytes([4, 0, 47, 1, 5, 0])
    assert (tmp_path / "train.source.offsets").read_bytes() == bytes([*[0] * 8, 2, *[0] * 7, 3, *[0] * 7])


def test_no_text_at_all_can_be_written_and_read(words: ItemReader, tmp_path: Path) -> None:
    write_ids(tmp_path, "valid", "source", words, iter([]))
    assert len(Ids(tmp_path, "valid", "source")) == 0


def test_vectors_are_written_and_mapped(tmp_path: Path) -> None:
    reader = VectorReader(3)
    write_ids(tmp_path, "train", "source", reader, iter(["1 2 3; 4 5 6", "7 8 9.5"]))
    items = Ids(tmp_path, "train", "source")
    assert mapped(items)
    assert items.ids.dtype == np.dtype("<f4")
    assert [items[row].tolist() for row in range(len(items))] == [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9.5]]]
    assert items.lengths.tolist() == [2, 1]
    assert (tmp_path / "train.source.values").read_bytes() == np.array([1, 2, 3, 4, 5, 6, 7, 8, 9.5], "<f4").tobytes()
    write_ids(tmp_path, "valid", "source", reader, [])
    assert len(Ids(tmp_path, "valid", "source")) == 0


def test_what_is_no_vector_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"vector 2 of '1 2; 3': has 1 numbers where 2 are needed"):
        write_ids(tmp_path, "train", "source", VectorReader(2), ["1 2; 3"])
