"""What stays as it is: numbers, addresses, codes and names that nobody ever saw travel as placeholders.

    Zbigniew paid 1,234.50 EUR     ⟨a1⟩ paid ⟨n1⟩ EUR     ⟨a1⟩ pagó ⟨n1⟩ EUR     Zbigniew pagó 1,234.50 EUR

A model that was taught with placeholders puts them where they belong, and never spells what they stand for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from string import ascii_lowercase
from typing import NamedTuple

import numpy as np

from unroll.data.casing import beginnings

KINDS = "nxa"
"""numbers; addresses, codes and signs; names"""
MOST = 4
"""Placeholders of one kind in a text; what goes beyond them is spelt."""
PLACEHOLDERS = tuple(f"⟨{kind}{number}⟩" for kind in KINDS for number in range(1, MOST + 1))
_OURS = re.compile(rf"(⟨[{KINDS}]\d⟩)")

WORD = re.compile(r"(?<![\w⟨])[^\W\d_]+(?:[-’'][^\W\d_]+)*")
_DOMAINS = "com|org|net|edu|gov|info|io|eu|uk|us|de|es|fr|it"
_ADDRESS = (
    r"(?:https?://|www\.)[^\s<>]*[\w/]"
    r"|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    rf"|(?<![\w.-])(?:[\w-]+\.)+(?:{_DOMAINS})\b(?:/[^\s<>]*[\w/])?"
    r"|(?<!\S)(?:[A-Za-z]:\\|~?/)[^\s<>]*[\w/\\]"  # paths
    r"|(?<!\w)[@#]\w+"
    r"|(?<!\w)\w*[^\W_]_\w+|(?<!\w)\w+\(\)"  # names in programs
    r"|&\w+;"
)
_SIGN = "[\u2190-\u21e6\u2300-\u27bf\u2900-\u2bff\U0001f000-\U0001faff]"
_SIGNS = rf"{_SIGN}(?:[\ufe0e\ufe0f\u200d]|{_SIGN})*"
# Letters and digits mixed, such as XJ-900 and B2B; 20th and 5pm are words of the language.
_CODE = r"(?<![\w/-])(?!\d+[a-zé]{1,3}\b)(?=[\w/-]*\d)(?=[\w/-]*[^\W\d_])\w+(?:[-/.]\w*\d\w*)*(?:[-/]\w+)*"
_NUMBER = r"(?<!\w)\+\d+(?:[ -]\d+)+|(?<![\w.,])\d+(?:[.,:/-]\d+)*%?(?!\w)"
_FOUND = re.compile(rf"(?P<x>{_ADDRESS}|{_SIGNS}|{_CODE})|(?P<n>{_NUMBER})|(?P<a>{WORD.pattern})")
_NAMED = re.compile(rf"(?P<a>{WORD.pattern})")
_PLAIN = re.compile(r"(?:[^\W\d_]|[\s,!?'’\"-]|\.(?=\s|$))*")
"""A text that has words alone: nothing in it begins what else `_FOUND` finds."""
_POSSESSIVE = re.compile(r"['’][sS]?$")
SIGNS = 0.2
"""Of the pairs whose name is to be hidden, and that have none: how many get a sign instead."""
LONGEST = 40
"""Letters of a word in which slips are looked for."""
_STEM = 4
"""Letters that a word shares at its beginning with another of its family."""


class Span(NamedTuple):
    """A part of a text that is to stay as it is."""

    start: int
    end: int
    kind: str


class Words:
    """The words of the training rows, by which a word is known, or like one that is, or nobody ever saw it.

    Args:
        ranked: each in its usual case, the most frequent first.

    Attributes:
        small: {the word in small letters: in its usual case}.

    >>> words = Words(["I", "am", "the", "station", "giraffe"])
    >>> words.usual("i"), words.mended("statoin"), words.strange("giraffes"), words.strange("Zbigniew")
    ('I', 'station', False, True)
    """

    def __init__(self, ranked: Sequence[str]) -> None:
        self.ranked = ranked
        self.small = {word.lower(): word for word in ranked}
        self._rank = {word.lower(): place for place, word in enumerate(ranked)}
        self._beginnings = frozenset(word[:size] for word in self.small for size in range(_STEM, len(word) + 1))

    def __contains__(self, word: str) -> bool:
        return word.lower() in self.small or bare(word).lower() in self.small

    def usual(self, word: str) -> str:
        """Return a word in its usual case; one that nobody ever saw as it is."""
        small, ending = bare(word).lower(), word[len(bare(word)) :].lower()
        return self.small.get(word.lower()) or (self.small[small] + ending if small in self.small else word)

    def mended(self, word: str) -> str:
        """Return the most frequent word from which one slip of the pen makes this one; itself if there is none."""
        if len(word) > LONGEST:
            return word
        found = [other for other in slips(word.lower()) if other in self._rank]
        return self.small[min(found, key=self._rank.__getitem__)] if found else word

    def strange(self, word: str) -> bool:
        """Return whether no word of train is like this one: neither its beginning nor, but for one slip, the whole."""
        small = bare(word).lower()
        return small[: max(_STEM, len(small) - 3)] not in self._beginnings and self.mended(small) == small


def bare(word: str) -> str:
    """Return a word without the ending of the English genitive."""
    return _POSSESSIVE.sub("", word)


@lru_cache(4096)
def slips(word: str) -> frozenset[str]:
    """Return the words from which one slip makes this one, their first letter kept, in the Latin alphabet.

    >>> "don't" in slips("dont"), "the" in slips("teh"), "cat" in slips("cas"), "cat" in slips("bat")
    (True, True, False, False)
    """
    parts = [(word[:place], word[place:]) for place in range(1, len(word) + 1)]
    found = [f"{left}'{right}" for left, right in parts if right]
    found += [left + right[1] + right[0] + right[2:] for left, right in parts if len(right) > 1]
    if len(word) > 3:
        found += [left + right[1:] for left, right in parts if right]
        found += [left + letter + right[1:] for left, right in parts if right for letter in ascii_lowercase]
        found += [left + letter + right for left, right in parts for letter in ascii_lowercase]
    return frozenset(found)


def matches(text: str) -> list[re.Match[str]]:
    """Return the words of a text, and its numbers, addresses, codes and signs; their groups are named as `KINDS`."""
    return list((_NAMED if _PLAIN.fullmatch(text) else _FOUND).finditer(text))


def words(text: str) -> Iterator[re.Match[str]]:
    """Yield the words of a text, but for those in numbers, addresses, codes and signs."""
    return (match for match in matches(text) if match.lastgroup == "a")


def fixed(text: str) -> Iterator[Span]:
    """Yield the numbers, addresses, codes and signs of a text."""
    return (Span(*match.span(), match.lastgroup) for match in matches(text) if match.lastgroup in ("x", "n"))


def spans(text: str, words: Words, found: Iterable[re.Match[str]] | None = None) -> Iterator[Span]:
    """Yield what of a typed text is to stay as it is: `fixed`, and the names that training did not show.

    A word that it did not show is a name where only names have a capital; elsewhere if no known word is like it.

    Args:
        found: its `matches`, if they are known.
    """
    cased = text != text.lower() and text != text.upper()
    for match in matches(text) if found is None else found:
        kind, word, start = match.lastgroup, match.group(), match.start()
        if kind != "a":
            yield Span(start, match.end(), str(kind))
        elif len(word) > 1 and word not in words:
            named = cased and word[0].isupper() and start not in beginnings(text)
            if named or words.strange(word):
                yield Span(start, start + len(bare(word)), "a")


def shared_names(source: str, target: str) -> Iterator[Span]:
    """Yield the words with a capital that stand once on each side of a pair, by their place in the source."""
    sides = [Counter(bare(match.group()) for match in words(text)) for text in (source, target)]
    for match in words(source):
        word = bare(match.group())
        if len(word) > 1 and word[0].isupper() and sides[0][word] == sides[1][word] == 1:
            yield Span(match.start(), match.start() + len(word), "a")


def hide_pair(
    source: str, target: str, words: Words, chance: np.random.Generator | None, names: float
) -> tuple[str, str]:
    """Return a pair with placeholders on both sides, or as it is where a side says something else than the other.

    Args:
        chance, names: as in `unroll.data.typed.Normalizer.pair`. Of the hidden names a fifth stand for numbers and a
            fifth for addresses, of which a corpus of sentences has few; some pairs without a name get a sign at an end.
    """
    numbers = {kind: (chance.permutation(MOST) + 1).tolist() for kind in KINDS} if chance else None
    for found in (list(spans(source, words)), list(fixed(source))):
        hidden, held = hide(source, found, numbers)
        alike = hide_alike(target, held)
        if held and alike is not None:
            return hidden, alike
    if chance is None or chance.random() >= names:
        return source, target
    kind = str(chance.choice(list("aaanx")))
    hidden, held = hide(source, (span._replace(kind=kind) for span in shared_names(source, target)), numbers)
    if held:
        return hidden, hide_alike(target, held) or target
    return _with_sign(source, target, chance) if chance.random() < SIGNS else (source, target)


def _with_sign(source: str, target: str, chance: np.random.Generator) -> tuple[str, str]:
    """Return a pair with a sign behind both sides, or before them."""
    sign = f"⟨x{chance.integers(MOST) + 1}⟩"
    if chance.random() < 0.3:
        return f"{sign} {source}", f"{sign} {target}"
    return f"{source} {sign}", f"{target} {sign}"


def hide(
    text: str, found: Iterable[Span], numbers: Mapping[str, Sequence[int]] | None = None
) -> tuple[str, dict[str, str]]:
    """Return a text with placeholders, and {placeholder: what it stands for}.

    Args:
        found: spans in their order, none inside another.
        numbers: {kind: its numbers in the order in which they are given}; None counts from 1.
    """
    parts: list[str] = []
    held: dict[str, str] = {}
    counts = dict.fromkeys(KINDS, 0)
    last = 0
    for start, end, kind in found:
        count = counts[kind]
        if count == MOST:
            continue
        placeholder = f"⟨{kind}{numbers[kind][count] if numbers else count + 1}⟩"
        counts[kind] += 1
        held[placeholder] = text[start:end]
        parts += [text[last:start], placeholder]
        last = end
    return "".join([*parts, text[last:]]), held


def hide_alike(target: str, held: Mapping[str, str]) -> str | None:
    """Return a target with the same placeholders as its source, or None if it does not say each of them once."""
    for placeholder, surface in held.items():
        pattern = re.compile(rf"(?<![\w⟨]){re.escape(surface)}(?![\w⟩])")
        target, count = pattern.subn(placeholder, target)
        if count != 1:
            return None
    return target


def outside(text: str, change: Callable[[str], str]) -> str:
    """Return a text changed but for its placeholders."""
    return "".join(part if _OURS.fullmatch(part) else change(part) for part in _OURS.split(text))


def show(text: str, held: Mapping[str, str]) -> str:
    """Return a text with what its placeholders stand for; those that stand for nothing are left out."""
    return _OURS.sub(lambda match: held.get(match.group(), ""), text)


def whole(text: str, held: Collection[str]) -> bool:
    """Return whether a text has each of these placeholders once, and no others."""
    return sorted(match.group() for match in _OURS.finditer(text)) == sorted(held)


def plain(text: str) -> str:
    """Return a text in which nothing looks like a placeholder."""
    return text.replace("⟨", "<").replace("⟩", ">")
