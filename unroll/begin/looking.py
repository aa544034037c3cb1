"""Files -> the corpus that they are: which format, which columns, which files are for validation and test."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from unroll.begin import long
from unroll.begin.roles import SPLITS, Column, Pair, Role, chosen, columns_of
from unroll.begin.sniffing import Sniffed, sniff, stem, suffix
from unroll.data.files import lines
from unroll.errors import DataError, ParamsError

Section = dict[str, Any]
Rows = Literal["pairs", "classes", "numbers", "tags", "running", "sequences", "frames", "quantities", "ahead"]
"""what rows are: two texts, a text and its class, a text and a number, words and their tags, lines of a text; sequences
of numbers with a class, with one for each frame, or with a number"""
PARTS = ("train", "valid", "test")
DELIMITED = {",": "commas", ";": "semicolons", "|": "bars", "\t": "tabs"}


class Wanted(NamedTuple):
    """What a person said beside the files: a shape, and the columns to read and to say."""

    shape: str | None = None
    source: str | None = None
    target: str | None = None

    @property
    def turned(self) -> bool:
        """Whether a class is read, and a text said."""
        return self.shape == "one_to_n"


class Look(NamedTuple):
    """What files are.

    Attributes:
        rows: what their rows are.
        corpora: {part: a section as `prepare.corpus` is}; train, and those that somebody set apart.
        said: what a person wants to know.
    """

    rows: Rows
    corpora: dict[str, Section]
    said: list[str]


def look(files: Sequence[Path], wanted: Wanted) -> Look:
    """Return what files are.

    Raises:
        DataError: one cannot be read, or nothing is to be learnt of them.
        ParamsError: there is no such column, or files of several kinds stand together.
    """
    if any(path.is_dir() for path in files):
        return _folder(files, wanted)
    kinds = {path: sniff(path) for path in files}
    if len({found.kind for found in kinds.values()}) > 1:
        told = ", ".join(f"{path.name} is {found.kind}" for path, found in kinds.items())
        raise ParamsError(f"files of several kinds: {told}; name files of one kind, or make a pipeline for each")
    first = kinds[files[0]]
    if first.kind == "lines":
        return _lines(files, wanted)
    if first.kind == "conll":
        return _tagged(files, first, wanted)
    if first.kind == "ts":
        return _archived(files)
    return _table(files, kinds, wanted)


def parts_of(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Return files by the part of the corpus that their names tell; without any for test all are for training.

    >>> parts_of([Path("train.csv"), Path("my.test.csv")])
    {'train': [PosixPath('train.csv')], 'test': [PosixPath('my.test.csv')]}
    """
    parts: dict[str, list[Path]] = {}
    for path in files:
        words = re.split(r"[._\-\s]", path.name.lower())
        parts.setdefault(next((SPLITS[word] for word in words if word in SPLITS), "train"), []).append(path)
    return parts if {"train", "test"} <= parts.keys() else {"train": list(files)}


def _one(files: Sequence[Path]) -> str | list[str]:
    return files[0].name if len(files) == 1 else [path.name for path in files]


def _names(files: Sequence[Path]) -> str:
    return ", ".join(path.name for path in files)


def _folder(files: Sequence[Path], wanted: Wanted) -> Look:
    if len(files) > 1:
        raise ParamsError("several folders: name the one folder that has a folder, or a file, for each class")
    folder, label = files[0], "source" if wanted.turned else "target"
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if inside and all(path.is_dir() for path in inside):
        named = {SPLITS.get(path.name.lower()) for path in inside}
        if {"train", "test"} <= named:
            corpora = {
                str(SPLITS[path.name.lower()]): _foldered(f"{folder.name}/{path.name}", label) for path in inside
                if path.name.lower() in SPLITS
            }  # fmt: skip
            return Look("classes", corpora, [f"{folder}: folders for {', '.join(corpora)}, a folder a class in each"])
        told = f"{folder}: a folder for each of {len(inside)} classes, a text a file"
        return Look("classes", {"train": _foldered(folder.name, label)}, [told])
    if len(inside) < 2 or not all(path.is_file() for path in inside):
        raise DataError(f"{folder}: neither a folder for each class nor a file for each; name the files themselves")
    return _labelled(inside, wanted, f"{folder.name}/")


def _foldered(folder: str, label: str) -> Section:
    return {"format": "folders", "folder": folder, "label": label, "lines": False}


def _labelled(files: Sequence[Path], wanted: Wanted, below: str = "") -> Look:
    labels = {stem(path): f"{below}{path.name}" for path in files}
    if len(labels) < len(files):
        raise ParamsError("two files would be of one class: name them by their classes, such as Dutch.txt")
    label = "source" if wanted.turned else "target"
    told = f"a file for each of {len(labels)} classes, a text a line: {', '.join(list(labels)[:8])}"
    return Look("classes", {"train": {"format": "labelled", "label": label, "files": labels}}, [told])


def _lines(files: Sequence[Path], wanted: Wanted) -> Look:
    """Return what files of lines are: parallel ones, a running text, or a class each."""
    parts = parts_of(files)
    languages = list(dict.fromkeys(suffix(path) for path in files))
    if len(files) == 1 or wanted.shape == "n_to_n":
        return _running(parts)
    if len(languages) == 2 and all(
        len(_of(one, languages[0])) == len(_of(one, languages[1])) for one in parts.values()
    ):
        return _aligned({part: (_of(one, languages[0]), _of(one, languages[1])) for part, one in parts.items()})
    if len(files) == 2 and _count(files[0]) == _count(files[1]):
        return _aligned({"train": ([files[0]], [files[1]])})
    if "test" in parts and len(languages) == 1:
        return _running(parts)
    if len(languages) == 1:
        return _labelled(files, wanted)
    raise ParamsError(
        f"{len(files)} files of lines with the suffixes {', '.join(languages)}: parallel files come in twos, such as "
        "mine.en and mine.nl; files of a class each have one suffix, such as no.txt and yes.txt"
    )


def _of(files: Sequence[Path], language: str) -> list[Path]:
    return sorted(path for path in files if suffix(path) == language)


def _count(path: Path) -> int:
    return sum(1 for _ in lines(path))


def _running(parts: dict[str, list[Path]]) -> Look:
    corpora = {
        part: {"format": "lines", "files": [path.name for path in files], "pairs": False}
        for part, files in parts.items()
    }
    names = ", ".join(path.name for files in parts.values() for path in files)
    return Look("running", corpora, [f"{names}: lines of text"])


def _aligned(parts: dict[str, tuple[list[Path], list[Path]]]) -> Look:
    corpora = {
        part: {"format": "aligned", "source_file": _one(sources), "target_file": _one(targets)}
        for part, (sources, targets) in parts.items()
    }
    told = [
        f"{part}: {_names(sources)} -> {_names(targets)}, line by line" for part, (sources, targets) in parts.items()
    ]
    return Look("pairs", corpora, told)


def _tagged(files: Sequence[Path], first: Sniffed, wanted: Wanted) -> Look:
    width = len(first.rows[-1])
    universal = width == 10 and first.rows[-1][0].isdigit()
    source, target = (1, 3) if universal else (0, -1)
    source, target = (
        _number(wanted.source, width, "--source", source),
        _number(wanted.target, width, "--target", target),
    )
    corpora = {
        part: {"format": "conll", "file": _one(one), "source_column": source, "target_column": target}
        for part, one in parts_of(files).items()
    }
    how = "CoNLL-U" if universal else f"{width} columns"
    told = f"{files[0].name}: a word a line, {how}: the word is column {source}, its tag {target}"
    return Look("tags", corpora, [told])


def _number(said: str | None, width: int, option: str, otherwise: int) -> int:
    if said is None:
        return otherwise
    if not re.fullmatch(r"-?\d+", said) or not -width <= int(said) < width:
        raise ParamsError(f"{option} {said}: needed: the number of a column, from 0 to {width - 1}, or -1 for the last")
    return int(said)


def _table(files: Sequence[Path], kinds: dict[Path, Sniffed], wanted: Wanted) -> Look:
    """Return what files of rows and columns are, or of objects with keys."""
    first = kinds[files[0]]
    if odd := [path.name for path in files if kinds[path].header != first.header]:
        raise ParamsError(f"{odd[0]} has other columns than {files[0].name}; name files of the same columns")
    if first.kind != "jsonl" and wanted.source is None and (sequences := _sequences(files, first, wanted)):
        return sequences
    header, rows = _objects(first) if first.kind == "jsonl" else (first.header, first.rows)
    columns = columns_of(header, rows)
    pair = chosen(columns, wanted.source, wanted.target, files[0].name)
    tagged = first.kind == "jsonl" and _all_lists(first, pair)
    read = Pair(*reversed(pair)) if wanted.turned else pair
    parts = parts_of(files)
    made = {part: _section(first, one, read) for part, one in parts.items()}
    found = next((column for column in columns if column.role == "split"), None)
    if found and len(parts) == 1:
        made = _by_column(made["train"], found, header, rows)
    kinds_of: dict[Role, Rows] = {"class": "classes", "number": "numbers"}
    kind = "tags" if tagged else kinds_of.get(pair.target.role, "pairs")
    return Look(kind, made, _told(files, first, header, columns, pair, found))


def _sequences(files: Sequence[Path], first: Sniffed, wanted: Wanted) -> Look | None:
    """Return what files of a frame a row are; None where they are something else."""
    parts = parts_of(files)
    found = long.look(
        parts["train"][0], first.delimiter, bool(first.header), wanted.target, ahead=wanted.shape == "n_to_m"
    )
    if found is None:
        return None
    how = "a header" if first.header else "no header"
    said = [f"{_names(files)}: cells parted by {DELIMITED[first.delimiter]}, {how}", *found.said]
    corpus = found.corpus | {"file": _one(parts["train"])}
    if len(parts) > 1:
        made = {part: corpus | {"file": _one(one)} for part, one in parts.items()}
    elif found.split:
        column, cells = found.split
        made = _by_column(corpus, column, [str(column.name)], [[cell] for cell in cells])
    else:
        made = long.in_time(corpus) if found.in_time else {"train": corpus}
    return Look(found.kind, made, said)


def _archived(files: Sequence[Path]) -> Look:
    """Return what .ts files are."""
    parts = parts_of(files)
    kind, told = long.look_ts(parts["train"][0])
    made: dict[str, Section] = {
        part: {"format": "ts", "file": _one(one), "target_names": None} for part, one in parts.items()
    }
    return Look(kind, made, [f"{_names(files)}: {told}"])


def _objects(first: Sniffed) -> tuple[list[str], list[list[str]]]:
    """Return the keys of JSON objects, those within others with points, and their values as cells."""
    flat = [_flat(json.loads(line)) for (line,) in first.rows]
    keys = list(dict.fromkeys(key for found in flat for key in found))
    return keys, [[found.get(key, "") for key in keys] for found in flat]


def _flat(found: dict[str, Any], before: str = "") -> dict[str, str]:
    cells: dict[str, str] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            cells |= _flat(value, f"{before}{key}.")
        elif isinstance(value, list):
            cells[f"{before}{key}"] = " ".join(map(str, value))
        else:
            cells[f"{before}{key}"] = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return cells


def _all_lists(first: Sniffed, pair: Pair) -> bool:
    """Return whether source and target are lists of as many words."""
    for (line,) in first.rows:
        found = json.loads(line)
        words, tags = found.get(pair.source.name), found.get(pair.target.name)
        if not (isinstance(words, list) and isinstance(tags, list) and len(words) == len(tags)):
            return False
    return True


def _section(first: Sniffed, files: Sequence[Path], pair: Pair) -> Section:
    if first.kind == "jsonl":
        return {
            "format": "jsonl", "file": _one(files), "source_key": pair.source.name, "target_key": pair.target.name,
            "target_names": None, "where": None,
        }  # fmt: skip
    columns = {"source_column": pair.source.name, "target_column": pair.target.name, "header": bool(first.header)}
    if first.kind == "tsv":
        return {"format": "tsv", "file": _one(files), **columns, "attribution_column": None}
    return {
        "format": "csv", "file": _one(files), "delimiter": first.delimiter, **columns, "rows": None,
        "target_names": None,
    }  # fmt: skip


def _by_column(
    section: Section, column: Column, header: list[str], rows: Sequence[Sequence[str]]
) -> dict[str, Section]:
    """Return the parts of a corpus whose rows say which they are of."""
    place = header.index(str(column.name)) if header else int(column.name)
    cells = dict.fromkeys(row[place].strip() for row in rows if place < len(row) and row[place].strip())
    parts: dict[str, list[str]] = {}
    for cell in cells:
        parts.setdefault(SPLITS.get(cell.lower(), "train"), []).append(cell)
    return {
        part: section | {"where": {"column": column.name, "cells": parts[part]}} for part in PARTS if part in parts
    }  # fmt: skip


def _told(
    files: Sequence[Path],
    first: Sniffed,
    header: list[str],
    columns: Sequence[Column],
    pair: Pair,
    split: Column | None,
) -> list[str]:
    if first.kind == "jsonl":
        how = f"an object a line, with {', '.join(header)}"
    else:
        names = (
            f"a header: {', '.join(name or '-' for name in header)}" if header else f"no header, {len(columns)} columns"
        )
        how = f"cells parted by {DELIMITED[first.delimiter]}, {names}"
    left = [str(one.name) or "one without a name" for one in columns if one not in (*pair, split)]
    told = [
        f"{', '.join(path.name for path in files)}: {how}",
        f"read: {_name(pair.source)}; to be said: {_name(pair.target)}"
        + (f"; {_name(split)} tells train from test" if split else "")
        + (f"; left out: {', '.join(left)}" if left else ""),
    ]
    for column in columns:
        if column.role == "group" and column.distinct > 1:
            told.append(f"rows of one {column.name} may stand in train and in test: they are split by their text alone")
        if column.role == "time":
            told.append(f"{_name(column)} is a time: rows are split by their text, not by it")
    if pair.target.role == "class" and pair.target.distinct and _numbers(first, header, pair.target):
        told.append(f"{_name(pair.target)} has {pair.target.distinct} whole numbers: each becomes a class of its own")
    return told


def _numbers(first: Sniffed, header: list[str], column: Column) -> bool:
    header, rows = _objects(first) if first.kind == "jsonl" else (header, first.rows)
    place = header.index(str(column.name)) if header else int(column.name)
    return all(re.fullmatch(r"\s*[-+]?\d+(\.0*)?\s*", row[place]) for row in rows if place < len(row) and row[place])


def _name(column: Column) -> str:
    return f"'{column.name}'" if isinstance(column.name, str) else f"column {column.name}"
