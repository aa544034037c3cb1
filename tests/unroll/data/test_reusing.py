"""The tokenizers of another model are taken as they are, or it is said in what they are other than was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.grammar import PAIRS
from unroll.data import reusing
from unroll.data.tokenizers import Tokenizer
from unroll.data.typed import WORDS, Normalizer
from unroll.errors import ParamsError
from unroll.params.reading import parse
from unroll.params.tokenize import Tokenize, Typed

BPE = {"kind": "bpe", "vocab_size": 400, "lowercase": False}
TYPED = {"sentences": "en", "case": True, "copied": True}
LABEL = {"kind": "label"}


def section(source: Any = BPE, target: Any = None, from_start: str | None = "both", typed: Any = None) -> Tokenize:
    found = {"source": source, "target": target, "from_start": from_start, "typed": typed}
    return parse(Tokenize, found, "tokenize")


def start(folder: Path, target: Any = None, typed: Any = None) -> Path:
    """Return the folder of a model whose tokenizers are of subwords."""
    changes = {"tokenize__source": BPE, "tokenize__target": target, "tokenize__typed": typed, "model__tied": False}
    model = tiny.checkpoint(folder, tiny.pipeline(**changes), PAIRS)
    if typed:
        (model / WORDS).write_text("the\nTom\n", encoding="utf-8")
        tiny.sign(model)
    return model


def test_readers_are_those_of_the_model(tmp_path: Path) -> None:
    found = reusing.readers(section(), start(tmp_path))
    assert found.keys() == {"source", "target"}
    for side, reader in found.items():
        assert isinstance(reader, Tokenizer)
        reader.save(tmp_path, side)
        assert (tmp_path / f"{side}.model").read_bytes() == (tmp_path / f"model/{side}.model").read_bytes()


def test_one_side_alone_may_be(tmp_path: Path) -> None:
    model = start(tmp_path)
    assert reusing.readers(section(target=LABEL, from_start="source"), model).keys() == {"source"}
    assert reusing.readers(section(from_start=None), model) == {}


@pytest.mark.parametrize(
    ("asked", "target", "message"),
    [
        (
            {"source": BPE | {"vocab_size": 500}},
            None,
            r"tokenize\.source\.vocab_size: 500, but 400 in .*: set that",
        ),
        ({"source": BPE | {"kind": "unigram"}}, None, r"tokenize\.source\.kind: unigram, but bpe in"),
        ({"target": BPE | {"lowercase": True}}, None, r"tokenize\.target\.lowercase: True, but False in"),
        ({}, BPE, r"tokenize\.target: .* has a vocabulary for each side: give both sides"),
        ({"typed": TYPED}, None, r"tokenize\.typed: .* know null: set that, or tokenize\.from_start null"),
    ],
)
def test_others_than_were_asked_for_are_refused(
    tmp_path: Path, asked: dict[str, Any], target: Any, message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        reusing.check(section(**asked), start(tmp_path, target))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"from_start": "source"}, "from_start is 'source', but one vocabulary serves both sides: set both"),
        ({"target": LABEL}, "from_start is for pieces, and the target is label: leave it out"),
    ],
)
def test_sides_that_cannot_be_taken_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        section(**asked)


def test_words_that_the_model_knows_stay_known_and_come_first(tmp_path: Path) -> None:
    typed = Typed(**TYPED)
    model = start(tmp_path, typed=TYPED)
    found = reusing.normalizer(Normalizer(typed, ["tom", "ships", "the"]), model)
    assert list(found.words.ranked) == ["the", "Tom", "ships"]
    reusing.check(section(typed=TYPED), model)
