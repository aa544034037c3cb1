"""Files of rows and columns -> the wanted cells: with a header or without, chosen by number or by name."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from unroll.data.files import lines
from unroll.data.headers import LOOKED_AT, is_header
from unroll.data.rows import Placed, Row
from unroll.errors import DataError
from unroll.params.columns import Column, Columns, Header, Span
from unroll.params.explaining import suggest
from unroll.params.prepare import Csv

Item = TypeVar("Item")
Numbered = tuple[int, list[str]]
"""the number of a row's first line, and its cells"""


class Layout(NamedTuple):
    """Where the wanted cells of a file are.

    Attributes:
        places: {side of a `Row`: its column, from 0}.
        kept: the column and the cells by which rows are chosen, or None.
        width: the most cells that a row can have; 0: any number.
    """

    places: dict[str, int]
    kept: tuple[int, tuple[str, ...]] | None
    width: int


def read_columns(corpus: Columns, path: Path) -> Iterator[Row]:
    """Yield the rows of one file of a corpus.

    Raises:
        DataError: as in `lines`; a column that no row has, a quote that is not closed, a row of more cells than the
            header has, or a cell without a name.
    """
    names = corpus.target_names if isinstance(corpus, Csv) else None
    span = corpus.rows if isinstance(corpus, Csv) else None
    header, rows = _without_header(corpus, path, rows_of(corpus, path), span)
    layout = _layout(corpus, header, path)
    widest = 0
    for number, cells in rows:
        if isinstance(corpus, Csv) and not layout.width:
            layout = layout._replace(width=len(cells))
        widest = max(widest, len(cells))
        if layout.width and len(cells) > layout.width:
            raise DataError(
                f"{path}:{number}: {len(cells)} cells, where line 1 has {layout.width}: put a cell that has the "
                "delimiter in it into quotes, or remove the line"
            )
        if layout.kept and not kept(cells, *layout.kept):
            continue
        found = {side: cells[at] for side, at in layout.places.items() if at < len(cells)}
        if "target" in found:
            found["target"] = named(found["target"], names, f"{path}:{number}")
        yield Placed.at(f"{path}:{number}", *(found.get(side, "") for side in Row._fields))
    _refuse_missing(layout, widest, path)


def rows_of(corpus: Columns, path: Path) -> Iterator[Numbered]:
    """Yield all rows of a file, the header too.

    Raises:
        DataError: as in `lines`, or a quote that is not closed.
    """
    if isinstance(corpus, Csv):
        return csv_rows(path, corpus.delimiter)
    return ((number, line.split("\t")) for number, line in enumerate(lines(path), start=1))


def csv_rows(path: Path, delimiter: str) -> Iterator[Numbered]:
    """Yield each row with the number of its first line; csv's limit for a cell ends what an open quote swallows.

    Raises:
        DataError: as `rows_of`.
    """
    reader = csv.reader((f"{line}\n" for line in lines(path)), strict=True, delimiter=delimiter)
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


def _without_header(
    corpus: Columns, path: Path, rows: Iterator[Numbered], span: Span | None
) -> tuple[list[str], Iterator[Numbered]]:
    """Return the names of the columns, none without a header, and the rows that are wanted."""
    first = list(islice(rows, LOOKED_AT))
    # Which rows are wanted was said: nothing is left to guess, but for where the names are.
    said: Header = False if corpus.header == "auto" and span is not None else corpus.header
    header = header_of(said, by_name(corpus) and corpus.header == "auto", first, path)
    wanted = _part(chain(first, rows), span)
    return header, (row for row in wanted if row is not first[0]) if header else wanted


def header_of(said: Header, named: bool, first: list[Numbered], path: Path) -> list[str]:
    """Return the names of the columns of a file; none without a header.

    Args:
        said: whether its first row has them.
        named: whether columns are asked for by name, as only a header can have them.
        first: its first rows.
    """
    if not first or not (said is True or named or (said == "auto" and is_header([cells for _, cells in first]))):
        return []
    header = [cell.strip() for cell in first[0][1]]
    if said is not True:
        print(f"prepare: {path}:1 is read as a header: {', '.join(header)[:200]}", file=sys.stderr)
    return header


def by_name(corpus: Columns) -> bool:
    """Return whether a corpus names one of its columns, as only a header can."""
    return any(isinstance(column, str) for column in wanted(corpus).values())


def wanted(corpus: Columns) -> dict[str, Column]:
    """Return {parameter: column} for the columns that a corpus asks for."""
    columns: dict[str, Column | None] = {
        f"{side}_column": getattr(corpus, f"{side}_column", None) for side in Row._fields
    }
    columns["where.column"] = corpus.where.column if corpus.where else None
    return {name: column for name, column in columns.items() if column is not None}


def _layout(corpus: Columns, header: list[str], path: Path) -> Layout:
    """Return where the wanted cells are.

    Raises:
        DataError: the header has no column of a name, or no header is there.
    """
    places = {name: place_of(column, header, name, path) for name, column in wanted(corpus).items()}
    kept = (places.pop("where.column"), corpus.where.cells) if corpus.where else None
    return Layout({name.removesuffix("_column"): place for name, place in places.items()}, kept, len(header))


def place_of(column: Column, header: list[str], name: str, path: Path) -> int:
    """Return the number of a column.

    Raises:
        DataError: it is a name, and the header has it not, or twice.
    """
    if isinstance(column, int):
        return column
    if header.count(column) != 1:
        how = "more than one column" if column in header else "no column"
        known = suggest(column, header) if header else "; it has no header: write the number of the column, from 0"
        raise DataError(f"{path}:1: {how} '{column}'{known}; fix {name}")
    return header.index(column)


def kept(cells: list[str], place: int, wanted: tuple[str, ...]) -> bool:
    """Return whether a row has one of the wanted cells in a column."""
    return place < len(cells) and cells[place].strip() in wanted


def _refuse_missing(layout: Layout, widest: int, path: Path) -> None:
    places = {f"{side}_column": place for side, place in layout.places.items()}
    if layout.kept:
        places["where.column"] = layout.kept[0]
    for name, column in places.items():
        if widest and column >= widest:
            raise DataError(
                f"{path}: no row has column {column}, the widest has {widest} (tabs part the columns of format 'tsv', "
                f"the delimiter those of 'csv', and the first is column 0); fix {name}"
            )


def _part(rows: Iterable[Item], part: Span | None) -> Iterator[Item]:
    return islice(rows, *(part or (0, None)))


def named(cell: str, names: Mapping[str, str] | None, where: str) -> str:
    """Return what a cell stands for.

    Raises:
        DataError: it has no name.
    """
    if names is None:
        return cell
    if cell.strip() not in names:
        raise DataError(
            f"{where}: '{cell[:40]}' is not in target_names; name it there, or leave the line out with rows"
        )
    return names[cell.strip()]
