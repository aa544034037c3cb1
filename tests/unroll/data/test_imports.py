"""Vectors of others: found as they stand or in lower case, or refused in one line."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest

from tests import recipes
from unroll.data.imports import imported, read_vectors
from unroll.data.tokenizers import SpaceTokenizer, WordTokenizer
from unroll.errors import DataError
from unroll.params.tokenize import Pieces

SETTINGS = recipes.embed("random", dimensions=2)


@pytest.mark.parametrize("header", [b"", b"3 2\n"], ids=["GloVe", "word2vec"])
@pytest.mark.parametrize("packed", [False, True])
def test_vectors_of_others_are_found_as_written_or_in_lower_case(tmp_path: Path, header: bytes, packed: bool) -> None:
    tokenizer = WordTokenizer([*WordTokenizer.RESERVED, "Milk", "milk", "Tea", "￭tea"], lowercase=False)
    content = header + b"tea 1 2\nmilk 3 4\nMilk 5 6\nunused x y\n"
    path = tmp_path / ("vectors.txt.gz" if packed else "vectors.txt")
    path.write_bytes(gzip.compress(content) if packed else content)
    found = imported(path, tokenizer, SETTINGS)
    named = {tokenizer.vocabulary[row]: vector.tolist() for row, vector in found.items()}
    assert named == {"Milk": [5, 6], "milk": [3, 4], "Tea": [1, 2], "￭tea": [1, 2]}


def test_vectors_in_lower_case_start_what_stands_between_spaces(tmp_path: Path) -> None:
    spaces = SpaceTokenizer.train(iter(["Milk , milk"]), Pieces(kind="space", vocab_size=8, lowercase=True))
    (tmp_path / "glove.txt.bz2").write_bytes(bz2.compress(b", 1 2\nmilk 3 4\n"))
    found = imported(tmp_path / "glove.txt.bz2", spaces, SETTINGS)
    assert {spaces.vocabulary[row]: vector.tolist() for row, vector in found.items()} == {",": [1, 2], "milk": [3, 4]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"milk 1 2\ntea 1\n", r"v\.txt:2: 1 numbers where embed\.dimensions is 2"),
        (b"9 300\nmilk 1 2\n", r"v\.txt:1: 300 numbers where"),
        (b"milk 1 2\ntea 1 two\n", r"v\.txt:2: not a row of finite numbers"),
        (b"9 99999999999\nmilk 1 2\n", r"v\.txt:1: 99999999999 numbers where"),
        (b"milk 1 " + b"2" * 10**6, r"v\.txt:1: not a row of finite numbers"),
        (b"tea 1 nan\n", r"v\.txt:1: not a row of finite numbers"),
        (None, r"v\.txt: cannot be read.*fetch\.members"),
    ],
)
def test_a_bad_file_of_vectors_is_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    tokenizer = WordTokenizer([*WordTokenizer.RESERVED, "milk", "tea"], lowercase=False)
    if content is not None:
        (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        imported(tmp_path / "v.txt", tokenizer, SETTINGS)


def test_only_wanted_words_are_read(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes("año 1 2\nx y z\nmilk 3 4 \r\n".encode())
    found = [(word, vector.tolist()) for word, vector in read_vectors(tmp_path / "v.txt", 2, ["milk", "año"])]
    assert found == [("año", [1, 2]), ("milk", [3, 4])]
