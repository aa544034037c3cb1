"""Text in, text out, for every head: order, windows, odd inputs, alignments that fit their tokens, what texts cost."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import tiny
from unroll import predictor as module
from unroll.errors import DataError
from unroll.params import Sample, Search
from unroll.predictor import Prediction, Predictor
from unroll.text import EOS, GO, UNK

ODD = ["", " ", "🙂🙃", "שלום עולם", "a\u200bb\ufeff", "milk " * 40, "I drink milk", "\x00\x01", "٣٤ ½", "drink I"]
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "slept", "all", "day"]
LINES = [" ".join(WORDS[(n * k) % 10] for k in range(1, 2 + n % 6)) for n in range(1, 25)] + ["", "the"]
LETTERS = [(a, b) for a in "abcd" for b in ["", *"abcd"]]
NAMES = [(f"{where}", f"{a}{b}{c}") for where in ("Greek", "Irish") for a in "AB" for b in "aeiou" for c in "nst"]
QUESTIONS = [(f"{ask} {word} ?", ask.lower()) for ask in ("Who", "Where", "When") for word in WORDS]


def frames(*rows: tuple[float, ...]) -> str:
    return "; ".join(" ".join(f"{number:g}" for number in row) for row in rows)


def drawn(seed: int, number: int) -> list[tuple[float, ...]]:
    return [tuple(row) for row in np.random.default_rng(seed).integers(0, 16, (number, 4)).tolist()]


WIDE = {"tokenize__source__width": 4, "prepare__corpus__frame": 4}
ONE = WIDE | {"prepare__corpus__columns": [0, 4]}
HEADS: dict[str, tuple[list[tuple[str, str]], dict[str, Any]]] = {
    "letter": (LETTERS, {}),
    "digit": ([(frames(*drawn(n, 1)), str(n % 3)) for n in range(30)], ONE),
    "name": (NAMES, {"tokenize__target__vocab_size": 300}),
    "caption": ([(frames(*drawn(n, 1)), ("one", "two")[n % 2]) for n in range(30)], ONE),
    "language": ([(line, "") for line in LINES], {}),
    "frames": (
        [(frames(*drawn(n, 1 + n % 4)), " ".join("abc"[: 1 + n % 3] * 4)[: 2 * (1 + n % 4) - 1]) for n in range(30)],
        WIDE,
    ),
    "classify": (QUESTIONS, {"tokenize__source__vocab_size": 40}),
    "rows": ([(frames(*drawn(n, 3)), str(n % 3)) for n in range(30)], WIDE),
}
"""a few pairs for a pipeline of each kind, and what fits it to them"""
READ = ("classify", "language")
"""those whose source is text"""


@pytest.fixture(scope="module", params=["word", "char"])
def predictor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    settings = tiny.pipeline(train__updates=11, tokenize__source__kind=request.param, tokenize__source__vocab_size=300)
    return Predictor.load(tiny.checkpoint(tmp_path_factory.mktemp("model"), settings), threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heads")


def untrained(folder: Path, section: str, **changes: Any) -> Predictor:
    pairs, own = HEADS[section]
    settings = tiny.pipeline(section, **(own | changes))
    tokenizers = tiny.tokenize(folder / section, settings, pairs)
    torch.manual_seed(0)
    return Predictor(tiny.build_model(settings, tokenizers).eval(), tokenizers, tiny.recipe(settings))


def beam(predictor: Predictor, number: int) -> Search:
    return predictor.search.model_copy(update={"beam": number})


def sampled(**changes: Any) -> Sample:
    how = {"kind": "sample", "temperature": 1.0, "top_k": 0, "top_p": 1.0, "max_tokens": 8, "seed": 1}
    return Sample.model_validate(how | {"batch_sentences": 64} | changes)


def told(answers: list[list[Prediction]]) -> list[list[str]]:
    return [[one.text for one in found] for found in answers]


# A decoder


@pytest.mark.parametrize("number", [1, 3])
def test_every_text_has_its_answers_in_order(predictor: Predictor, number: int) -> None:
    answers = predictor.predict(ODD, number, beam(predictor, number))
    assert len(answers) == len(ODD)
    for text, found in zip(ODD, answers, strict=True):
        assert 1 <= len(found) <= number
        assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)
        assert found[0].text == predictor.predict([text], 1, beam(predictor, number))[0][0].text


def test_more_answers_than_beams_are_looked_for(predictor: Predictor) -> None:
    wide, narrow = (predictor.predict(["I drink milk"], 4, beam(predictor, number))[0] for number in (4, 1))
    assert told([wide]) == told([narrow])
    assert len(narrow) == 4


def test_it_answers_as_it_was_told_to(predictor: Predictor) -> None:
    tokenizers = {"source": predictor.source, "target": predictor.target}
    greedy = Predictor(predictor.model, tokenizers, predictor.params, beam(predictor, 1))
    assert told(greedy.predict(ODD)) == told(predictor.predict(ODD, search=beam(predictor, 1)))


def test_alignments_fit_the_tokens_and_are_distributions(predictor: Predictor) -> None:
    for (found,) in predictor.predict(ODD, search=beam(predictor, 2)):
        assert found.weights_TS.shape == (len(found.target_tokens), len(found.source_tokens))
        if found.weights_TS.size:
            np.testing.assert_allclose(found.weights_TS.sum(1), 1, atol=1e-5)


def test_nothing_in_nothing_out(predictor: Predictor) -> None:
    assert told(predictor.predict(["", "  \t"], search=beam(predictor, 2))) == [[""], [""]]
    assert predictor.predict([], search=beam(predictor, 2)) == []


def test_streaming_in_small_windows_changes_nothing(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = told(predictor.predict(ODD, search=beam(predictor, 2)))
    monkeypatch.setattr(module, "WINDOW", 1)
    small = beam(predictor, 2).model_copy(update={"batch_sentences": 3})
    assert told(list(predictor.stream(iter(ODD), search=small))) == whole


def test_a_stream_reads_no_further_than_its_window(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 1)
    read = []

    def endless():
        while True:
            read.append("milk")
            yield "milk"

    next(predictor.stream(endless(), search=beam(predictor, 1)))
    assert len(read) == predictor.search.batch_sentences


def test_a_text_too_long_is_cut_and_says_so(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SOURCE", 3)
    (long,), (short,) = predictor.predict(["I drink milk and water", "tea"], search=beam(predictor, 1))
    assert long.truncated
    assert len(long.source_tokens) == 3
    assert short.truncated == (len(predictor.source.encode(["tea"])[0]) > 3)


def test_a_megabyte_in_one_line_is_cut_before_it_costs_anything(predictor: Predictor) -> None:
    texts = ["milk " * 200_000, "e" + "\u0301\u0323" * 500_000]
    (letters,), (marks,) = predictor.predict(texts, search=beam(predictor, 1))
    assert letters.truncated
    assert marks.truncated
    assert len(marks.source_tokens) <= module.MAX_SOURCE


def test_the_answer_does_not_hang_on_invisible_characters(predictor: Predictor) -> None:
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


@torch.no_grad()
def stepped(predictor: Predictor, source: str, said: list[int]) -> float:
    """-log p of a decoder's tokens and their end, one step after another."""
    memory, _ = predictor.memory(predictor.source.encode([source]))
    state, before, total = predictor.model.initial(memory), GO, 0.0
    for token in [*said, EOS]:
        logits, state = predictor.model.step(torch.tensor([before]), state)
        total -= float(logits[0].log_softmax(0)[token])
        before = token
    return total


def ending(predictor: Predictor) -> Predictor:
    """The same, but for a liking to end."""
    model = copy.deepcopy(predictor.model)
    with torch.no_grad():
        model.head.logits.bias[EOS] += 4.0
    return Predictor(model, {"source": predictor.source, "target": predictor.target}, predictor.params)


def ids_of(predictor: Predictor, found: Prediction) -> list[int]:
    return [predictor.target.vocabulary.index(piece) for piece in found.target_tokens]


PAIRS = [("I drink milk", "Bebo milk"), ("I drink", ""), ("milk", "Bebo Bebo water tea ?"), ("", "wine"), ("tea", "it")]


def test_what_a_target_costs_is_what_its_steps_cost(predictor: Predictor) -> None:
    costs = predictor.nats(PAIRS)
    for (source, target), (cost, tokens) in zip(PAIRS, costs, strict=True):
        said = list(predictor.target.encode([target])[0])
        assert cost == pytest.approx(stepped(predictor, source, said), abs=1e-4)
        assert tokens == len(said) + 1


def test_what_a_target_costs_does_not_hang_on_its_company(predictor: Predictor) -> None:
    together, alone = predictor.nats(PAIRS), [predictor.nats([pair])[0] for pair in PAIRS]
    for (cost, tokens), (other, same) in zip(together, alone, strict=True):
        assert cost == pytest.approx(other, abs=1e-4)
        assert tokens == same


def test_the_score_of_an_answer_is_what_it_costs(predictor: Predictor) -> None:
    predictor = ending(predictor)
    search = beam(predictor, 4).model_copy(update={"length_penalty": 0.6})
    found = predictor.predict(["I drink milk"], 4, search)[0]
    assert all(len(one.target_tokens) < 10 for one in found)
    for one in found:
        said = ids_of(predictor, one)
        cost = stepped(predictor, "I drink milk", said)
        assert one.score == pytest.approx(-cost / (len(said) + 1) ** 0.6, abs=1e-4)


# Every other head


def sources(section: str) -> list[str]:
    return [source for source, _ in HEADS[section][0]][:12]


@pytest.mark.parametrize("section", HEADS)
def test_answers_come_in_the_order_of_the_texts(folder: Path, section: str) -> None:
    predictor, texts = untrained(folder, section), sources(section)
    if isinstance(predictor.search, Sample):
        predictor.search = sampled(top_k=1)
    whole = predictor.predict(texts)
    alone = [predictor.predict([text])[0] for text in texts]
    assert told(whole) == told(alone)
    for found, same in zip(whole, alone, strict=True):
        assert found[0].score == pytest.approx(same[0].score, abs=1e-4)
    assert [found.source_tokens for (found,) in whole] == [predictor.source.tokens(text) for text in texts]


@pytest.mark.parametrize("section", [name for name in HEADS if name not in ("name", "language")])
def test_small_windows_change_no_answer(folder: Path, section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, texts = untrained(folder, section), sources(section)
    whole = told(predictor.predict(texts))
    monkeypatch.setattr(module, "WINDOW", 1)
    small = predictor.search.model_copy(update={"batch_sentences": 3})
    assert told(predictor.predict(texts, search=small)) == whole


@pytest.mark.parametrize("section", READ)
def test_any_text_can_be_read(folder: Path, section: str) -> None:
    predictor = untrained(folder, section)
    answers = predictor.predict(ODD, n_best=2)
    assert len(answers) == len(ODD)
    assert all(math.isfinite(one.score) for found in answers for one in found)
    long = "milk " * 3000
    assert [one.truncated for (one,) in predictor.predict([long, "milk"])] == [True, False]


@pytest.mark.parametrize("section", ["letter", "digit", "classify", "rows"])
def test_classes_are_ranked_by_what_they_cost(folder: Path, section: str) -> None:
    predictor, text = untrained(folder, section), sources(section)[0]
    (found,) = predictor.predict([text], n_best=100)
    labels = {target for _, target in HEADS[section][0]}
    assert {one.text for one in found} == labels
    assert len(found) == len(labels)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert sum(math.exp(score) for score in scores) < 1  # unknown classes have their share
    costs = predictor.nats([(text, one.text) for one in found])
    assert [-cost for cost, _ in costs] == pytest.approx(scores, abs=1e-4)
    assert {count for _, count in costs} == {1}
    assert told(predictor.predict([text], n_best=2)) == [[one.text for one in found[:2]]]


def test_a_class_without_attention_looks_nowhere(folder: Path) -> None:
    predictor = untrained(folder, "classify")
    (found,) = predictor.predict(["Who sat ?"])[0]
    assert found.weights_TS.shape == (1, 3)
    assert not found.weights_TS.any()


def test_each_position_has_its_label_at_what_it_costs(folder: Path) -> None:
    predictor = untrained(folder, "frames")
    texts = [frames(*drawn(7, 3)), frames(*drawn(8, 1)), frames(*drawn(9, 4))]
    answers = [found for (found,) in predictor.predict(texts, n_best=3)]
    assert [len(one.text.split()) for one in answers] == [3, 1, 4]
    assert all(one.target_tokens == one.text.split() for one in answers)
    costs = predictor.nats([(text, one.text) for text, one in zip(texts, answers, strict=True)])
    for one, (cost, count) in zip(answers, costs, strict=True):
        assert count == len(one.target_tokens)
        assert one.score == pytest.approx(-cost / count, abs=1e-4)
    # No other labels cost less.
    labels = predictor.target.vocabulary[predictor.target.special :]
    others = predictor.nats([(texts[1], label) for label in labels])
    assert min(cost for cost, _ in others) == pytest.approx(costs[1][0])


def test_a_text_without_words_has_no_labels(folder: Path) -> None:
    shipped = tiny.SECTIONS["translate"]["prepare"]
    words = {"vocab_size": 40, "lowercase": False}
    settings = tiny.pipeline(
        "frames",
        prepare__corpus=shipped["corpus"],
        tokenize__source={"kind": "word"} | words,
        tokenize__target={"kind": "space"} | words,
    )
    tokenizers = tiny.tokenize(folder / "tagged", settings, [("the cat", "D N"), ("cat", "N")] * 10)
    predictor = Predictor(tiny.build_model(settings, tokenizers), tokenizers, tiny.recipe(settings))
    (nothing,), (one,) = predictor.predict(["", "cat"])
    assert (nothing.text, nothing.target_tokens, nothing.score) == ("", [], 0.0)
    assert len(one.target_tokens) == 1
    assert one.score < 0


def test_a_sequence_of_vectors_too_long_is_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SOURCE", 2)
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


def test_the_same_seed_draws_the_same_and_another_another(folder: Path) -> None:
    predictor = untrained(folder, "name")
    first, same, other = (told(predictor.predict(["Greek"] * 30, search=sampled(seed=seed))) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_no_batch_repeats_what_another_drew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = untrained(folder, "name")
    monkeypatch.setattr(module, "WINDOW", 2)
    answers = [one for (one,) in told(predictor.predict(["Greek"] * 32, search=sampled(batch_sentences=4)))]
    quarters = {tuple(answers[i : i + 4]) for i in range(0, 32, 4)}
    assert len(quarters) == 8


def test_several_draws_for_a_text_come_best_first(folder: Path) -> None:
    predictor = untrained(folder, "name")
    answers = predictor.predict(["Greek", "Irish"], n_best=6, search=sampled())
    for found in answers:
        assert len(found) == 6
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        assert len({one.text for one in found}) > 1
        assert all(len(one.target_tokens) <= 8 for one in found)


def test_a_drawn_score_is_the_mean_a_token(folder: Path) -> None:
    predictor = ending(untrained(folder, "name"))
    search = sampled(max_tokens=200, temperature=0.7, top_k=40)
    for (found,) in predictor.predict(["Greek"] * 10, search=search):
        said = ids_of(predictor, found)
        assert len(said) < 200
        assert found.score == pytest.approx(-stepped(predictor, "Greek", said) / (len(said) + 1), abs=1e-4)


def test_one_and_the_same_decoder_can_be_sampled_or_searched(folder: Path) -> None:
    predictor = untrained(folder, "name")
    greedy = predictor.predict(
        ["Greek", "Irish"], search=beam(predictor, 1).model_copy(update={"max_length_ratio": 20.0})
    )
    cold = predictor.predict(["Greek", "Irish"], search=sampled(top_k=1, max_tokens=30))
    assert told(greedy) == told(cold)


# Running text


def reader(folder: Path, **changes: Any) -> Predictor:
    return untrained(folder, "language", **changes)


def zeros(predictor: Predictor) -> Any:
    memory, _ = predictor.memory([[EOS]])
    state = predictor.model.initial(memory)
    layers = tuple(tuple(torch.zeros_like(part) for part in layer) for layer in state.layers)
    return type(state)(layers, state.weights_BS)


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
    monkeypatch.setattr(module, "SCORED_STREAMS", streams)
    monkeypatch.setattr(module, "SCORED_STEPS", steps)
    predictor = reader(folder)
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
    predictor = reader(folder)
    alone, after = predictor.nats([("the cat", "")])[0], predictor.nats([("mat day all", ""), ("the cat", "")])[1]
    assert alone[0] != pytest.approx(after[0], abs=1e-6)
    first = predictor.nats([("the cat", ""), ("mat day all", "")])[0]
    assert alone[0] == pytest.approx(first[0], abs=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_it_reads_on_from_where_a_text_ends(folder: Path, layers: int) -> None:
    predictor = reader(folder, model__encoder__layers=layers)
    prompts = ["", "the", "the cat sat on", ""]
    for prompt, (found,) in zip(prompts, predictor.predict(prompts, search=sampled(top_k=1)), strict=True):
        ids = predictor.source.encode([prompt])[0]
        state, before, said = zeros(predictor), [EOS, *ids], []
        for token in before:
            logits, state = predictor.model.step(torch.tensor([token]), state)
        while (token := int(logits[0].argmax())) != EOS and len(said) < 8:
            said.append(token)
            logits, state = predictor.model.step(torch.tensor([token]), state)
        assert found.target_tokens == [predictor.target.vocabulary[token] for token in said]
        assert found.text == predictor.target.decode([*ids, *said])
        assert found.text.startswith(prompt)


def test_several_ways_of_reading_on_are_drawn(folder: Path) -> None:
    predictor = reader(folder)
    (found,) = predictor.predict(["the cat"], n_best=5, search=sampled())
    assert len({one.text for one in found}) > 1
    assert all(one.text.startswith("the cat") for one in found)
    assert all(UNK not in predictor.source.encode([one.text])[0] or "[UNK]" in one.text for one in found)


def test_a_long_prompt_is_read_to_its_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SOURCE", 2)
    (found,) = reader(folder).predict(["the cat sat on"], search=sampled(top_k=1, max_tokens=1))[0]
    assert found.truncated
    assert found.text.split()[:2] == ["the", "cat"]
    assert "sat on" not in found.text
