"""A long table, a frame a row -> the frames of each of its sequences, in order.

The numbers of a file are held, 4 bytes each: a sequence may stand in any order, among others.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unroll.data.columns import csv_rows, header_of, kept, named, place_of
from unroll.data.headers import LOOKED_AT
from unroll.errors import DataError
from unroll.params.columns import Column
from unroll.params.series import Series, several

MISSING = frozenset(("", "?", "na", "n/a", "nan", "none", "null", "nil", "-"))
"""what people write where a number is missing, in small letters"""
FILLED = {
    "last": "frames lacked a number, and have the last one of its channel",
    "zero": "frames lacked a number, and have zero",
    "drop": "frames lacked a number, and are left out",
}
"""{what becomes of a missing number: as it is told}"""
MOST = float(np.finfo(np.float32).max)


@dataclass
class Frames:
    """The frames of one sequence, in order.

    Attributes:
        name: of the sequence: the cells of its id.
        kin: what makes it a relative of others.
        lines: where each frame stands.
        times: of each frame; none without a column of time.
        numbers: of all frames, one after another.
        targets: of each frame; none where nothing was asked for.
    """

    name: str
    kin: str
    lines: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    numbers: array[float] = field(default_factory=lambda: array("f"))
    targets: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def vectors(self, width: int) -> np.ndarray:
        """Return the numbers of each frame."""
        return np.frombuffer(self.numbers, np.float32).reshape(-1, width)

    def chosen(self, frames: Sequence[int] | np.ndarray, width: int) -> Frames:
        """Return a sequence of some of the frames."""
        vectors = self.vectors(width)[frames]
        return Frames(
            self.name,
            self.kin,
            array("q", (self.lines[i] for i in frames)),
            array("d", (self.times[i] for i in frames) if self.times else ()),
            array("f", vectors.tobytes()),
            [self.targets[i] for i in frames] if self.targets else [],
        )


class _Places(NamedTuple):
    """Where in a row the cells are that are wanted, and how many a row has: 0, any number."""

    id: tuple[int, ...]
    time: int | None
    channels: tuple[int, ...]
    target: int | None
    group: tuple[int, ...]
    where: int | None
    width: int

    @property
    def needed(self) -> int:
        """How many cells a row needs."""
        lone = [place for place in (self.time, self.target, self.where) if place is not None]
        return 1 + max((*self.id, *self.channels, *self.group, *lone))


def sequences(corpus: Series, path: Path, answered: bool) -> Iterator[Frames]:
    """Yield the sequences of one file, each in the order of its times, parted where time has gaps.

    Args:
        answered: whether the columns of answers and groups are there, and asked for.
    Raises:
        DataError: as `lines`; a column is not there, a row is too short or too long; a cell is missing, no number or no
            time; a time occurs twice in a sequence; a sequence without times is parted by others.
    """
    found = _collected(corpus, path, answered)
    if not found:
        raise DataError(f"{path}: no row of numbers; fix the file, or where")
    unsorted = 0
    for one in found:
        order = np.argsort(np.array(one.times), kind="stable") if corpus.time is not None else np.arange(len(one))
        if (order[1:] < order[:-1]).any():
            unsorted += 1
            one = one.chosen(order, len(corpus.channels))
        _fill(corpus, one, path)
        for stretch in _without_gaps(corpus, one, path):
            yield from _part(corpus, stretch)
    if unsorted:
        of = f"{unsorted:,} of {len(found):,} sequences"
        _tell(f"{path.name}: {of} stood out of order, and are sorted by '{corpus.time}'")


def _collected(corpus: Series, path: Path, answered: bool) -> list[Frames]:
    """Return the frames of each sequence, as they stand."""
    rows = csv_rows(path, corpus.delimiter)
    first = list(islice(rows, LOOKED_AT))
    by_name = any(isinstance(column, str) for column in _asked(corpus, answered).values())
    header = header_of(corpus.header, by_name and corpus.header == "auto", first, path)
    places = _places(corpus, header, path, answered)
    found: dict[tuple[str, ...], Frames] = {}
    filled = Counter[str]()
    last: tuple[str, ...] = ()
    for number, cells in chain(first[bool(header) :], rows):
        if not cells or (
            corpus.where and places.where is not None and not kept(cells, places.where, corpus.where.cells)
        ):
            continue
        places = places if places.width else places._replace(width=len(cells))
        where = f"{path}:{number}"
        _check_width(cells, places, where)
        key = tuple(cells[place].strip() for place in places.id)
        kin = _kin(corpus, places, cells, path)
        one = found.setdefault(key, Frames(" ".join(key), kin))
        if key != last and len(one) and corpus.time is None:
            raise DataError(
                f"{where}: sequence '{one.name[:40]}' goes on behind another one: add the columns to id that tell the "
                "two apart, or name the column of time by which its rows are to be sorted"
            )
        if kin != one.kin:
            raise DataError(f"{where}: sequence '{one.name[:40]}' has another group above: add the group to id")
        last = key
        if (what := _add(corpus, places, one, cells, where, number)) is not None:
            filled[what] += 1
    for what, count in filled.items():
        _tell(f"{path.name}: {count:,} {what}")
    return [one for one in found.values() if len(one)]


def _asked(corpus: Series, answered: bool) -> dict[str, Column]:
    """Return {parameter: column} for the lone columns and the lists of a corpus, those of answers if they are there."""
    lone = {"time": corpus.time, "where.column": corpus.where.column if corpus.where else None}
    lists = {"id": several(corpus.id), "channels": corpus.channels}
    if answered:
        lone["target"] = corpus.target
        lists["group"] = several(corpus.group)
    found = {name: column for name, column in lone.items() if column is not None}
    return found | {f"{name} {place}": one for name, columns in lists.items() for place, one in enumerate(columns)}


def _places(corpus: Series, header: list[str], path: Path, answered: bool) -> _Places:
    found = {name: place_of(one, header, name.split()[0], path) for name, one in _asked(corpus, answered).items()}

    def of(name: str) -> tuple[int, ...]:
        return tuple(place for asked, place in found.items() if asked.split()[0] == name)

    lone = found.get
    return _Places(
        of("id"), lone("time"), of("channels"), lone("target"), of("group"), lone("where.column"), len(header)
    )


def _check_width(cells: list[str], places: _Places, where: str) -> None:
    if not places.needed <= len(cells) <= places.width:
        need = f"{places.needed} are needed" if len(cells) < places.needed else f"the first row has {places.width}"
        raise DataError(f"{where}: {len(cells)} cells, where {need}: fix the line, the delimiter, or the columns")


def _kin(corpus: Series, places: _Places, cells: list[str], path: Path) -> str:
    """Return what makes a sequence a relative of others: its group, or else itself; another part in time is no kin."""
    of, columns = ("group", places.group) if places.group else (path.name, places.id)
    own = "\x1f".join([of, *(cells[place].strip() for place in columns)])
    return f"{own}\x1f{corpus.part}" if corpus.part else own


def _add(corpus: Series, places: _Places, one: Frames, cells: list[str], where: str, number: int) -> str | None:
    """Add a row to its sequence, or leave it out; return what became of a missing number of it, if one is."""
    numbers, what = array("f"), None
    for place in places.channels:
        cell = cells[place].strip()
        if cell.lower() in MISSING:
            if corpus.missing is None:
                raise DataError(
                    f"{where}: no number in column {place}, counted from 0: fill it in, or say what becomes of it: "
                    "missing: last, zero or drop"
                )
            what = FILLED[corpus.missing]
            numbers.append(math.nan if corpus.missing == "last" else 0.0)
        else:
            numbers.append(number_of(cell, where))
    if what == FILLED["drop"]:
        return what
    if places.time is not None:
        one.times.append(time_of(cells[places.time].strip(), where))
    if places.target is not None:
        one.targets.append(_target(corpus, cells[places.target].strip(), where))
    one.lines.append(number)
    one.numbers.extend(numbers)
    return what


def _fill(corpus: Series, one: Frames, path: Path) -> None:
    """Put the last number of its channel where one is missing, in the order of time.

    Raises:
        DataError: there is none before it.
    """
    width = len(corpus.channels)
    for place in np.flatnonzero(np.isnan(one.numbers)).tolist():
        if place < width:
            raise DataError(
                f"{path}:{one.lines[0]}: no number for '{corpus.channels[place]}', nor one before it in the sequence: "
                "fill it in, or set missing: zero or drop"
            )
        one.numbers[place] = one.numbers[place - width]


def number_of(cell: str, where: str) -> float:
    """Return the number that a cell holds.

    Raises:
        DataError: it holds none, or one that is not finite as a float32.
    """
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not abs(value) <= MOST:
        comma = ": a point parts decimals" if "," in cell else ""
        raise DataError(f"{where}: '{cell[:40]}' is not a finite number{comma}; fix the line, or leave the column out")
    return value


def time_of(cell: str, where: str) -> float:
    """Return a time as a number, of ISO 8601 in seconds; one that names no zone is taken for UTC.

    Raises:
        DataError: it is none.
    """
    try:
        found = float(cell)
    except ValueError:
        try:
            when = datetime.fromisoformat(cell)
            found = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        except ValueError:
            found = math.nan
    if not math.isfinite(found):
        raise DataError(f"{where}: '{cell[:40]}' is no time: write a number, or ISO 8601 such as 2026-01-31 23:59:59")
    return found


def _target(corpus: Series, cell: str, where: str) -> str:
    if not cell:
        raise DataError(f"{where}: nothing in column '{corpus.target}', which is to be said; fill it in")
    if corpus.numeric:
        return f"{number_of(cell, where):.9g}"
    label = named(cell, corpus.target_names, where)
    return "_".join(label.split()) if corpus.each_frame else label


def _without_gaps(corpus: Series, one: Frames, path: Path) -> Iterator[Frames]:
    """Yield a sequence, parted where more time than `most_gap` is without a frame.

    Raises:
        DataError: a time occurs twice.
    """
    cuts = [0]
    for place, (before, after) in enumerate(pairwise(one.times), start=1):
        if before == after:
            raise DataError(
                f"{path}:{one.lines[place]}: sequence '{one.name[:40]}' has the time of line {one.lines[place - 1]} "
                "again: remove one of them, or add the columns to id that tell the two apart"
            )
        if corpus.most_gap and after - before > corpus.most_gap:
            cuts.append(place)
    if len(cuts) == 1:
        yield one
        return
    for first, end in pairwise([*cuts, len(one)]):
        yield one.chosen(range(first, end), len(corpus.channels))


def _part(corpus: Series, one: Frames) -> Iterator[Frames]:
    """Yield the part of a sequence in time that is asked for, unless nothing is left of it."""
    if corpus.part is None:
        yield one
        return
    first, end = (int(share * len(one)) for share in corpus.part)
    first += (corpus.window or 0) if first else 0
    if first < end:
        yield one.chosen(range(first, end), len(corpus.channels))


def _tell(line: str) -> None:
    print(f"prepare: {line}", file=sys.stderr)
