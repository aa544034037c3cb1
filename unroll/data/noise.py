"""Training rows as people would have typed them: the slips that a corpus of proofread sentences lacks.

Every kind of noise is a function of a row and a generator of chance. What a slip changes on one side of a pair of texts
is changed on the other where the two belong together: a sentence without its final mark has an answer without one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from unroll.data.lengths import length
from unroll.params.noise import Noise

Pair = tuple[str, str]
Chance = np.random.Generator

REMEMBERED = 10_000
"""Rows that another may be joined to, whatever the size of the corpus."""
FOLLOWING, LONGEST = 8, 60
"""Of a row of several: how many others it has at most, and how many words."""

_END = re.compile(r"\s*[.!?…]+([\"'”’»)]*)$")
_OPENING = re.compile(r"[¿¡]\s*(?=[^¿¡]*$)")
_FIRST = re.compile(r"[^\W\d_]")
_LONG = re.compile(r"[^\W\d_]{4,}")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {
    key: "".join(row[place] for row, place in around if 0 <= place < len(row))
    for line, keys in enumerate(_KEYS)
    for place, key in enumerate(keys)
    for around in [
        [(keys, place - 1), (keys, place + 1)]
        + ([(_KEYS[line - 1], place), (_KEYS[line - 1], place + 1)] if line else [])
        + ([(_KEYS[line + 1], place - 1), (_KEYS[line + 1], place)] if line + 1 < len(_KEYS) else [])
    ]
}


def no_end_mark(text: str) -> str:
    """Return a text without its final mark, and without the one that opens its last sentence in Spanish.

    >>> no_end_mark("Where is it?"), no_end_mark("Hola. ¿Dónde está?")
    ('Where is it', 'Hola. Dónde está')
    """
    found = _END.search(text)
    if not found:
        return text
    return _OPENING.sub("", text[: found.start()] + found.group(1))


def no_accents(text: str) -> str:
    """Return a text without the marks on its letters.

    >>> no_accents("¿Qué pasó, señor?")
    '¿Que paso, senor?'
    """
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(part for part in parts if not unicodedata.combining(part)))


def curly_quotes(text: str) -> str:
    """Return a text with typographic quotes and apostrophes.

    >>> curly_quotes("\\"Don't,\\" he said.")
    '“Don’t,” he said.'
    """
    return re.sub(r'"(?=\w)', "“", text.replace("'", "’")).replace('"', "”")


def typo(text: str, chance: Chance) -> str:
    """Return a text with a slip in a word of four letters or more: a key beside, too few or too many, two swapped."""
    words = list(_LONG.finditer(text))
    if not words:
        return text
    word = words[chance.integers(len(words))]
    place = word.start() + int(chance.integers(1, len(word.group()) - 1))
    letter, after = text[place], text[place + 1]
    beside = _BESIDE.get(letter.lower(), letter)
    slips = (beside[chance.integers(len(beside))] + after, after, letter + letter + after, after + letter)
    return text[:place] + slips[chance.integers(len(slips))] + text[place + 2 :]


def odd_spaces(text: str, chance: Chance) -> str:
    """Return a text with a space too many before a mark, or one too few behind a comma."""
    if chance.random() < 0.5:
        return re.sub(r"(?<=\w)([,.!?])", r" \1", text)
    return text.replace(", ", ",")


def small_beginning(text: str) -> str:
    """Return a text whose first letter is small.

    >>> small_beginning("¿Dónde está Tom?")
    '¿dónde está Tom?'
    """
    return _FIRST.sub(lambda letter: letter.group().lower(), text, count=1)


SLIPS: dict[str, Callable[[str, Chance], str]] = {
    "no_end_mark": lambda text, chance: no_end_mark(text),
    "lower": lambda text, chance: text.lower(),
    "capitals": lambda text, chance: text.upper(),
    "title": lambda text, chance: text.title(),
    "no_accents": lambda text, chance: no_accents(text),
    "typos": typo,
    "spaces": odd_spaces,
    "quotes": lambda text, chance: curly_quotes(text),
}
"""{name: (text, chance) -> the text with a slip}"""
ON_TARGET: dict[str, Callable[[str], str]] = {
    "no_end_mark": no_end_mark,
    "lower": small_beginning,
    "capitals": str.upper,
}
"""{name: what is done to a target, so that it goes with its source}; the others leave it"""


def noisy(pairs: Iterable[Pair], params: Noise, seed: Sequence[int], texts: bool) -> Iterator[Pair]:
    """Yield one pair for each given, changed by chance as `params` says; the same seed gives the same pairs.

    Args:
        texts: targets are texts as sources are; otherwise they stay as they are.
    """
    chance = np.random.default_rng(seed)
    shares = {name: getattr(params, name) for name in SLIPS if getattr(params, name)}
    for source, target in joined(pairs, params.joined, chance) if texts else pairs:
        for name, share in shares.items():
            if chance.random() < share:
                source = SLIPS[name](source, chance)
                target = ON_TARGET[name](target) if texts and name in ON_TARGET else target
        yield source, target


def joined(pairs: Iterable[Pair], share: float, chance: Chance) -> Iterator[Pair]:
    """Yield pairs, a share of them behind up to `FOLLOWING` others that came before, as sentences follow each other."""
    before: list[Pair] = []
    for pair in pairs:
        if len(before) < REMEMBERED:
            before.append(pair)
        else:
            before[chance.integers(REMEMBERED)] = pair
        if share and chance.random() < share:
            others = [before[place] for place in chance.integers(len(before), size=chance.integers(1, FOLLOWING + 1))]
            yield _in_line([*others, pair])
        else:
            yield pair


def _in_line(pairs: Sequence[Pair]) -> Pair:
    """Return the last pairs in one line, as many as have no more than `LONGEST` words."""
    for first in range(len(pairs)):
        source, target = (" ".join(texts) for texts in zip(*pairs[first:], strict=True))
        if length(source) <= LONGEST:
            break
    return source, target


def with_words(pairs: Iterable[Pair], glossary: Mapping[str, str], share: float, seed: Sequence[int]) -> Iterator[Pair]:
    """Yield pairs, a share of them replaced by a word and what it becomes, or by a list of a few: corpora lack them."""
    chance, words = np.random.default_rng(seed), sorted(glossary)
    for pair in pairs:
        if not words or chance.random() >= share:
            yield pair
            continue
        count = 1 if chance.random() < 0.7 else int(chance.integers(2, 5))
        chosen = [words[place] for place in chance.integers(len(words), size=count)]
        source, target = ", ".join(chosen), ", ".join(glossary[word] for word in chosen)
        yield (source, target) if chance.random() < 0.5 else (source.capitalize(), target.capitalize())
