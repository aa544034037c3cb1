"""Embeddings that others learnt, from text in word2vec's or GloVe's form."""

from __future__ import annotations

import bz2
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from unroll import plain
from unroll.data.numbers import finite
from unroll.data.pretraining import Known
from unroll.data.tables import Table
from unroll.data.tokenizers import JOINER, WORD_START, Tokenizer
from unroll.errors import DataError
from unroll.params.embed import Embed

LONGEST_WORD, LONGEST_NUMBER = 1000, 40
"""Bytes: a line has a word and its numbers."""
_SPACES = re.compile("[ \n\r]")
OPENERS: dict[str, Callable[..., Iterable[bytes]]] = {".gz": gzip.open, ".bz2": bz2.open}


def imported(path: Path, tokenizer: Tokenizer, params: Embed) -> Known:
    """Read the vectors of a vocabulary's pieces from text in word2vec's or GloVe's form, plain, .gz or .bz2.

    A piece is looked up as it is `written`; else without the mark that tells where a word starts, also in lower case.

    Raises:
        DataError: a line has another number of columns, or something that is not a number.
    """
    wanted: dict[str, list[tuple[int, int]]] = {}
    for index, piece in enumerate(tokenizer.vocabulary[tokenizer.special :], tokenizer.special):
        word = piece.removeprefix(WORD_START).removeprefix(JOINER)
        for rank, name in enumerate(dict.fromkeys((written(piece), word, word.lower()))):
            wanted.setdefault(name, []).append((rank, index))
    found: dict[int, Table] = {}
    best: dict[int, int] = {}
    for name, vector in read_vectors(path, params.dimensions, wanted.keys()):
        for rank, index in wanted[name]:
            if rank <= best.get(index, rank):
                found[index], best[index] = vector, rank
    return found


def written(piece: str) -> str:
    """Return a piece as a file of vectors has it, in which spaces part a word from its numbers.

    >>> written("New York")
    'New▁York'
    """
    return _SPACES.sub(WORD_START, piece)


def read_vectors(path: Path, dimensions: int, words: Iterable[str]) -> Iterator[tuple[str, Table]]:
    """Yield (word, vector) for the wanted words of a text file; a first line of two numbers is a header.

    Raises:
        DataError: as `imported`.
    """
    wanted = {word.encode() for word in words}
    longest = LONGEST_WORD + LONGEST_NUMBER * dimensions
    try:
        plain.hold(path)
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(longest), b""), 1):
                word, *cells = line.rstrip(b"\r\n ").split(b" ")
                width = str(len(cells))
                if number == 1 and len(cells) == 1 and word.isdigit() and cells[0].isdigit():
                    width, word = cells[0].decode()[:LONGEST_NUMBER].lstrip("0"), b""
                if width != str(dimensions):
                    raise DataError(
                        f"{path}:{number}: {width} numbers where embed.dimensions is {dimensions}; "
                        "set it to what the file has, or name another file"
                    )
                if word in wanted:
                    yield word.decode(), finite(cells, f"{path}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}; have fetch.members bring it") from None
