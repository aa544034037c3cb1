"""Each row read is kept whole or accounted for; what is held out does not leak; bad input is one line."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import recipes
from tests.unroll.params.test_misfits import SERIES
from unroll.data import splitting
from unroll.data.preparing import Report, prepare, read, refuse_leakage, summary, tags_words
from unroll.data.rows import SPLITS, Row, read_rows
from unroll.errors import DataError
from unroll.params.prepare import Prepare
from unroll.params.reading import dump, parse

TSV = {"format": "tsv", "file": "spa.tsv", "source_column": 0, "target_column": 1, "attribution_column": None}
SPLIT = {"kind": "grouped", "by": "both", "valid": 0.2, "test": 0.2, "largest_component": 50}
WORDS = ["red", "green", "blue", "black", "white", "brown", "grey", "pink", "gold", "lime"]
GOOD = [f"{a} {b} {c}\t{c} {b} {a} y\tby {a}" for a in WORDS for b in WORDS[:5] for c in WORDS[:4] if a != c]
Prepared = Callable[..., Report]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that rows are written to."""
    (tmp_path / "prepared").mkdir()
    return tmp_path / "prepared"


@pytest.fixture
def prepared(folder: Path, tmp_path: Path) -> Prepared:
    """A function that prepares raw files, and returns what became of their rows."""

    def prepared(files: dict[str, bytes], **changes: Any) -> Report:
        raw = tmp_path / "raw"
        raw.mkdir(exist_ok=True)
        for name, content in files.items():
            (raw / name).write_bytes(content)
        section = dump(recipes.make().prepare) | {"corpus": TSV, "split": SPLIT}
        for name, value in changes.items():
            *parts, last = name.split(".")[1:]
            (section[parts[0]] if parts else section)[last] = value
        # The section alone: what other sections would have to say about the format is not asked here.
        return prepare(parse(Prepare, section, "prepare"), raw, folder)

    return prepared


def written(folder: Path, split: str) -> list[list[str]]:
    text = (folder / f"{split}.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.removesuffix("\n").split("\n")]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def test_rows_are_kept_whole_and_accounted_for(prepared: Prepared, folder: Path) -> None:
    bad = [
        "",
        "alone",
        "\tsolo",
        f"{'long ' * 51}\tb",
        "a\ta b c d e f",
        "same\t same",
        "12345\tabc",
        GOOD[0],
        " " + GOOD[1],
    ]
    with_attribution = {"prepare.corpus": TSV | {"attribution_column": 2}}
    report = prepared({"spa.tsv": joined(GOOD + bad)}, **with_attribution)
    there = [row for split in SPLITS for row in written(folder, split)]
    assert sorted(there) == sorted(line.split("\t") for line in GOOD)
    assert {name.removeprefix("dropped."): count for name, count in report.items() if name.startswith("dropped.")} == {
        "empty": 1, "one_sided": 2, "too_long": 1, "length_ratio": 1, "copies": 1, "few_letters": 1, "duplicates": 2,
        "max_rows": 0,
    }  # fmt: skip
    assert report["rows_read"] == len(GOOD) + len(bad)
    assert report["rows_kept"] == sum(report[f"{split}_rows"] for split in SPLITS) == len(GOOD)


def test_what_is_written_does_not_leak(prepared: Prepared, folder: Path) -> None:
    shared = [f"{line.split(chr(9))[0].upper()}!\tother {i} words x{'abcdefgh'[i % 8]}" for i, line in enumerate(GOOD)]
    report = prepared({"spa.tsv": joined(GOOD + shared)})
    for side in (0, 1):
        keys = {split: {splitting.key(row[side]) for row in written(folder, split)} for split in SPLITS}
        assert not keys["train"] & keys["test"]
        assert not keys["train"] & keys["valid"]
        assert not keys["valid"] & keys["test"]
    assert report["test_leakage_percent"] == report["valid_leakage_percent"] == 0
    assert report["test_sources"] == len({row[0] for row in written(folder, "test")})


def test_same_rows_same_bytes_and_gz_makes_no_difference(prepared: Prepared, folder: Path) -> None:
    prepared({"spa.tsv": joined(GOOD)})
    once = contents(folder)
    prepared({"spa.tsv": joined(GOOD)})
    assert contents(folder) == once
    prepared({"spa.tsv.gz": gzip.compress(joined(GOOD))}, **{"prepare.corpus": TSV | {"file": "spa.tsv.gz"}})
    assert contents(folder) == once


def test_no_more_than_max_rows_stay(prepared: Prepared) -> None:
    report = prepared({"spa.tsv": joined(GOOD)}, **{"prepare.max_rows": 60})
    assert report["rows_kept"] <= 60
    assert report["rows_kept"] + report["dropped.max_rows"] == len(GOOD)


def test_aligned_files_are_prepared(prepared: Prepared, folder: Path) -> None:
    sides = [joined([line.split("\t")[side] for line in GOOD]) for side in (0, 1)]
    aligned = {"format": "aligned", "source_file": "a", "target_file": "b"}
    assert prepared({"a": sides[0], "b": sides[1]}, **{"prepare.corpus": aligned})["rows_kept"] == len(GOOD)
    assert written(folder, "train")[0][2] == ""


def test_official_splits_stay_and_their_leakage_is_reported(prepared: Prepared, folder: Path) -> None:
    test = [*GOOD[:1], "123\t456", "123\t456", "alone\t", "new one\tnovel una"]
    split = {"kind": "official", "by": "both", "valid": TSV | {"file": "valid"}, "test": TSV | {"file": "test"}}
    files = {"spa.tsv": joined(GOOD), "valid": joined(["new\tnovel"]), "test": joined(test)}
    report = prepared(files, **{"prepare.split": split})
    assert [row[:2] for row in written(folder, "test")] == [row.split("\t")[:2] for row in test if row != "alone\t"]
    assert report["test_leakage_percent"] == 25
    assert report["valid_leakage_percent"] == 0
    assert (report["train_rows"], report["valid_rows"], report["test_rows"]) == (len(GOOD), 1, 4)
    assert (report["test_sources"], report["test_dropped.one_sided"]) == (3, 1)


def test_an_official_split_without_rows_is_named(prepared: Prepared) -> None:
    split = {"kind": "official", "by": "both", "valid": TSV | {"file": "valid"}, "test": TSV | {"file": "test"}}
    with pytest.raises(DataError, match=r"prepare\.split\.test: no row"):
        prepared({"spa.tsv": joined(GOOD), "valid": joined(GOOD), "test": b"a\t\n"}, **{"prepare.split": split})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"none of 0 rows is left \(empty files\)"),
        (b"a\t\n\tb\n", r"none of 2 rows is left \(one_sided 2\)"),
        (b"same\tsame\n12\t34\n", r"none of 2 rows is left \(copies 1, few_letters 1\)"),
        (b"alone\nalone too\n", r"raw/spa\.tsv: no row has column 1.*target_column"),
        ("se\u00f1or\tsir\n".encode("latin-1"), r"raw/spa\.tsv:1: .*Latin-1.*iconv"),
        (b"a\tb\n\0\n", r"raw/spa\.tsv:2: a NUL byte"),
        (b"a\tb\n", r"prepare\.split: no row for .*1 rows in 1 groups.*bring more rows"),
        (b"a\tb\n" + b"x" * 2 * 2**20, r"raw/spa\.tsv:2: longer than 1,048,576 bytes"),
    ],
)
def test_bad_input_is_one_line(prepared: Prepared, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        prepared({"spa.tsv": content})
    assert "\n" not in str(caught.value)


def test_one_group_that_holds_everything_is_explained(prepared: Prepared) -> None:
    lines = [f"{a} {b} x{a}{b}\tcolour" for a in WORDS for b in WORDS[:6]]
    with pytest.raises(
        DataError, match=r"60 rows in 1 groups.*the largest of 60 rows.*raise max_rows, largest_component"
    ):
        prepared({"spa.tsv": joined(lines)}, **{"prepare.filters.max_length_ratio": 9.0})


def test_unequal_aligned_files_say_both_counts(prepared: Prepared) -> None:
    aligned = {"format": "aligned", "source_file": "a", "target_file": "b"}
    with pytest.raises(DataError, match=r"raw/a has 3 lines, but .*raw/b has 2"):
        prepared({"a": b"1\n2\n3", "b": b"1\n2\n"}, **{"prepare.corpus": aligned})


def test_a_lone_quote_and_a_line_of_a_megabyte_cost_one_row_at_most(prepared: Prepared, folder: Path) -> None:
    started = time.process_time()
    report = prepared({"spa.tsv": joined([*GOOD, '"Quote me\tcite usted', "x" * 10**6 + "\ty"])})
    assert time.process_time() - started < 3
    assert report["dropped.too_long"] == 1
    assert report["rows_kept"] == len(GOOD) + 1
    assert ['"Quote me', "cite usted", ""] in [row for split in SPLITS for row in written(folder, split)]


def test_a_leak_of_our_own_is_an_error() -> None:
    leaking = splitting.hash_keys([Row("a", "b", "")], "both")
    other = splitting.hash_keys([Row("c", "d", "")], "both")
    refuse_leakage({"train": leaking, "valid": other, "test": other})
    with pytest.raises(DataError, match="100 % of the rows of test"):
        refuse_leakage({"train": leaking, "valid": other, "test": leaking})


def plain(corpus: dict[str, Any], split: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"prepare.corpus": corpus, "prepare.split": split, "prepare.filters": None, **changes}


NAMES = [f"{a}{b}{c}" for a in "ABCDE" for b in "aeiou" for c in "lmnr"]


LINES = {"format": "lines", "files": ["names"], "pairs": False}


def test_names_become_pairs_of_characters_after_they_were_split(prepared: Prepared, folder: Path) -> None:
    changes = plain(LINES | {"pairs": True}, SPLIT | {"by": "source"})
    report = prepared({"names": joined([*NAMES, "", NAMES[0]])}, **changes)
    spelt = {}
    for split in SPLITS:
        text = "".join(row[1] or "\n" for row in written(folder, split))
        assert text == "".join(row[0] or "\n" for row in written(folder, split))[1:] + "\n"
        spelt[split] = text.split()
        assert report[f"{split}_rows"] == len(text)
    assert sorted(name for names in spelt.values() for name in names) == sorted(NAMES)
    assert (report["rows_kept"], report["dropped.empty"], report["dropped.duplicates"]) == (len(NAMES), 1, 1)
    assert report["test_leakage_percent"] == 0
    assert written(folder, "train")[0] == ["", spelt["train"][0][0], ""]


def test_a_running_text_is_kept_line_by_line(prepared: Prepared, folder: Path) -> None:
    text = ["", "= Title =", "", "a line .", "a line .", "x", ""]
    parts = {name: LINES | {"files": [name]} for name in SPLITS}
    split = {"kind": "official", "by": "source", "valid": parts["valid"], "test": parts["test"]}
    files = {"train": joined(text), "valid": joined(text[::-1]), "test": joined(["", "new", "A line"])}
    report = prepared(files, **plain(parts["train"], split))
    for name, expected in (("train", text), ("valid", text[::-1]), ("test", ["", "new", "A line"])):
        assert [row.source for row in read_rows(folder / f"{name}.tsv")] == expected
    assert (report["test_leakage_percent"], report["rows_kept"], report["dropped.duplicates"]) == (50, 7, 0)
    shorter = prepared(files, **plain(parts["train"], split, **{"prepare.max_rows": 4}))
    assert [row.source for row in read_rows(folder / "train.tsv")] == text[:4]
    assert (shorter["dropped.max_rows"], shorter["valid_rows"]) == (3, 7)


def test_validation_rows_are_drawn_and_the_official_test_stays(prepared: Prepared, folder: Path) -> None:
    cells = {"format": "csv", "file": "q.csv", "rows": [1, 401], "source_column": 1, "target_column": 0}
    names = {"target_names": {"0": "what", "1": "who"}}
    split = {"kind": "official", "by": "source", "valid": 0.2, "test": cells | names | {"rows": [401, 405]}}
    train = [f'{i % 2},"question, {i // 2}{"?" * (i % 2)}"' for i in range(400)]
    test = ["0,new one", "1,new one", "1,Question: 7", "0,other"]
    report = prepared({"q.csv": joined(["label,text", *train, *test])}, **plain(cells | names, split))
    assert (report["train_rows"] + report["valid_rows"], report["test_rows"]) == (400, 4)
    assert 40 <= report["valid_rows"] <= 120
    assert report["valid_leakage_percent"] == 0
    taken = {splitting.key(row[0]) for row in written(folder, "train")}
    assert report["test_leakage_percent"] == 25 * ("question 7" in taken)
    assert [row[:2] for row in written(folder, "test")] == [
        ["new one", "what"], ["new one", "who"], ["Question: 7", "who"], ["other", "what"],
    ]  # fmt: skip


@pytest.mark.parametrize("label", ["source", "target"])
def test_labelled_names_are_split_by_their_names(prepared: Prepared, folder: Path, label: str) -> None:
    labelled = {"format": "labelled", "files": {"One": "one", "Two": "two"}, "label": label}
    by = "target" if label == "source" else "source"
    files = {"one": joined(NAMES), "two": joined(NAMES[::2])}
    report = prepared(files, **plain(labelled, SPLIT | {"by": by}))
    assert report["rows_kept"] == 150
    side = 1 if label == "source" else 0
    taken = [{row[side] for row in written(folder, split)} for split in SPLITS]
    assert sum(map(len, taken)) == len(set().union(*taken)) == len(NAMES)
    assert {row[1 - side] for row in written(folder, "train")} == {"One", "Two"}


def test_a_table_is_written_as_vectors(prepared: Prepared, folder: Path) -> None:
    table = {
        "format": "table", "file": "t.csv", "rows": None, "columns": [0, 4], "frame": 2, "divisor": 16.0,
        "target_column": 4, "target_names": None, "join": None,
    }  # fmt: skip
    lines = [f"{i % 17},{i // 17},16,0,{i % 3}" for i in range(200)]
    report = prepared({"t.csv": joined(lines)}, **plain(table, SPLIT | {"by": "source"}))
    assert report["rows_kept"] == 200
    there = [row for split in SPLITS for row in written(folder, split)]
    assert ["0.3125 0.0625; 1 0", str(22 % 3), ""] in there
    joint = prepared({"t.csv": joined(lines)}, **plain(table | {"join": 3}, SPLIT | {"by": "source"}))
    assert joint["rows_read"] == 66
    assert {len(row[1].split()) for row in written(folder, "train")} == {6}


def test_a_share_of_too_few_rows_is_explained(prepared: Prepared) -> None:
    split = {"kind": "official", "by": "both", "valid": 0.01, "test": TSV}
    with pytest.raises(DataError, match=r"prepare\.split: no row for valid: .*bring more rows"):
        prepared({"spa.tsv": joined(GOOD[:9])}, **{"prepare.split": split})


def test_a_summary_names_what_was_dropped_and_what_stays() -> None:
    report = {"rows_read": 1234, "dropped.empty": 0, "dropped.copies": 3, "test_dropped.one_sided": 1}
    report |= {"train_rows": 1200, "valid_rows": 20, "test_rows": 11}
    told = "prepare: 1,234 rows read; dropped: copies 3, test_dropped.one_sided 1; kept: train 1,200, valid 20, test 11"
    assert summary(report | {"test_leakage_percent": 0.0}) == told
    leaking = f"{told}; 9.09 % of the test rows have a side or a relative in train"
    assert summary(report | {"test_leakage_percent": 100 / 11}) == leaking


COLUMNS = {"source_column": 0, "target_column": 1, "header": False}
UNEQUAL = {
    "a.tsv": ({"format": "tsv", "attribution_column": None, **COLUMNS}, "the milk\tD N\n\nthe milk waits\tD N\n"),
    "a.csv": ({"format": "csv", "rows": None, "target_names": None, **COLUMNS}, "the milk,D N\n\na b c,D N\n"),
    "a.jsonl": (
        {"format": "jsonl", "source_key": "w", "target_key": "t", "target_names": None, "where": None},
        '{"w": ["a"], "t": ["D"]}\n\n{"w": ["a", "b", "c"], "t": ["D", "N"]}\n',
    ),
    "a.txt": ({"format": "aligned", "source_file": "a.txt", "target_file": "b.txt"}, "the milk\n\na b c\n"),
}


@pytest.mark.parametrize("name", UNEQUAL)
def test_words_that_have_not_a_tag_each_are_told_with_file_and_line(tmp_path: Path, name: str) -> None:
    section, content = UNEQUAL[name]
    (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "b.txt").write_text("D N\n\nD N\n", encoding="utf-8")
    whole = section if "source_file" in section else section | {"file": name}
    corpus = parse(Prepare, dump(recipes.make().prepare) | {"corpus": whole}, "prepare").corpus
    with pytest.raises(DataError, match=rf"{re.escape(name)}:3: 3 words and 2 tags: each word has one; fix the line"):
        list(read(corpus, tmp_path, tags=True))
    assert len(list(read(corpus, tmp_path, tags=False))) == 2 + (name != "a.jsonl")


def test_words_have_tags_where_a_tagger_reads_what_stands_between_spaces() -> None:
    asked = [("tagger", "space"), ("tagger", "suffix"), ("tagger", "char"), ("tagger", "vectors"), ("decoder", "space")]
    assert [tags_words(*one) for one in asked] == [True, True, False, False, False]


WINDOWS = SERIES | {"window": 8, "step": 2}
BY_GROUP = {"kind": "grouped", "by": "group", "valid": 0.2, "test": 0.2, "largest_component": 1000}


def recordings(folder: Path, corpus: dict[str, Any], split: dict[str, Any]) -> Report:
    """Prepare 20 recordings of 40 frames, two of each of 10 people, of whose rows a column sets every third apart."""
    lines = [
        f"{n // 40},{n // 80},{n},{n % 7},{'ab'[n // 40 % 2]},{'test' if n % 3 == 0 else 'train'}\n" for n in range(800)
    ]
    (folder / "a.csv").write_text("id,who,x,y,label,split\n" + "".join(lines), encoding="utf-8")
    section = {"corpus": corpus, "split": split, "unicode": "NFC", "filters": None, "max_rows": None}
    return prepare(parse(Prepare, section, "prepare"), folder, folder)


@pytest.mark.parametrize(("group", "components"), [(None, 20), ("who", 10)])
def test_windows_are_split_by_recording_or_by_subject(tmp_path: Path, group: str | None, components: int) -> None:
    report = recordings(tmp_path, WINDOWS | {"group": group}, BY_GROUP)
    assert (report["components"], report["rows_kept"]) == (components, 20 * 17)
    assert report["test_leakage_percent"] == report["valid_leakage_percent"] == 0
    assert min(report[f"{split}_rows"] for split in SPLITS) >= 4 * 17


def test_rows_of_a_recording_that_a_column_sets_apart_leak_and_that_is_told(tmp_path: Path) -> None:
    train, test = (WINDOWS | {"where": {"column": "split", "cells": [split]}} for split in ("train", "test"))
    report = recordings(tmp_path, train, {"kind": "official", "by": "group", "valid": 0.2, "test": test})
    assert report["valid_leakage_percent"] == 0, "what is drawn from train is drawn by recording"
    assert report["test_leakage_percent"] == 75, "those of the 15 recordings that have windows in train"
    assert summary(report).endswith("; 75 % of the test rows have a side or a relative in train")


def test_recordings_that_are_parted_in_time_share_no_frame(tmp_path: Path) -> None:
    spans = {"train": [0.0, 0.5], "valid": [0.5, 0.75], "test": [0.75, 1.0]}
    parts = {name: WINDOWS | {"id": "who", "answer": "labels", "part": span} for name, span in spans.items()}
    official = {"kind": "official", "by": "group", "valid": parts["valid"], "test": parts["test"]}
    report = recordings(tmp_path, parts["train"], official)
    assert report["test_leakage_percent"] == report["valid_leakage_percent"] == 0
    rows = {name: read_rows(tmp_path / f"{name}.tsv") for name in SPLITS}
    frames = {name: {frame for row in found for frame in row.source.split("; ")} for name, found in rows.items()}
    assert [len(frames[name]) for name in SPLITS] == [10 * 40, 10 * (20 - 8), 10 * (20 - 8)]
    assert len(set.union(*frames.values())) == sum(map(len, frames.values()))
