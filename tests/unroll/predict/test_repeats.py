"""A loop is found in a text, and never closed by a search that is watched."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unroll.predict.test_search import EOS, GO, Language
from unroll.predict.repeats import APART, LONGEST, TIMES, Unrepeated, closing, place
from unroll.predict.search import beam_search, greedy


def loops(said: list[int]) -> bool:
    """Whether tokens hold a phrase three times in a row, or a run of three tokens three times: word for word."""
    for size, first in itertools.product(range(1, LONGEST + 1), range(len(said))):
        part = said[first : first + size]
        if len(part) == size and said[first : first + TIMES * size] == part * TIMES:
            return True
    runs = [tuple(said[first : first + APART]) for first in range(len(said) - APART + 1)]
    return any(runs.count(run) >= TIMES for run in runs)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=14))
@settings(max_examples=300)
def test_exactly_the_tokens_that_would_close_a_loop_are_found(said: list[int]) -> None:
    if loops(said):
        return
    found = {int(token[0]) for closes, token in closing(torch.tensor([said])) if bool(closes[0])}
    assert found == {token for token in range(3) if loops([*said, token])}


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=14))
def test_a_text_loops_as_its_words_do(words: list[str]) -> None:
    numbers = [ord(word) for word in words]
    assert (place(" ".join(words)) is not None) == loops(numbers)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Hola, hola. HOLA", "Hola, hola. "),
        ("no sé qué no sé qué no sé qué", "no sé qué no sé qué "),
        ("muy muy bien", None),
        ("", None),
    ],
)
def test_a_loop_is_cut_where_it_closes(text: str, cut: str | None) -> None:
    found = place(text)
    assert (None if found is None else text[:found]) == cut


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("seed", range(12))
def test_a_search_never_closes_a_loop_unless_it_may(seed: int, beams: int) -> None:
    language, limits = Language(seed, 0.2), torch.tensor([14, 14])
    free = torch.tensor([False, True])

    def searched(guarded: bool) -> list[list[int]]:
        watched = Unrepeated(language.step, free)
        step, state = language.step, language.initial(2, beams)
        if guarded:
            step, state = watched.step, watched.initial(state)  # type: ignore[assignment]
        if beams == 1:
            return [one.ids for one in greedy(step, state, limits, GO, EOS, 1.0)]
        return [best[0].ids for best in beam_search(step, state, limits, beams, GO, EOS, 1.0)]

    watched, plain = searched(True), searched(False)
    assert not loops([GO, *watched[0]])
    assert watched[1] == plain[1]
