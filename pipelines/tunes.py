"""Dance tunes in ABC notation: what reads and writes them, and the corpus of pipelines/tunes.yaml.

A tune becomes a line, such as "[M:6/8][K:D]dAF DFA|ded cBA|...": a fragment of ABC 2.1 whose unit is an eighth. It has
what one needs to play the melody, notes, bars and repeats, in D whatever key somebody wrote it down in; ornaments,
fingerings and words are left out. Reels and hornpipes in 2/4 of sixteenths become C| of eighths, which sound the same.

The standard: https://abcnotation.com/wiki/abc:standard:v2.1. The tunes: Ryan's Mammoth Collection, Boston 1883, and
O'Neill's Music of Ireland, Chicago 1903, typed by volunteers.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.errors import DataError

# --- what a tune is ---------------------------------------------------------------------------------------------------

LETTERS, FIFTHS = "CDEFGAB", "FCGDAEB"
MODES = {"": 0, "lyd": 1, "mix": -1, "dor": -2, "m": -3, "phr": -4, "loc": -5}
"""{mode: fifths from the signature of its tonic's major key to its own}"""
SAME = {"M": "", "maj": "", "ion": "", "min": "m", "aeo": "m"}
ACCIDENTALS = {"__": -2, "_": -1, "=": 0, "^": 1, "^^": 2}
WRITTEN = {semitones: sign for sign, semitones in ACCIDENTALS.items()}


class Key(NamedTuple):
    """A tonic, as its place in `LETTERS` and its sharps, and a mode.

    >>> Key.read("A Minor"), str(Key.read("EDorian"))
    (Key(tonic=5, sharp=0, mode='m'), 'Edor')
    >>> [Key.read("D").sharps(step) for step in range(7)]
    [1, 0, 0, 1, 0, 0, 0]
    """

    tonic: int
    sharp: int
    mode: str

    @classmethod
    def read(cls, text: str) -> Key:
        """Return the key that a field names.

        Raises:
            DataError: it names none.
        """
        found = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)", text)
        word = found[3][:3] if found else ""
        mode = SAME.get(word if len(word) == 1 else word.lower(), word if word == "m" else word.lower())
        if not found or mode not in MODES:
            raise DataError(f"K:{text[:20]} is no key; write K:D, K:Am, K:Edor, ...")
        return cls(LETTERS.index(found[1]), {"": 0, "#": 1, "b": -1}[found[2]], mode)

    def sharps(self, step: int) -> int:
        """Return by how many semitones the signature raises the letter of a step."""
        fifths = FIFTHS.index(LETTERS[self.tonic]) - 1 + 7 * self.sharp + MODES[self.mode]
        return (fifths - FIFTHS.index(LETTERS[step % 7]) + 6) // 7

    def __str__(self) -> str:
        return LETTERS[self.tonic] + {0: "", 1: "#", -1: "b"}[self.sharp] + self.mode


class Note(NamedTuple):
    """A note or a rest.

    Attributes:
        step: letters above middle C, which is 0; None is a rest.
        sharp: semitones above the letter, whether the signature or a sign says so.
        length: in eighths.
        tied: to the next note, which is the same.
    """

    step: int | None
    sharp: int
    length: Fraction
    tied: bool = False


BARS = ("|", "||", "|:", ":|", "::")


@dataclass(frozen=True)
class Tune:
    """A melody.

    Attributes:
        items: notes, and between them the `BARS` and the endings, "[1" and "[2".
        changes: its key or meter changes on the way: `meter` and `key` are the first.
    """

    meter: str
    key: Key
    items: tuple[Note | str, ...]
    changes: bool = False

    @property
    def bar(self) -> Fraction:
        """The length of a bar, in eighths."""
        return bar_of(self.meter)

    def measures(self) -> Iterator[tuple[str, list[Note], str]]:
        """Yield the notes between any two bar lines or endings that have some, with what stands on either side."""
        before, notes = "", list[Note]()
        for item in (*self.items, ""):
            if isinstance(item, Note):
                notes.append(item)
                continue
            if notes:
                yield before, notes, item
            # An ending stands at a bar line, which says more.
            before, notes = item if notes or not item.startswith("[") else before, []

    def adds_up(self) -> bool:
        """Return whether bars have the length that the meter says: none is longer, and all between plain lines full.

        At a double line, a repeat or an end a bar may be short: an upbeat makes it up.
        """
        lengths = [(sum(note.length for note in notes), {before, after}) for before, notes, after in self.measures()]
        return bool(lengths) and all(
            length == self.bar or (length < self.bar and sides != {"|"}) for length, sides in lengths
        )


def bar_of(meter: str) -> Fraction:
    """Return the length of a bar, in eighths.

    Raises:
        DataError: this is no meter.
    """
    whole = {"C": "4/4", "C|": "2/2"}.get(meter, meter)
    if not (found := re.fullmatch(r"([1-9]\d?)/(1|2|4|8|16)", whole)):
        raise DataError(f"M:{meter[:20]} is no meter; write M:C|, M:6/8, ...")
    return Fraction(8 * int(found[1]), int(found[2]))


# --- reading ----------------------------------------------------------------------------------------------------------

LENGTH, LONGEST = r"(?P<{}>\d*/*\d*)", 64
TOKEN = re.compile(
    rf"""(?P<field>\[[A-Za-z]:[^\]]*\])
    | (?P<bar>(?:\[?\|[|\]:]*|:+\|[|\]:]*|::)) (?:\s*\[?(?P<number>[1-9])(?:[,-][1-9])*)?
    | \[(?P<ending>[1-9])(?:[,-][1-9])*
    | (?:\[(?P<chord>[^\]|]*)\]|\+(?P<old>[A-Ga-g0-9_^=,'/]*)\+) {LENGTH.format("times")}
    | \((?P<tuplet>[2-9])(?::(?P<time>\d*))?(?::(?P<count>\d*))?
    | (?P<note>(?P<sign>\^\^?|__?|=)?(?P<letter>[A-Ga-gzx])(?P<octave>[,']*){LENGTH.format("length")})
    | (?P<broken><+|>+)
    | (?P<tie>-)
    | (?P<skipped>"[^"]*"|\{{[^}}]*\}}|![^!]*!|\+[^+]*\+|[\s\\`*$!()]|[.~H-Wh-w]|y\d*)""",
    re.VERBOSE,
)
"""What music is made of; ABC's ornaments, annotations and slurs are passed over."""


def read(text: str) -> Tune:
    """Return a tune of ABC: a whole one with its header, or a fragment with fields in brackets.

    Raises:
        DataError: it has something that is not read here: several voices, other signs.
    """
    reading = _Reading()
    for line in text.splitlines():
        line = re.sub(r"(?<!\\)%.*", "", line)
        if found := re.match(r"([A-Za-z+]):(?!\|)", line):
            reading.take(found[1], line[2:].strip())
        else:
            reading.music(line)
    return reading.tune()


@dataclass
class _Reading:
    """A tune as far as it was read."""

    meter: str = ""
    key: Key | None = None
    unit: Fraction | None = None
    first: tuple[str, Key] | None = None
    changes: bool = False
    items: list[Note | str] = field(default_factory=list)
    signs: dict[int, int] = field(default_factory=dict)
    """the accidentals of this bar, by letter"""
    tuplet: tuple[Fraction, int] = (Fraction(1), 0)
    """by what lengths are multiplied, of how many notes to come"""
    broken: Fraction = Fraction(1)
    """by what the next length is multiplied"""

    def take(self, name: str, value: str) -> None:
        """Take the value of a field; those that a melody does not need are passed over."""
        if name == "K":
            self.key = Key.read(value)
        elif name == "M":
            bar_of(value)
            self.meter = value
        elif name == "L":
            self.unit = 8 * _fraction(value, "L:")
        elif name == "V":
            raise DataError("V: several voices; a melody has one")
        if self.first and self.first != (self.meter, self.key):
            self.changes = True

    def music(self, line: str) -> None:
        """Read a line of music."""
        place = 0
        while place < len(line):
            found = TOKEN.match(line, place)
            if found is None:
                raise DataError(f"'{line[place : place + 20]}' is nothing that is read of ABC here")
            place = found.end()
            kind = found.lastgroup if found.lastgroup in ("field", "broken", "tie", "skipped") else ""
            if kind == "field":
                self.take(found["field"][1], found["field"][3:-1].strip())
            elif found["bar"] or found["ending"]:
                self._line(found["bar"] or "", found["number"] or found["ending"])
            elif found["chord"] is not None or found["old"] is not None:
                self._chord(found["chord"] or found["old"] or "", _fraction(found["times"], ""))
            elif found["tuplet"]:
                self._tuplet(int(found["tuplet"]), found["time"], found["count"])
            elif found["note"]:
                self._note(found, Fraction(1))
            elif kind == "broken":
                self._broken(found["broken"])
            elif kind == "tie" and self.items and isinstance(last := self.items[-1], Note):
                self.items[-1] = last._replace(tied=True)

    def tune(self) -> Tune:
        """Return what was read.

        Raises:
            DataError: nothing was.
        """
        if self.first is None:
            raise DataError("no notes; ABC has its music behind K:")
        return Tune(*self.first, tuple(_untied(self.items)), self.changes)

    def _note(self, found: re.Match[str], times: Fraction) -> None:
        if self.key is None:
            raise DataError("music without a key; write K:D before it")
        self.first = self.first or (self.meter or "C", self.key)
        unit = self.unit or Fraction(8, 16 if self.meter and bar_of(self.meter) < 6 else 8)
        ratio, left = self.tuplet
        length = unit * _fraction(found["length"], "") * times * (ratio if left else 1) * self.broken
        self.tuplet, self.broken = (ratio, max(left - 1, 0)), Fraction(1)
        if found["letter"] in "zx":
            self.items.append(Note(None, 0, length))
            return
        letter = found["letter"]
        step = LETTERS.index(letter.upper()) + 7 * (letter.islower() + found["octave"].count("'"))
        step -= 7 * found["octave"].count(",")
        if found["sign"]:
            self.signs[step % 7] = ACCIDENTALS[found["sign"]]
        self.items.append(Note(step, self._sharp(step), length))

    def _sharp(self, step: int) -> int:
        assert self.key is not None
        held = next((item for item in reversed(self.items) if isinstance(item, Note)), None)
        if held and held.tied and held.step == step and step % 7 not in self.signs:
            return held.sharp  # a tie brings its sign over the bar line
        return self.signs.get(step % 7, self.key.sharps(step))

    def _chord(self, inside: str, times: Fraction) -> None:
        """Take the highest note of a chord, with the length of its first: the melody."""
        notes = [found for found in TOKEN.finditer(inside) if found["note"]]
        if not notes:
            raise DataError(f"[{inside[:20]}] is no chord")
        before, held = len(self.items), (self.tuplet, self.broken)
        for found in notes:
            self.tuplet, self.broken = held
            self._note(found, times)
        chord = [item for item in self.items[before:] if isinstance(item, Note)]
        highest = max(chord, key=lambda note: -99 if note.step is None else note.step)
        self.items[before:] = [highest._replace(length=chord[0].length)]

    def _tuplet(self, notes: int, time: str | None, count: str | None) -> None:
        compound = bool(self.meter) and self.meter.endswith("/8") and bar_of(self.meter) % 3 == 0
        usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(notes, 3 if compound else 2)
        self.tuplet = Fraction(int(time) if time else usual, notes), int(count) if count else notes

    def _broken(self, sign: str) -> None:
        """Give the note before and the one to come a rhythm: A>B is A3/2 B1/2."""
        if not self.items or not isinstance(last := self.items[-1], Note):
            raise DataError(f"'{sign}' has no note before it")
        short = Fraction(1, 2 ** len(sign))
        longer = sign.startswith(">")
        self.items[-1] = last._replace(length=last.length * (2 - short if longer else short))
        self.broken = short if longer else 2 - short

    def _line(self, line: str, ending: str | None) -> None:
        self.signs = {}
        if line:
            ends, starts = ":|" in line or "::" in line, ("|:" in line or "::" in line) and line.endswith(":")
            double = line.count("|") > 1 or "]" in line or "[" in line
            if self.items and self.items[-1] in BARS:  # lines end with one, and begin with another
                before = self.items.pop()
                ends, starts = ends or before in (":|", "::"), starts or before in ("|:", "::")
                double = double or before == "||"
            repeat = "::" if ends and starts else ":|" if ends else "|:" if starts else ""
            self.items.append(repeat or ("||" if double else "|"))
        if ending:
            self.items.append(f"[{ending}")


def _fraction(text: str, name: str) -> Fraction:
    """Return the length that is written, 3/2, 2 or /; nothing is 1."""
    found = re.fullmatch(r"(\d*)(/*)(\d*)", text.replace(" ", ""))
    above, below = (int(found[place] or 1) if found else 0 for place in (1, 3))
    if not found or not 0 < above <= LONGEST or not 0 < below <= LONGEST or len(found[2]) > 4:
        raise DataError(f"{name}{text[:20]} is no length; write 1/8, 2, /")
    return Fraction(above, below if found[3] else 2 ** len(found[2]))


def _untied(items: Sequence[Note | str]) -> Iterator[Note | str]:
    """Yield items, those ties left out that are slurs: between notes that are not the same."""
    following: Note | None = None
    kept: list[Note | str] = []
    for item in reversed(items):
        if isinstance(item, Note):
            same = following is not None and item.step is not None and item[:2] == following[:2]
            item = following = item._replace(tied=item.tied and same)
        kept.append(item)
    yield from reversed(kept)


# --- writing ----------------------------------------------------------------------------------------------------------


def write(tune: Tune) -> str:
    """Return a tune as a fragment of ABC, notes that make up a beat together.

    >>> write(read("M:6/8\\nL:1/8\\nK:G\\nG2B{c}d2B|(3cdc B A>FD|[1 G3-G3:|"))
    '[M:6/8][K:G]G2B d2B|(3cdcB A>FD|[1G3- G3:|'

    Raises:
        DataError: it has a rhythm that is not written here: tuplets but of three.
    """
    beat = Fraction(3 if tune.meter.endswith("/8") else 4)
    unit = "[L:1/8]" if tune.bar < 6 else ""  # which is understood where bars are no shorter
    parts, before = [f"[M:{tune.meter}]{unit}[K:{tune.key}]"], ""
    notes: list[Note] = []
    for item in (*tune.items, ""):
        if isinstance(item, Note):
            notes.append(item)
            continue
        length = sum((note.length for note in notes), Fraction())
        upbeat = before in ("", "||", "|:", ":|", "::") and length < tune.bar
        parts.append(_bar(notes, tune.key, tune.bar - length if upbeat else Fraction(), beat) + item)
        before, notes = item, []
    return "".join(parts)


def _bar(notes: Sequence[Note], key: Key, place: Fraction, beat: Fraction) -> str:
    """Return the notes of a bar that begins at a place of it."""
    out, signs, at = list[str](), dict[int, int](), 0
    while at < len(notes):
        if at and place % beat == 0:
            out.append(" ")
        count, ahead, between, times = _figure(notes[at:], place, beat)
        group = notes[at : at + count]
        out.append(ahead)
        out.append(between.join(_note(note, key, signs, note.length / scale)
                                for note, scale in zip(group, times, strict=True)))  # fmt: skip
        place += sum((note.length for note in group), Fraction())
        at += count
    return "".join(out)


def _figure(notes: Sequence[Note], place: Fraction, beat: Fraction) -> tuple[int, str, str, list[Fraction]]:
    """Return (how many notes are written together, what stands before them, between them, by what each is divided)."""
    one = notes[0].length
    if one.denominator % 3 == 0:
        total = count = 0
        for count, note in enumerate(notes, start=1):
            total += note.length
            if Fraction(total).denominator % 3:
                ahead = "(3" if count == 3 else f"(3:2:{count}"
                return count, ahead, "", [Fraction(2, 3)] * count
        raise DataError("a tuplet that a bar line cuts")
    if len(notes) > 1 and (place + one) % beat:
        base = (one + notes[1].length) / 2
        if base <= 1 and base.numerator == 1 and notes[1].length.denominator % 3:
            if one == 3 * notes[1].length:
                return 2, "", ">", [Fraction(3, 2), Fraction(1, 2)]
            if notes[1].length == 3 * one:
                return 2, "", "<", [Fraction(1, 2), Fraction(3, 2)]
    return 1, "", "", [Fraction(1)]


def _note(note: Note, key: Key, signs: dict[int, int], length: Fraction) -> str:
    if length.denominator not in (1, 2, 4, 8):
        raise DataError(f"a note of {length} eighths")
    short = {Fraction(1): "", Fraction(1, 2): "/"}.get(length, str(length))
    if note.step is None:
        return f"z{short}"
    letter, octave = LETTERS[note.step % 7], note.step // 7
    sign = "" if signs.get(note.step % 7, key.sharps(note.step)) == note.sharp else WRITTEN[note.sharp]
    if sign:
        signs[note.step % 7] = note.sharp
    marks = "," * -octave if octave < 0 else "'" * (octave - 1)
    return f"{sign}{letter.lower() if octave > 0 else letter}{marks}{short}{'-' * note.tied}"


def transposed(tune: Tune, tonic: int = 1) -> Tune:
    """Return a tune in another key of its mode, moved by the fewest letters; D if nothing is said."""
    key = Key(tonic, 0, tune.key.mode)
    by = (tonic - tune.key.tonic + 3) % 7 - 3
    return replace(tune, key=key, items=tuple(
        item if isinstance(item, str) or item.step is None
        else item._replace(step=item.step + by,
                           sharp=item.sharp - tune.key.sharps(item.step) + key.sharps(item.step + by))
        for item in tune.items
    ))  # fmt: skip


# --- the corpus -------------------------------------------------------------------------------------------------------

DANCES = {"reel": "C|", "hornpipe": "C|", "jig": "6/8", "slip jig": "9/8"}
"""{dance: the meter in which its tunes are written here}"""
NAMES = {"double jig": "jig", "slipjig": "slip jig"}
CHAPTERS = {
    range(731, 1116): "jig", range(1116, 1176): "slip jig", range(1176, 1556): "reel", range(1556, 1781): "hornpipe",
}  # fmt: skip
"""of O'Neill's book, by the number of a tune: what it is where nobody said so"""
PARTS = {"test": range(0, 1), "valid": range(1, 2), "train": range(2, 10)}
RUN, SHARED = 8, Fraction(1, 5)
"""Beats of a run; the share of the runs of the shorter tune that makes two tunes settings of one."""


class Found(NamedTuple):
    """A tune of the corpus, in D and in its dance's meter."""

    title: str
    dance: str
    tune: Tune


def corpus(folder: Path) -> Iterator[Found | None]:
    """Yield the tunes of all .abc files below a folder; None for each that is another dance, or not read here."""
    for path in sorted(folder.rglob("*.abc")):
        for text in re.split(r"^(?=X:)", path.read_text(encoding="latin-1"), flags=re.MULTILINE)[1:]:
            yield _found(text.split("\n\n")[0])


def _found(text: str) -> Found | None:
    fields = {name: re.search(rf"^{name}:\s*([^%\n]*)", text, re.MULTILINE) for name in "XTR"}
    number, title, rhythm = (found[1].strip() if (found := fields[name]) else "" for name in "XTR")
    place = int(number) if number.isdigit() else 0
    said = rhythm.lower() or next((dance for span, dance in CHAPTERS.items() if place in span), "")
    dance = NAMES.get(said, said)
    try:
        tune = transposed(read(text))
        if dance == "jig" and tune.meter == "9/8":
            dance = "slip jig"
        scale = bar_of(DANCES.get(dance, "C")) / tune.bar
        if dance not in DANCES or scale not in (1, 2) or tune.changes:
            return None
        items = tuple(
            item if isinstance(item, str) else item._replace(length=item.length * scale) for item in tune.items
        )
        tune = replace(tune, meter=DANCES[dance], items=items)
        return Found(title, dance, tune) if tune.adds_up() and read(write(tune)) == tune else None
    except DataError:
        return None


def families(tunes: Sequence[Found]) -> list[int]:
    """Return for each tune the number of the first one that it is a setting of, directly or through others.

    Settings have one title, or share a fifth of their runs of eight beats, whatever their octave and ornaments.
    """
    parent = list(range(len(tunes)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        return one

    def join(one: int, other: int) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    runs = [_runs(found.tune) for found in tunes]
    having: dict[object, list[int]] = defaultdict(list)
    for number, found in enumerate(tunes):
        for mark in (_title(found.title), *runs[number]):
            having[mark].append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for mark, numbers in having.items():
        if isinstance(mark, str):
            for other in numbers[1:]:
                join(numbers[0], other)
        else:
            shared.update(combinations(numbers, 2))
    for (one, other), count in shared.items():
        if count >= SHARED * min(len(runs[one]), len(runs[other])):
            join(one, other)
    return [root(number) for number in range(len(tunes))]


def _title(title: str) -> str:
    """Return a title's words without the dance and articles: "Flowing Tide, The -- Reel" is flowing tide."""
    words = re.findall(r"[a-z]+", title.partition("--")[0].lower().replace("'", ""))
    return " ".join(word for word in words if word not in {"the", "a", *DANCES}) or title


def _runs(tune: Tune) -> set[tuple[int, ...]]:
    """Return the letters on every eight beats that follow each other, the octave aside; a half bar of C| has two."""
    beat = Fraction(3 if tune.meter.endswith("/8") else 2)
    heard: list[int] = []
    for before, notes, _ in tune.measures():
        length = sum((note.length for note in notes), Fraction())
        place = tune.bar - length if before != "|" and length < tune.bar else Fraction()
        for note in notes:
            if place % beat == 0:
                heard.append(-1 if note.step is None else note.step % 7)
            place += note.length
    return {tuple(heard[i : i + RUN]) for i in range(len(heard) - RUN + 1)} or {tuple(heard)}


def part_of(name: str) -> str:
    """Return the part of the corpus that a family's first title goes to: a tenth to test, a tenth to valid."""
    drawn = crc32(name.encode()) % 10
    return next(part for part, numbers in PARTS.items() if drawn in numbers)


@cache
def parted(folder: Path) -> list[tuple[str, Row]]:
    """Return (its part, a row) for each tune of the corpus, which is a dance and its tune; all settings of one in one.

    No tune comes twice. What is not used is in train, and empty, so that it is counted.
    """
    found = list(corpus(folder))
    tunes = [one for one in found if one]
    rows = [("train", Row("", "", ""))] * (len(found) - len(tunes))
    seen: set[str] = set()
    for one, first in zip(tunes, families(tunes), strict=True):
        text = write(one.tune)
        if text not in seen:
            rows.append((part_of(_title(tunes[first].title)), Row(one.dance, text, one.title)))
        seen.add(text)
    return rows


def read_corpus(params: Any, folder: Path) -> Iterator[Row]:
    """Yield the rows of one `part`."""
    return (row for part, row in parted(folder) if part == params.part)


READERS["tunes"] = read_corpus
