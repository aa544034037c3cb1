"""Spans that tags mark: B-PER I-PER is one person. BIO, IOB2 and BIOES, scored as conlleval does (Tjong Kim Sang 2000).

B- begins a span and I- goes on with one; of BIOES, E- ends it and S- is one alone; O is outside. A span also begins
where an I- or E- follows what it cannot go on from, such as another type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Span = tuple[int, int, str]
"""the first word, the one behind the last, the type"""
Counts = tuple[int, int, int]
"""spans said right, said, wanted"""
_TAG = re.compile(r"O|[BIESLU]-.+")


def marked(tags: Iterable[str]) -> bool:
    """Return whether tags mark spans: each is O, or a type behind B-, I-, E- or S-, and one begins or goes on.

    >>> marked(["O", "B-PER", "I-PER"]), marked(["NN", "VB", "O"])
    (True, False)
    """
    known = set(tags)
    return all(map(_TAG.fullmatch, known)) and bool(known - {"O"})


def spans(tags: Sequence[str]) -> set[Span]:
    """Return the spans that the tags of a text mark.

    >>> sorted(spans("B-PER I-PER O I-LOC B-LOC S-ORG".split()))
    [(0, 2, 'PER'), (3, 4, 'LOC'), (4, 5, 'LOC'), (5, 6, 'ORG')]
    """
    found: set[Span] = set()
    first, kind = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        mark, _, name = tag.partition("-")
        if kind and (mark in ("O", "B", "S", "U") or name != kind):
            found.add((first, place, kind))
            kind = ""
        if mark != "O" and not kind:
            first, kind = place, name
        if kind and mark in ("E", "L", "S", "U"):
            found.add((first, place + 1, kind))
            kind = ""
    return found


def span_counts(said: str, wanted: str) -> Counts:
    """Return (spans said right, said, wanted) of a text's tags."""
    one, other = spans(said.split()), spans(wanted.split())
    return len(one & other), len(one), len(other)


def span_f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the F1 of whole spans, in percent; where none are wanted nor said it is 100.

    >>> round(span_f1(["B-PER I-PER O B-LOC"], ["B-PER I-PER O B-ORG"]))
    50
    """
    right, named, there = (sum(part) for part in zip(*map(span_counts, said, wanted), strict=True))
    return 200 * right / (named + there) if named + there else 100.0
