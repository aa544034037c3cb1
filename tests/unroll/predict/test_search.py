"""Searches over a language whose every probability is known, against brute force."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from unroll.predict import search
from unroll.predict.search import Hypothesis, beam_search, chooser, greedy, likeliest, sample

GO, EOS, V, S = 0, 1, 4, 3


@dataclass(frozen=True)
class Prefixes:
    """A state that is what was said so far; where it looks is told by the last token and the sentence."""

    said: tuple[tuple[int, ...], ...]
    sentences: tuple[int, ...]
    weights_BS: Tensor

    @property
    def scored_B(self) -> Tensor:
        return torch.tensor([7 ** len(said) % 11 + sum(said) for said in self.said], dtype=torch.long)

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> Prefixes:
        chosen = rows.tolist()
        return Prefixes(
            tuple(self.said[r] for r in chosen), tuple(self.sentences[r] for r in chosen), self.weights_BS[rows]
        )


class Language:
    """log p(next | sentence, prefix), drawn once for each prefix."""

    def __init__(self, seed: int, temperature: float = 1.0) -> None:
        self.seed, self.temperature = seed, temperature
        self.drawn: dict[tuple[int, ...], np.ndarray] = {}

    def logits(self, sentence: int, prefix: tuple[int, ...]) -> np.ndarray:
        place = (sentence, *prefix)
        if place not in self.drawn:
            drawn = np.random.default_rng((self.seed, *place)).normal(0, 2, V) / self.temperature
            self.drawn[place] = drawn.astype(np.float32)
        return self.drawn[place]

    def log_prob(self, sentence: int, tokens: tuple[int, ...]) -> float:
        total = 0.0
        for t, token in enumerate(tokens):
            logits = self.logits(sentence, (GO, *tokens[:t]))
            total += float(logits[token] - np.logaddexp.reduce(logits))
        return total

    def initial(self, sentences: int, beams: int) -> Prefixes:
        rows = tuple(b for b in range(sentences) for _ in range(beams))
        return Prefixes(((),) * len(rows), rows, torch.zeros(len(rows), S))

    def step(self, ids: Tensor, state: Prefixes) -> tuple[Tensor, Prefixes]:
        said = tuple((*prefix, token) for prefix, token in zip(state.said, ids.tolist(), strict=True))
        logits = torch.from_numpy(np.stack([self.logits(b, p) for b, p in zip(state.sentences, said, strict=True)]))
        looked = torch.tensor(
            [[p[-1], len(p), b] for p, b in zip(said, state.sentences, strict=True)], dtype=torch.float
        )
        return logits, Prefixes(said, state.sentences, looked)


def compared(ids: list[int]) -> int:
    """What a hypothesis has to have counted: each step's number, which goes by all that was said before."""
    prefixes = [(GO, *ids[:t]) for t in range(len(ids))]
    return sum(7 ** len(said) % 11 + sum(said) for said in prefixes)


def looked_at(sentence: int, ids: list[int]) -> list[list[int]]:
    return [[before, t + 1, sentence] for t, before in enumerate([GO, *ids[:-1]])] if ids else []


@given(seed=st.integers(0, 10_000), beams=st.integers(1, 4), limits=st.lists(st.integers(0, 5), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_scores_and_alignments_are_those_of_the_hypothesis(seed: int, beams: int, limits: list[int]) -> None:
    language = Language(seed)
    found = beam_search(language.step, language.initial(len(limits), beams), torch.tensor(limits), beams, GO, EOS, 0.7)
    assert len(found) == len(limits)
    for sentence, (hypotheses, limit) in enumerate(zip(found, limits, strict=True)):
        assert 1 <= len(hypotheses) <= beams
        assert hypotheses == sorted(hypotheses, key=lambda h: (h.cut, -h.score)), "those that ended come first"
        assert len({tuple(h.ids) for h in hypotheses}) == len(hypotheses), "nothing is said twice"
        for hypothesis in hypotheses:
            assert len(hypothesis.ids) <= limit
            assert EOS not in hypothesis.ids
            assert hypothesis.weights_TS.tolist() == looked_at(sentence, hypothesis.ids)
            assert hypothesis.scored == compared(hypothesis.ids)
            assert hypothesis.cut <= (len(hypothesis.ids) == limit)
            said = (*hypothesis.ids, *([] if hypothesis.cut else [EOS]))
            wanted = language.log_prob(sentence, said) / max(len(said), 1) ** 0.7
            assert hypothesis.score == pytest.approx(wanted, abs=1e-4)


@given(seed=st.integers(0, 10_000), limits=st.lists(st.integers(0, 6), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_greedy_is_a_beam_of_one(seed: int, limits: list[int]) -> None:
    language = Language(seed)
    one = greedy(language.step, language.initial(len(limits), 1), torch.tensor(limits), GO, EOS, 1.0)
    beam = beam_search(language.step, language.initial(len(limits), 1), torch.tensor(limits), 1, GO, EOS, 1.0)
    for alone, (first, *_) in zip(one, beam, strict=True):
        assert alone.ids == first.ids
        assert alone.score == pytest.approx(first.score, abs=1e-5)
        np.testing.assert_array_equal(alone.weights_TS, first.weights_TS)
        assert alone.scored == first.scored == compared(first.ids)


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_as_wide_as_the_language_finds_the_best_of_all(seed: int) -> None:
    language, limit = Language(seed), 3
    everything = [
        (*ids, EOS) for n in range(limit) for ids in itertools.product([t for t in range(V) if t != EOS], repeat=n)
    ]
    best = max(everything, key=lambda tokens: language.log_prob(0, tokens) / len(tokens))
    wide = beam_search(language.step, language.initial(1, 64), torch.tensor([limit]), 64, GO, EOS, 1.0)[0]
    ended = next(h for h in wide if len(h.ids) < limit)
    assert (*ended.ids, EOS) == best


def test_a_sentence_answers_the_same_alone_and_in_company() -> None:
    language = Language(7)
    together = beam_search(language.step, language.initial(3, 2), torch.tensor([5, 1, 3]), 2, GO, EOS, 1.0)
    alone = beam_search(language.step, language.initial(1, 2), torch.tensor([5]), 2, GO, EOS, 1.0)
    assert [h.ids for h in together[0]] == [h.ids for h in alone[0]]


@given(
    rows=st.integers(1, 4),
    width=st.integers(1, 60),
    count=st.integers(1, 12),
    stride=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
@settings(max_examples=200, deadline=None)
def test_the_greatest_are_those_that_torch_finds(rows: int, width: int, count: int, stride: int, seed: int) -> None:
    count = min(count, width)
    generator = torch.Generator().manual_seed(seed)
    values = torch.stack([torch.randperm(width, generator=generator).float() for _ in range(rows)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "STRIDE", stride)
        patch.setattr(search, "MANY", 0)
        found, places = search.top(values, count)
    wanted, at = values.topk(count, 1)
    assert torch.equal(found, wanted)
    assert torch.equal(places, at)


def test_of_equals_there_are_as_many_as_asked_for() -> None:
    values = torch.full((9, 8_000), -torch.inf)
    values[:, 77] = 1.0
    found, places = search.top(values, 10)
    assert torch.equal(values.gather(1, places), found)
    assert all(len(set(row)) == 10 for row in places.tolist())


# Sampling


def chances(seed: int, rows: int) -> list[np.random.Generator]:
    return [np.random.default_rng((seed, row)) for row in range(rows)]


def draw(language: Language, rows: int, limit: int, seed: int = 0, **changes: float) -> list[Hypothesis]:
    """Draw from sentence 0 of a language, `rows` times over."""
    how = {"temperature": 1.0, "top_k": 0, "top_p": 1.0} | changes
    choose = chooser(**how, chances=chances(seed, rows))
    limits_B, first_B = torch.full((rows,), limit), torch.full((rows,), GO)
    return sample(language.step, language.initial(1, rows), first_B, limits_B, EOS, choose)


def sequences(limit: int) -> list[tuple[int, ...]]:
    """All that can be said: with an end mark, or cut at one token over the limit."""
    inner = [t for t in range(V) if t != EOS]
    ended = [(*ids, EOS) for n in range(limit + 1) for ids in itertools.product(inner, repeat=n)]
    return ended + [(*ids, last) for ids in itertools.product(inner, repeat=limit) for last in inner]


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.5])
def test_drawn_sequences_are_as_frequent_as_they_are_likely(temperature: float) -> None:
    rows, limit = 20_000, 2
    language, tempered = Language(3), Language(3, temperature)
    found = Counter(tuple(h.ids) for h in draw(language, rows, limit, temperature=temperature))
    # What the last token was is not told where it was the one over the limit.
    expected: dict[tuple[int, ...], float] = {}
    for tokens in sequences(limit):
        expected[tokens[:-1]] = expected.get(tokens[:-1], 0.0) + math.exp(tempered.log_prob(0, tokens))
    assert sum(expected.values()) == pytest.approx(1, abs=1e-5)
    assert found.keys() <= expected.keys()
    for tokens, p in expected.items():
        assert abs(found[tokens] - rows * p) <= 4.5 * math.sqrt(rows * p * (1 - p)) + 1, tokens


@given(seed=st.integers(0, 10_000), limits=st.lists(st.integers(0, 5), min_size=1, max_size=5), sharp=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_drawn_score_is_the_languages_own_mean_a_token(seed: int, limits: list[int], sharp: bool) -> None:
    language = Language(seed)
    choose = chooser(0.4 if sharp else 2.0, 3, 0.9, chances(seed, len(limits)))
    first_B = torch.full((len(limits),), GO)
    found = sample(language.step, language.initial(len(limits), 1), first_B, torch.tensor(limits), EOS, choose)
    for sentence, (one, limit) in enumerate(zip(found, limits, strict=True)):
        assert len(one.ids) <= limit
        assert EOS not in one.ids
        assert one.weights_TS.tolist() == looked_at(sentence, one.ids)
        assert one.scored == compared(one.ids)
        said = (*one.ids, *([] if one.cut else [EOS]))
        assert one.cut <= (len(one.ids) == limit)
        assert one.score == pytest.approx(language.log_prob(sentence, said) / max(len(said), 1), abs=1e-4)


def test_the_same_seed_draws_the_same_and_another_another() -> None:
    first, same, other = ([h.ids for h in draw(Language(5), 50, 8, seed)] for seed in (1, 1, 2))
    assert first == same
    assert first != other


@given(seed=st.integers(0, 10_000), limits=st.lists(st.integers(0, 6), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_drawn_cold_or_of_one_it_is_greedy(seed: int, limits: list[int]) -> None:
    language = Language(seed)
    start, limits_B = language.initial(len(limits), 1), torch.tensor(limits)
    wanted = greedy(language.step, start, limits_B, GO, EOS, 1.0)
    for how in ((1e-4, 0, 1.0), (1.0, 1, 1.0), (1.0, 0, 1e-6)):
        choose = chooser(*how, chances(seed, len(limits)))
        found = sample(language.step, start, torch.full_like(limits_B, GO), limits_B, EOS, choose)
        assert [(h.ids, h.score) for h in found] == [(h.ids, pytest.approx(h.score)) for h in wanted]


def test_reading_on_begins_with_the_token_it_is_given() -> None:
    language = Language(11)
    first_B, limits_B = torch.tensor([2, 3]), torch.tensor([4, 4])
    choose = chooser(1.0, 1, 1.0, chances(1, 9))
    found = sample(language.step, language.initial(1, 2), first_B, limits_B, EOS, choose)
    for begun, one in zip(first_B.tolist(), found, strict=True):
        said = (begun,)
        for token in one.ids:
            assert token == int(np.argmax(language.logits(0, said)))
            said += (token,)


rows_of_logits = st.lists(st.integers(-40, 40), min_size=2, max_size=7, unique=True)


@given(
    logits=rows_of_logits,
    temperature=st.sampled_from([0.25, 1.0, 3.0]),
    top_k=st.integers(0, 8),
    top_p=st.sampled_from([0.1, 0.35, 0.5, 0.8, 0.95, 1.0]),
)
def test_cutting_down_follows_its_definition(logits: list[int], temperature: float, top_k: int, top_p: float) -> None:
    scaled = np.array(logits) / 10
    found = likeliest(torch.tensor(scaled)[None], temperature, top_k, top_p)[0].double().numpy()
    p = np.exp(scaled / temperature)
    p /= p.sum()
    ranked = sorted(range(len(p)), key=lambda token: -p[token])
    # The shortest run of the likeliest tokens that together is likely enough, and no longer than top_k.
    enough = next((n for n in range(1, len(p)) if p[ranked[:n]].sum() >= top_p - 1e-9), len(p))
    kept = ranked[: min(enough, top_k or len(p))]
    assume(all(abs(p[ranked[:n]].sum() - top_p) > 1e-5 for n in range(1, len(p))))
    expected = np.zeros(len(p))
    expected[kept] = p[kept] / p[kept].sum()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_of_equally_likely_tokens_the_first_are_kept() -> None:
    assert likeliest(torch.zeros(1, 4), 1.0, 2, 1.0).tolist() == [[0.5, 0.5, 0.0, 0.0]]


def test_rows_are_cut_down_each_by_itself() -> None:
    logits = torch.tensor([[0.0, 5.0, 0.0], [2.0, 2.0, -9.0]])
    for top_k, top_p in ((0, 0.9), (2, 0.9), (1, 1.0)):
        together = likeliest(logits, 1.0, top_k, top_p)
        for row, found in zip(logits, together, strict=True):
            torch.testing.assert_close(found, likeliest(row[None], 1.0, top_k, top_p)[0])
