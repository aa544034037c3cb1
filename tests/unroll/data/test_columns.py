"""Columns by number or name, with a header or without, and the rows of one split out of several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unroll.data.columns import read_columns
from unroll.errors import DataError
from unroll.params.columns import Where
from unroll.params.prepare import Csv, Tsv

CSV: dict[str, Any] = {
    "format": "csv", "file": "rows.csv", "rows": None, "source_column": 0, "target_column": 1, "target_names": None,
}  # fmt: skip
TSV: dict[str, Any] = {
    "format": "tsv", "file": "rows.tsv", "source_column": 0, "target_column": 1, "attribution_column": None,
}  # fmt: skip
REVIEWS = b"text,label,part\nGood.,yes,train\nBad.,no,test\nFine.,yes,train\n"
Read = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: bytes, kind: dict[str, Any] = CSV, **changes: Any) -> list[tuple[str, str]]:
        (tmp_path / "rows").write_bytes(content)
        section = (Csv if kind is CSV else Tsv)(**kind | changes)
        return [row[:2] for row in read_columns(section, tmp_path / "rows")]

    return read


def test_a_header_is_never_a_row_and_is_told(read: Read, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("Good.", "yes"), ("Bad.", "no"), ("Fine.", "yes")]
    assert read(REVIEWS) == rows
    assert "rows:1 is read as a header: text, label, part" in capsys.readouterr().err
    assert read(REVIEWS, header=True) == rows
    assert not capsys.readouterr().err
    assert read(REVIEWS.replace(b",", b"\t"), TSV) == rows
    assert read(REVIEWS, header=False)[0] == ("text", "label")


def test_where_rows_are_chosen_nothing_is_guessed(read: Read) -> None:
    assert read(REVIEWS, rows=(0, 2)) == [("text", "label"), ("Good.", "yes")]
    assert read(REVIEWS, rows=(1, 2)) == [("Good.", "yes")]
    assert read(REVIEWS, rows=(0, 2), header=True) == [("Good.", "yes")]
    assert read(REVIEWS, rows=(2, 3), source_column="label", target_column="text") == [("no", "Bad.")]


def test_columns_have_names(read: Read) -> None:
    assert read(REVIEWS, source_column="label", target_column="text")[0] == ("yes", "Good.")
    assert read(b"x,y\n1,2\n", source_column="y", target_column="x") == [("2", "1")]


def test_rows_are_those_of_a_split(read: Read) -> None:
    assert read(REVIEWS, where=Where(column="part", cells=("train",))) == [("Good.", "yes"), ("Fine.", "yes")]
    assert read(REVIEWS, where=Where(column=2, cells=("dev", "test"))) == [("Bad.", "no")]


def test_other_marks_part_columns(read: Read) -> None:
    assert read(b'a, b;c\n"d;e";f\n', delimiter=";") == [("a, b", "c"), ("d;e", "f")]


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (b"a,b\nwell, really,c\n", {}, r"rows:2: 3 cells, where line 1 has 2: put a cell .* into quotes"),
        (REVIEWS, {"source_column": "txt"}, r"rows:1: no column 'txt'; did you mean 'text'\?; fix source_column"),
        (REVIEWS, {"where": Where(column="x", cells=("a",))}, r"no column 'x'; known here: text, .*fix where\.column"),
        (REVIEWS, {"where": Where(column=5, cells=("a",))}, r"no row has column 5, .* fix where\.column"),
        (REVIEWS, {"source_column": "text", "header": False}, r"no column 'text'; it has no header"),
        (b"text,text\na,b\n", {"source_column": "text"}, r"more than one column 'text'"),
    ],
)
def test_what_is_wrong_is_one_line(read: Read, content: bytes, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(content, **changes)
    assert "\n" not in str(caught.value)


def test_a_row_may_lack_a_side(read: Read) -> None:
    assert read(b"a,b\nc\n") == [("a", "b"), ("c", "")]
