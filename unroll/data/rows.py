"""A row: a source, its target, and whom to thank; and the files in which the prepare stage leaves rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SPLITS = ("train", "valid", "test")


class Row(NamedTuple):
    """A pair and whom to thank for it. What the file lacks is an empty string, the target of a lone line too.

    `kin` is what makes rows relatives that share no side, such as the recording that their windows are cut from. It is
    asked for by who parts rows, and not written.
    """

    source: str
    target: str
    attribution: str
    kin: str = ""


class Placed(Row):
    """A row as a reader found it, which knows where."""

    where: str
    """file:line"""

    @classmethod
    def at(cls, where: str, source: str, target: str, attribution: str, kin: str = "") -> Placed:
        """Return a row that stands there."""
        row = cls(source, target, attribution, kin)
        row.where = where
        return row


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file that the prepare stage wrote."""
    return (Row(*cells) for cells in _cells(path))


def column(path: Path, side: str) -> Iterator[str]:
    """Yield one side of a file that the prepare stage wrote, in half the time of its rows."""
    place = Row._fields.index(side)
    return (cells[place] for cells in _cells(path))


def _cells(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def references(path: Path) -> dict[str, list[str]]:
    """Return {source: its targets} for a prepared file, each distinct source once, in the order of the file."""
    found: dict[str, list[str]] = {}
    for row in read_rows(path):
        found.setdefault(row.source, []).append(row.target)
    return found
