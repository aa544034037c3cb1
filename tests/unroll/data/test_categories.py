"""Which characters are parts of words, and which are letters."""

from __future__ import annotations

import sys
import unicodedata

from unroll.data.categories import LETTERS, WORDS


def test_marks_belong_to_their_letters() -> None:
    assert "कि, 4 ab!".translate(WORDS) == "कि  4 ab "
    assert "कि, 4 ab!".translate(LETTERS) == "किab"


def test_every_character_goes_by_its_category() -> None:
    for code in range(0, sys.maxunicode + 1, 7):
        kind = unicodedata.category(chr(code))[0]
        assert chr(code).translate(WORDS) == (chr(code) if kind in "LMN" else " ")
        assert chr(code).translate(LETTERS) == (chr(code) if kind in "LM" else "")
