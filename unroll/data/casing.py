"""Letter case as marks of its own, so that a word is one word however it is written.

    Where is Tom?         where is ⇧ tom?
    where is NASA?        ⇩ where is ⇪ nasa?

A text is written in small letters. `⇧` makes the next letter a capital, `⇪` all letters up to the word's end. A
sentence begins with a capital unless `⇩` says otherwise, so that what is usual costs nothing. The way back is exact but
for the marks themselves; letters without a counterpart of the other case stay as they are. Case as marks in the text:
Berard et al. (2019).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

CAPITAL, CAPITALS, SMALL = "⇧", "⇪", "⇩"
MARKS = CAPITAL + CAPITALS + SMALL
_OURS = str.maketrans(MARKS, "^^v")
_BEGINNING = re.compile(r"(?:^|[.!?…][\"'”’»)\]]*\s)[^\w]*")
_WORD = re.compile(r"(?<!⟨)[^\W\d_]+")  # but in a placeholder of unroll.data.copying
_ANY = re.compile(f"[{MARKS}]")
_MARKED = re.compile(rf"(^|\s)?([{MARKS}])(?(1) ?)")


def mark(text: str) -> str:
    """Return text in small letters, with marks where that loses something.

    >>> mark("McDonald's, NASA and I: Tom. He left.")
    "mc⇧donald's, ⇪ nasa and ⇧ i: ⇧ tom. he left."
    """
    text = text.translate(_OURS)
    begin = beginnings(text)

    def marked(word: re.Match[str]) -> str:
        letters, place = word.group(), word.start()
        if place not in begin and letters.islower():
            return letters
        apart = place == 0 or text[place - 1].isspace()
        return _marked(letters, place in begin, " " if apart else "")

    return _WORD.sub(marked, text)


def unmark(text: str) -> str:
    """Return the text that `mark` was given; marks that stand nowhere they could come from are dropped.

    >>> unmark("⇩ where is ⇪ nasa, ⇧ mc⇧donald?")
    'where is NASA, McDonald?'
    """
    plain, marks = _without(text)
    letters = list(plain)
    for place, kind in (dict.fromkeys(beginnings(plain), CAPITAL) | marks).items():
        word = _WORD.match(plain, place)
        if word and kind == CAPITAL:
            letters[place] = _other(letters[place])
        elif word and kind == CAPITALS:
            letters[place : word.end()] = map(_other, word.group())
    return "".join(letters)


def beginnings(text: str) -> set[int]:
    """Return the places at which a sentence of a text may begin, with a capital that means nothing."""
    return {match.end() for match in _BEGINNING.finditer(text)}


def _other(letter: str) -> str:
    """Return the capital of a small letter and the small one of a capital, or the letter where it has no one other."""
    other = letter.upper() if letter.islower() else letter.lower()
    back = other.lower() if letter.islower() else other.upper()
    return other if len(other) == 1 and back == letter else letter


def _capital(letter: str) -> bool:
    return letter.isupper() and _other(letter) != letter


@lru_cache(10_000)  # few words are most of a text
def _marked(word: str, begins: bool, space: str) -> str:
    return "".join(_pieces(word, begins, space))


def _pieces(word: str, begins: bool, space: str) -> Iterator[str]:
    """Yield the letters of a word, small, and its marks; `space` stands behind one that is a word of its own."""
    capitals = len(word)  # from there on there are no others
    while capitals and _capital(word[capitals - 1]):
        capitals -= 1
    for place, letter in enumerate(word):
        usual, gap = begins and place == 0, "" if place else space
        if capitals <= place < len(word) - 1:
            yield CAPITALS + gap + "".join(map(_other, word[place:]))
            return
        if _capital(letter):
            yield ("" if usual else CAPITAL + gap) + _other(letter)
        elif usual and _other(letter) != letter:
            yield SMALL + gap + letter
        else:
            yield letter


def _without(text: str) -> tuple[str, dict[int, str]]:
    """Return a text without marks, and {place in it: the mark before it}."""
    if not _ANY.search(text):
        return text, {}
    parts: list[str] = []
    marks: dict[int, str] = {}
    length = last = 0
    for match in _MARKED.finditer(text):
        parts.append(text[last : match.start(2)])
        length += match.start(2) - last
        marks[length] = match.group(2)
        last = match.end()
    return "".join([*parts, text[last:]]), marks
