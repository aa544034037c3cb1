"""Searches over a language whose every probability is known, against brute force."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unroll.search import beam_search, greedy

GO, EOS, V, S = 0, 1, 4, 3


@dataclass(frozen=True)
class Prefixes:
    """A state that is what was said so far; where it looks is told by the last token and the sentence."""

    said: tuple[tuple[int, ...], ...]
    sentences: tuple[int, ...]
    weights_BS: Tensor

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> Prefixes:
        chosen = rows.tolist()
        return Prefixes(
            tuple(self.said[r] for r in chosen), tuple(self.sentences[r] for r in chosen), self.weights_BS[rows]
        )


class Language:
    """log p(next | sentence, prefix), drawn once for each prefix."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def logits(self, sentence: int, prefix: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng((self.seed, sentence, *prefix)).normal(0, 2, V).astype(np.float32)

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
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
        ended = {tuple(h.ids) for h in hypotheses if len(h.ids) < limit}
        assert len(ended) == sum(len(h.ids) < limit for h in hypotheses)
        for hypothesis in hypotheses:
            assert len(hypothesis.ids) <= limit
            assert EOS not in hypothesis.ids
            assert hypothesis.weights_TS.tolist() == looked_at(sentence, hypothesis.ids)
            if len(hypothesis.ids) < limit:
                tokens = (*hypothesis.ids, EOS)
                assert hypothesis.score == pytest.approx(
                    language.log_prob(sentence, tokens) / len(tokens) ** 0.7, abs=1e-4
                )


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
