"""What people type -> the text that a model of proofread sentences knows, and its answer back again.

    WHERE IS ZBIGNIEW?     where is ⟨a1⟩?     ¿dónde está ⟨a1⟩?     ¿DÓNDE ESTÁ ZBIGNIEW?

A text is parted into sentences; what stands between them is kept. Of a sentence, marks and quotes are written as is
usual, words in the case in which the training rows write them; slips of the pen are mended; and what is to stay as it
is travels as a placeholder. Training rows are read in the same way, so that the model learns what it will be asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from unroll.data import casing, copying
from unroll.data.copying import WORD, Words
from unroll.data.tokenizers import WORD_START
from unroll.params.tokenize import Typed

ROWS = 1_000_000
"""Training rows from which words are learnt: enough of them in any corpus."""
MOST = 200_000
"""Words that are kept, the most frequent first."""
RARE, ALIKE = 30, 0.7
"""A name that occurs less often, and in this share of its rows on both sides, is not among the words."""
LONGEST = 50
"""Words of a sentence; a longer one is parted at a comma, or else between two words."""
WORDS = "source.words.txt"

_KEPT = re.compile(r"</?[A-Za-z!][^<>]*>|\s*\n\s*")  # markup and line ends
_BULLET = re.compile(r"\s*(?:(?:[-*•–—>#]+|\(?\d{1,3}[.)]|\(?[a-z]\))\s+)*")
_REPEATED = re.compile(r"([!?])[!?]+")
_BEFORE_MARK = re.compile(r"\s+([,.;:!?]+)(?=\s|$)")
_NO_SPACE = re.compile(r"(?<=[^\d_(\[{])([,;])(?=[^\W\d_])")
_RUN = re.compile(r"\S+")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'", "`": "'", "´": "'"})
_COMMA = re.compile(r"[,;:]\s+")


@dataclass(frozen=True)
class Sentence:
    """A sentence as a model reads it.

    Attributes:
        text: that.
        held: what its placeholders stand for.
        capitals: it was typed in capitals.
        raw: as it was typed.
    """

    text: str
    held: Mapping[str, str] = field(default_factory=dict)
    capitals: bool = False
    raw: str = ""


Part = str | Sentence
"""of a text: what is kept as it is, or a sentence"""
Chance = np.random.Generator


class Normalizer:
    """Typed text <-> the text that a model reads and says.

    Args:
        params: its section of the pipeline file.
        words: those of train in their usual case, the most frequent first.
    """

    def __init__(self, params: Typed, words: Sequence[str]) -> None:
        self.params, self.words = params, Words(words)

    @classmethod
    def learn(cls, params: Typed, pairs: Iterable[tuple[str, str]]) -> Normalizer:
        """Learn the words of training sources, each in the case that it has inside a sentence.

        A rare name that most targets say as it is counts as one that nobody ever saw: it is learnt to be copied.
        """
        inside: dict[str, Counter[str]] = {}
        counts: Counter[str] = Counter()
        alike: Counter[str] = Counter()
        for source, target in islice(pairs, ROWS):
            begin = casing.beginnings(source)
            for match in WORD.finditer(source):
                word = match.group()
                counts[word.lower()] += 1
                if match.start() not in begin:
                    inside.setdefault(word.lower(), Counter())[word] += 1
            alike.update(source[span.start : span.end].lower() for span in copying.shared_names(source, target))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))[:MOST]
        rare = {word for word in ranked if counts[word] < RARE and alike[word] > ALIKE * counts[word]}
        return cls(params, [_usual(inside.get(word, Counter({word: 1}))) for word in ranked if word not in rare])

    @property
    def symbols(self) -> tuple[str, ...]:
        """The pieces that no tokenizer may part, alone and behind a space."""
        whole = (copying.PLACEHOLDERS if self.params.copied else ()) + (tuple(casing.MARKS) if self.params.case else ())
        return tuple(piece for symbol in whole for piece in (WORD_START + symbol, symbol))

    def unparted(self) -> Normalizer:
        """Return the same one, but that takes a text for one sentence."""
        other = copy(self)
        other.params = self.params.model_copy(update={"sentences": None})
        return other

    def save(self, folder: Path) -> None:
        """Write its words beside the tokenizers of a folder."""
        (folder / WORDS).write_text("".join(f"{word}\n" for word in self.words.ranked), encoding="utf-8", newline="")

    @classmethod
    def load(cls, folder: Path, params: Typed) -> Normalizer:
        """Read it from a folder that was verified."""
        return cls(params, (folder / WORDS).read_text(encoding="utf-8").split("\n")[:-1])

    def parts(self, text: str) -> list[Part]:
        """Return a text as sentences and what stands between them: markup, bullets, spaces, and what has no words.

        >>> Normalizer(Typed(sentences="en", case=True, copied=True), ["hello", "you"]).parts("<b>Hello</b> - you!")
        ... # doctest: +ELLIPSIS
        ['<b>', Sentence(text='hello', ...), '</b>', ' - ', Sentence(text='⇩ you!', ...)]
        """
        found: list[Part] = []
        last = 0
        for match in [*_KEPT.finditer(text), None]:
            found += self._sentences(text[last : match.start() if match else None])
            if match:
                found.append(match.group())
                last = match.end()
        return [part for part in found if part]

    def _sentences(self, text: str) -> Iterator[Part]:
        bullet = _BULLET.match(text)
        assert bullet  # it may be empty
        yield bullet.group()
        spaced = True
        for sentence in self._parted(text[bullet.end() :]):
            typed = _trimmed(sentence.strip())
            begin = len(sentence) - len(sentence.lstrip())
            yield sentence[:begin] if spaced else " "
            yield self.sentence(typed)
            yield sentence[begin + len(typed) :]
            spaced = sentence[-1:].isspace()

    def _parted(self, text: str) -> Iterator[str]:
        if self.params.sentences is None:
            yield text
            return
        from sentencex import segment

        for sentence in segment(self.params.sentences, text) if text else ():
            yield from shortened(sentence)

    # --- one sentence -------------------------------------------------------------------------------------------------

    def sentence(self, text: str) -> Part:
        """Return a sentence as the model reads it; as it is if it has no words, or more than half nobody ever saw."""
        hidden, held = tidy(copying.plain(text)), dict[str, str]()
        matches = copying.matches(hidden)
        words = [match.group() for match in matches if match.lastgroup == "a"]
        unknown = [word for word in words if word not in self.words]
        strange = [word for word in unknown if self.words.mended(word) == word]
        if not words or 2 * len(strange) > len(words):
            return text
        if self.params.copied and (unknown or len(words) < len(matches)):
            hidden, held = copying.hide(hidden, copying.spans(hidden, self.words, matches))
        return Sentence(self._read(hidden), held, self.params.case and self._shouted(hidden), text)

    def pair(self, source: str, target: str, chance: Chance | None = None, names: float = 0.0) -> tuple[str, str]:
        """Return a pair as the model reads and says it: a placeholder stands for the same on both sides.

        Args:
            chance: the numbers of placeholders are drawn from it, so that all of them are learnt; None counts from 1.
            names: the share of pairs of which a name that is the same on both sides is hidden as if nobody ever saw it.
        """
        source, target = tidy(copying.plain(source)), copying.plain(target)
        if self.params.copied:
            source, target = copying.hide_pair(source, target, self.words, chance, names)
        return self._read(source), casing.mark(target) if self.params.case else target

    def answer(self, said: str, read: Sentence) -> str:
        """Return what the model said as a person is to see it."""
        text = casing.unmark(said) if self.params.case else said
        return copying.show(copying.outside(text, str.upper) if read.capitals else text, read.held)

    def _read(self, text: str) -> str:
        return casing.mark(self._mended(text)) if self.params.case else text

    def _mended(self, text: str) -> str:
        """Return a text with slips mended, and with words in their usual case where theirs says nothing."""
        words, small = WORD.findall(text), self.words.small
        caseless = len(words) > 1 and all(word[0].isupper() for word in words)
        caseless = (caseless and any(self.words.usual(word).islower() for word in words[1:])) or self._shouted(text)

        def mended(match: re.Match[str]) -> str:
            word = match.group()
            if word in small:
                return small[word]
            if word not in self.words and (caseless or word[1:].islower()):
                better = self.words.mended(word)
                return better.capitalize() if word[0].isupper() and not caseless and better.islower() else better
            return self.words.usual(word) if caseless or word.islower() else word

        text = WORD.sub(mended, text)
        return text[:1].upper() + text[1:] if caseless else text

    def _shouted(self, text: str) -> bool:
        """Return whether a text is written in capitals, and is more than an abbreviation."""
        first = WORD.search(text)
        if first is None or not first.group().isupper():
            return False
        words = WORD.findall(text)
        if not any(len(word) > 1 for word in words) or any(word != word.upper() for word in words):
            return False
        return len(words) > 1 or self.words.usual(words[0]).islower()


def load(folder: Path, params: Typed | None) -> Normalizer | None:
    """Return the normalizer beside the tokenizers of a folder that was verified; None where text is read as it is."""
    return Normalizer.load(folder, params) if params else None


def tidy(text: str) -> str:
    """Return a text with straight quotes, and with spaces about marks as is usual.

    >>> tidy("Really ?? “Yes” ,he said .")
    'Really? "Yes", he said.'
    """
    text = _NO_SPACE.sub(r"\1 ", _REPEATED.sub(r"\1", text.translate(_QUOTES)))
    return _BEFORE_MARK.sub(r"\1", text)


def _trimmed(text: str) -> str:
    """Return a text without dots at its end that say that it does not end."""
    return text.rstrip(".… ") if text.endswith(("..", "…")) else text


def shortened(sentence: str) -> Iterator[str]:
    """Yield a sentence, in parts where it has more than `LONGEST` words."""
    while len(words := list(_RUN.finditer(sentence))) > LONGEST:
        end = words[LONGEST].start()
        commas = [match.end() for match in _COMMA.finditer(sentence, 0, end)]
        end = commas[-1] if commas and commas[-1] > end // 2 else end
        yield sentence[:end]
        sentence = sentence[end:]
    yield sentence


def _usual(counts: Counter[str]) -> str:
    """Return the most frequent form of a word, of equally frequent ones the last in the order of code points: small."""
    return max(counts, key=lambda word: (counts[word], word))
