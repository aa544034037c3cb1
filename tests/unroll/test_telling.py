"""What is told is one line that no terminal obeys, without what is secret."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.errors import DataError
from unroll.telling import LONGEST, harmless, line


@given(st.text(st.characters(codec=None), max_size=80))
def test_a_line_is_printable_whatever_it_quotes(text: str) -> None:
    told = line(text)
    assert told.isprintable()
    told.encode()
    assert line(told) == told


def test_a_line_that_is_printable_is_told_as_it_is() -> None:
    assert line("data/año.tsv:2: «señor»; fix it") == "data/año.tsv:2: «señor»; fix it"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://me:secret@host:5000/a failed", "http://host:5000/a failed"),
        ("sqlite://a@b@host/x", "sqlite://host/x"),
        ("me@host and http://host/me@home", "me@host and http://host/me@home"),
    ],
)
def test_the_password_of_an_address_is_not_told(text: str, told: str) -> None:
    assert str(DataError(text)) == told


def test_of_a_long_line_the_beginning_and_the_end_are_told() -> None:
    told = line(f"where: {'x' * 10**6}; fix it")
    assert told.startswith("where: xxx")
    assert told.endswith("xxx; fix it")
    assert len(told) < LONGEST + 10


@given(st.text(max_size=80))
def test_an_answer_keeps_all_but_what_a_terminal_obeys(text: str) -> None:
    shown = harmless(text)
    assert not any(unicodedata.category(letter) == "Cc" and letter not in "\t\n" for letter in shown)
    assert [letter for letter in shown if letter.isprintable()] == [letter for letter in text if letter.isprintable()]


def test_what_joins_letters_stays_in_an_answer() -> None:
    assert (
        harmless("\U0001f469\u200d\U0001f467 n\u00a0: \u05d0\u200f")
        == "\U0001f469\u200d\U0001f467 n\u00a0: \u05d0\u200f"
    )
