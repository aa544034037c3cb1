"""`prepare.corpus`: what files of rows and columns have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from unroll.params.sections import RelativePath, Section


def _ascending(span: tuple[int, int]) -> tuple[int, int]:
    if span[0] >= span[1]:
        raise ValueError(f"{list(span)} is empty: write the first, and the one after the last, counted from 0")
    return span


Span = Annotated[tuple[Annotated[int, Field(ge=0)], int], AfterValidator(_ascending)]
"""the first, and the one after the last, counted from 0"""

Column = Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)]
"""its number, from 0, or its name in the header"""
Files = RelativePath | Annotated[tuple[RelativePath, ...], Field(min_length=1)]
"""a file, or several that are read one after another"""


def files_of(said: Files) -> tuple[str, ...]:
    """Return files that may be a single one.

    >>> files_of("a.csv"), files_of(("a.csv", "b.csv"))
    (('a.csv',), ('a.csv', 'b.csv'))
    """
    return (said,) if isinstance(said, str) else said


Header = Literal[True, False, "auto"]
"""whether the first line names the columns; auto: told by what stands below it, and said when it does"""


class Where(Section):
    """Which rows are read: those that have one of these cells in a column, such as the name of a split."""

    column: Column
    cells: Annotated[tuple[str, ...], Field(min_length=1)]


class Columns(Section):
    """What files of rows and columns have in common."""

    file: Files
    source_column: Column
    target_column: Column
    header: Header = "auto"
    where: Where | None = None
