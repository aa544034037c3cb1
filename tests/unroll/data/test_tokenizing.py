"""Prepared rows become ids that spell them, and numbers become vectors; only train is learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.grammar import PAIRS
from unroll.data import tokenizers
from unroll.data.ids import SPECIAL, Ids
from unroll.data.readers import pairs
from unroll.data.rows import read_rows
from unroll.data.tokenizing import Report, parallel, tokenize
from unroll.errors import DataError
from unroll.params.reading import parse
from unroll.params.tokenize import Tokenize
from unroll.shapes import SIDES

BPE = {"kind": "bpe", "vocab_size": 400, "lowercase": False}
WORDS = BPE | {"kind": "word"}
LABEL = {"kind": "label"}


class Made(NamedTuple):
    """What tokenizing made of rows in the folder `prepared`."""

    prepared: Path
    folder: Path
    report: Report


Run = Callable[..., Made]


def section(source: dict[str, Any], target: dict[str, Any] | None) -> Tokenize:
    return parse(Tokenize, {"source": source, "target": target, "from_start": None, "typed": None}, "tokenize")


@pytest.fixture
def tokenized(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A function that tokenizes pairs, the last tenth of which is held out."""

    def run(
        pairs: list[tuple[str, str]],
        source: dict[str, Any],
        target: dict[str, Any] | None,
        sides: Sequence[str] = SIDES,
    ) -> Made:
        prepared, folder = (tmp_path_factory.mktemp(name) for name in ("prepared", "tokenized"))
        lines = [f"{source}\t{target}\t\n" for source, target in pairs]
        cut = len(lines) - len(lines) // 10
        for split, part in (("train", lines[:cut]), ("valid", lines[cut:]), ("test", lines[:1])):
            (prepared / f"{split}.tsv").write_text("".join(part), encoding="utf-8", newline="")
        return Made(prepared, folder, tokenize(section(source, target), None, sides, prepared, folder))

    return run


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def ids_of(side: str) -> set[str]:
    return {f"{split}.{side}.{kind}" for split in ("train", "valid") for kind in ("ids", "offsets")}


def test_test_rows_are_not_tokenized(tokenized: Run) -> None:
    wanted = {"source.tokenizer.json", "target.tokenizer.json", *ids_of("source"), *ids_of("target")}
    assert files(tokenized(PAIRS, WORDS, None).folder) == wanted


@pytest.mark.parametrize(
    ("source", "target", "sides", "wanted"),
    [
        (WORDS, WORDS, SIDES, True),
        (BPE, None, SIDES, True),
        (LABEL, BPE, SIDES, False),
        (BPE, LABEL, SIDES, False),
        ({"kind": "vectors", "width": 2, "scale": None}, BPE, SIDES, False),
        (WORDS, None, ("source",), False),
    ],
)
def test_rows_are_parallel_where_both_sides_are_text(
    source: dict[str, Any], target: dict[str, Any] | None, sides: Sequence[str], wanted: bool
) -> None:
    assert parallel(section(source, target), sides) == wanted


@pytest.mark.parametrize(("source", "target"), [(BPE, None), (BPE, WORDS), (WORDS, BPE), (LABEL, BPE), (BPE, LABEL)])
def test_ids_spell_the_prepared_rows(tokenized: Run, source: dict[str, Any], target: dict[str, Any] | None) -> None:
    made = tokenized(PAIRS, source, target)
    for split in ("train",) if LABEL in (source, target) else ("train", "valid"):
        rows = list(read_rows(made.prepared / f"{split}.tsv"))
        for column, side in enumerate(SIDES):
            ids, tokenizer = Ids(made.folder, split, side), tokenizers.load(made.folder, side)
            assert [tokenizer.decode(ids[row]) for row in range(len(ids))] == [row[column] for row in rows]


def test_the_report_counts_what_is_there(tokenized: Run) -> None:
    made = tokenized(PAIRS, BPE, None)
    found = made.report
    ids, rows = Ids(made.folder, "train", "source"), list(read_rows(made.prepared / "train.tsv"))
    assert found["source_vocabulary"] == found["target_vocabulary"] == len(tokenizers.load(made.folder, "source"))
    assert found["source_tokens_per_row"] == pytest.approx(len(ids.ids) / len(rows), abs=1e-3)
    words = sum(len(row.source.split()) for row in rows)
    assert found["source_tokens_per_word"] == pytest.approx(len(ids.ids) / words, abs=1e-4)
    assert found["source_unknown_percent"] == 0


def test_what_the_vocabulary_leaves_out_is_counted(tokenized: Run) -> None:
    made = tokenized([("a a a b", "x")] * 20, {"kind": "space", "vocab_size": 8, "lowercase": False}, LABEL)
    assert made.report["source_unknown_percent"] == 0
    pairs = [("a b c d e", "x")] * 20
    made = tokenized(pairs, {"kind": "space", "vocab_size": 8, "lowercase": False}, LABEL)
    assert made.report["source_unknown_percent"] == pytest.approx(20)


def test_separate_vocabularies_know_one_language_each(tokenized: Run) -> None:
    made = tokenized(PAIRS, WORDS, WORDS)
    source, target = (tokenizers.load(made.folder, side).vocabulary for side in ("source", "target"))
    assert "milk" in source
    assert "milk" not in target
    assert "leche" in target
    assert "leche" not in source


def test_characters_that_share_their_labels(tokenized: Run) -> None:
    rows = [row[:2] for name in ("Abe", "Eba", "Ab") for row in pairs(name)]
    made = tokenized(rows * 3, LABEL, None)
    vocabularies = [tokenizers.load(made.folder, side).vocabulary for side in ("source", "target")]
    assert vocabularies[0] == vocabularies[1]
    assert set(vocabularies[0][len(SPECIAL) :]) == {"", *"AbeEa"}
    assert made.report == {
        f"{side}_{name}": value
        for side in ("source", "target")
        for name, value in {"vocabulary": 10, "tokens_per_row": 1, "unknown_percent": 0}.items()
    }


def test_lines_have_ids_of_the_source_alone(tokenized: Run) -> None:
    text_lines = ["", "= Title =", "", "one two two", "two one ."] * 4
    made = tokenized(
        [(line, "") for line in text_lines],
        {"kind": "space", "vocab_size": 50, "lowercase": False},
        None,
        sides=("source",),
    )
    assert files(made.folder) == {"source.tokenizer.json", "target.tokenizer.json", *ids_of("source")}
    sides = [tokenizers.load(made.folder, side) for side in ("source", "target")]
    assert sides[0].vocabulary == sides[1].vocabulary
    ids = Ids(made.folder, "train", "source")
    assert [sides[0].decode(ids[row]) for row in range(len(ids))] == text_lines[:18]
    assert not any(name.startswith("target") for name in made.report)


def test_vectors_are_values_and_their_target_has_ids(tokenized: Run) -> None:
    pairs = [(f"{i} 0.5; 1 {i}", f"label {i % 2}") for i in range(20)]
    made = tokenized(pairs, {"kind": "vectors", "width": 2, "scale": None}, LABEL)
    values = {name.replace(".ids", ".values") for name in ids_of("source")}
    assert files(made.folder) == {"source.tokenizer.json", "target.tokenizer.json", *values, *ids_of("target")}
    items = Ids(made.folder, "train", "source")
    assert items[3].tolist() == [[3, 0.5], [1, 3]]
    assert made.report == {
        "source_vectors_per_row": 2, "source_width": 2, "target_vocabulary": 6, "target_tokens_per_row": 1,
        "target_unknown_percent": 0,
    }  # fmt: skip


def test_a_vector_of_another_width_is_named(tokenized: Run) -> None:
    with pytest.raises(DataError, match="vector 1 of '1 2': has 2 numbers where 3 are needed"):
        tokenized([("1 2", "a")] * 10, {"kind": "vectors", "width": 3, "scale": None}, LABEL)
