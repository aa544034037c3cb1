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


def test_rows_of_one_id_are_a_sequence_whose_label_all_of_them_have(tmp_path: Path) -> None:
    assert pairs(rows(tmp_path, TABLE)) == [("1 2; 3 4", "yes"), ("5 6", "no")]


def test_columns_by_number_need_no_header(tmp_path: Path) -> None:
    changes = {"header": False, "id": 0, "channels": [1, 2], "target": 3}
    assert pairs(rows(tmp_path, TABLE.partition("\n")[2], **changes)) == [("1 2; 3 4", "yes"), ("5 6", "no")]


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


LONG = "id,x,y,label\n" + "a,1,2,yes\n" * 1001


def test_a_long_sequence_is_read_in_windows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv:2: sequence 'a' has 1,001 frames, of which.*window: 128, step: 64"):
        rows(tmp_path, LONG)
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


AHEAD = {"id": None, "channels": ["y"], "target": "y", "answer": "ahead", "horizon": 2, "window": 3, "step": 1}
RISING = "y\n" + "".join(f"{n}\n" for n in range(7))


def test_what_follows_a_window_is_to_be_said(tmp_path: Path) -> None:
    assert pairs(rows(tmp_path, RISING, **AHEAD)) == [("0; 1; 2", "3; 4"), ("1; 2; 3", "4; 5"), ("2; 3; 4", "5; 6")]
    assert pairs(rows(tmp_path, RISING, **AHEAD | {"step": 3})) == [("0; 1; 2", "3; 4"), ("2; 3; 4", "5; 6")]


def test_a_sequence_too_short_for_a_window_and_what_follows_is_no_row(tmp_path: Path) -> None:
    text = "id,y\n" + "".join(f"a,{n}\n" for n in range(4)) + "".join(f"b,{n}\n" for n in range(5))
    assert pairs(rows(tmp_path, text, **AHEAD | {"id": "id"})) == [("0; 1; 2", "3; 4")]


def test_who_asks_what_follows_brings_the_last_window(tmp_path: Path) -> None:
    (tmp_path / "now.csv").write_text("id,y\na,1\na,2\nb,3\nb,4\nb,5\nb,6\n", encoding="utf-8")
    asked = list(series.questions(corpus(**AHEAD | {"id": "id"}), tmp_path / "now.csv"))
    assert asked == [("a", "1; 2"), ("b", "4; 5; 6")]
