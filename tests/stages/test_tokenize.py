"""Rows become ids, a lexicon and a report, or what was there stays; what ids spell: test_tokenizing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages import tokenize
from tests import recipes, tiny
from tests.grammar import PAIRS
from unroll.artifacts import store
from unroll.data import tokenizers
from unroll.data.lexicon import Lexicon
from unroll.errors import DataError, IntegrityError
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline

Pairs = list[tuple[str, str]]
WORDS = {"kind": "word", "vocab_size": 400, "lowercase": False}
LABEL = {"kind": "label"}
CLASSES = [("Who ?", "human"), ("How many ?", "number"), ("Where ?", "place")] * 9
SPACE = {"tokenize.source.vocab_size": 60, "train.sampled_softmax": 0}
NAMES = [(target, source) for source, target in CLASSES]
LINES = [(line, "") for line, _ in PAIRS]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path, "small")


def run(folders: Folders, pipeline: Pipeline, pairs: Pairs) -> dict[str, Any]:
    """Run the stage on pairs, the last tenth of which is held out; return its report."""
    rows = [f"{source}\t{target}\t\n" for source, target in pairs]
    cut = len(rows) - len(rows) // 10
    with store.writing(folders.prepared, "prepared", {}) as folder:
        for split, part in (("train", rows[:cut]), ("valid", rows[cut:]), ("test", rows[:1])):
            (folder / f"{split}.tsv").write_text("".join(part), encoding="utf-8", newline="")
    tokenize.run(pipeline, folders)
    return json.loads((folders.reports / "tokenize.json").read_text())


def translator(**changes: Any) -> Pipeline:
    return recipes.make(**{"tokenize.source": WORDS, "train.sampled_softmax": 0} | changes)


def test_ids_and_tokenizers_of_both_sides_are_written(folders: Folders) -> None:
    report = run(folders, translator(), PAIRS)
    found = store.verify(folders.tokenized, "tokenized")
    ids = {f"{split}.{side}.{kind}" for split in ("train", "valid") for side in ("source", "target")
           for kind in ("ids", "offsets")}  # fmt: skip
    assert found["files"].keys() == ids | {"source.tokenizer.json", "target.tokenizer.json"}
    assert found["inputs"] == {"prepared": store.verify(folders.prepared, "prepared")}
    assert report["source_vocabulary"] == len(tokenizers.load(folders.tokenized, "source"))


def test_tokenizers_of_a_model_are_taken_as_they_are(folders: Folders) -> None:
    words = {"kind": "word", "vocab_size": 60, "lowercase": False}
    model = tiny.checkpoint(folders.root / "data/old")
    begun = {"tokenize.source": words, "train.start_from": "old", "tokenize.from_start": "both"}
    report = run(folders, translator(**begun), PAIRS)
    for side in ("source", "target"):
        name = f"{side}.tokenizer.json"
        assert (folders.tokenized / name).read_bytes() == (model / name).read_bytes()
    assert report["source_unknown_percent"] > 10
    inputs = store.verify(folders.tokenized, "tokenized")["inputs"]
    assert inputs["start"] == store.verify(model, "model")["inputs"]["tokenized"]


@pytest.mark.parametrize(
    ("pipeline", "pairs", "learnt"),
    [
        (translator(), PAIRS, True),
        (translator(**{"tokenize.target": WORDS, "model.tied": False}), PAIRS, True),
        (recipes.make("classify", **{"tokenize.source": WORDS}), CLASSES, False),
        (
            recipes.make("name", **{"tokenize.target.vocab_size": 300, "train.sampled_softmax": 0}),
            [pair[::-1] for pair in CLASSES],
            False,
        ),
        (recipes.make("language", **SPACE), LINES, False),
    ],
    ids=["one vocabulary", "two vocabularies", "classes", "names", "running text"],
)
def test_a_lexicon_is_learnt_where_both_sides_are_text(
    folders: Folders, pipeline: Pipeline, pairs: Pairs, learnt: bool
) -> None:
    run(folders, pipeline, pairs)
    written = store.verify(folders.lexicon, "lexicon")
    assert written["inputs"] == {"tokenized": store.verify(folders.tokenized, "tokenized")}
    found = Lexicon.load(folders.lexicon)
    assert (found is not None) == learnt == bool(written["files"])
    if found:
        sizes = [len(tokenizers.load(folders.tokenized, side)) for side in ("source", "target")]
        assert found.fits(*sizes)
        assert not found.fits(sizes[0] + 1, sizes[1])
        assert not found.fits(sizes[0], 5)


def test_a_lexicon_that_no_longer_fits_is_taken_away(folders: Folders) -> None:
    run(folders, translator(), PAIRS)
    assert Lexicon.load(folders.lexicon)
    run(folders, recipes.make("classify", **{"tokenize.source": WORDS}), CLASSES)
    assert Lexicon.load(folders.lexicon) is None


def test_running_text_has_ids_of_the_source_alone(folders: Folders) -> None:
    report = run(folders, recipes.make("language", **SPACE), LINES)
    ids = {f"{split}.source.{kind}" for split in ("train", "valid") for kind in ("ids", "offsets")}
    found = store.verify(folders.tokenized, "tokenized")["files"].keys()
    assert found == ids | {"source.tokenizer.json", "target.tokenizer.json"}
    assert not any(name.startswith("target") for name in report)


def test_the_same_rows_give_the_same_bytes(folders: Folders) -> None:
    first = run(folders, translator(), PAIRS), store.verify(folders.lexicon, "lexicon")
    assert (run(folders, translator(), PAIRS), store.verify(folders.lexicon, "lexicon")) == first


def test_a_vector_of_another_width_leaves_what_was_there(folders: Folders) -> None:
    rows = recipes.make("rows")
    width = rows.tokenize.source.width
    run(folders, rows, [(" ".join(["1"] * width), "a")] * 10)
    before = store.verify(folders.tokenized, "tokenized"), store.verify(folders.lexicon, "lexicon")
    with pytest.raises(DataError, match=f"has 2 numbers where {width} are needed"):
        run(folders, rows, [("1 2", "a")] * 10)
    assert (store.verify(folders.tokenized, "tokenized"), store.verify(folders.lexicon, "lexicon")) == before


def test_altered_rows_are_refused(folders: Folders) -> None:
    with store.writing(folders.prepared, "prepared", {}) as prepared:
        (prepared / "train.tsv").write_text("a\tb\t\n")
    (folders.prepared / "train.tsv").write_text("a\tc\t\n")
    with pytest.raises(IntegrityError, match=r"train\.tsv"):
        tokenize.run(recipes.make(), folders)
