"""Taking stock of rows: how many, how long, in which script, how even their classes are."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from unroll.data.lengths import length, unspaced
from unroll.data.rows import Row

KEPT = 200_000
"""distinct texts, and rows whose letters and words are counted"""
CASED = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN")


@dataclass
class Side:
    """One side of the rows."""

    texts: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    characters: int = 0
    lengths: int = 0

    def add(self, text: str) -> None:
        """Count a text."""
        self.rows += 1
        self.characters += len(text)
        if self.rows <= KEPT:
            self.texts[text] += 1
            self.letters.update(text)
            self.words.update(text.split())
            self.lengths += length(text)

    @property
    def length(self) -> float:
        """Words of a text, on average; of scripts without spaces between them, letters."""
        return self.lengths / max(min(self.rows, KEPT), 1)

    @property
    def script(self) -> str:
        """The script of most of its letters, as Unicode names it: LATIN, CYRILLIC, CJK, ..."""
        scripts: Counter[str] = Counter()
        for letter, count in self.letters.items():
            if letter.isalpha():
                scripts[unicodedata.name(letter, "").split(" ")[0]] += count
        return scripts.most_common(1)[0][0] if scripts else ""

    @property
    def spaced(self) -> bool:
        """Whether spaces part its words."""
        return 2 * self._share(unspaced) < 1

    @property
    def japanese(self) -> bool:
        """Whether Kana are among its letters."""
        return self._share(lambda letter: "\u3041" <= letter <= "\u30ff") > 0.05

    def _share(self, holds: Callable[[str], bool]) -> float:
        letters = {letter: count for letter, count in self.letters.items() if letter.isalpha()}
        return sum(count for letter, count in letters.items() if holds(letter)) / max(sum(letters.values()), 1)

    @property
    def recurring(self) -> int:
        """Words that occur twice or more."""
        return sum(count > 1 for count in self.words.values())


@dataclass
class Stock:
    """What rows there are."""

    source: Side = field(default_factory=Side)
    target: Side = field(default_factory=Side)
    lacking: int = 0
    """rows without a source or a target"""

    @property
    def rows(self) -> int:
        """All of them."""
        return self.source.rows

    @classmethod
    def of(cls, rows: Iterable[Row], sided: bool) -> Stock:
        """Count rows; `sided` ones need a target."""
        found = cls()
        for row in rows:
            if not row.source.strip() or (sided and not row.target.strip()):
                found.lacking += 1
                continue
            found.source.add(row.source)
            found.target.add(row.target)
        return found

    def classes(self, side: Side) -> str:
        """Say how many classes a side has, and how even they are."""
        (most, count), *_ = side.texts.most_common(1)
        rare = sum(count < 20 for count in side.texts.values())
        told = (
            f"{len(side.texts):,} classes; the largest, '{most[:40]}', has {100 * count / side.rows:.0f} % of the rows"
        )
        return told + (f"; {rare:,} have fewer than 20 rows, and will hardly be learnt" if rare else "")
