"""Raw files become three files of rows and a report, or what was there stays; what happens to a row: test_preparing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages import prepare
from tests import recipes
from unroll.artifacts import store
from unroll.data.rows import SPLITS, read_rows
from unroll.errors import DataError, IntegrityError
from unroll.folders import Folders

TSV = {"format": "tsv", "file": "spa.tsv", "source_column": 0, "target_column": 1, "attribution_column": None}
SPLIT = {"kind": "grouped", "by": "both", "valid": 0.2, "test": 0.2, "largest_component": 50}
WORDS = ["red", "green", "blue", "black", "white", "brown", "grey", "pink", "gold", "lime"]
GOOD = [f"{a} {b} {c}\t{c} {b} {a} y" for a in WORDS for b in WORDS[:5] for c in WORDS[:4] if a != c]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path, "translate")


def run(folders: Folders, content: bytes, **changes: Any) -> dict[str, Any]:
    with store.writing(folders.raw, "raw", {}) as folder:
        (folder / "spa.tsv").write_bytes(content)
    prepare.run(recipes.make(**{"prepare.corpus": TSV, "prepare.split": SPLIT} | changes), folders)
    return json.loads((folders.reports / "prepare.json").read_text())


def joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def test_rows_go_to_three_files_and_the_report_counts_them(
    folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run(folders, joined([*GOOD, "", GOOD[0]]))
    rows = {split: list(read_rows(folders.prepared / f"{split}.tsv")) for split in SPLITS}
    assert {split: report[f"{split}_rows"] for split in SPLITS} == {split: len(found) for split, found in rows.items()}
    assert sorted(f"{row.source}\t{row.target}" for found in rows.values() for row in found) == sorted(GOOD)
    assert (report["dropped.empty"], report["dropped.duplicates"]) == (1, 1)
    assert "dropped: empty 1, duplicates 1; kept: train " in capsys.readouterr().out


def test_the_same_rows_give_the_same_bytes(folders: Folders) -> None:
    first = run(folders, joined(GOOD))
    once = store.verify(folders.prepared, "prepared")
    assert once["inputs"] == {"raw": store.verify(folders.raw, "raw")}
    assert run(folders, joined(GOOD)) == first
    assert store.verify(folders.prepared, "prepared") == once


@pytest.mark.parametrize("content", [b"", b"a\t\n\tb\n", b"a\tb\n\0\n", b"a\tb\n"])
def test_bad_input_leaves_what_was_there(folders: Folders, content: bytes) -> None:
    run(folders, joined(GOOD))
    before = store.verify(folders.prepared, "prepared")
    with pytest.raises(DataError):
        run(folders, content)
    assert store.verify(folders.prepared, "prepared") == before


def test_altered_raw_files_are_refused(folders: Folders) -> None:
    run(folders, joined(GOOD))
    (folders.raw / "spa.tsv").write_bytes(joined(GOOD[1:]))
    with pytest.raises(IntegrityError, match=r"raw/spa\.tsv"):
        prepare.run(recipes.make(), folders)


def test_rows_are_read_by_a_reader_of_the_project_s_own(folders: Folders) -> None:
    (folders.root / "mine.py").write_text(
        "from unroll.data.readers import READERS\n"
        "from unroll.data.rows import Row\n"
        "def read(corpus, raw):\n"
        "    for line in (raw / 'spa.tsv').read_text().splitlines():\n"
        "        yield Row(*line.split('\t')[::-1], '')\n"
        "READERS['of_my_own'] = read\n"
    )
    own = {"parts": "mine.py", "prepare.corpus": {"format": "of_my_own"}, "prepare.filters": None}
    try:
        run(folders, joined(GOOD), **own)
    finally:
        from unroll.data.readers import READERS

        READERS.pop("of_my_own", None)
    rows = [row for split in SPLITS for row in read_rows(folders.prepared / f"{split}.tsv")]
    assert sorted(f"{row.target}\t{row.source}" for row in rows) == sorted(GOOD)
