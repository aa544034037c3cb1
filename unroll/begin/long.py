"""Long tables, a frame a row, and .ts files: which column tells sequences apart, which is time, which is to be said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, combinations, groupby, islice, pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

from unroll.begin.roles import GROUPS, LABELS, Column, columns_of, named
from unroll.data.columns import csv_rows
from unroll.data.files import lines
from unroll.data.frames import MISSING, time_of
from unroll.data.headers import LOOKED_AT
from unroll.errors import DataError, ParamsError
from unroll.params.series import LONGEST

Section = dict[str, Any]
Kind = Literal["sequences", "frames", "quantities", "ahead"]
"""what is to be said: the class of a sequence or of each frame, a number of a sequence, or the numbers that follow"""
MOST = 200_000
"""rows that are looked at"""
TIMES = frozenset(("date", "datetime", "frame", "ms", "sample", "second", "seconds", "step", "t", "tick", "time",
    "timestamp", "ts"))  # fmt: skip
KIN = GROUPS | {"device", "engine", "machine", "participant", "person", "recording", "run", "trial", "unit"}
SAID = LABELS | {"activity", "anomaly", "event", "failure", "fault", "gesture", "phase", "stage", "state", "status"}
LEAST, FEW = 3, 10
"""frames of a sequence on average; sequences, of fewer of which each is parted in time"""
WINDOW, STEP = 128, 64
SEASONS = {"day": 86_400, "week": 604_800, "year": 31_557_600, "hour": 3_600}
"""{after what a series repeats itself, the likeliest first: seconds}"""
SEASONAL = range(4, 201)
"""frames that a season may have; without one, the least that is forecast is `AHEAD`"""
AHEAD, WEEK, LONG_WINDOW = 16, 7, 336
"""frames that are forecast where no season is known; seasons of a window, unless it has more frames than the third"""
ROWS = 20_000
"""windows that are learnt from, about"""


class Long(NamedTuple):
    """What a long table is.

    Attributes:
        kind: what is to be said.
        corpus: a section as `prepare.corpus` is.
        split: the column that names the split of a row, if one does, and its distinct cells.
        in_time: sequences are too few to be parted but in time.
        said: what a person wants to know.
    """

    kind: Kind
    corpus: Section
    split: tuple[Column, list[str]] | None
    in_time: bool
    said: list[str]


class _Rows(NamedTuple):
    """The columns of a table, and the cells of each."""

    columns: list[Column]
    cells: list[list[str]]

    def of(self, column: Column) -> list[str]:
        return self.cells[self.columns.index(column)]

    def keys(self, columns: Sequence[Column]) -> list[tuple[str, ...]]:
        """Return for each row its cells in some columns."""
        return list(zip(*map(self.of, columns), strict=True)) if columns else [()] * len(self.cells[0])

    def apart(self, columns: Sequence[Column]) -> int:
        """Return how many sequences some columns tell apart."""
        return len(set(self.keys(columns)))


def look(path: Path, delimiter: str, header: bool, target: str | None, ahead: bool) -> Long | None:
    """Return what a long table is; None where rows stand alone, or are texts.

    Args:
        ahead: numbers are to be forecast, however few of them there are.
    Raises:
        DataError: as `csv_rows`.
        ParamsError: there is no column `target`.
    """
    rows = (cells for _, cells in islice(csv_rows(path, delimiter), MOST) if cells)
    names = [name.strip() for name in next(rows)] if header else []
    first = list(islice(rows, LOOKED_AT))
    if not first or any(map(_is_text, zip(*first, strict=False))):
        return None
    width = len(names or first[0])
    every = [[cell.strip() for cell in cells] for cells in chain(first, rows) if len(cells) == width]
    table = _Rows(columns_of(names, every), [list(cells) for cells in zip(*every, strict=True)])
    wanted = named(table.columns, target, "--target") if target else None
    id_ = _id(table, wanted)
    if (time := _time(table, id_ or ())) is None and id_ is None:
        return None
    return _long(path, delimiter, header, table, id_ or (), time, wanted, ahead)


def _is_text(cells: Sequence[str]) -> bool:
    """Return whether cells are words rather than names of sequences, times or numbers."""
    return sum(cell.count(" ") > 1 for cell in cells) > len(cells) / 4


def _id(table: _Rows, target: Column | None) -> tuple[Column, ...] | None:
    """Return the columns that tell sequences apart; None: none do.

    Rows of a sequence stand together, and best its times are its own; of several columns those that part rows the
    finest. Where rows stand in any order, their times tell: the column within which none is there twice.
    """
    names = [one for one in table.columns if one != target and _names(one, table.of(one))]
    found = [[*filter(partial(_stand_together, table), combinations(names, count))] for count in (1, 2)]
    for group in sorted(found[0], key=table.apart, reverse=True) + sorted(found[1], key=table.apart):
        if _time(table, group):
            return group
    if found[0] and table.apart(finest := max(found[0], key=table.apart)) >= FEW:  # fewer are classes, sorted
        return finest
    times = [one for one in table.columns if _called_time(one) and table.apart((one,)) < len(table.cells[0])]
    alone = [(one,) for one in names if any(_is_time(table, time, (one,)) for time in times if time != one)]
    called = [(one,) for one in names if str(one.name).lower() in KIN and _time(table, (one,))]
    return min(alone or called, key=table.apart, default=None)


def _time(table: _Rows, id_: Sequence[Column]) -> Column | None:
    return next((one for one in table.columns if one not in id_ and _is_time(table, one, id_)), None)


def _names(column: Column, cells: Sequence[str]) -> bool:
    """Return whether cells can be the names of sequences: no fractions, not each another one, and not two alone."""
    if column.role in ("split", "empty") or SAID & _words(column) or not 2 < len(set(cells)) <= len(cells) / LEAST:
        return False
    return all(cell and not re.fullmatch(r"[-+]?\d*[.,]\d+(e[-+]?\d+)?", cell, re.IGNORECASE) for cell in set(cells))


def _stand_together(table: _Rows, columns: Sequence[Column]) -> bool:
    keys = table.keys(columns)
    return sum(1 for _ in groupby(keys)) == len(set(keys)) <= len(keys) / LEAST


def _words(column: Column) -> set[str]:
    """Return the words of a column's name."""
    return set(re.split(r"[\W_]+", str(column.name).lower()))


def _called_time(column: Column) -> bool:
    return column.role == "time" or not TIMES.isdisjoint(_words(column))


def _is_time(table: _Rows, column: Column, id_: Sequence[Column]) -> bool:
    """Return whether no time stands twice in a sequence, and a column is called a time, or counts up in each."""
    cells = table.of(column)
    keys = table.keys((*id_, column))
    if len(set(keys)) < len(keys):
        return False
    try:
        times = [time_of(cell, "") for cell in cells]
    except DataError:
        return False
    if _called_time(column):
        return True
    counts = zip(table.keys(id_), times, strict=True)
    stretches = [[time for _, time in stretch] for _, stretch in groupby(counts, key=lambda one: one[0])]
    return bool(id_) and all(one == [one[0] + place for place in range(len(one))] for one in stretches)


def _long(
    path: Path, delimiter: str, header: bool, table: _Rows, id_: tuple[Column, ...], time: Column | None,
    target: Column | None, ahead: bool,
) -> Long | None:  # fmt: skip
    keys = table.keys(id_)
    split = next((one for one in table.columns if one.role == "split"), None)
    rest = [one for one in table.columns if one not in (*id_, time, split)]
    constant = [one for one in rest if len(set(table.keys((*id_, one)))) == len(set(keys)) > 1]
    numbers = [one for one in rest if one not in constant and _numeric(table.of(one))]
    usual = None if ahead else _target(table, rest, constant, id_)
    target = target or usual or next(reversed(numbers), None)
    if target is None:
        return None
    channels = [one for one in numbers if one != target]
    numeric = _numeric(table.of(target)) and (ahead or target.role == "number")
    each = target not in (*constant, *id_)
    if numeric and each:
        return _ahead(path, delimiter, header, table, id_, time, [*channels, target], split)
    if not channels:
        return None
    groups = [one for one in (*constant, *id_[: len(id_) - 1]) if str(one.name).lower() in KIN and one != target]
    lengths = [sum(1 for _ in stretch) for _, stretch in groupby(sorted(keys))]
    apart = len(set(table.keys(groups[:1]))) if groups else len(lengths)
    in_time = split is None and (apart < 3 or (apart < FEW and not groups))
    windows = max(lengths) > LONGEST or (in_time and max(lengths) > 2 * WINDOW)
    corpus = _series(path, delimiter, header, id_, time, channels, target) | {
        "missing": _missing(table, channels, keys), "answer": "labels" if each else "number" if numeric else "label",
        "group": groups[0].name if groups else None,
        "window": WINDOW if windows else None, "step": STEP if windows else None,
    }  # fmt: skip
    kind: Kind = "frames" if each else "quantities" if numeric else "sequences"
    left = [str(one.name) for one in rest if one not in (target, *channels, *groups[:1])]
    names = (split, sorted(set(table.of(split)))) if split else None
    return Long(kind, corpus, names, in_time, list(_said(corpus, lengths, channels, split, left)))


def _ahead(
    path: Path, delimiter: str, header: bool, table: _Rows, id_: tuple[Column, ...], time: Column | None,
    channels: Sequence[Column], split: Column | None,
) -> Long | None:  # fmt: skip
    """Return what a table is whose last channel is to be forecast from what all were; None if it is too short."""
    if time is None:
        return None
    keys, target = table.keys(id_), channels[-1]
    lengths = [sum(1 for _ in stretch) for _, stretch in groupby(sorted(keys))]
    in_time = split is None and len(lengths) < FEW
    season = _season(table.of(time), keys)
    horizon = season or AHEAD
    window = WEEK * horizon if WEEK * horizon <= LONG_WINDOW else 2 * horizon
    # The least that a part in time needs: a window that it leaves out, one that is read, and what follows.
    room = int(0.15 * max(lengths)) if in_time else min(lengths) // 2
    window = min(window, (room - horizon) // 2)
    if window < max(horizon // 2, 2):
        return None
    corpus = _series(path, delimiter, header, id_, time, channels, target) | {
        "missing": _missing(table, channels, keys), "answer": "ahead", "horizon": horizon,
        "season": season if season and season <= window else None,
        "window": window, "step": max(sum(lengths) // ROWS, 1),
    }  # fmt: skip
    names = (split, sorted(set(table.of(split)))) if split else None
    said = list(_said(corpus, lengths, channels, split, []))
    return Long("ahead", corpus, names, in_time, said)


def _series(
    path: Path, delimiter: str, header: bool, id_: Sequence[Column], time: Column | None, channels: Sequence[Column],
    target: Column,
) -> Section:  # fmt: skip
    """Return a corpus of format series that says where its cells are, and nothing else yet."""
    return {
        "format": "series", "file": path.name, "delimiter": delimiter, "header": header, "where": None,
        "id": _columns(id_), "time": time.name if time else None, "most_gap": None,
        "channels": [one.name for one in channels], "missing": None, "target": target.name, "target_names": None,
        "answer": None, "horizon": None, "season": None, "group": None, "part": None, "window": None, "step": None,
    }  # fmt: skip


def _season(times: Sequence[str], keys: Sequence[tuple[str, ...]]) -> int | None:
    """Return after how many frames dated times are a day, a week, a year or an hour later; None of mere numbers."""
    if _numeric(times):
        return None
    stamps = sorted(time_of(time, "") for time, key in zip(times, keys, strict=True) if key == keys[0])
    gaps = sorted(after - before for before, after in pairwise(stamps))
    usual = gaps[len(gaps) // 2] if gaps else 0
    frames = (round(seconds / usual) for seconds in SEASONS.values()) if usual else ()
    return next((count for count in frames if count in SEASONAL), None)


def _target(table: _Rows, rest: Sequence[Column], constant: Sequence[Column], id_: Sequence[Column]) -> Column | None:
    """Return the column that is to be said: one that is called so, one class a sequence, a class or a number else."""
    several = [one for one in rest if len(set(table.of(one))) > 1]
    called = [one for one in several if not SAID.isdisjoint(_words(one))]
    classes = [one for one in several if one.role in ("class", "group", "text")]
    of_sequences = [one for one in constant if one in classes]
    apart = [one for one in of_sequences if str(one.name).lower() not in KIN] or of_sequences
    words = [one for one in classes if not _numeric(table.of(one))]
    numbers = [one for one in constant if one.role == "number"]
    marks = [one for one in classes if len(set(table.of(one))) == 2]
    within = [one for one in id_[:-1] if str(one.name).lower() in KIN or not _numeric(table.of(one))]
    for found in (called, apart, words, within, marks, numbers):
        if found:
            return found[-1]
    return None


def _numeric(cells: Sequence[str]) -> bool:
    """Return whether cells are numbers, or missing; not all of them."""
    filled = [cell for cell in cells if cell.lower() not in MISSING]
    try:
        return bool([float(cell) for cell in filled])
    except ValueError:
        return False


def _missing(table: _Rows, channels: Sequence[Column], keys: Sequence[tuple[str, ...]]) -> str | None:
    """Return what is to become of missing numbers: nothing where there are none."""
    lacking = [row for one in channels for row, cell in enumerate(table.of(one)) if cell.lower() in MISSING]
    if not lacking:
        return None
    first = {row for row, key in enumerate(keys) if row == 0 or key != keys[row - 1]}
    return "drop" if first.intersection(lacking) else "last"


def _columns(columns: Sequence[Column]) -> Any:
    names = [one.name for one in columns]
    return None if not names else names[0] if len(names) == 1 else names


def _said(
    corpus: Section, lengths: Sequence[int], channels: Sequence[Column], split: Column | None, left: Sequence[str]
) -> Iterator[str]:
    told = {"labels": "each frame has", "ahead": f"is forecast, {corpus.get('horizon')} frames ahead"}.get(
        corpus["answer"], "each sequence has"
    )
    by = corpus["id"] if isinstance(corpus["id"], list) else [corpus["id"]]
    apart = f"told apart by {', '.join(map(repr, by))}" if corpus["id"] is not None else "the file is one"
    span = f"{min(lengths):,} to {max(lengths):,}" if len(lengths) > 1 else f"{lengths[0]:,}"
    yield (
        f"a frame a row, {len(lengths):,} sequence{'s' * (len(lengths) > 1)} of {span} frames: {apart}"
        + (f"; {corpus['time']!r} is their time" if corpus["time"] is not None else "")
    )
    names = ", ".join(str(one.name) for one in channels)[:120]
    yield (
        f"read: {len(channels)} channel{'s' * (len(channels) > 1)}: {names}; to be said: {corpus['target']!r}, which "
        + told
        + (f"; {split.name!r} tells train from test" if split else "")
        + (f"; left out: {', '.join(left)}" if left else "")
    )
    if corpus["window"]:
        window, step = corpus["window"], corpus["step"]
        yield f"long sequences are cut into windows of {window} frames, each {step} behind the one before"
    if corpus["missing"]:
        what = {"last": "become the last ones of their channels", "drop": "leave their frames out"}[corpus["missing"]]
        yield f"missing numbers {what}"


def in_time(corpus: Section) -> dict[str, Section]:
    """Return the parts of a corpus in time: windows that are held out do not overlap."""
    whole = corpus | {"step": corpus.get("horizon") or corpus["window"]}
    return {
        "train": corpus | {"part": [0.0, 0.7]},
        "valid": whole | {"part": [0.7, 0.85]},
        "test": whole | {"part": [0.85, 1.0]},
    }


def look_ts(path: Path) -> tuple[Kind, str]:
    """Return what is to be said of the sequences of a .ts file, and what a person wants to know of it.

    Raises:
        ParamsError: nothing is.
    """
    head = {}
    for line in lines(path):
        key, _, value = line.strip().lower().partition(" ")
        if key == "@data":
            break
        head[key] = value.strip()
    dimensions = head.get("@dimensions", "1" if head.get("@univariate", "").startswith("true") else "several")
    answers: dict[str, Kind] = {"@classlabel": "sequences", "@targetlabel": "quantities"}
    for key, kind in answers.items():
        if head.get(key, "").startswith("true"):
            return kind, f"sequences of the UEA archive, of {dimensions} channels"
    raise ParamsError(f"{path.name}: has neither classes nor numbers to learn; a line @classLabel true says so")
