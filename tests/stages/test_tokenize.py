from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages import Folders, tokenize
from tests.grammar import PAIRS
from unroll import artifacts, corpus, text
from unroll.errors import DataError, IntegrityError
from unroll.lexicon import Lexicon
from unroll.params import Lines, Pipeline, Tokenize, parse

BPE = {"kind": "bpe", "vocab_size": 400, "lowercase": False}
WORDS = BPE | {"kind": "word"}
LABEL = {"kind": "label"}
LINES = Lines(format="lines", files=("lines",), pairs=False)
Run = Callable[..., Folders]


@pytest.fixture
def tokenized(make_params: Callable[..., Pipeline], tmp_path: Path) -> Run:
    """A function that runs the stage on pairs, the last tenth of which is held out."""

    def run(
        pairs: list[tuple[str, str]], source: dict[str, Any], target: dict[str, Any] | None, **changes: Any
    ) -> Folders:
        folders = Folders(tmp_path, "small")
        rows = [f"{source}\t{target}\t\n" for source, target in pairs]
        cut = len(rows) - len(rows) // 10
        with artifacts.writing(folders.prepared, "prepared", {}) as folder:
            for split, part in (("train", rows[:cut]), ("valid", rows[cut:]), ("test", rows[:1])):
                (folder / f"{split}.tsv").write_text("".join(part), encoding="utf-8", newline="")
        params = make_params()
        section = parse(Tokenize, {"source": source, "target": target}, "tokenize")
        if corpus := changes.get("corpus"):
            params = params.model_copy(update={"prepare": params.prepare.model_copy(update={"corpus": corpus})})
        tokenize.run(params.model_copy(update={"tokenize": section}), folders)
        return folders

    return run


def report(folders: Folders) -> dict[str, float]:
    found: dict[str, float] = json.loads((folders.reports / "tokenize.json").read_text())
    return found


def files(folders: Folders) -> set[str]:
    return set(artifacts.verify(folders.tokenized, "tokenized")["files"])


def ids_of(side: str) -> set[str]:
    return {f"{split}.{side}.{kind}" for split in ("train", "valid") for kind in ("ids", "offsets")}


@pytest.mark.parametrize(("source", "target"), [(BPE, None), (BPE, WORDS), (WORDS, BPE), (LABEL, BPE), (BPE, LABEL)])
def test_ids_spell_the_prepared_rows(tokenized: Run, source: dict[str, Any], target: dict[str, Any] | None) -> None:
    folders = tokenized(PAIRS, source, target)
    for split in ("train",) if LABEL in (source, target) else ("train", "valid"):
        rows = list(corpus.prepared(folders.prepared / f"{split}.tsv"))
        for column, side in enumerate(("source", "target")):
            ids, tokenizer = text.open_ids(folders.tokenized, split, side), text.load(folders.tokenized, side)
            assert [tokenizer.decode(ids[row]) for row in range(len(ids))] == [row[column] for row in rows]


def test_test_rows_are_not_tokenized(tokenized: Run) -> None:
    assert files(tokenized(PAIRS, WORDS, None)) == {
        "source.tokenizer.json", "target.tokenizer.json", *ids_of("source"), *ids_of("target"),
        "target.lexicon.safetensors",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "target", "learnt"), [(WORDS, WORDS, True), (LABEL, BPE, False), (BPE, LABEL, False)]
)
def test_a_lexicon_is_learnt_where_both_sides_are_text(
    tokenized: Run, source: dict[str, Any], target: dict[str, Any], learnt: bool
) -> None:
    folders = tokenized(PAIRS, source, target)
    found = Lexicon.load(folders.tokenized)
    assert (found is not None) == learnt
    if found:
        sizes = [len(text.load(folders.tokenized, side)) for side in ("source", "target")]
        assert found.fits(*sizes)
        assert not found.fits(sizes[0] + 1, sizes[1])
        assert not found.fits(sizes[0], 5)


def test_the_report_counts_what_is_there(tokenized: Run) -> None:
    folders = tokenized(PAIRS, BPE, None)
    found = report(folders)
    ids, rows = (
        text.open_ids(folders.tokenized, "train", "source"),
        list(corpus.prepared(folders.prepared / "train.tsv")),
    )
    assert found["source_vocabulary"] == found["target_vocabulary"] == len(text.load(folders.tokenized, "source"))
    assert found["source_tokens_per_row"] == pytest.approx(len(ids.ids) / len(rows), abs=1e-3)
    words = sum(len(row.source.split()) for row in rows)
    assert found["source_tokens_per_word"] == pytest.approx(len(ids.ids) / words, abs=1e-4)
    assert found["source_unknown_percent"] == 0


def test_what_the_vocabulary_leaves_out_is_counted(tokenized: Run) -> None:
    folders = tokenized([("a a a b", "x")] * 20, {"kind": "space", "vocab_size": 8, "lowercase": False}, LABEL)
    assert report(folders)["source_unknown_percent"] == 0
    pairs = [("a b c d e", "x")] * 20
    assert report(tokenized(pairs, {"kind": "space", "vocab_size": 8, "lowercase": False}, LABEL))[
        "source_unknown_percent"
    ] == pytest.approx(20)


def test_separate_vocabularies_know_one_language_each(tokenized: Run) -> None:
    folders = tokenized(PAIRS, WORDS, WORDS)
    source, target = (text.load(folders.tokenized, side).vocabulary for side in ("source", "target"))
    assert "milk" in source
    assert "milk" not in target
    assert "leche" in target
    assert "leche" not in source


def test_characters_that_share_their_labels(tokenized: Run) -> None:
    pairs = [row[:2] for name in ("Abe", "Eba", "Ab") for row in corpus.pairs(name)]
    folders = tokenized(pairs * 3, LABEL, None)
    vocabularies = [text.load(folders.tokenized, side).vocabulary for side in ("source", "target")]
    assert vocabularies[0] == vocabularies[1]
    assert set(vocabularies[0][len(text.SPECIAL) :]) == {"", *"AbeEa"}
    assert report(folders) == {
        f"{side}_{name}": value
        for side in ("source", "target")
        for name, value in {"vocabulary": 10, "tokens_per_row": 1, "unknown_percent": 0}.items()
    }


def test_lines_have_ids_of_the_source_alone(tokenized: Run) -> None:
    text_lines = ["", "= Title =", "", "one two two", "two one ."] * 4
    folders = tokenized(
        [(line, "") for line in text_lines],
        {"kind": "space", "vocab_size": 50, "lowercase": False},
        None,
        corpus=LINES,
    )
    assert files(folders) == {"source.tokenizer.json", "target.tokenizer.json", *ids_of("source")}
    sides = [text.load(folders.tokenized, side) for side in ("source", "target")]
    assert sides[0].vocabulary == sides[1].vocabulary
    ids = text.open_ids(folders.tokenized, "train", "source")
    assert [sides[0].decode(ids[row]) for row in range(len(ids))] == text_lines[:18]
    assert not any(name.startswith("target") for name in report(folders))


def test_vectors_are_values_and_their_target_has_ids(tokenized: Run) -> None:
    pairs = [(f"{i} 0.5; 1 {i}", f"label {i % 2}") for i in range(20)]
    folders = tokenized(pairs, {"kind": "vectors", "width": 2}, LABEL)
    values = {name.replace(".ids", ".values") for name in ids_of("source")}
    assert files(folders) == {"source.tokenizer.json", "target.tokenizer.json", *values, *ids_of("target")}
    items = text.open_ids(folders.tokenized, "train", "source")
    assert items[3].tolist() == [[3, 0.5], [1, 3]]
    assert report(folders) == {
        "source_vectors_per_row": 2, "source_width": 2, "target_vocabulary": 6, "target_tokens_per_row": 1,
        "target_unknown_percent": 0,
    }  # fmt: skip


def test_a_vector_of_another_width_leaves_what_was_there(tokenized: Run) -> None:
    folders = tokenized([("1 2", "a")] * 10, {"kind": "vectors", "width": 2}, LABEL)
    before = artifacts.verify(folders.tokenized, "tokenized")
    with pytest.raises(DataError, match="vector 1 of '1 2': has 2 numbers where 3 are needed"):
        tokenized([("1 2", "a")] * 10, {"kind": "vectors", "width": 3}, LABEL)
    assert artifacts.verify(folders.tokenized, "tokenized") == before


def test_altered_rows_are_refused(make_params: Callable[..., Pipeline], tmp_path: Path) -> None:
    folders = Folders(tmp_path, "altered")
    with artifacts.writing(folders.prepared, "prepared", {}) as prepared:
        (prepared / "train.tsv").write_text("a\tb\t\n")
    (folders.prepared / "train.tsv").write_text("a\tc\t\n")
    with pytest.raises(IntegrityError, match=r"train\.tsv"):
        tokenize.run(make_params(), folders)
