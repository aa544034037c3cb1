"""A small vocabulary beside the whole one: the same logits, and the same answers where it holds all that is needed."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch

from tests import tiny
from unroll import shortlist
from unroll.errors import DataError
from unroll.lexicon import MARKS, Lexicon
from unroll.model import EncoderDecoder
from unroll.params import Beam
from unroll.predictor import Predictor
from unroll.shortlist import Shortlist
from unroll.text import PAD

SOURCES = ["the cat", "a dog sat on the mat", "", "the the the"]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A predictor that never says `<pad>`, which no small vocabulary has."""
    found = Predictor.load(tiny.checkpoint(tmp_path_factory.mktemp("shortlist")))
    with torch.no_grad():
        found.model.head.logits.bias[PAD] = -1e4
    return found


def beam(predictor: Predictor, **changes: object) -> Beam:
    return cast(Beam, predictor.search).model_copy(update=changes)


@torch.no_grad()
def test_its_logits_are_those_of_the_whole_vocabulary_at_its_words(predictor: Predictor) -> None:
    model = cast(EncoderDecoder, predictor.model)
    vocabulary = len(predictor.target)
    words = [np.array([*MARKS, 7, 9, vocabulary - 1]), np.array([*MARKS, 5]), np.array([*MARKS, 4, 8])]
    short = Shortlist(model, model.head.logits, words)
    source_BS, lengths_B = torch.tensor([[5, 6, 7], [8, 9, 0], [4, 0, 0]]), torch.tensor([3, 2, 1])
    memory = model.encode(source_BS, lengths_B)
    whole, state = model.initial(memory, 2), short.initial(memory, 2)
    sentences, places = torch.arange(3), torch.tensor([0, 0, 0, 0, 0, 0])
    for kept in (torch.arange(3), torch.tensor([0, 2])):
        rows = (torch.searchsorted(sentences, kept)[:, None] * 2 + torch.tensor([1, 0])).flatten()
        whole, state = (one.select(rows, torch.searchsorted(sentences, kept)) for one in (whole, state))
        sentences, places = kept, places[rows]
        ids = torch.tensor([words[b][place] for b, place in zip(kept.repeat_interleave(2), places, strict=True)])
        exact_RV, whole = model.step(ids, whole)
        logits_RC, state = short.step(places, state)
        assert torch.equal(state.weights_BS, whole.weights_BS)
        for row, sentence in enumerate(kept.repeat_interleave(2).tolist()):
            known = len(words[sentence])
            torch.testing.assert_close(logits_RC[row, :known], exact_RV[row, words[sentence]])
            assert (logits_RC[row, known:] == -torch.inf).all()
        places = torch.tensor([2] * len(places))


@pytest.mark.parametrize("hypotheses", [1, 3])
def test_a_small_vocabulary_of_all_words_answers_as_the_whole_one(predictor: Predictor, hypotheses: int) -> None:
    vocabulary = len(predictor.target)
    everything = np.arange(vocabulary, dtype=np.uint16)
    all_of_them = Lexicon(np.zeros((len(predictor.source), 1), np.uint16), everything)
    able = Predictor(predictor.model, {"source": predictor.source, "target": predictor.target}, predictor.params,
                     predictor.search, all_of_them)  # fmt: skip
    exact = predictor.predict(SOURCES, hypotheses, beam(predictor, beam=hypotheses))
    short = able.predict(SOURCES, hypotheses, beam(predictor, beam=hypotheses, shortlist=1))
    for wanted, found in zip(exact, short, strict=True):
        assert [one.text for one in found] == [one.text for one in wanted]
        assert [one.score for one in found] == pytest.approx([one.score for one in wanted])


def test_only_words_of_the_list_are_said_whoever_stands_beside(predictor: Predictor) -> None:
    able = Predictor(predictor.model, {"source": predictor.source, "target": predictor.target}, predictor.params)
    likely = np.random.default_rng(0).integers(5, len(predictor.target), (len(predictor.source), 2)).astype(np.uint16)
    able.lexicon = Lexicon(likely, np.array([5, 6], np.uint16))
    search = beam(predictor, beam=2, shortlist=2)
    together = able.predict(SOURCES, 2, search)
    for source, answers in zip(SOURCES, together, strict=True):
        [row] = able.encode([source], strict=True)
        own = {able.target.vocabulary[index] for index in able.words([row], 2)[0]}
        assert all(set(one.target_tokens) <= own for one in answers)
        assert [one.text for one in able.predict([source], 2, search)[0]] == [one.text for one in answers]


def test_it_is_learnt_with_the_tokens_and_travels_with_the_model(predictor: Predictor) -> None:
    assert predictor.lexicon is None or isinstance(predictor.lexicon, Lexicon)


def test_without_a_lexicon_it_is_one_line(predictor: Predictor) -> None:
    bare = Predictor(predictor.model, {"source": predictor.source, "target": predictor.target}, predictor.params)
    with pytest.raises(DataError, match=r"shortlist: this model has no lexicon.* ask for 0"):
        bare.predict(SOURCES, search=beam(predictor, shortlist=5))


def test_marks_stand_where_the_search_looks_for_them() -> None:
    assert (shortlist.GO, shortlist.EOS) == (0, 1)
    assert PAD not in MARKS
