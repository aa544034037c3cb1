"""What is each column of a table? A text, a class, a number, the name of a split, a time, a group, a row's number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Literal, NamedTuple

from unroll.data.headers import numeric
from unroll.data.targets import are_numbers
from unroll.errors import DataError, ParamsError
from unroll.params.explaining import suggest

SPLITS = {
    "train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "development": "valid", "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
"""{what splits are called: which one it is}"""
CLASSES = 200
"""the most that are taken for such"""
LABELS = frozenset(("answer", "category", "class", "gender", "intent", "label", "lang", "language", "nationality",
    "polarity", "rating", "score", "sentiment", "tag", "target", "topic", "type", "y"))  # fmt: skip
GROUPS = frozenset(("author", "document", "group", "patient", "session", "speaker", "subject", "user"))
IDS = frozenset(("", "#", "guid", "id", "index", "key", "nr", "no", "uid", "uuid"))
TIMES = re.compile(r"\d{4}-\d{2}(-\d{2})?([T ]\d{2}:\d{2}.*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
Role = Literal["text", "class", "number", "split", "time", "group", "id", "empty"]


class Column(NamedTuple):
    """A column of a table: its name, or its number where there is no header; what it is; how its cells look."""

    name: str | int
    role: Role
    distinct: int
    letters: float
    """in a cell, on average"""


class Pair(NamedTuple):
    """What is to be learnt from a table: source -> target."""

    source: Column
    target: Column


def columns_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """Return what the columns of some rows are."""
    width = len(header) or Counter(map(len, rows)).most_common(1)[0][0]
    cells = [[row[place].strip() for row in rows if place < len(row)] for place in range(width)]
    return [_column(header[place] if header else place, below) for place, below in enumerate(cells)]


def _column(name: str | int, cells: list[str]) -> Column:
    filled = [cell for cell in cells if cell]
    counts = Counter(filled)
    letters = sum(map(len, filled)) / max(len(filled), 1)
    return Column(name, _role(str(name).lower(), filled, counts), len(counts), letters)


def _role(name: str, filled: list[str], counts: Counter[str]) -> Role:
    if not filled:
        return "empty"
    if len(counts) > 1 and "train" in {SPLITS.get(cell.lower()) for cell in counts} and len(counts) <= 3:
        return "split"
    if all(TIMES.fullmatch(cell) for cell in filled):
        return "time"
    if len(counts) == len(filled) and (name in IDS or name.endswith(("_id", " id")) or _counts_up(filled)):
        return "id"
    if numeric(filled):
        return "number" if are_numbers(counts) else "class"
    if name in GROUPS:
        return "group"
    recurring = len(counts) <= min(CLASSES, max(2, len(filled) // 4))
    return "class" if recurring and max(len(cell.split()) for cell in counts) <= 5 else "text"


def _counts_up(filled: list[str]) -> bool:
    return all(cell.isdigit() for cell in filled) and all(int(b) == int(a) + 1 for a, b in pairwise(filled))


def chosen(columns: Sequence[Column], source: str | None, target: str | None, where: str) -> Pair:
    """Return what a table is to teach: what was asked for, and else what its columns look like.

    Raises:
        ParamsError: there is no such column.
        DataError: no column is a text, or nothing is to be learnt of it.
    """
    texts = sorted((one for one in columns if one.role == "text"), key=lambda one: one.letters, reverse=True)
    read = named(columns, source, "--source") if source else None
    said = named(columns, target, "--target") if target else None
    if read is None and (said or len(texts) < 2 or _label(columns)):
        read = next((one for one in texts if one != said), None)
    if read is None:
        read = min((one for one in texts if one != said), key=columns.index, default=None)
    if read is None:
        raise DataError(
            f"{where}: no column is a text, nor is it seen what of its numbers is to be said ({_told(columns)}): say "
            "--target COLUMN or --source COLUMN; docs/own-data.md has sequences of numbers, pipelines/rows.yaml rows"
        )
    said = said or _label(columns) or next((one for one in columns if one.role == "text" and one != read), None)
    said = said or next((one for one in columns if one.role in ("class", "number") and one != read), None)
    if said is None:
        raise DataError(f"{where}: nothing beside the text '{read.name}' to learn ({_told(columns)}); say --target")
    return Pair(read, said)


def _label(columns: Sequence[Column]) -> Column | None:
    """Return the column of classes, or else of numbers, that is called so or stands alone beside a single text."""
    found = [[one for one in columns if one.role == role] for role in ("class", "number")]
    called = [one for one in chain(*found) if not LABELS.isdisjoint(re.split(r"[\W_]+", str(one.name).lower()))]
    lone = (found[0] or found[1])[-1:] if sum(one.role == "text" for one in columns) == 1 else []
    return next(iter(called + lone), None)


def named(columns: Sequence[Column], name: str, option: str) -> Column:
    """Return the column that a person named, or numbered.

    Raises:
        ParamsError: there is none.
    """
    for column in columns:
        if str(column.name) == name:
            return column
    raise ParamsError(f"{option} {name}: no such column{suggest(name, [str(one.name) for one in columns])}")


def _told(columns: Sequence[Column]) -> str:
    return ", ".join(f"'{one.name}' {one.role}" for one in columns)[:200]
