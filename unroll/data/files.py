"""Files -> lines of text, plain or gzipped, or one line that says which byte is wrong."""

from __future__ import annotations

import gzip
import unicodedata
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, cast

from unroll import plain
from unroll.errors import DataError

LONGEST_LINE = 2**20
"""bytes; a longer line is a damaged or a binary file, not a sentence, and is refused before it fills the memory"""
MOST_RATIO = 1032
"""Times its size that gzip can unpack at most."""
MOST_MARKS, LONG = 256, 4096
"""Marks on one letter, of which Unicode sorts n in n * n steps, and no script has ten; characters of a line of which
they are counted."""


def lines(path: Path) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 file, plain or gzipped, without their ends ("\n" or "\r\n"; nothing else is one).

    Raises:
        DataError: the file is missing, damaged, packed beyond reason or not UTF-8 text; a line is longer than
            `LONGEST_LINE`, or a letter has more than `MOST_MARKS` marks.
    """
    try:
        with _opened(path) as file:
            # The limit (and room for BOM and line end) keeps a file that has no line ends out of memory.
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 6), b""), start=1):
                yield _decode(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, f"{path}:{number}")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; have fetch.members bring it, or fix prepare") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}; bring the file again") from None


def _opened(path: Path) -> IO[bytes]:
    size = plain.hold(path)
    # By its first bytes, not by its name: files are renamed on their way here.
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if not packed:
        return path.open("rb")
    if size * MOST_RATIO > plain.SMALL:
        _refuse_bomb(path, plain.most_unpacked(size))
    return cast(IO[bytes], gzip.open(path, "rb"))


def _refuse_bomb(path: Path, most: int) -> None:
    """Raise if a packed file becomes more bytes than it may: told before any of its rows are looked at."""
    with gzip.open(path, "rb") as file:
        unpacked = 0
        while chunk := file.read(LONGEST_LINE):
            unpacked += len(chunk)
            if unpacked > most:
                raise DataError(f"{path}: becomes more than {most:,} bytes: no text does; unpack it if you trust it")


def _decode(line: bytes, where: str) -> str:
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if len(line) > LONGEST_LINE:
        raise DataError(f"{where}: longer than {LONGEST_LINE:,} bytes: no sentence; split it, or remove the line")
    if b"\0" in line:
        raise DataError(f"{where}: a NUL byte: not UTF-8 text; if it is UTF-16: iconv -f UTF-16 -t UTF-8 OLD > NEW")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8, most likely Latin-1; "
            "convert the file: iconv -f LATIN1 -t UTF-8 OLD > NEW"
        ) from None
    if len(text) > LONG and not text.isascii() and _most_marks(text) > MOST_MARKS:
        raise DataError(f"{where}: a letter with more than {MOST_MARKS} marks: no sentence; remove the line")
    return text


def _most_marks(text: str) -> int:
    runs = groupby(text, key=lambda letter: unicodedata.combining(letter) > 0)
    return max(sum(1 for _ in run) if marks else 0 for marks, run in runs)
