"""Files -> lines of text, plain or packed, or one line that says which byte is wrong."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
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
    r"""Yield the lines of a UTF-8 file, plain or packed, without their ends ("\n" or "\r\n"; nothing else is one).

    Raises:
        DataError: the file is missing, damaged, packed beyond reason or not UTF-8 text; a line is longer than
            `LONGEST_LINE`, or lines end with "\r" alone; a letter has more than `MOST_MARKS` marks.
    """
    try:
        with opened(path) as file:
            # The limit (and room for BOM and line end) keeps a file that has no line ends out of memory.
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 6), b""), start=1):
                yield _decode(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, f"{path}:{number}")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; have fetch.members bring it, or fix prepare") from None
    except _damage() as error:
        raise DataError(f"{path}: cannot be read: {error}; bring the file again") from None


def opened(path: Path) -> IO[bytes]:
    """Open a file to read what it holds, unpacked: by its first bytes, since files are renamed on their way here.

    Raises:
        DataError: it is a zip archive of more than one file, packed with Zstandard where that is not installed, or
            becomes more than a text can.
        OSError: it cannot be opened, or is no plain file.
    """
    size = plain.hold(path)
    with path.open("rb") as file:
        first = file.read(6)
    for magic, unpacks in PACKED.items():
        if first.startswith(magic):
            if magic != GZIP or size * MOST_RATIO > plain.SMALL:
                _refuse_bomb(path, unpacks, plain.most_unpacked(size))
            return unpacks(path)
    return path.open("rb")


def _refuse_bomb(path: Path, unpacks: Callable[[Path], IO[bytes]], most: int) -> None:
    """Raise if a packed file becomes more bytes than it may: told before any of its rows are looked at."""
    with unpacks(path) as file:
        unpacked = 0
        while chunk := file.read(LONGEST_LINE):
            unpacked += len(chunk)
            if unpacked > most:
                raise DataError(f"{path}: becomes more than {most:,} bytes: no text does; unpack it if you trust it")


def _damage() -> tuple[type[Exception], ...]:
    """Return what those who unpack raise where a file is damaged."""
    known = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
    return (*known, sys.modules[ZSTD].ZstdError) if ZSTD in sys.modules else known


def _unzipped(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(names) != 1 or archive.getinfo(names[0]).flag_bits & 1:
        raise DataError(
            f"{path}: a zip archive of {len(names)} files, or with a password: unpack it, and name the files"
        )
    return archive.open(names[0])


def _unzstd(path: Path) -> IO[bytes]:
    try:
        return cast(IO[bytes], import_module(ZSTD).open(path, "rb"))
    except ImportError:
        raise DataError(f"{path}: packed with Zstandard: pip install {ZSTD}, or unpack it: unzstd FILE") from None


GZIP = b"\x1f\x8b"
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
PACKED: dict[bytes, Callable[[Path], IO[bytes]]] = {
    GZIP: cast(Callable[[Path], IO[bytes]], gzip.open),
    b"BZh": cast(Callable[[Path], IO[bytes]], bz2.open),
    b"\xfd7zXZ\0": cast(Callable[[Path], IO[bytes]], lzma.open),
    b"\x28\xb5\x2f\xfd": _unzstd,
    b"PK\x03\x04": _unzipped,
}
"""{the first bytes of a file: what opens it}"""


def _decode(line: bytes, where: str) -> str:
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if len(line) > LONGEST_LINE:
        raise DataError(f"{where}: longer than {LONGEST_LINE:,} bytes: no sentence; split it, or remove the line")
    if b"\0" in line:
        raise DataError(f"{where}: a NUL byte: not UTF-8 text; if it is UTF-16: iconv -f UTF-16 -t UTF-8 OLD > NEW")
    if b"\r" in line.rstrip(b"\r"):
        raise DataError(
            f"{where}: a carriage return within the line: where it is to end one: perl -pe 's/\\r\\n?/\\n/g' OLD > NEW"
        )
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
