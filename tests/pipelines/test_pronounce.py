"""The dictionary of pipelines/pronounce.yaml: a row for each pronunciation, and none for what is said about it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from unroll import parts
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.errors import DataError

ROOT = Path(__file__).parents[2]
ENTRIES = """\
;;; a remark of its own
tomato T AH0 M EY1 T OW2
tomato(2) T AH0 M AA1 T OW2
'tis T IH1 Z
aalto AA1 L T OW2 # name, finnish

a.m. EY2 EH1 M
"""


def read(folder: Path, entries: str, *, stress: bool = False) -> list[Row]:
    parts.bring("pipelines/pronounce.py", ROOT)
    (folder / "mine.dict").write_text(entries, encoding="utf-8")
    return list(READERS["pronunciations"](SimpleNamespace(file="mine.dict", stress=stress), folder))


def test_each_pronunciation_is_a_row_and_remarks_are_none(tmp_path: Path) -> None:
    assert read(tmp_path, ENTRIES) == [
        ("tomato", "T AH M EY T OW", "", ""),
        ("tomato", "T AH M AA T OW", "", ""),
        ("'tis", "T IH Z", "", ""),
        ("aalto", "AA L T OW", "", ""),
        ("a.m.", "EY EH M", "", ""),
    ]


def test_stress_stays_where_it_is_asked_for(tmp_path: Path) -> None:
    assert [row.target for row in read(tmp_path, ENTRIES, stress=True)][:2] == [
        "T AH0 M EY1 T OW2",
        "T AH0 M AA1 T OW2",
    ]


@pytest.mark.parametrize("line", ["tomato", "tomato t ah m", "tomato T AH7"])
def test_a_line_without_sounds_is_told_with_its_place(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=rf"mine.dict:8: '{line}' is not as"):
        read(tmp_path, f"{ENTRIES}{line}\n")
