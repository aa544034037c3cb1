"""How many words a text has, in scripts with spaces between words and without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.data.lengths import beginning, length, unspaced
from unroll.data.normal import normalize


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("I drink milk.", 3),
        ("¿Dónde está la leche?", 4),
        ("나는 우유를 마신다", 3),
        ("मैं दूध पीता हूँ", 4),
        ("我们每天喝牛奶", 7),
        ("我用 Python 写", 4),
        ("毎日ミルクを飲む", 8),
        ("ฉันดื่มนมทุกวัน", 10),
        ("ខ្ញុំផឹក", 4),
    ],
)
def test_words_are_parted_by_spaces_or_else_are_letters(text: str, words: int) -> None:
    assert length(text) == words


@given(st.text(max_size=30).map(lambda text: normalize(text, "NFC")))
def test_what_has_no_letter_of_these_scripts_has_as_many_words_as_spaces_part(text: str) -> None:
    if not any(map(unspaced, text)):
        assert length(text) == len(text.split())


@given(st.text("ab 我们นี่ ", max_size=20).map(str.strip), st.integers(1, 9))
def test_a_beginning_has_so_many_words_and_is_one(text: str, words: int) -> None:
    first = beginning(text, words)
    assert text.startswith(first)
    assert length(first) == min(words, length(text))
