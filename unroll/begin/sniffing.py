"""What kind of file is this? Told by its first lines."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from unroll.data.files import lines
from unroll.data.headers import LOOKED_AT, is_header
from unroll.errors import DataError

DELIMITERS = (",", ";", "|")
PLAIN = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""suffixes that say how a file is packed, and nothing of what is in it"""
Kind = Literal["tsv", "csv", "jsonl", "conll", "ts", "lines"]


class Sniffed(NamedTuple):
    """What the first lines of a file tell.

    Attributes:
        kind: how its lines are to be read.
        delimiter: between its cells, if it has any.
        header: the names of its columns, if it has any.
        rows: its first rows of cells, without the header; of other kinds lines, a cell each.
    """

    kind: Kind
    delimiter: str
    header: list[str]
    rows: list[list[str]]


def sniff(path: Path) -> Sniffed:
    """Return what the first lines of a file tell.

    Raises:
        DataError: it is no text, or empty.
    """
    first = list(islice(lines(path), LOOKED_AT))
    filled = [line for line in first if line.strip()]
    if not filled:
        raise DataError(f"{path}: is empty; bring a file with a text a line, or rows of cells")
    if filled[0].startswith(("#", "@", "%")) and any(line.strip().lower() == "@data" for line in filled):
        return Sniffed("ts", ":", [], [[line] for line in filled])
    if filled[0].lstrip().startswith("{") and _is_json(filled[0]):
        return Sniffed("jsonl", "", [], [[line] for line in filled])
    if _is_conll(first):
        return Sniffed("conll", "\t" if "\t" in filled[-1] else " ", [], [line.split() for line in filled])
    if sum("\t" in line for line in filled) > 0.9 * len(filled):
        return _table("tsv", "\t", [line.split("\t") for line in filled])
    for delimiter in DELIMITERS:
        rows = _parted(first, delimiter)
        if _is_table(rows, named_so=suffix(path) == ".csv"):
            return _table("csv", delimiter, rows)
    return Sniffed("lines", "", [], [[line] for line in filled])


def suffix(path: Path) -> str:
    """Return a file's suffix in small letters, whatever it is packed with.

    >>> suffix(Path("mine.CSV.gz"))
    '.csv'
    """
    bare = path.with_suffix("") if path.suffix.lower() in PLAIN else path
    return bare.suffix.lower()


def stem(path: Path) -> str:
    """Return a file's name without suffixes.

    >>> stem(Path("a/Dutch.txt.gz"))
    'Dutch'
    """
    return path.name.split(".")[0] or path.name


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _is_conll(first: Sequence[str]) -> bool:
    """Return whether lines are words with as many columns each, and empty lines part sentences of several words."""
    words = [line for line in first if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    gaps = sum(not line.strip() for line in first[:-1])
    widths = Counter(len(line.split("\t") if "\t" in line else line.split()) for line in words)
    if not words or len(widths) != 1 or min(widths) < 2 or gaps < 1:
        return False
    return len(words) >= 2 * gaps and not any(" " in line.split("\t")[0].strip() and "\t" in line for line in words)


def _parted(first: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        rows = list(csv.reader((f"{line}\n" for line in first), delimiter=delimiter))
    except csv.Error:
        return []
    # The last one may go on behind the lines that were looked at.
    return [row for row in (rows[:-1] if len(first) == LOOKED_AT else rows) if row]


def _is_table(rows: Sequence[Sequence[str]], named_so: bool) -> bool:
    """Return whether nearly all rows have as many cells; those of a file that is called a table need not be so many."""
    if not rows:
        return False
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return width > 1 and len(rows) > 1 and count >= (0.6 if named_so else 0.98) * len(rows)


def _table(kind: Kind, delimiter: str, rows: list[list[str]]) -> Sniffed:
    header = is_header(rows)
    return Sniffed(kind, delimiter, [cell.strip() for cell in rows[0]] if header else [], rows[header:])
