"""Is the first row of a table its header? Told by what stands below it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

LOOKED_AT = 1000
"""rows"""
LONGEST = 40
"""characters of a column's name"""
FEW = 20
"""rows; of fewer their recurring words tell nothing"""
_USUAL = """
    answer author category class content date en de es fr it nl pt ru uk zh ja english german spanish french dutch
    fold gender group headline id input intent label language lang message name nationality output polarity question
    rating review score sentence sentiment set source speaker split src subset summary tag target text tgt time
    timestamp title token topic translation tweet type user utterance word
"""
NAMES = frozenset(_USUAL.split())
"""what columns are often called"""


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first of some rows names the columns of the others.

    Its cells are short words, each once, and no numbers; the first may be empty, above the numbers of the rows. Besides
    most of them are usual names, or one stands over nothing but numbers, or over a few words that recur and is none of
    them.

    >>> is_header([["text", "label"], ["It rains.", "weather"]])
    True
    >>> is_header([["It rains.", "weather"], ["text", "label"]])
    False
    """
    if len(rows) < 2 or not rows[0]:
        return False
    first = [cell.strip() for cell in rows[0]]
    if len({cell.lower() for cell in first}) < len(first) or not all(map(_could_be_a_name, first[not first[0] :])):
        return False
    below = [[row[place].strip() for row in rows[1:] if place < len(row)] for place in range(len(first))]
    usual = [cell for cell, cells in zip(first, below, strict=True) if cell.lower() in NAMES and cell not in cells]
    return 2 * len(usual) > len(first) or any(
        numeric(cells) or _names_classes(cell, cells) for cell, cells in zip(first, below, strict=True)
    )


def _could_be_a_name(cell: str) -> bool:
    return (
        0 < len(cell) <= LONGEST and len(cell.split()) <= 3 and not cell.endswith((".", "!", "?")) and not _real(cell)
    )


def _names_classes(cell: str, cells: Sequence[str]) -> bool:
    counts = Counter(cells)
    return cell not in counts and len(cells) >= FEW and all(count > 1 for count in counts.values())


def numeric(cells: Sequence[str]) -> bool:
    """Return whether there are cells, and all that are not empty are finite numbers."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(map(_real, filled))


def _real(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
