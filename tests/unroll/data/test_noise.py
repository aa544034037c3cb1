"""Noise: by chance and yet the same again, in the shares that were asked for, and on both sides where both belong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.data import noise
from unroll.data.noise import Pair, noisy, with_words
from unroll.params.noise import Noise

NOTHING: dict[str, Any] = dict.fromkeys(Noise.model_fields, 0.0) | {"copies": 1, "seed": 1}
PAIRS: list[Pair] = [(f"Where is number {n}?", f"¿Dónde está el número {n}?") for n in range(2_000)]


def shares(**changes: float) -> Noise:
    return Noise(**NOTHING | changes)


def changed(params: Noise, seed: int = 1, texts: bool = True) -> list[Pair]:
    return list(noisy(PAIRS, params, (seed,), texts))


def test_without_shares_rows_are_as_they_are() -> None:
    assert changed(shares()) == PAIRS


@pytest.mark.parametrize("name", sorted(noise.SLIPS))
def test_the_share_that_was_asked_for_is_changed(name: str) -> None:
    pairs = (
        [("“It's” here, in número 7.", "Está “aquí”.")] * 2_000 if name in ("quotes", "no_accents", "spaces") else PAIRS
    )
    pairs = [('"It\'s" here, in número 7.', "Está “aquí”.")] * 2_000 if name == "quotes" else pairs
    found = list(noisy(pairs, shares(**{name: 0.2}), (3,), True))
    assert len(found) == len(pairs)
    assert 320 < sum(one[0] != other[0] for one, other in zip(found, pairs, strict=True)) < 480


@pytest.mark.parametrize("name", ["lower", "typos", "joined", "no_end_mark"])
def test_the_same_seed_gives_the_same_rows_and_another_others(name: str) -> None:
    params = shares(**{name: 0.5})
    assert changed(params, 1) == changed(params, 1)
    assert changed(params, 1) != changed(params, 2)


def test_both_sides_lose_their_final_mark_and_the_target_what_opens_it() -> None:
    assert changed(shares(no_end_mark=1.0))[0] == ("Where is number 0", "Dónde está el número 0")
    assert changed(shares(lower=1.0))[0] == ("where is number 0?", "¿dónde está el número 0?")
    assert changed(shares(capitals=1.0))[0] == ("WHERE IS NUMBER 0?", "¿DÓNDE ESTÁ EL NÚMERO 0?")


@pytest.mark.parametrize("name", sorted(noise.SLIPS))
def test_a_label_stays_as_it_is(name: str) -> None:
    rows = [("What's an Atom?", "Description.")] * 50
    assert {label for _, label in noisy(rows, shares(**{name: 1.0}), (1,), False)} == {"Description."}


def test_rows_are_joined_on_both_sides_alike_and_to_no_paragraph() -> None:
    found = changed(shares(joined=0.3))
    longer = [pair for pair in found if pair[0].count("?") > 1]
    assert 480 < len(longer) < 720
    for source, target in longer:
        numbers = [[word for word in text.replace("?", " ").split() if word.isdigit()] for text in (source, target)]
        assert numbers[0] == numbers[1]
        assert len(source.split()) <= noise.LONGEST
    assert max(source.count("?") for source, _ in longer) > 4


@given(st.text(max_size=40), st.integers(0, 2**32 - 1))
def test_a_typo_is_one_slip_in_a_long_word(text: str, seed: int) -> None:
    import numpy as np

    typed = noise.typo(text, np.random.default_rng(seed))
    assert abs(len(typed) - len(text)) <= 1
    assert typed.split(" ")[0] == text.split(" ")[0] or len(text.split(" ")[0]) >= 4


def test_words_and_lists_stand_among_the_rows() -> None:
    glossary = {"cat": "gato", "dog": "perro", "milk": "leche"}
    found = list(with_words(PAIRS, glossary, 0.25, (1,)))
    new = [pair for pair in found if pair not in set(PAIRS)]
    assert 400 < len(new) < 600
    assert ("cat", "gato") in new
    assert ("Cat", "Gato") in new
    for source, target in new:
        assert target.lower() == ", ".join(glossary[word] for word in source.lower().split(", "))
    assert list(with_words(PAIRS, {}, 0.5, (1,))) == PAIRS
