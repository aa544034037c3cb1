"""Answers of every head, best first: what they cost, where they looked, and what is drawn."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests import recipes, tiny
from tests.asked import (
    HEADS,
    ODD,
    beam,
    drawn,
    ending,
    frames,
    ids_of,
    sampled,
    sources,
    stepped,
    texts_of,
    untrained,
    zeros,
)
from unroll.data.ids import EOS, UNK
from unroll.errors import ParamsError
from unroll.nn.attention import Memory
from unroll.nn.model import HEADS as OF_MODELS
from unroll.params.model import OwnHead
from unroll.predict.predictor import Predictor


@pytest.mark.parametrize("number", [1, 3])
def test_every_text_has_its_answers_in_order(predictor: Predictor, number: int) -> None:
    answers = predictor.predict(ODD, number, beam(predictor, number))
    assert len(answers) == len(ODD)
    for text, found in zip(ODD, answers, strict=True):
        assert 1 <= len(found) <= number
        assert found[0].text == predictor.predict([text], 1, beam(predictor, number))[0][0].text
        assert len(set(map(str, found))) == len(found)


@pytest.mark.parametrize("beams", [1, 2, 5])
def test_more_answers_begin_with_the_same_and_hold_no_text_twice(predictor: Predictor, beams: int) -> None:
    lists = [texts_of(predictor.predict(ODD, number, beam(predictor, beams))) for number in range(1, 9)]
    for fewer, more in itertools.pairwise(lists):
        for first, whole in zip(fewer, more, strict=True):
            assert whole[: len(first)] == first
            assert len(set(whole)) == len(whole)
    assert len(predictor.predict(["I drink milk"], 8, beam(predictor, beams))[0]) == 8
    assert texts_of(predictor.predict([""], 8, beam(predictor, beams))) == [[""]]


def test_alignments_fit_the_tokens_and_are_distributions(predictor: Predictor) -> None:
    for (found,) in predictor.predict(ODD, search=beam(predictor, 2)):
        assert found.weights_TS.shape == (len(found.target_tokens), len(found.source_tokens))
        if found.weights_TS.size:
            np.testing.assert_allclose(found.weights_TS.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("number", [1, 2])
def test_every_token_was_compared_with_every_position(predictor: Predictor, number: int) -> None:
    found = predictor.predict(["I drink milk", "drink", "I drink milk and milk"], number, beam(predictor, number))
    for one in (one for answers in found for one in answers):
        assert one.scored == len(one.target_tokens) * len(one.source_tokens)


def compared(attention: str, read: int, said: int) -> int:
    """How many positions are compared for `said` tokens of a source of `read`, a step's number after another."""
    windows = [min(min(t, read - 1) + 2, read - 1) - max(min(t, read - 1) - 2, 0) + 1 for t in range(said)]
    return {"local_m": sum(windows), "location": said * min(read, 3), "hard": said * min(read, 3)}.get(attention, 0)


LOOKS = [("local_m", "window", 2), ("location", "positions", 3), ("hard", "positions", 3)]


@pytest.mark.parametrize(("attention", "bound", "value"), [*LOOKS, ("final", "window", None), ("none", "window", None)])
def test_what_was_compared_is_counted_alike_by_every_search(
    tmp_path: Path, attention: str, bound: str, value: int | None
) -> None:
    settings = tiny.pipeline(**{"model__head__attention": attention, f"model__head__{bound}": value})
    pairs = [(f"I drink {n}", f"Bebo {n}") for n in ("milk", "water", "tea", "wine", "it")] * 4
    readers = tiny.tokenize(tmp_path, settings, pairs)
    torch.manual_seed(0)
    predictor = Predictor(tiny.build_model(settings, readers).eval(), readers, tiny.recipe(settings))
    texts = ["I drink milk and tea and milk", "drink", "milk tea"]
    greedy = predictor.predict(texts, search=beam(predictor, 1))
    drawn_cold = predictor.predict(texts, search=sampled(top_k=1, max_tokens=9))
    wide = predictor.predict(texts, 4, beam(predictor, 4))
    for one in (one for found in (*greedy, *drawn_cold, *wide) for one in found):
        assert one.scored == compared(attention, len(one.source_tokens), len(one.target_tokens))
    assert any(found[0].scored for found in greedy) == (value is not None)


def test_one_answer_counts_the_same_whatever_search_found_it(predictor: Predictor) -> None:
    predictor = ending(predictor)
    texts = ["I drink milk", "drink", "I drink milk and milk"]
    greedy = predictor.predict(texts, search=beam(predictor, 1))
    wide = predictor.predict(texts, 8, beam(predictor, 8))
    shared = 0
    for (quick,), found in zip(greedy, wide, strict=True):
        for same in (one for one in found if one.target_tokens == quick.target_tokens):
            shared += 1
            assert same.scored == quick.scored
            np.testing.assert_allclose(same.weights_TS, quick.weights_TS, atol=1e-5)
    assert shared


@pytest.mark.parametrize("shortcut", [{"int8": True}, {"shortlist": 5}])
def test_a_model_as_it_is_takes_no_shortcuts(folder: Path, shortcut: dict[str, object]) -> None:
    predictor = untrained(folder, "name")
    with pytest.raises(ParamsError, match=r"are for a model read from a folder: unroll\.load"):
        predictor.predict(["Greek"], search=predictor.search.model_copy(update=shortcut))


def test_nothing_in_nothing_out(predictor: Predictor) -> None:
    assert texts_of(predictor.predict(["", "  \t"], search=beam(predictor, 2))) == [[""], [""]]
    assert predictor.predict([], search=beam(predictor, 2)) == []


def test_the_score_of_an_answer_is_what_it_costs(predictor: Predictor) -> None:
    predictor = ending(predictor)
    search = beam(predictor, 4).model_copy(update={"length_penalty": 0.6})
    found = predictor.predict(["I drink milk"], 4, search)[0]
    assert all(len(one.target_tokens) < 10 for one in found)
    for one in found:
        said = ids_of(predictor, one)
        cost = stepped(predictor, "I drink milk", said)
        assert one.score == pytest.approx(-cost / (len(said) + 1) ** 0.6, abs=1e-4)


@pytest.mark.parametrize("section", ["letter", "digit", "classify", "rows"])
def test_classes_are_ranked_by_what_they_cost(folder: Path, section: str) -> None:
    predictor, text = untrained(folder, section), sources(section)[0]
    (found,) = predictor.predict([text], n_best=100)
    labels = {target for _, target in HEADS[section][0]}
    assert {one.text for one in found} == labels
    assert len(found) == len(labels)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert sum(math.exp(score) for score in scores) == pytest.approx(1)
    costs = predictor.nats([(text, one.text) for one in found])
    assert [-cost for cost, _ in costs] == pytest.approx(scores, abs=1e-4)
    assert {count for _, count in costs} == {1}
    assert texts_of(predictor.predict([text], n_best=2)) == [[one.text for one in found[:2]]]


def test_a_class_without_attention_looks_nowhere(folder: Path) -> None:
    predictor = untrained(folder, "classify")
    (found,) = predictor.predict(["Who sat ?"])[0]
    assert found.weights_TS.shape == (1, 3)
    assert not found.weights_TS.any()
    assert found.scored == 0


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
    corpus = recipes.document("translate")["prepare"]["corpus"]
    words = {"vocab_size": 40, "lowercase": False}
    settings = tiny.pipeline(
        "frames",
        prepare__corpus=corpus,
        tokenize__source={"kind": "word"} | words,
        tokenize__target={"kind": "space"} | words,
    )
    readers = tiny.tokenize(folder / "tagged", settings, [("the cat", "D N"), ("cat", "N")] * 10)
    predictor = Predictor(tiny.build_model(settings, readers), readers, tiny.recipe(settings))
    (nothing,), (one,) = predictor.predict(["", "cat"])
    assert (nothing.text, nothing.target_tokens, nothing.score) == ("", [], 0.0)
    assert len(one.target_tokens) == 1
    assert one.score < 0


def test_the_same_seed_draws_the_same_and_another_another(folder: Path) -> None:
    predictor = untrained(folder, "name")
    first, same, other = (texts_of(predictor.predict(["Greek"] * 30, search=sampled(seed=seed))) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_no_batch_repeats_what_another_drew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = untrained(folder, "name")
    monkeypatch.setattr("unroll.predict.predictor.WINDOW", 2)
    answers = [one for (one,) in texts_of(predictor.predict(["Greek"] * 32, search=sampled(batch_sentences=4)))]
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
    assert texts_of(greedy) == texts_of(cold)


@pytest.mark.parametrize("layers", [1, 2])
def test_it_reads_on_from_where_a_text_ends(folder: Path, layers: int) -> None:
    predictor = untrained(folder, "language", model__encoder__layers=layers)
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
    predictor = untrained(folder, "language")
    (found,) = predictor.predict(["the cat"], n_best=5, search=sampled())
    assert len({one.text for one in found}) > 1
    assert all(one.text.startswith("the cat") for one in found)
    assert all(UNK not in predictor.source.encode([one.text])[0] or "[UNK]" in one.text for one in found)


# A head of one's own


class Sum(nn.Module):
    """An answer from the sum of the states."""

    def __init__(
        self, embedding: nn.Module, vocabulary: int, memory_size: int, settings: OwnHead, dropout: float, tied: bool
    ) -> None:
        super().__init__()
        self.logits = nn.Linear(memory_size, vocabulary)

    def forward(self, memory: Memory) -> Tensor:
        return (memory.states_BSH * memory.mask_BS[:, :, None]).sum(1, keepdim=True)


def test_a_head_of_ones_own_learns_and_ranks_like_a_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OF_MODELS, "sum", Sum)
    settings = tiny.pipeline(
        "classify", parts="mine.py", model__head={"kind": "sum", "like": "classifier"}, train__updates=100,
        train__validate_every=100, train__select_by="accuracy", tokenize__source__vocab_size=40,
    )  # fmt: skip
    pairs = HEADS["classify"][0] * 2
    model, predictor, right = tiny.train(tmp_path, settings, pairs)
    assert isinstance(model.head, Sum)
    assert right == 1
    assert predictor.search.kind == "rank"
    (found,) = predictor.predict(["Where sat ?"], n_best=9)
    assert found[0].text == "where"
    assert {one.text for one in found} == {"who", "where", "when"}
    costs = predictor.nats([("Where sat ?", one.text) for one in found])
    assert [-cost for cost, _ in costs] == pytest.approx([one.score for one in found], abs=1e-4)
