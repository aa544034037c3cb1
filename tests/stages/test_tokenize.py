from __future__ import annotations

import json

import pytest

from stages import Folders, tokenize
from unroll import artifacts, corpus, text
from unroll.errors import IntegrityError
from unroll.params import Pipeline


def test_ids_spell_the_prepared_rows(ran: Folders) -> None:
    for split in ("train", "valid"):
        rows = list(corpus.prepared(ran.prepared / f"{split}.tsv"))
        for column, side in enumerate(("source", "target")):
            ids, tokenizer = text.open_ids(ran.tokenized, split, side), text.load(ran.tokenized, side)
            assert [tokenizer.decode(ids[row]) for row in range(len(ids))] == [row[column] for row in rows]


def test_test_rows_are_not_tokenized(ran: Folders) -> None:
    assert {name.split(".")[0] for name in artifacts.verify(ran.tokenized, "tokenized")["files"]} == {
        "source", "target", "train", "valid",
    }  # fmt: skip


def test_the_report_counts_what_is_there(ran: Folders) -> None:
    report = json.loads((ran.reports / "tokenize.json").read_text())
    ids, rows = text.open_ids(ran.tokenized, "train", "source"), list(corpus.prepared(ran.prepared / "train.tsv"))
    assert report["source_vocabulary"] == report["target_vocabulary"] == len(text.load(ran.tokenized, "source"))
    assert report["source_tokens_per_row"] == pytest.approx(len(ids.ids) / len(rows), abs=1e-3)
    words = sum(len(row.source.split()) for row in rows)
    assert report["source_tokens_per_word"] == pytest.approx(len(ids.ids) / words, abs=1e-4)
    assert report["source_unknown_percent"] == 0


def test_separate_vocabularies_know_one_language_each(small: Pipeline, ran: Folders) -> None:
    folders = Folders(ran.root, "apart")
    with artifacts.writing(folders.prepared, "prepared", {}) as prepared:
        for split in corpus.SPLITS:
            (prepared / f"{split}.tsv").write_bytes((ran.prepared / f"{split}.tsv").read_bytes())
    words = small.tokenize.model_copy(update={"joint": False, "kind": "word"})
    tokenize.run(small.model_copy(update={"tokenize": words}), folders)
    source, target = (text.load(folders.tokenized, side).vocabulary for side in ("source", "target"))
    assert "milk" in source
    assert "milk" not in target
    assert "leche" in target
    assert "leche" not in source


def test_altered_rows_are_refused(small: Pipeline, ran: Folders) -> None:
    folders = Folders(ran.root, "altered")
    with artifacts.writing(folders.prepared, "prepared", {}) as prepared:
        (prepared / "train.tsv").write_text("a\tb\t\n")
    (folders.prepared / "train.tsv").write_text("a\tc\t\n")
    with pytest.raises(IntegrityError, match=r"train\.tsv"):
        tokenize.run(small, folders)
