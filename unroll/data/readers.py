"""Raw files -> rows: a reader for each format of a corpus. Rows stream: a corpus is never held.

A reader is a function of the corpus' section of the pipeline file and the folder of the raw files. One of your own is
named in a module that the pipeline's `parts` points at:

    def read_pairs(corpus, folder):
        for line in lines(folder / corpus.file):
            yield Row(*line.split(" = ", 1), "")

    READERS["pairs"] = read_pairs
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice, pairwise, zip_longest
from pathlib import Path
from typing import Any, TypeVar

from unroll.data.files import lines
from unroll.data.rows import Row
from unroll.errors import DataError, ParamsError
from unroll.params.explaining import suggest
from unroll.params.prepare import Aligned, Corpus, Csv, Labelled, Lines, Span, Table, Tsv

Item = TypeVar("Item")


def read(corpus: Corpus, folder: Path) -> Iterator[Row]:
    """Yield the rows of a corpus under `folder` as they stand there.

    Raises:
        ParamsError: nothing reads this format.
        DataError: as in `lines`; or a column that no row has; aligned files of unequal length; a quote that is not
            closed; a cell without a name; or, in a table, what is not a number or not as wide as the rows before it.
    """
    if corpus.format not in READERS:
        raise ParamsError(f"prepare.corpus.format: '{corpus.format}' is not known{suggest(corpus.format, [*READERS])}")
    return READERS[corpus.format](corpus, folder)


def _read_tsv(corpus: Tsv, folder: Path) -> Iterator[Row]:
    path = folder / corpus.file
    rows = ((number, line.split("\t")) for number, line in enumerate(lines(path), start=1))
    columns = {side: getattr(corpus, f"{side}_column") for side in Row._fields}
    return _columns(path, rows, columns, None)


def _read_csv(corpus: Csv, folder: Path) -> Iterator[Row]:
    path = folder / corpus.file
    columns = {"source": corpus.source_column, "target": corpus.target_column}
    return _columns(path, _part(_csv_rows(path), corpus.rows), columns, corpus.target_names)


def _columns(
    path: Path,
    rows: Iterable[tuple[int, list[str]]],
    columns: Mapping[str, int | None],
    target_names: dict[str, str] | None,
) -> Iterator[Row]:
    """Yield the wanted cells of rows that come with their line numbers."""
    widest = 0
    for number, cells in rows:
        widest = max(widest, len(cells))
        found = {side: cells[at] for side, at in columns.items() if at is not None and at < len(cells)}
        if "target" in found:
            found["target"] = _named(found["target"], target_names, f"{path}:{number}")
        yield Row(found.get("source", ""), found.get("target", ""), found.get("attribution", ""))
    for side, column in columns.items():
        if widest and column is not None and column >= widest:
            raise DataError(
                f"{path}: no row has column {column}, the widest has {widest} (tabs part the columns of format 'tsv', "
                f"commas those of 'csv', and the first is column 0); fix {side}_column"
            )


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of its first line; csv's limit for a cell ends what an open quote swallows."""
    reader = csv.reader((f"{line}\n" for line in lines(path)), strict=True)
    while True:
        first = reader.line_num + 1
        try:
            yield first, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path}:{first}: no row of cells: {error}; close the quote that opens there, and double a quote "
                "inside a cell"
            ) from None


def _part(rows: Iterable[Item], part: Span | None) -> Iterator[Item]:
    return islice(rows, *(part or (0, None)))


def _named(cell: str, names: dict[str, str] | None, where: str) -> str:
    if names is None:
        return cell
    if cell.strip() not in names:
        raise DataError(
            f"{where}: '{cell[:40]}' is not in target_names; name it there, or leave the line out with rows"
        )
    return names[cell.strip()]


def _read_aligned(corpus: Aligned, folder: Path) -> Iterator[Row]:
    sources, targets = folder / corpus.source_file, folder / corpus.target_file
    source_lines = target_lines = 0
    for source, target in zip_longest(lines(sources), lines(targets)):
        source_lines += source is not None
        target_lines += target is not None
        if source is not None and target is not None:
            yield Row(source, target, "")
    if source_lines != target_lines:
        raise DataError(
            f"{sources} has {source_lines:,} lines, but {targets} has {target_lines:,}: they cannot be aligned; "
            "bring files whose n-th lines belong together"
        )


def _read_lines(corpus: Lines, folder: Path) -> Iterator[Row]:
    return (Row(line, "", "") for file in corpus.files for line in lines(folder / file))


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
    for number, line in _part(enumerate(lines(path), start=1), corpus.rows):
        where, cells = f"{path}:{number}", line.split(",")
        width = width or len(cells)
        if len(cells) != width or width < max(end, corpus.target_column + 1):
            raise DataError(
                f"{where}: {len(cells)} cells, where the first row has {width} and columns and target_column need "
                f"{max(end, corpus.target_column + 1)}; fix the line, or prepare"
            )
        label = _named(cells[corpus.target_column].strip(), corpus.target_names, where)
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
    "tsv": _read_tsv,
    "aligned": _read_aligned,
    "lines": _read_lines,
    "labelled": _read_labelled,
    "csv": _read_csv,
    "table": _read_table,
}


def paired(corpus: Corpus) -> bool:
    """Return whether the rows of a corpus are to be written as `pairs`."""
    return isinstance(corpus, Lines) and corpus.pairs


def pairs(line: str) -> Iterator[Row]:
    """Yield a row for every two neighbouring characters of a line, its beginning and its end as empty texts."""
    return (Row(one, other, "") for one, other in pairwise(["", *line, ""]))
