"""Shortcuts of a beam search: what they change, what they leave, and the lexicon that a shortlist needs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from tests import tiny
from unroll.data.ids import PAD
from unroll.data.lexicon import NAME, Lexicon
from unroll.errors import DataError, IntegrityError
from unroll.params.evaluate import Beam
from unroll.predict.fast import Fast
from unroll.predict.loading import load
from unroll.predict.predictor import Predictor
from unroll.predict.quantization import Int8Linear

SOURCES = ["the cat", "a dog sat on the mat", "", "the the the", "I drink milk"]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A predictor that never says `<pad>`, which no small vocabulary has."""
    found = load(tiny.checkpoint(tmp_path_factory.mktemp("fast")))
    with torch.no_grad():
        found.model.head.logits.bias[PAD] = -1e4
    return found


def beam(predictor: Predictor, **changes: object) -> Beam:
    return cast(Beam, predictor.search).model_copy(update=changes)


def with_lexicon(predictor: Predictor, lexicon: Lexicon | None) -> Predictor:
    readers = {"source": predictor.source, "target": predictor.target}
    return Predictor(predictor.model, readers, predictor.recipe, decode=Fast(predictor.model, lexicon))


def everything(predictor: Predictor) -> Lexicon:
    words = np.arange(len(predictor.target), dtype=np.uint16)
    return Lexicon(np.zeros((len(predictor.source), 1), np.uint16), words)


@pytest.mark.parametrize("hypotheses", [1, 3])
def test_a_small_vocabulary_of_all_words_answers_as_the_whole_one(predictor: Predictor, hypotheses: int) -> None:
    able = with_lexicon(predictor, everything(predictor))
    exact = predictor.predict(SOURCES, hypotheses, beam(predictor, beam=hypotheses))
    short = able.predict(SOURCES, hypotheses, beam(predictor, beam=hypotheses, shortlist=1))
    for wanted, found in zip(exact, short, strict=True):
        assert [one.text for one in found] == [one.text for one in wanted]
        assert [one.score for one in found] == pytest.approx([one.score for one in wanted])
        assert [one.scored for one in found] == [one.scored for one in wanted]


def test_only_words_of_the_list_are_said_whoever_stands_beside(predictor: Predictor) -> None:
    likely = np.random.default_rng(0).integers(5, len(predictor.target), (len(predictor.source), 2)).astype(np.uint16)
    lexicon = Lexicon(likely, np.array([5, 6], np.uint16))
    able = with_lexicon(predictor, lexicon)
    search = beam(predictor, beam=2, shortlist=2)
    together = able.predict(SOURCES, 2, search)
    for source, answers in zip(SOURCES, together, strict=True):
        [row] = cast(list[list[int]], able.rows([source], strict=True))
        own = {able.target.vocabulary[index] for index in lexicon.words([row], 2)[0]}
        assert all(set(one.target_tokens) <= own for one in answers)
        assert [one.text for one in able.predict([source], 2, search)[0]] == [one.text for one in answers]


@pytest.mark.parametrize("changes", [{"int8": True}, {"shortlist": 5}, {"int8": True, "shortlist": 5}])
@pytest.mark.parametrize("number", [1, 3])
def test_what_was_compared_is_counted_with_every_shortcut(
    predictor: Predictor, changes: dict[str, object], number: int
) -> None:
    found = predictor.predict(SOURCES, number, beam(predictor, beam=number, **changes))
    assert any(one.scored for answers in found for one in answers)
    for one in (one for answers in found for one in answers):
        assert one.scored == len(one.target_tokens) * len(one.source_tokens)


def test_integers_are_made_once_and_only_when_asked_for(tiny_model_folder: Path) -> None:
    predictor = load(tiny_model_folder)
    fast = cast(Fast, predictor.decode)
    predictor.predict(SOURCES, search=beam(predictor, beam=2))
    assert "quantized" not in vars(fast)
    predictor.predict(SOURCES, search=beam(predictor, beam=2, int8=True))
    made = vars(fast)["quantized"]
    assert isinstance(made.head.logits, Int8Linear)
    assert isinstance(predictor.model.head.logits, torch.nn.Linear)
    predictor.predict(SOURCES, search=beam(predictor, beam=2, int8=True))
    assert vars(fast)["quantized"] is made


def test_without_a_lexicon_it_is_one_line(predictor: Predictor) -> None:
    bare = with_lexicon(predictor, None)
    with pytest.raises(DataError, match=r"shortlist: this model has no lexicon.* ask for 0"):
        bare.predict(SOURCES, search=beam(predictor, shortlist=5))


# The lexicon of a folder


@pytest.fixture
def model(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A checkpoint with its lexicon beside it."""
    for name in ("model", "lexicon"):
        shutil.copytree(tiny_model_folder.parent / name, tmp_path / name)
    return tmp_path / "model"


def found_in(model: Path) -> Lexicon | None:
    predictor = load(model)
    return cast(Fast, predictor.decode).lexicon


def test_it_stands_beside_the_model(model: Path) -> None:
    lexicon = found_in(model)
    assert lexicon is not None
    assert lexicon.fits(len(lexicon.likely_SK), 60)
    np.testing.assert_array_equal(lexicon.likely_SK, Lexicon.load(model.parent / "lexicon").likely_SK)  # type: ignore[union-attr]
    shutil.rmtree(model.parent / "lexicon")
    assert found_in(model) is None


def test_an_earlier_version_has_it_in_the_model_folder(model: Path) -> None:
    shutil.copy(model.parent / "lexicon" / NAME, model / NAME)
    shutil.rmtree(model.parent / "lexicon")
    tiny.sign(model)
    assert found_in(model) is not None


@pytest.mark.parametrize("content", [b"", b"1234", b"\x80\x04\x95 a pickle"])
def test_one_that_is_something_else_is_refused(model: Path, content: bytes) -> None:
    (model.parent / "lexicon" / NAME).write_bytes(content)
    with pytest.raises(IntegrityError, match="lexicon"):
        load(model)
    tiny.sign(model.parent / "lexicon")
    with pytest.raises(IntegrityError, match="its lexicon cannot be read"):
        load(model)


def test_that_of_other_tokenizers_is_refused(model: Path, tmp_path: Path) -> None:
    other = tiny.checkpoint(tmp_path / "other", pairs=[("tea", "it"), ("wine", "they")] * 10)
    shutil.rmtree(model.parent / "lexicon")
    shutil.copytree(other.parent / "lexicon", model.parent / "lexicon")
    with pytest.raises(IntegrityError, match="is not of the tokenizers in"):
        load(model)


def test_one_of_other_sizes_is_refused_even_with_fresh_hashes(model: Path) -> None:
    lexicon = found_in(model)
    assert lexicon is not None
    Lexicon(lexicon.likely_SK[:-1], lexicon.always_A).save(model.parent / "lexicon")
    tiny.sign(model.parent / "lexicon")
    with pytest.raises(IntegrityError, match="lexicon and tokenizers do not belong together"):
        load(model)


def test_where_sides_are_no_texts_there_is_none(tmp_path: Path) -> None:
    settings = tiny.pipeline("letter", train__updates=11)
    folder = tiny.checkpoint(tmp_path, settings, [("a", "b"), ("", "a"), ("b", "")] * 7)
    assert found_in(folder) is None
