"""Text in, text out, for every head: order, windows, odd inputs, what texts cost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import tiny
from tests.asked import HEADS, LINES, ODD, beam, drawn, frames, sampled, sources, stepped, texts_of, untrained, zeros
from unroll.data.ids import EOS
from unroll.errors import DataError, ParamsError
from unroll.params.evaluate import Sample
from unroll.predict import loading
from unroll.predict.predictor import MAX_SOURCE, Predictor, title, usual

READ = ("classify", "language")
"""those whose source is text"""


# A decoder


def test_it_answers_as_it_was_told_to(predictor: Predictor) -> None:
    readers = {"source": predictor.source, "target": predictor.target}
    greedy = Predictor(predictor.model, readers, predictor.recipe, beam(predictor, 1))
    assert texts_of(greedy.predict(ODD)) == texts_of(predictor.predict(ODD, search=beam(predictor, 1)))


def test_streaming_in_small_windows_changes_nothing(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = texts_of(predictor.predict(ODD, search=beam(predictor, 2)))
    monkeypatch.setattr("unroll.predict.predictor.WINDOW", 1)
    small = beam(predictor, 2).model_copy(update={"batch_sentences": 3})
    assert texts_of(list(predictor.stream(iter(ODD), search=small))) == whole


def test_a_stream_reads_no_further_than_its_window(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.predict.predictor.WINDOW", 1)
    read = []

    def endless():
        while True:
            read.append("milk")
            yield "milk"

    next(predictor.stream(endless(), search=beam(predictor, 1)))
    assert len(read) == predictor.search.batch_sentences


def test_a_text_too_long_is_cut_and_says_so(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.predict.predictor.MAX_SOURCE", 3)
    (long,), (short,) = predictor.predict(["I drink milk and water", "tea"], search=beam(predictor, 1))
    assert long.truncated
    assert len(long.source_tokens) == 3
    assert short.truncated == (len(predictor.source.encode(["tea"])[0]) > 3)


def test_a_megabyte_in_one_line_is_cut_before_it_costs_anything(predictor: Predictor) -> None:
    texts = ["milk " * 200_000, "e" + "\u0301\u0323" * 500_000]
    (letters,), (marks,) = predictor.predict(texts, search=beam(predictor, 1))
    assert letters.truncated
    assert marks.truncated
    assert len(marks.source_tokens) <= MAX_SOURCE


def test_the_answer_does_not_depend_on_invisible_characters(predictor: Predictor) -> None:
    plain, dressed = predictor.predict(["I drink milk", " I  drink\u200b milk\ufeff "], search=beam(predictor, 2))
    assert plain[0].text == dressed[0].text


def test_a_reversed_source_is_aligned_in_the_order_of_the_text(tmp_path: Path) -> None:
    pairs = [(f"{a} {b} {c}", f"{a} {b} {c}") for a in "abcde" for b in "abcde" for c in "abcde"]
    settings = tiny.pipeline(model__reverse_source=True, train__updates=250)
    _, predictor, exact = tiny.train(tmp_path, settings, pairs)
    assert exact > 0.9
    (found,) = predictor.predict(["a b c"], search=beam(predictor, 1))[0]
    assert found.source_tokens == ["a", "b", "c"]
    assert found.weights_TS.argmax(1).tolist() == [0, 1, 2]


PAIRS = [("I drink milk", "Bebo milk"), ("I drink", ""), ("milk", "Bebo Bebo water tea ?"), ("", "wine"), ("tea", "it")]


def test_what_a_target_costs_is_what_its_steps_cost(predictor: Predictor) -> None:
    costs = predictor.nats(PAIRS)
    for (source, target), (cost, tokens) in zip(PAIRS, costs, strict=True):
        said = list(predictor.target.encode([target])[0])
        assert cost == pytest.approx(stepped(predictor, source, said), abs=1e-4)
        assert tokens == len(said) + 1


def test_what_a_target_costs_does_not_depend_on_its_company(predictor: Predictor) -> None:
    together, alone = predictor.nats(PAIRS), [predictor.nats([pair])[0] for pair in PAIRS]
    for (cost, tokens), (other, same) in zip(together, alone, strict=True):
        assert cost == pytest.approx(other, abs=1e-4)
        assert tokens == same


# Every other head


@pytest.mark.parametrize("section", HEADS)
def test_answers_come_in_the_order_of_the_texts(folder: Path, section: str) -> None:
    predictor, texts = untrained(folder, section), sources(section)
    if isinstance(predictor.search, Sample):
        predictor.search = sampled(top_k=1)
    whole = predictor.predict(texts)
    alone = [predictor.predict([text])[0] for text in texts]
    assert texts_of(whole) == texts_of(alone)
    for found, same in zip(whole, alone, strict=True):
        assert found[0].score == pytest.approx(same[0].score, abs=1e-4)
    assert [found.source_tokens for (found,) in whole] == [predictor.source.tokens(text) for text in texts]


@pytest.mark.parametrize("section", HEADS)
def test_called_with_one_text_it_gives_one_answer_with_several_a_list(folder: Path, section: str) -> None:
    predictor, texts = untrained(folder, section), sources(section)[:3]
    if isinstance(predictor.search, Sample):
        predictor.search = sampled(top_k=1)
    one, several = predictor(texts[0]), predictor(texts)
    assert [str(found) for found in several] == [found.text for (found,) in predictor.predict(texts)]
    assert (str(one), one.source_tokens) == (several[0].text, several[0].source_tokens)
    assert predictor([]) == []


def test_one_text_is_no_list_of_texts(folder: Path) -> None:
    with pytest.raises(DataError, match="for one text call the predictor with it"):
        untrained(folder, "classify").predict("Who ?")


@pytest.mark.parametrize("section", HEADS)
def test_it_is_asked_as_is_usual_for_its_head_and_says_so(folder: Path, section: str) -> None:
    predictor = untrained(folder, section)
    kinds = {"name": "beam", "caption": "beam", "language": "sample", "frames": "tag"}
    assert usual(predictor.recipe) == predictor.search
    assert predictor.search.kind == kinds.get(section, "rank")
    assert title(predictor.recipe) in repr(predictor)
    assert f"kind='{predictor.search.kind}'" in repr(predictor)


@pytest.mark.parametrize(
    ("section", "changes", "expected"),
    [
        ("translate", {}, "lstm 32 · general · word 60"),
        ("translate", {"model__head__attention": "final"}, "lstm 32 · decoder lstm 32 · word 60"),
        ("language", {}, "lstm 16 · language model · space 60"),
        ("letter", {}, "linear · classifier · label"),
        ("frames", {}, "lstm 32 · tagger · space 20"),
    ],
)
def test_a_title_tells_models_apart(section: str, changes: dict[str, str], expected: str) -> None:
    assert title(tiny.recipe(tiny.pipeline(section, **changes))) == expected


@pytest.mark.parametrize("section", [name for name in HEADS if name not in ("name", "language")])
def test_small_windows_change_no_answer(folder: Path, section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, texts = untrained(folder, section), sources(section)
    whole = texts_of(predictor.predict(texts))
    monkeypatch.setattr("unroll.predict.predictor.WINDOW", 1)
    small = predictor.search.model_copy(update={"batch_sentences": 3})
    assert texts_of(predictor.predict(texts, search=small)) == whole


@pytest.mark.parametrize("section", READ)
def test_any_text_can_be_read(folder: Path, section: str) -> None:
    predictor = untrained(folder, section)
    answers = predictor.predict(ODD, n_best=2)
    assert len(answers) == len(ODD)
    assert all(math.isfinite(one.score) for found in answers for one in found)
    long = "milk " * 3000
    assert [one.truncated for (one,) in predictor.predict([long, "milk"])] == [True, False]


def test_a_sequence_of_vectors_too_long_is_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.predict.predictor.MAX_SOURCE", 2)
    (one,) = untrained(folder, "frames").predict([frames(*drawn(1, 4))])[0]
    assert one.truncated
    assert len(one.target_tokens) == len(one.source_tokens) == 2


@pytest.mark.parametrize("section", ["letter", "name"])
@pytest.mark.parametrize("text", ["Klingon", "e", "[UNK]", "<pad>", "ab"])
def test_an_unknown_label_is_refused_in_one_line(folder: Path, section: str, text: str) -> None:
    predictor = untrained(folder, section)
    known = sorted(predictor.source.vocabulary[predictor.source.special :])
    with pytest.raises(DataError) as caught:
        predictor.predict([known[0], text])
    assert str(caught.value) == f"'{text}' is none of the labels that the model learnt: {', '.join(known)}"


def test_a_label_that_is_not_known_still_has_a_cost(folder: Path) -> None:
    predictor = untrained(folder, "letter")
    (cost, count), (known, _) = predictor.nats([("Klingon", "a"), ("a", "a")])
    assert count == 1
    assert cost != pytest.approx(known)


@pytest.mark.parametrize("section", ["digit", "caption", "frames", "rows"])
@pytest.mark.parametrize(
    "text", ["", "1 2", "1 2 3 4 5", "a b c d", "1 2 3 inf", "nan 1 2 3", "1 2 3 4;", "1e99 0 0 0"]
)
def test_bad_vectors_are_refused_in_one_line(folder: Path, section: str, text: str) -> None:
    predictor = untrained(folder, section)
    with pytest.raises(DataError) as caught:
        predictor.predict([frames((1, 2, 3, 4)), text])
    assert "\n" not in str(caught.value)
    assert "vector" in str(caught.value)


# Drawn answers


# Running text


@torch.no_grad()
def read_through(predictor: Predictor, inputs: list[int], outputs: list[int]) -> list[float]:
    """-log p of each output, one step after another from zeros."""
    state, costs = zeros(predictor), []
    for before, token in zip(inputs, outputs, strict=True):
        logits, state = predictor.model.step(torch.tensor([before]), state)
        costs.append(-float(logits[0].log_softmax(0)[token]))
    return costs


@pytest.mark.parametrize("streams", [1, 2, 5])
@pytest.mark.parametrize("steps", [4, 9])
def test_running_text_costs_what_its_streams_cost(
    folder: Path, streams: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unroll.predict.predictor.SCORED_STREAMS", streams)
    monkeypatch.setattr("unroll.predict.predictor.SCORED_STEPS", steps)
    monkeypatch.setattr("unroll.predict.predictor.LEAST_SCORED", 1)
    predictor = untrained(folder, "language")
    rows = predictor.source.encode(LINES)
    text = [token for row in rows for token in (*row, EOS)]
    each = -(-len(text) // streams)
    costs = [
        cost
        for first in range(0, len(text), each)
        for cost in read_through(
            predictor, [EOS, *text][first : min(first + each, len(text))], text[first : first + each]
        )
    ]
    found = predictor.nats([(line, "") for line in LINES])
    assert [count for _, count in found] == [len(row) + 1 for row in rows]
    begin = 0
    for cost, count in found:
        assert cost == pytest.approx(sum(costs[begin : begin + count]), abs=1e-4)
        begin += count
    assert begin == len(text)


def test_a_row_of_running_text_is_read_in_the_light_of_those_before_it(folder: Path) -> None:
    predictor = untrained(folder, "language")
    alone, after = predictor.nats([("the cat", "")])[0], predictor.nats([("mat day all", ""), ("the cat", "")])[1]
    assert alone[0] != pytest.approx(after[0], abs=1e-6)
    first = predictor.nats([("the cat", ""), ("mat day all", "")])[0]
    assert alone[0] == pytest.approx(first[0], abs=1e-5)


def test_a_long_prompt_is_read_to_its_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.predict.predictor.MAX_SOURCE", 2)
    (found,) = untrained(folder, "language").predict(["the cat sat on"], search=sampled(top_k=1, max_tokens=1))[0]
    assert found.truncated
    assert found.text.split()[:2] == ["the", "cat"]
    assert "sat on" not in found.text


# What its encoder makes of texts


def context_by_hand(predictor: Predictor, text: str) -> np.ndarray:
    with torch.inference_mode():
        memory, _ = predictor.memory(predictor.rows([text], strict=True))
        return predictor.model.head.context(memory)[0].numpy()  # type: ignore[union-attr, operator]


SPOKEN = [(f"I drink {n}", f"Bebo {n}") for n in ("milk", "cold water", "tea")] * 4
SCAN = "; ".join(["0 1 0 1 0 1 0 1"] * 8)
KINDS: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]]]] = {
    "a translator": ("translate", {}, SPOKEN),
    "one that reads backwards": ("translate", {"model__reverse_source": True}, SPOKEN),
    "a classifier": ("classify", {"model__head__context": "learned"}, [("good day", "a"), ("bad day now", "b")] * 9),
    "of vectors": ("rows", {}, [(SCAN, "1"), (SCAN.replace("1", "0"), "2")] * 9),
    "of one item": ("letter", {}, [("a", "b"), ("b", "c")] * 9),
}


@pytest.mark.parametrize("kind", KINDS)
def test_c_is_what_the_head_takes_and_states_are_one_for_each_token(kind: str, tmp_path: Path) -> None:
    section, changes, pairs = KINDS[kind]
    predictor = loading.load(tiny.checkpoint(tmp_path, tiny.pipeline(section, **changes), pairs))
    texts = [source for source, _ in pairs]
    found = predictor.encode(texts)
    assert found.dtype == np.float32
    assert found.shape == (len(texts), predictor.model.encoder.memory_size)
    for text, context_H in zip(texts[:3], found, strict=False):
        np.testing.assert_allclose(context_H, context_by_hand(predictor, text), atol=1e-5)
    for text, one in zip(texts[:3], predictor.encodings(texts, states=True), strict=False):
        row = predictor.rows([text], strict=True)[0]
        assert one.tokens == predictor.source.tokens(text)
        assert one.vectors.shape == (len(row), found.shape[1])
        with torch.inference_mode():
            states_SH = predictor.memory([row])[0].states_BSH[0].numpy()
        turned = states_SH[::-1] if predictor.recipe.model.reverse_source else states_SH
        np.testing.assert_allclose(one.vectors, turned, atol=1e-5)


def test_no_text_has_no_c_and_an_empty_one_has_c_but_no_states(tmp_path: Path) -> None:
    predictor = loading.load(tiny.checkpoint(tmp_path))
    assert predictor.encode([]).shape == (0, 32)
    assert np.isfinite(predictor.encode([""])).all()
    (empty,) = predictor.encodings([""], states=True)
    assert (empty.tokens, empty.vectors.shape) == ([], (0, 32))
    with pytest.raises(DataError, match="encode takes a list of texts"):
        predictor.encode("one text")


@pytest.mark.parametrize(
    ("section", "changes", "pairs", "states", "message"),
    [
        ("language", {}, [("a b", "")] * 9, True, "a language model has no summary"),
        (
            "name",
            {"tokenize__target__vocab_size": 300},
            [("Italian", "Rossi")] * 9,
            True,
            "a decoder of one item has no",
        ),
        ("frames", {}, [("0 0 0 0 0 0 0 1", "3")] * 9, False, "answers at each position .*: ask for its states"),
    ],
)
def test_a_model_without_a_summary_says_so(
    tmp_path: Path, section: str, changes: dict[str, Any], pairs: Any, states: bool, message: str
) -> None:
    predictor = loading.load(tiny.checkpoint(tmp_path, tiny.pipeline(section, **changes), pairs))
    with pytest.raises(ParamsError, match=message):
        list(predictor.encodings([pairs[0][0]], states))
    if section == "frames":
        assert predictor.encodings([pairs[0][0]], states=True)
