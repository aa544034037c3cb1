"""The frames of a sequence find together, in order, however their table is; what is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unroll.data.test_series import TABLE, pairs, rows
from unroll.errors import DataError

TIMES = "id,t,x,y,label\na,3,5,6,yes\nb,1,7,8,no\na,1,1,2,yes\na,2,3,4,yes\n"


def test_frames_are_sorted_by_time_and_that_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pairs(rows(tmp_path, TIMES, time="t")) == [("1 2; 3 4; 5 6", "yes"), ("7 8", "no")]
    assert "1 of 2 sequences stood out of order, and are sorted by 't'" in capsys.readouterr().err


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(12)))
def test_the_order_of_the_rows_does_not_matter_where_time_tells_it(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    lines = [f"{name},{t},{t},{-t},{name}\n" for name in "ab" for t in range(6)]
    shuffled = rows(tmp_path_factory.mktemp("t"), "id,t,x,y,label\n" + "".join(lines[i] for i in order), time="t")
    assert sorted(pairs(shuffled)) == [("; ".join(f"{t} {-t}" if t else "0 0" for t in range(6)), n) for n in "ab"]


def test_times_may_be_dates_and_a_gap_begins_a_new_sequence(tmp_path: Path) -> None:
    times = ["2026-01-31 23:59:58", "2026-01-31T23:59:59Z", "2026-02-01 00:00:09"]
    text = "t,x,y,label\n" + "".join(f"{time},{n},0,yes\n" for n, time in enumerate(times))
    found = rows(tmp_path, text, id=None, time="t", most_gap=1.0)
    assert [row.source for row in found] == ["0 0; 1 0", "2 0"]
    assert found[0].kin == found[1].kin


def test_a_missing_number_becomes_what_was_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "id,t,x,y,label\na,2,NA,4,yes\na,1,1,2,yes\na,3,5,,yes\n"
    found = {how: rows(tmp_path, text, time="t", missing=how)[0].source for how in ("last", "zero", "drop")}
    assert found == {"last": "1 2; 1 4; 5 4", "zero": "1 2; 0 4; 5 0", "drop": "1 2"}
    assert "2 frames lacked a number, and are left out" in capsys.readouterr().err


def test_only_wanted_rows_are_read(tmp_path: Path) -> None:
    where = {"column": "label", "cells": ["no"]}
    assert pairs(rows(tmp_path, TABLE, where=where)) == [("5 6", "no")]


def test_semicolons_quotes_and_empty_lines_are_read(tmp_path: Path) -> None:
    text = 'id;x;y;label\n"a";1;2;"yes"\n\na;3;4;yes\n'
    assert pairs(rows(tmp_path, text, delimiter=";")) == [("1 2; 3 4", "yes")]


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("id,x,y,label\na,1,2,yes\na,1,,yes\n", {}, r"a.csv:3: no number in column 2.*missing: last, zero or drop"),
    ("id,x,y,label\na,1,?,yes\na,1,2,yes\n", {"missing": "last"}, r"a.csv:2: no number for 'y', nor one before it"),
    ("id,x,y,label\na,1,2 volts,yes\n", {}, "a.csv:2: '2 volts' is not a finite number"),
    ("id;x;y;label\na;1;2,5;yes\n", {"delimiter": ";"}, "a.csv:2: '2,5' is not a finite number: a point parts"),
    ("id,x,y,label\na,1,1e39,yes\n", {}, "a.csv:2: '1e39' is not a finite number"),
    (
        "id,x,y,label\na,1,2,yes\na,1,2,no\n",
        {},
        r"a.csv:3: 'no' where sequence 'a' has 'yes' in line 2.*answer: labels",
    ),
    ("id,x,y,label\na,1,2,\n", {}, "a.csv:2: nothing in column 'label'"),
    ("id,x,y,label\na,1,2,1.x\n", {"answer": "number"}, "a.csv:2: '1.x' is not a finite number"),
    ("id,x,y,label\na,1,2,yes\nb,1,2,yes\na,3,4,yes\n", {}, "a.csv:4: sequence 'a' goes on behind another one"),
    ("id,t,x,y,label\na,1,1,2,yes\na,1,1,2,yes\n", {"time": "t"}, "a.csv:3: sequence 'a' has the time of line 2 again"),
    ("id,t,x,y,label\na,31/12,1,2,yes\n", {"time": "t"}, "a.csv:2: '31/12' is no time"),
    ("id,x,y,label\na,1,2,yes\na,1,2\n", {}, "a.csv:3: 3 cells, where 4 are needed"),
    ("id,x,y,label\na,1,2,yes\na,1,2,yes,9\n", {}, "a.csv:3: 5 cells, where the first row has 4"),
    ("id,g,x,y,label\na,1,1,2,yes\na,2,1,2,yes\n", {"group": "g"}, "a.csv:3: sequence 'a' has another group above"),
    ("id,x,z,label\na,1,2,yes\n", {}, "a.csv:1: no column 'y'.*; fix channels"),
    ("id,x,y,label\n", {}, "a.csv: no row of numbers"),
]


@pytest.mark.parametrize(("text", "changes", "expected"), WRONG, ids=[line for _, _, line in WRONG])
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, text: str, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        rows(tmp_path, text, **changes)
