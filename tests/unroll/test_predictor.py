"""Text in, text out: order, windows, odd inputs, alignments that fit their tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import tiny
from unroll import predictor as module
from unroll.predictor import Predictor

ODD = ["", " ", "🙂🙃", "שלום עולם", "a\u200bb\ufeff", "milk " * 40, "I drink milk", "\x00\x01", "٣٤ ½", "drink I"]


@pytest.fixture(scope="module", params=["word", "char"])
def predictor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    settings = tiny.pipeline(train__updates=11, tokenize__kind=request.param, tokenize__vocab_size=300)
    return Predictor.load(tiny.checkpoint(tmp_path_factory.mktemp("model"), settings), threads=1)


@pytest.mark.parametrize("beam", [1, 3])
def test_every_text_has_its_answers_in_order(predictor: Predictor, beam: int) -> None:
    answers = predictor.predict(ODD, beam=beam, n_best=beam)
    assert len(answers) == len(ODD)
    for text, found in zip(ODD, answers, strict=True):
        assert 1 <= len(found) <= beam
        assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)
        assert found[0].text == predictor.predict([text], beam=beam, n_best=1)[0][0].text


def test_alignments_fit_the_tokens_and_are_distributions(predictor: Predictor) -> None:
    for (found,) in predictor.predict(ODD, beam=2, n_best=1):
        assert found.weights_TS.shape == (len(found.target_tokens), len(found.source_tokens))
        if found.weights_TS.size:
            np.testing.assert_allclose(found.weights_TS.sum(1), 1, atol=1e-5)


def test_nothing_in_nothing_out(predictor: Predictor) -> None:
    assert [answer.text for (answer,) in predictor.predict(["", "  \t"], beam=2, n_best=1)] == ["", ""]
    assert predictor.predict([], beam=2, n_best=1) == []


def test_streaming_in_small_windows_changes_nothing(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [found[0].text for found in predictor.predict(ODD, beam=2, n_best=1)]
    monkeypatch.setattr(module, "WINDOW", 1)
    small = predictor.search.model_copy(update={"batch_sentences": 3})
    windows = Predictor(
        predictor.model, {"source": predictor.source, "target": predictor.target}, predictor.params, small
    )
    assert [found[0].text for found in windows.stream(iter(ODD), beam=2, n_best=1)] == whole


def test_a_stream_reads_no_further_than_its_window(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 1)
    read = []

    def endless():
        while True:
            read.append("milk")
            yield "milk"

    next(predictor.stream(endless(), beam=1, n_best=1))
    assert len(read) == predictor.search.batch_sentences


def test_a_text_too_long_is_cut_and_says_so(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SOURCE", 3)
    (long,), (short,) = predictor.predict(["I drink milk and water", "tea"], beam=1, n_best=1)
    assert long.truncated
    assert len(long.source_tokens) == 3
    assert short.truncated == (len(predictor.source.encode(["tea"])[0]) > 3)


def test_a_megabyte_in_one_line_is_cut_before_it_costs_anything(predictor: Predictor) -> None:
    (letters,), (marks,) = predictor.predict(["milk " * 200_000, "e" + "\u0301\u0323" * 500_000], beam=1, n_best=1)
    assert letters.truncated
    assert marks.truncated
    assert len(marks.source_tokens) <= module.MAX_SOURCE


def test_the_answer_does_not_hang_on_invisible_characters(predictor: Predictor) -> None:
    plain, dressed = predictor.predict(["I drink milk", " I  drink\u200b milk\ufeff "], beam=2, n_best=1)
    assert plain[0].text == dressed[0].text


def test_a_reversed_source_is_aligned_in_the_order_of_the_text(tmp_path: Path) -> None:
    pairs = [(f"{a} {b} {c}", f"{a} {b} {c}") for a in "abcde" for b in "abcde" for c in "abcde"]
    settings = tiny.pipeline(model__reverse_source=True, train__updates=250)
    _, predictor, exact = tiny.train(tmp_path, settings, pairs)
    assert exact > 0.9
    (found,) = predictor.predict(["a b c"], beam=1, n_best=1)[0]
    assert found.source_tokens == ["a", "b", "c"]
    assert found.weights_TS.argmax(1).tolist() == [0, 1, 2]
