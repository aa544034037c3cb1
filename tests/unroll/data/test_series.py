"""Long tables: the frames of a sequence find together, in order, in windows; what is wrong is named with its line."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unroll.params.test_misfits import SERIES
from unroll.data import numbers, series
from unroll.data.rows import Row
from unroll.data.series import windows
from unroll.errors import DataError
from unroll.params.prepare import Prepare
from unroll.params.reading import parse
from unroll.params.series import Series

BESIDE = {"unicode": "NFC", "filters": None, "max_rows": None,
          "split": {"kind": "grouped", "by": "group", "valid": 0.1, "test": 0.1, "largest_component": 9}}  # fmt: skip


def corpus(**changes: Any) -> Series:
    found = parse(Prepare, BESIDE | {"corpus": SERIES | changes}, "prepare").corpus
    assert isinstance(found, Series)
    return found


def rows(folder: Path, text: str, **changes: Any) -> list[Row]:
    (folder / "a.csv").write_text(text, encoding="utf-8")
    return list(series.read(corpus(**changes), folder))


def pairs(found: list[Row]) -> list[tuple[str, str]]:
    return [(row.source, row.target) for row in found]


TABLE = "id,x,y,label\na,1,2,yes\na,3,4,yes\nb,5,6,no\n"
TIMES = "id,t,x,y,label\na,3,5,6,yes\nb,1,7,8,no\na,1,1,2,yes\na,2,3,4,yes\n"


def test_rows_of_one_id_are_a_sequence_whose_label_all_of_them_have(tmp_path: Path) -> None:
    assert pairs(rows(tmp_path, TABLE)) == [("1 2; 3 4", "yes"), ("5 6", "no")]


def test_columns_by_number_need_no_header(tmp_path: Path) -> None:
    changes = {"header": False, "id": 0, "channels": [1, 2], "target": 3}
    assert pairs(rows(tmp_path, TABLE.partition("\n")[2], **changes)) == [("1 2; 3 4", "yes"), ("5 6", "no")]


def test_frames_are_sorted_by_time_and_that_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pairs(rows(tmp_path, TIMES, time="t")) == [("1 2; 3 4; 5 6", "yes"), ("7 8", "no")]
    assert "1 of 2 sequences stood out of order, and are sorted by 't'" in capsys.readouterr().err


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


def test_each_frame_may_have_its_label_or_its_number(tmp_path: Path) -> None:
    text = "id,x,y,label\na,1,2,stand up\na,3,4,sit\n"
    assert pairs(rows(tmp_path, text, answer="labels")) == [("1 2; 3 4", "stand_up sit")]
    assert pairs(rows(tmp_path, "x,y,label\n1,2,0.5\n3,4,6\n", id=None, answer="numbers")) == [("1 2; 3 4", "0.5; 6")]


def test_labels_are_called_as_the_pipeline_calls_them(tmp_path: Path) -> None:
    assert [row.target for row in rows(tmp_path, TABLE, target_names={"yes": "1", "no": "0"})] == ["1", "0"]


@given(st.integers(1, 60), st.integers(2, 12), st.data())
def test_every_frame_is_in_a_window_and_no_window_is_longer(length: int, window: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, window))
    found = windows(length, window, step)
    assert {frame for first, end in found for frame in range(first, end)} == set(range(length))
    assert {end - first for first, end in found} == {min(window, length)}
    assert len(set(found)) == len(found)


def test_windows_of_one_sequence_are_relatives_and_those_of_a_group_too(tmp_path: Path) -> None:
    text = "id,who,x,y,label\n" + "".join(f"{n // 5},{n // 10},{n},0,yes\n" for n in range(20))
    found = rows(tmp_path, text, window=3, step=1)
    assert [row.source.split("; ")[0] for row in found[:4]] == ["0 0", "1 0", "2 0", "5 0"]
    assert len({row.kin for row in found}) == 4
    assert len({row.kin for row in rows(tmp_path, text, window=3, step=1, group="who")}) == 2


def test_sequences_of_two_files_are_two_though_they_have_one_name(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(TABLE, encoding="utf-8")
    found = rows(tmp_path, TABLE, file=["a.csv", "b.csv"])
    assert len(found) == len({row.kin for row in found}) == 4
    assert len({row.kin for row in rows(tmp_path, TABLE, file=["a.csv", "b.csv"], group="id")}) == 2


def test_parts_in_time_share_no_frame_and_a_window_lies_between_them(tmp_path: Path) -> None:
    text = "x,y,label\n" + "".join(f"{n},0,yes\n" for n in range(40))
    parts = [rows(tmp_path, text, id=None, window=4, step=2, part=part) for part in ([0.0, 0.6], [0.6, 1.0])]
    first, last = ({frame for row in part for frame in numbers.read(row.source)[:, 0]} for part in parts)
    assert first == set(range(24))
    assert last == set(range(28, 40))
    assert {row.kin for row in parts[0]}.isdisjoint(row.kin for row in parts[1])


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


LONG = "id,x,y,label\n" + "a,1,2,yes\n" * 1001
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
    (LONG, {}, "a.csv:2: sequence 'a' has 1,001 frames, of which at most 1,000.*window: 128, step: 64"),
]


@pytest.mark.parametrize(("text", "changes", "expected"), WRONG, ids=[line for _, _, line in WRONG])
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, text: str, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        rows(tmp_path, text, **changes)


def test_a_long_sequence_is_read_in_windows(tmp_path: Path) -> None:
    assert len(rows(tmp_path, LONG, window=1000, step=1000)) == 2


def test_a_table_of_questions_needs_neither_answers_nor_groups(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("t,y,x,id\n2,4,3,a\n1,2,1,a\n3,6,5,a\n", encoding="utf-8")
    asked = corpus(time="t", group="who", where={"column": "split", "cells": ["train"]}, part=[0.0, 0.5])
    assert list(series.questions(asked, tmp_path / "new.csv")) == [("a", "1 2; 3 4; 5 6")]


def test_questions_in_windows_have_each_frame_once(tmp_path: Path) -> None:
    chance = random.Random(1)
    values = [chance.randint(0, 99) for _ in range(11)]
    (tmp_path / "new.csv").write_text("x,y\n" + "".join(f"{n},0\n" for n in values), encoding="utf-8")
    found = list(series.questions(corpus(id=None, window=4, step=1), tmp_path / "new.csv"))
    assert [name for name, _ in found] == ["new.csv\t2", "new.csv\t6", "new.csv\t10"]
    assert np.concatenate([numbers.read(text)[:, 0] for _, text in found]).tolist() == values
