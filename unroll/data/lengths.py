"""How many words a text has, whatever its script: the one rule by which filters, scores and reports count them."""

from __future__ import annotations

import re
from itertools import islice

_LETTERS = (
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30ff\u31f0-\u31ff\uff66-\uff9d"  # Hiragana, Katakana
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"  # Thai, Lao
    "\u1780-\u17b3\u17d7\u17dc\u1000-\u102a\u103f\u1050-\u1055\u0f40-\u0f6c"  # Khmer, Burmese, Tibetan
)
_MARKS = (
    "\u3099\u309a\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u17b4-\u17d3\u17dd\u102b-\u103e"
    "\u1056-\u109f\u0f71-\u0f87\u0f8d-\u0fbc"
)
"""what is written above, below or around a letter before it"""
_WORD = re.compile(rf"[{_LETTERS}][{_MARKS}]*|[^\s{_LETTERS}]+")
_UNSPACED = re.compile(f"[{_LETTERS}]")


def length(text: str) -> int:
    """Return how many words a text has: what spaces part; each letter of a script that puts none between words.

    Those are Han, Hiragana, Katakana, Thai, Lao, Khmer, Burmese and Tibetan. A mark belongs to the letter before it.

    >>> length("I drink milk."), length("我们喝牛奶"), length("我 use Python"), length("นมดี")
    (3, 5, 3, 3)
    """
    return len(words_of(text))


def words_of(text: str) -> list[str]:
    """Return the words of a text, as `length` counts them."""
    return text.split() if text.isascii() else _WORD.findall(text)


def beginning(text: str, words: int) -> str:
    """Return the first words of a text, as `length` counts them.

    >>> beginning("I drink milk.", 2), beginning("我们喝牛奶", 2)
    ('I drink', '我们')
    """
    ends = [found.end() for found in islice(_WORD.finditer(text), words)]
    return text[: ends[-1]] if ends else ""


def unspaced(letter: str) -> bool:
    """Return whether a letter is of a script that puts no spaces between words."""
    return bool(_UNSPACED.match(letter))
