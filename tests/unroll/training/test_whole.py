"""Rows in memory become a checkpoint, as they would through the stages; what cannot be rows is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.grammar import PAIRS
from unroll.artifacts import store
from unroll.errors import DataError, ParamsError
from unroll.params.pipeline import Pipeline
from unroll.predict.loading import load
from unroll.training.whole import train

SPLIT = {"kind": "grouped", "by": "both", "valid": 0.1, "test": 0.1, "largest_component": 50}
WIDE = {"tokenize__source__vocab_size": 400, "hidden": 32}


def settings(section: str = "translate", **changes: Any) -> Pipeline:
    short = {"prepare__split": SPLIT, "train__updates": 20, "train__validate_every": 20, "train__validation_rows": 10}
    return tiny.pipeline(section, **(short | changes))


def test_pairs_become_a_translator(tmp_path: Path) -> None:
    changes = {"embed__dimensions": 32, "train__updates": 400, "train__validate_every": 400, "embed__epochs": 5}
    pipeline = settings(**WIDE, **changes)
    train(pipeline, PAIRS, tmp_path / "aside", tmp_path / "model")
    predictor = load(tmp_path / "model")
    assert predictor.recipe == pipeline.recipe
    right = sum(predictor(source).text == target for source, target in PAIRS[:20])
    assert right >= 16
    manifest = store.verify(tmp_path / "model", "model")
    assert set(manifest["inputs"]) == {"prepared", "tokenized", "embedded"}


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(settings(**WIDE, embed__kind="random"), iter(PAIRS), tmp_path / name / "aside", tmp_path / name / "model")
    first, second = ((tmp_path / name / "model/model.safetensors").read_bytes() for name in "ab")
    assert first == second


def test_texts_become_a_language_model(tmp_path: Path) -> None:
    split = SPLIT | {"by": "source"}
    texts = [f"row {n} : one two three four five six ." for n in range(200)]
    pipeline = settings("language", prepare__split=split, prepare__corpus__files=["none.txt"])
    train(pipeline, texts, tmp_path / "aside", tmp_path / "model")
    predictor = load(tmp_path / "model")
    assert predictor.recipe.reads_on
    assert predictor("row 7 :").text.startswith("row 7 :")


@pytest.mark.parametrize("row", [("one side",), ("a", "b", "c"), ("a", 1), 7, None])
def test_what_is_no_row_is_refused_with_its_number(tmp_path: Path, row: Any) -> None:
    with pytest.raises(DataError, match="rows: row 3 is neither a text nor a pair of texts") as caught:
        train(settings(), [*PAIRS[:2], row], tmp_path / "aside", tmp_path / "model")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


def test_a_split_that_names_files_is_refused(tmp_path: Path) -> None:
    corpus = {"format": "tsv", "file": "x.tsv", "source_column": 0, "target_column": 1, "attribution_column": None}
    official = {"kind": "official", "by": "both", "valid": 0.1, "test": corpus}
    with pytest.raises(ParamsError, match=r"prepare\.split\.kind: 'official' names files; .* set 'grouped'"):
        train(settings(prepare__split=official), PAIRS, tmp_path / "aside", tmp_path / "model")
