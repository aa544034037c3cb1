"""The normal form: what is invisible goes, and doing it twice changes nothing."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.data.normal import normalize, printable, spaced


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  a\t b\u00a0\u2028c\r ", "a b c"),
        ("a\x00b\ufeff\u200bc", "abc"),
        ("\u2581a", "_a"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),  # what is invisible does not keep an accent from its letter
        ("a \x00 b", "a b"),
        ('"Hi', '"Hi'),
        ("\ud800x", "x"),
        ("क\u094dय", "क\u094dय"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert normalize(text, "NFC") == normal


def test_nfkc_folds_what_nfc_keeps() -> None:
    assert normalize("\ufb01 \uff11", "NFC") == "\ufb01 \uff11"
    assert normalize("\ufb01 \uff11", "NFKC") == "fi 1"


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_normalizing_any_character_twice_changes_nothing_and_fits_a_line_of_a_tsv(form: str) -> None:
    everything = [chr(code) for code in range(sys.maxunicode + 1)]
    for start in range(0, len(everything), 97):
        text = normalize("".join(everything[start : start + 97]), form)  # type: ignore[arg-type]
        assert normalize(text, form) == text  # type: ignore[arg-type]
        assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
        text.encode()


@given(st.text(st.characters(codec=None), max_size=30), st.sampled_from(["NFC", "NFKC"]))
def test_normalizing_twice_changes_nothing(text: str, form: str) -> None:
    once = normalize(text, form)  # type: ignore[arg-type]
    assert normalize(once, form) == once  # type: ignore[arg-type]


def test_spaced_keeps_what_is_invisible() -> None:
    assert spaced(" a\t\u200bb\u2581 ", "NFC") == "a \u200bb_"


@given(st.text())
def test_an_answer_has_one_line_and_no_control_characters(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert len(shown.splitlines()) <= 1 + shown.count("\x1c")
    assert not any(unicodedata.category(letter) == "Cc" for letter in shown)
