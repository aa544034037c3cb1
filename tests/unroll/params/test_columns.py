"""What files of rows and columns have in common is refused where it says nothing."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from unroll.params.columns import Columns, Where


def test_a_header_is_looked_for_and_all_rows_are_read_unless_a_file_says_otherwise() -> None:
    found = Columns(file=("a.csv", "b.csv"), source_column="text", target_column=2)
    assert (found.header, found.where) == ("auto", None)


def test_columns_are_numbers_from_0_or_names() -> None:
    for column in (-1, ""):
        with pytest.raises(ValidationError):
            Columns(file="a.csv", source_column=column, target_column=0)


def test_rows_are_chosen_by_one_cell_at_least() -> None:
    with pytest.raises(ValidationError):
        Where(column="split", cells=())
