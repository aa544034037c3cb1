from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages import Folders, prepare
from unroll import artifacts, corpus
from unroll.errors import DataError, IntegrityError
from unroll.params import Pipeline, Prepare, dump, parse

TSV = {"format": "tsv", "file": "spa.tsv", "source_column": 0, "target_column": 1, "attribution_column": None}
SPLIT = {"kind": "grouped", "by": "both", "valid": 0.2, "test": 0.2, "largest_component": 50}
WORDS = ["red", "green", "blue", "black", "white", "brown", "grey", "pink", "gold", "lime"]
GOOD = [f"{a} {b} {c}\t{c} {b} {a} y\tby {a}" for a in WORDS for b in WORDS[:5] for c in WORDS[:4] if a != c]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path, "translate")


@pytest.fixture
def prepared(make_params: Callable[..., Pipeline], folders: Folders) -> Callable[..., dict[str, Any]]:
    """A function that runs the stage on raw files and returns its report."""

    def prepared(files: dict[str, bytes], **changes: Any) -> dict[str, Any]:
        with artifacts.writing(folders.raw, "raw", {}) as folder:
            for name, content in files.items():
                (folder / name).write_bytes(content)
        section = dump(make_params().prepare) | {"corpus": TSV, "split": SPLIT}
        for name, value in changes.items():
            *parts, last = name.split(".")[1:]
            (section[parts[0]] if parts else section)[last] = value
        # The section alone: what the other stages would have to say about the format is not asked here.
        params = make_params().model_copy(update={"prepare": parse(Prepare, section, "prepare")})
        prepare.run(params, folders)
        report: dict[str, Any] = json.loads((folders.reports / "prepare.json").read_text())
        return report

    return prepared


def rows(folders: Folders, split: str) -> list[list[str]]:
    text = (folders.prepared / f"{split}.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.removesuffix("\n").split("\n")]


def joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def test_rows_are_kept_whole_and_accounted_for(prepared: Callable[..., dict[str, Any]], folders: Folders) -> None:
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
    written = [row for split in corpus.SPLITS for row in rows(folders, split)]
    assert sorted(written) == sorted(line.split("\t") for line in GOOD)
    assert {name.removeprefix("dropped."): count for name, count in report.items() if name.startswith("dropped.")} == {
        "empty": 1, "one_sided": 2, "too_long": 1, "length_ratio": 1, "copies": 1, "few_letters": 1, "duplicates": 2,
        "max_rows": 0,
    }  # fmt: skip
    assert report["rows_read"] == len(GOOD) + len(bad)
    assert report["rows_kept"] == sum(report[f"{split}_rows"] for split in corpus.SPLITS) == len(GOOD)


def test_what_is_written_does_not_leak(prepared: Callable[..., dict[str, Any]], folders: Folders) -> None:
    shared = [f"{line.split(chr(9))[0].upper()}!\tother {i} words x{'abcdefgh'[i % 8]}" for i, line in enumerate(GOOD)]
    report = prepared({"spa.tsv": joined(GOOD + shared)})
    for side in (0, 1):
        keys = {split: {corpus.key(row[side]) for row in rows(folders, split)} for split in corpus.SPLITS}
        assert not keys["train"] & keys["test"]
        assert not keys["train"] & keys["valid"]
        assert not keys["valid"] & keys["test"]
    assert report["test_leakage_percent"] == report["valid_leakage_percent"] == 0
    assert report["test_sources"] == len({row[0] for row in rows(folders, "test")})


def test_same_rows_same_bytes_and_gz_makes_no_difference(
    prepared: Callable[..., dict[str, Any]], folders: Folders
) -> None:
    prepared({"spa.tsv": joined(GOOD)})
    once = artifacts.verify(folders.prepared, "prepared")
    prepared({"spa.tsv": joined(GOOD)})
    assert artifacts.verify(folders.prepared, "prepared") == once
    prepared({"spa.tsv.gz": gzip.compress(joined(GOOD))}, **{"prepare.corpus": TSV | {"file": "spa.tsv.gz"}})
    assert artifacts.verify(folders.prepared, "prepared")["files"] == once["files"]
    assert once["inputs"]["raw"]["kind"] == "raw"


def test_no_more_than_max_rows_stay(prepared: Callable[..., dict[str, Any]]) -> None:
    report = prepared({"spa.tsv": joined(GOOD)}, **{"prepare.max_rows": 60})
    assert report["rows_kept"] <= 60
    assert report["rows_kept"] + report["dropped.max_rows"] == len(GOOD)


def test_aligned_files_are_prepared(prepared: Callable[..., dict[str, Any]], folders: Folders) -> None:
    sides = [joined([line.split("\t")[side] for line in GOOD]) for side in (0, 1)]
    aligned = {"format": "aligned", "source_file": "a", "target_file": "b"}
    assert prepared({"a": sides[0], "b": sides[1]}, **{"prepare.corpus": aligned})["rows_kept"] == len(GOOD)
    assert rows(folders, "train")[0][2] == ""


def test_official_splits_stay_and_their_leakage_is_reported(
    prepared: Callable[..., dict[str, Any]], folders: Folders
) -> None:
    test = [*GOOD[:1], "123\t456", "123\t456", "alone\t", "new one\tnovel una"]
    split = {"kind": "official", "by": "both", "valid": TSV | {"file": "valid"}, "test": TSV | {"file": "test"}}
    files = {"spa.tsv": joined(GOOD), "valid": joined(["new\tnovel"]), "test": joined(test)}
    report = prepared(files, **{"prepare.split": split})
    assert [row[:2] for row in rows(folders, "test")] == [row.split("\t")[:2] for row in test if row != "alone\t"]
    assert report["test_leakage_percent"] == 25
    assert report["valid_leakage_percent"] == 0
    assert (report["train_rows"], report["valid_rows"], report["test_rows"]) == (len(GOOD), 1, 4)
    assert (report["test_sources"], report["test_dropped.one_sided"]) == (3, 1)


def test_an_official_split_without_rows_is_named(prepared: Callable[..., dict[str, Any]]) -> None:
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
def test_bad_input_is_one_line_and_leaves_what_was_there(
    prepared: Callable[..., dict[str, Any]], folders: Folders, content: bytes, message: str
) -> None:
    prepared({"spa.tsv": joined(GOOD)})
    before = artifacts.verify(folders.prepared, "prepared")
    with pytest.raises(DataError, match=message) as caught:
        prepared({"spa.tsv": content})
    assert "\n" not in str(caught.value)
    assert artifacts.verify(folders.prepared, "prepared") == before


def test_one_group_that_holds_everything_is_explained(prepared: Callable[..., dict[str, Any]]) -> None:
    lines = [f"{a} {b} x{a}{b}\tcolour" for a in WORDS for b in WORDS[:6]]
    with pytest.raises(
        DataError, match=r"60 rows in 1 groups.*the largest of 60 rows.*raise max_rows, largest_component"
    ):
        prepared({"spa.tsv": joined(lines)}, **{"prepare.filters.max_length_ratio": 9.0})


def test_unequal_aligned_files_say_both_counts(prepared: Callable[..., dict[str, Any]]) -> None:
    aligned = {"format": "aligned", "source_file": "a", "target_file": "b"}
    with pytest.raises(DataError, match=r"raw/a has 3 lines, but .*raw/b has 2"):
        prepared({"a": b"1\n2\n3", "b": b"1\n2\n"}, **{"prepare.corpus": aligned})


def test_a_lone_quote_and_a_line_of_a_megabyte_cost_one_row_at_most(
    prepared: Callable[..., dict[str, Any]], folders: Folders
) -> None:
    started = time.process_time()
    report = prepared({"spa.tsv": joined([*GOOD, '"Quote me\tcite usted', "x" * 10**6 + "\ty"])})
    assert time.process_time() - started < 3
    assert report["dropped.too_long"] == 1
    assert report["rows_kept"] == len(GOOD) + 1
    assert ['"Quote me', "cite usted", ""] in [row for split in corpus.SPLITS for row in rows(folders, split)]


def test_altered_raw_files_are_refused(
    prepared: Callable[..., dict[str, Any]], folders: Folders, make_params: Callable[..., Pipeline]
) -> None:
    prepared({"spa.tsv": joined(GOOD)})
    (folders.raw / "spa.tsv").write_bytes(joined(GOOD[1:]))
    with pytest.raises(IntegrityError, match=r"raw/spa\.tsv"):
        prepare.run(make_params(), folders)


def test_a_leak_of_our_own_is_an_error() -> None:
    leaking = corpus.hash_keys([corpus.Row("a", "b", "")], "both")
    other = corpus.hash_keys([corpus.Row("c", "d", "")], "both")
    prepare.refuse_leakage({"train": leaking, "valid": other, "test": other})
    with pytest.raises(DataError, match="100 % of the rows of test"):
        prepare.refuse_leakage({"train": leaking, "valid": other, "test": leaking})


def plain(corpus: dict[str, Any], split: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"prepare.corpus": corpus, "prepare.split": split, "prepare.filters": None, **changes}


NAMES = [f"{a}{b}{c}" for a in "ABCDE" for b in "aeiou" for c in "lmnr"]
LINES = {"format": "lines", "files": ["names"], "pairs": False}


def test_names_become_pairs_of_characters_after_they_were_split(
    prepared: Callable[..., dict[str, Any]], folders: Folders
) -> None:
    changes = plain(LINES | {"pairs": True}, SPLIT | {"by": "source"})
    report = prepared({"names": joined([*NAMES, "", NAMES[0]])}, **changes)
    spelt = {}
    for split in corpus.SPLITS:
        text = "".join(row[1] or "\n" for row in rows(folders, split))
        assert text == "".join(row[0] or "\n" for row in rows(folders, split))[1:] + "\n"
        spelt[split] = text.split()
        assert report[f"{split}_rows"] == len(text)
    assert sorted(name for names in spelt.values() for name in names) == sorted(NAMES)
    assert (report["rows_kept"], report["dropped.empty"], report["dropped.duplicates"]) == (len(NAMES), 1, 1)
    assert report["test_leakage_percent"] == 0
    assert rows(folders, "train")[0] == ["", spelt["train"][0][0], ""]


def test_a_running_text_is_kept_line_by_line(prepared: Callable[..., dict[str, Any]], folders: Folders) -> None:
    text = ["", "= Title =", "", "a line .", "a line .", "x", ""]
    parts = {name: LINES | {"files": [name]} for name in corpus.SPLITS}
    split = {"kind": "official", "by": "source", "valid": parts["valid"], "test": parts["test"]}
    files = {"train": joined(text), "valid": joined(text[::-1]), "test": joined(["", "new", "A line"])}
    report = prepared(files, **plain(parts["train"], split))
    for name, expected in (("train", text), ("valid", text[::-1]), ("test", ["", "new", "A line"])):
        assert [row.source for row in corpus.prepared(folders.prepared / f"{name}.tsv")] == expected
    assert (report["test_leakage_percent"], report["rows_kept"], report["dropped.duplicates"]) == (50, 7, 0)
    shorter = prepared(files, **plain(parts["train"], split, **{"prepare.max_rows": 4}))
    assert [row.source for row in corpus.prepared(folders.prepared / "train.tsv")] == text[:4]
    assert (shorter["dropped.max_rows"], shorter["valid_rows"]) == (3, 7)


def test_validation_rows_are_drawn_and_the_official_test_stays(
    prepared: Callable[..., dict[str, Any]], folders: Folders
) -> None:
    cells = {"format": "csv", "file": "q.csv", "rows": [1, 401], "source_column": 1, "target_column": 0}
    names = {"target_names": {"0": "what", "1": "who"}}
    split = {"kind": "official", "by": "source", "valid": 0.2, "test": cells | names | {"rows": [401, 405]}}
    train = [f'{i % 2},"question, {i // 2}{"?" * (i % 2)}"' for i in range(400)]
    test = ["0,new one", "1,new one", "1,Question: 7", "0,other"]
    report = prepared({"q.csv": joined(["label,text", *train, *test])}, **plain(cells | names, split))
    assert (report["train_rows"] + report["valid_rows"], report["test_rows"]) == (400, 4)
    assert 40 <= report["valid_rows"] <= 120
    assert report["valid_leakage_percent"] == 0
    taken = {corpus.key(row[0]) for row in rows(folders, "train")}
    assert report["test_leakage_percent"] == 25 * ("question 7" in taken)
    assert [row[:2] for row in rows(folders, "test")] == [
        ["new one", "what"], ["new one", "who"], ["Question: 7", "who"], ["other", "what"],
    ]  # fmt: skip


@pytest.mark.parametrize("label", ["source", "target"])
def test_labelled_names_are_split_by_their_names(
    prepared: Callable[..., dict[str, Any]], folders: Folders, label: str
) -> None:
    labelled = {"format": "labelled", "files": {"One": "one", "Two": "two"}, "label": label}
    by = "target" if label == "source" else "source"
    files = {"one": joined(NAMES), "two": joined(NAMES[::2])}
    report = prepared(files, **plain(labelled, SPLIT | {"by": by}))
    assert report["rows_kept"] == 150
    side = 1 if label == "source" else 0
    taken = [{row[side] for row in rows(folders, split)} for split in corpus.SPLITS]
    assert sum(map(len, taken)) == len(set().union(*taken)) == len(NAMES)
    assert {row[1 - side] for row in rows(folders, "train")} == {"One", "Two"}


def test_a_table_is_written_as_vectors(prepared: Callable[..., dict[str, Any]], folders: Folders) -> None:
    table = {
        "format": "table", "file": "t.csv", "rows": None, "columns": [0, 4], "frame": 2, "divisor": 16.0,
        "target_column": 4, "target_names": None, "join": None,
    }  # fmt: skip
    lines = [f"{i % 17},{i // 17},16,0,{i % 3}" for i in range(200)]
    report = prepared({"t.csv": joined(lines)}, **plain(table, SPLIT | {"by": "source"}))
    assert report["rows_kept"] == 200
    written = [row for split in corpus.SPLITS for row in rows(folders, split)]
    assert ["0.3125 0.0625; 1 0", str(22 % 3), ""] in written
    joint = prepared({"t.csv": joined(lines)}, **plain(table | {"join": 3}, SPLIT | {"by": "source"}))
    assert joint["rows_read"] == 66
    assert {len(row[1].split()) for row in rows(folders, "train")} == {6}


def test_a_share_of_too_few_rows_is_explained(prepared: Callable[..., dict[str, Any]]) -> None:
    split = {"kind": "official", "by": "both", "valid": 0.01, "test": TSV}
    with pytest.raises(DataError, match=r"prepare\.split: no row for valid: .*bring more rows"):
        prepared({"spa.tsv": joined(GOOD[:9])}, **{"prepare.split": split})
