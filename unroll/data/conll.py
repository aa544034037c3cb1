"""CoNLL's files, and CoNLL-U: a word a line in columns, an empty line behind each sentence, remarks in between."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from unroll.errors import DataError

NEW = ("newdoc", "newpar")


class Line(NamedTuple):
    """A line of a sentence: its number, its text, and its cells; none where it is a remark."""

    number: int
    text: str
    cells: list[str]


def sentences(lines: Iterable[str]) -> Iterator[list[Line]]:
    """Yield the lines of each sentence, remarks among them, without the empty line behind it."""
    found: list[tuple[int, str]] = []
    for number, text in enumerate(chain(lines, [""]), start=1):
        if text.strip():
            found.append((number, text))
        elif found:
            tabs = any("\t" in text for _, text in found)
            yield [Line(number, text, _cells(text, tabs)) for number, text in found]
            found = []


def _cells(line: str, tabs: bool) -> list[str]:
    """Return the cells of a line; none of a remark, of a document's mark, or of what CoNLL-U says of several words.

    Args:
        tabs: part the cells of other lines.
    """
    cells = line.split("\t") if "\t" in line else line.split()
    alone = tabs or len(cells) == 1 or cells[1] in NEW or cells[2:3] == ["="]
    remark = line.startswith("#") and "\t" not in line and alone
    between = len(cells) == 10 and re.fullmatch(r"\d+[-.]\d+", cells[0])
    return [] if remark or between or cells[0] == "-DOCSTART-" else cells


def word_at(line: Line, column: int, where: str) -> str:
    """Return the word in a column, from 0 or with -1 from the last; what has spaces within is joined by underscores.

    Raises:
        DataError: there is none.
    """
    there = -len(line.cells) <= column < len(line.cells)
    word = "_".join(line.cells[column].split()) if there else ""
    if not word:
        raise DataError(
            f"{where}:{line.number}: column {column} is empty, of {len(line.cells)}; fix the line, or which column "
            "is read"
        )
    return word


def column_of_words(lines: Iterable[Line]) -> int:
    """Return where words stand, by the looks of a sentence: in CoNLL-U behind their numbers, else first."""
    return 1 if any(len(line.cells) == 10 and line.cells[0].isdigit() for line in lines) else 0
