"""Placeholders: what is hidden comes back letter by letter, and stands for the same on both sides of a pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.data import copying
from unroll.data.copying import MOST, PLACEHOLDERS, Words, fixed, hide, hide_alike, hide_pair, shared_names, show, spans

WORDS = Words(["I", "my", "the", "is", "in", "from", "email", "Tom", "Mary", "visit", "it", "costs", "you", "station",
               "giraffe", "name", "don't", "Boston"])  # fmt: skip


def found(text: str) -> list[tuple[str, str]]:
    return [(text[start:end], kind) for start, end, kind in spans(text, WORDS)]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("my email is bob@example.com", [("bob@example.com", "x")]),
        ("visit https://example.com/x, it costs 1,234.50", [("https://example.com/x", "x"), ("1,234.50", "n")]),
        ("visit www.example.org/a?b=1.", [("www.example.org/a?b=1", "x")]),
        ("it costs 5% in 2024-05-01, 10:30", [("5%", "n"), ("2024-05-01", "n"), ("10:30", "n")]),
        ("the A4, XJ-900 is v2.0.1", [("A4", "x"), ("XJ-900", "x"), ("v2.0.1", "x")]),
        ("the 20th 5pm 1990s", []),
        ("+34 600 123 456", [("+34 600 123 456", "n")]),
        ("I visit Zbigniew's station", [("Zbigniew", "a")]),
        ("my name is zbigniew", [("zbigniew", "a")]),
        ("Giraffes visit the statoin", []),
        ("Tom visit Boston ❤️", [("❤️", "x")]),
        ("the foo_bar &amp; @tom", [("foo_bar", "x"), ("&amp;", "x"), ("@tom", "x")]),
        ("", []),
    ],
)
def test_what_stays_as_it_is(text: str, held: list[tuple[str, str]]) -> None:
    assert found(text) == held
    hidden, by_placeholder = hide(text, spans(text, WORDS))
    assert show(hidden, by_placeholder) == text
    assert copying.whole(hidden, by_placeholder)


@given(st.text(max_size=60).map(copying.plain))
def test_whatever_is_hidden_comes_back(text: str) -> None:
    hidden, held = hide(text, spans(text, WORDS))
    assert show(hidden, held) == text
    assert held.keys() <= set(PLACEHOLDERS)


@given(st.text(st.sampled_from("ab éÉ1.,!?'’\"-@/_(&:💡\n"), max_size=30))
def test_a_text_of_words_alone_is_parted_as_any_other(text: str) -> None:
    everything = [(match.span(), match.lastgroup) for match in copying._FOUND.finditer(text)]
    assert [(match.span(), match.lastgroup) for match in copying.matches(text)] == everything


def test_no_more_than_there_are_placeholders_for() -> None:
    text = " ".join(map(str, range(10, 20)))
    hidden, held = hide(text, fixed(text))
    assert list(held.values()) == text.split()[:MOST]
    assert hidden.split()[MOST:] == text.split()[MOST:]


@pytest.mark.parametrize(
    ("source", "target", "hidden"),
    [
        ("it costs 300.", "cuesta 300.", ("it costs ⟨n1⟩.", "cuesta ⟨n1⟩.")),
        ("it costs 300.", "cuesta trescientos.", ("it costs 300.", "cuesta trescientos.")),
        ("it costs 30.", "cuesta 300.", ("it costs 30.", "cuesta 300.")),
        ("I visit Zbigniew.", "Visito a Zbigniew.", ("I visit ⟨a1⟩.", "Visito a ⟨a1⟩.")),
        ("I visit Zbigniew in 2020.", "En 2020 visito a Z.", ("I visit Zbigniew in 2020.", "En 2020 visito a Z.")),
        ("I visit Zbigniew at 7.", "Lo visito: 7.", ("I visit Zbigniew at ⟨n1⟩.", "Lo visito: ⟨n1⟩.")),
    ],
)
def test_a_pair_hides_what_both_sides_say(source: str, target: str, hidden: tuple[str, str]) -> None:
    if "2020" in source:  # the name is another on the other side, the number alone is the same
        hidden = ("I visit Zbigniew in ⟨n1⟩.", "En ⟨n1⟩ visito a Z.")
    assert hide_pair(source, target, WORDS, None, 0.0) == hidden


def test_names_are_hidden_by_chance_and_under_every_number() -> None:
    chance = np.random.default_rng(1)
    pairs = [hide_pair("I visit Tom.", "Visito a Tom.", WORDS, chance, 0.5) for _ in range(400)]
    seen = {source.split()[-1].rstrip(".") for source, _ in pairs}
    assert seen == {"Tom", *PLACEHOLDERS}
    assert all(source.split()[-1] == target.split()[-1] for source, target in pairs)
    assert 140 < sum("⟨" in source for source, _ in pairs) < 260


def test_a_name_that_stands_twice_is_not_shared() -> None:
    assert [*shared_names("Tom and Tom", "Tom y Tom")] == []
    assert [*shared_names("tom", "tom")] == []
    assert len([*shared_names("I saw Tom's dog", "Vi al perro de Tom")]) == 1


def test_a_placeholder_is_asked_for_once() -> None:
    assert hide_alike("7 y 7", {"⟨n1⟩": "7"}) is None
    assert hide_alike("17", {"⟨n1⟩": "7"}) is None
    assert not copying.whole("⟨n1⟩ ⟨n1⟩", ["⟨n1⟩"])
    assert not copying.whole("⟨n1⟩ ⟨a1⟩", ["⟨n1⟩"])


def test_a_word_is_usual_mended_or_strange() -> None:
    assert [WORDS.usual(word) for word in ("tom", "TOM", "Giraffe", "tom's", "xyz")] == [
        "Tom", "Tom", "giraffe", "Tom's", "xyz",
    ]  # fmt: skip
    assert [WORDS.mended(word) for word in ("statoin", "dont", "staton", "mi")] == ["station", "don't", "station", "mi"]
    assert [WORDS.strange(word) for word in ("zbigniew", "giraffes", "statoin", "stations")] == [
        True,
        False,
        False,
        False,
    ]
