"""Raw files -> rows: a reader for each format of a corpus. Rows stream: a corpus is never held.

A reader is a function of the corpus' section of the pipeline file and the folder of the raw files. One of your own is
named in a module that the pipeline's `parts` points at:

    def read_pairs(corpus, folder):
        for line in lines(folder / corpus.file):
            yield Row(*line.split(" = ", 1), "")

    READERS["pairs"] = read_pairs
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from itertools import chain, islice, pairwise, zip_longest
from pathlib import Path
from typing import Any

from unroll.data import conll, series, ts
from unroll.data.columns import named, read_columns
from unroll.data.files import lines
from unroll.data.rows import Placed, Row
from unroll.errors import DataError, ParamsError
from unroll.params.columns import Columns, files_of
from unroll.params.explaining import suggest
from unroll.params.prepare import Aligned, Conll, Corpus, Foldered, Jsonl, Labelled, Lines, Table, Tagged


def read(corpus: Corpus, folder: Path) -> Iterator[Row]:
    """Yield the rows of a corpus under `folder` as they stand there.

    Raises:
        ParamsError: nothing reads this format.
        DataError: as in `lines` and `read_columns`; or aligned files of unequal length; a line without its word, its
            tag or its keys; or, in a table, what is not a number or not as wide as the rows before it.
    """
    if corpus.format not in READERS:
        raise ParamsError(f"prepare.corpus.format: '{corpus.format}' is not known{suggest(corpus.format, [*READERS])}")
    return READERS[corpus.format](corpus, folder)


def _read_columns(corpus: Columns, folder: Path) -> Iterator[Row]:
    for file in files_of(corpus.file):
        yield from read_columns(corpus, folder / file)


def _read_jsonl(corpus: Jsonl, folder: Path) -> Iterator[Row]:
    for file in files_of(corpus.file):
        for number, line in enumerate(lines(folder / file), start=1):
            where = f"{folder / file}:{number}"
            if not line.strip():
                continue
            found = json_object(line, where)
            if corpus.where is None or json_text(found, corpus.where.column, where).strip() in corpus.where.cells:
                texts = [json_text(found, key, where) for key in (corpus.source_key, corpus.target_key)]
                yield Placed.at(where, texts[0], named(texts[1], corpus.target_names, where), "")


def json_object(line: str, where: str) -> dict[str, Any]:
    """Return the object that stands in a line.

    Raises:
        DataError: none does.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: no JSON: {error}; an object a line is needed (jq -c '.[]' parts a list)") from None
    if not isinstance(found, dict):
        raise DataError(f"{where}: no JSON object but {str(found)[:40]!r}; an object a line is needed")
    return found


def json_text(found: dict[str, Any], key: str | int, where: str) -> str:
    """Return what an object has under a key, or under keys parted by points; a list of words is parted by spaces.

    Raises:
        DataError: it has no such key, or something that is no text.
    """
    value: Any = found.get(str(key), found)
    if value is found:
        for part in str(key).split("."):
            if not isinstance(value, dict) or part not in value:
                raise DataError(f"{where}: no key '{key}'{suggest(str(key), [*found])}; fix the corpus' keys")
            value = value[part]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    if isinstance(value, (dict, list)):
        raise DataError(f"{where}: '{key}' holds {str(value)[:40]!r}, and no text; fix the corpus' keys")
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _read_conll(corpus: Conll, folder: Path) -> Iterator[Row]:
    for file in files_of(corpus.file):
        for sentence in conll.sentences(lines(folder / file)):
            words = [line for line in sentence if line.cells]
            source, target = (
                " ".join(conll.word_at(line, at, str(folder / file)) for line in words) for at in corpus.columns
            )
            if words:
                yield Row(source, target, "")


def _read_tagged(corpus: Tagged, folder: Path) -> Iterator[Row]:
    for file in files_of(corpus.file):
        for number, line in enumerate(lines(folder / file), start=1):
            pairs = [cell.rpartition(corpus.delimiter) for cell in line.split()]
            if odd := next((cell for cell, pair in zip(line.split(), pairs, strict=True) if not all(pair)), None):
                raise DataError(
                    f"{folder / file}:{number}: '{odd[:40]}' is no word with a '{corpus.delimiter}' and a tag behind "
                    "it; fix the line, or delimiter"
                )
            yield Row(" ".join(word for word, _, _ in pairs), " ".join(tag for _, _, tag in pairs), "")


def _read_folders(corpus: Foldered, folder: Path) -> Iterator[Row]:
    labels = sorted(path for path in (folder / corpus.folder).glob("*") if path.is_dir())
    if not labels:
        raise DataError(f"{folder / corpus.folder}: no folders in it; a folder for each label is needed")
    for place in labels:
        for path in sorted(path for path in place.rglob("*") if path.is_file() and not path.name.startswith(".")):
            for text in lines(path) if corpus.lines else [" ".join(lines(path))]:
                yield Row(text, place.name, "") if corpus.label == "target" else Row(place.name, text, "")


def _read_aligned(corpus: Aligned, folder: Path) -> Iterator[Row]:
    sides = files_of(corpus.source_file), files_of(corpus.target_file)
    if len(sides[0]) != len(sides[1]):
        raise DataError(f"prepare.corpus: {len(sides[0])} source files, {len(sides[1])} target files: name as many")
    for source, target in zip(*sides, strict=True):
        yield from _aligned(folder / source, folder / target)


def _aligned(sources: Path, targets: Path) -> Iterator[Row]:
    source_lines = target_lines = 0
    for source, target in zip_longest(lines(sources), lines(targets)):
        source_lines += source is not None
        target_lines += target is not None
        if source is not None and target is not None:
            yield Placed.at(f"{sources}:{source_lines}", source, target, "")
    if source_lines != target_lines:
        raise DataError(
            f"{sources} has {source_lines:,} lines, but {targets} has {target_lines:,}: they cannot be aligned; "
            "bring files whose n-th lines belong together"
        )


def _read_lines(corpus: Lines, folder: Path) -> Iterator[Row]:
    found = (Row(line, "", "") for file in corpus.files for line in lines(folder / file))
    return islice(found, *(corpus.rows or (0, None)))


def _read_labelled(corpus: Labelled, folder: Path) -> Iterator[Row]:
    for label, file in corpus.files.items():
        for line in lines(folder / file):
            yield Row(line, label, "") if corpus.label == "target" else Row(label, line, "")


def _read_table(corpus: Table, folder: Path) -> Iterator[Row]:
    rows = _table_rows(corpus, folder / corpus.file)
    if corpus.join is None:
        yield from (Row("; ".join(frames), label, "") for frames, label in rows)
        return
    for group in zip(*[rows] * corpus.join, strict=False):  # the last one may be incomplete
        frames = chain.from_iterable(frames for frames, _ in group)
        yield Row("; ".join(frames), " ".join(label for frames, label in group for _ in frames), "")


def _table_rows(corpus: Table, path: Path) -> Iterator[tuple[list[str], str]]:
    """Yield the frames of each row, as text, and its label."""
    first, end = corpus.columns
    width = 0
    for number, line in islice(enumerate(lines(path), start=1), *(corpus.rows or (0, None))):
        where, cells = f"{path}:{number}", line.split(",")
        width = width or len(cells)
        if len(cells) != width or width < max(end, corpus.target_column + 1):
            raise DataError(
                f"{where}: {len(cells)} cells, where the first row has {width} and columns and target_column need "
                f"{max(end, corpus.target_column + 1)}; fix the line, or prepare"
            )
        label = named(cells[corpus.target_column].strip(), corpus.target_names, where)
        if corpus.join and len(label.split()) != 1:
            raise DataError(f"{where}: the label '{label[:40]}' is not one word, as join needs it; fix target_names")
        numbers = [_number(cell, corpus.divisor, where) for cell in cells[first:end]]
        yield [" ".join(numbers[i : i + corpus.frame]) for i in range(0, len(numbers), corpus.frame)], label


def _number(cell: str, divisor: float, where: str) -> str:
    try:
        value = float(cell) / divisor
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: '{cell[:40]}' is not a finite number; fix the line, or leave it out with rows")
    return f"{value:.4g}"


READERS: dict[str, Callable[[Any, Path], Iterator[Row]]] = {
    "tsv": _read_columns,
    "aligned": _read_aligned,
    "lines": _read_lines,
    "labelled": _read_labelled,
    "csv": _read_columns,
    "table": _read_table,
    "jsonl": _read_jsonl,
    "conll": _read_conll,
    "tagged": _read_tagged,
    "folders": _read_folders,
    "series": series.read,
    "ts": ts.read,
}


QUESTIONS: dict[str, Callable[[Any, Path], Iterator[tuple[str, str]]]] = {
    "series": series.questions,
    "ts": ts.questions,
}
"""{a format: what reads a file of it that lacks the answers}"""


def questions(corpus: Corpus, path: Path) -> Iterator[tuple[str, str]]:
    """Yield (its name, a sequence as text) for each sequence of a new file, whose answers are not there.

    Raises:
        ParamsError: files of the corpus' format hold no sequences of numbers.
        DataError: as `read`.
    """
    if corpus.format not in QUESTIONS:
        raise ParamsError(
            f"a table is asked of a model of {' or '.join(QUESTIONS)}, and this one has read '{corpus.format}': give "
            "it texts, or vectors as texts"
        )
    return QUESTIONS[corpus.format](corpus, path)


def paired(corpus: Corpus) -> bool:
    """Return whether the rows of a corpus are to be written as `pairs`."""
    return isinstance(corpus, Lines) and corpus.pairs


def pairs(line: str) -> Iterator[Row]:
    """Yield a row for every two neighbouring characters of a line, its beginning and its end as empty texts."""
    return (Row(one, other, "") for one, other in pairwise(["", *line, ""]))
