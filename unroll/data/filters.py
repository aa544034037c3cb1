"""Which rows are kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from unroll.data.categories import LETTERS
from unroll.data.lengths import length
from unroll.data.normal import normalize, spaced
from unroll.data.rows import Row
from unroll.params.prepare import Corpus, Filters, GroupedSplit, Lines, OfficialSplit, Prepare


def _few_letters(text: str, least: float) -> bool:
    return len(text.translate(LETTERS)) < least * (len(text) - text.count(" "))


Checks = dict[str, Callable[[Row, Any], bool]]
"""name -> whether to drop a row in normal form, given `Filters`"""

SOURCELESS: Checks = {"empty": lambda row, _: not row.source}
"""what lines are held to, which have no target"""

ONE_SIDED: Checks = {
    "empty": lambda row, _: not row.source and not row.target,
    "one_sided": lambda row, _: not row.source or not row.target,
}
"""what pairs are held to in an official file, or without filters"""

FILTERS: Checks = ONE_SIDED | {
    "too_long": lambda row, limits: (
        max(len(row.source), len(row.target)) > limits.max_characters
        or max(length(row.source), length(row.target)) > limits.max_words
    ),
    "length_ratio": lambda row, limits: (
        max(length(row.source), length(row.target))
        > limits.max_length_ratio * min(length(row.source), length(row.target))
    ),
    "copies": lambda row, _: row.source == row.target,
    "few_letters": lambda row, limits: (
        _few_letters(row.source, limits.min_letters) or _few_letters(row.target, limits.min_letters)
    ),
}
"""the first check that a row fails drops it; duplicates are found afterwards, by `divide`"""


def is_running(corpus: Corpus, split: GroupedSplit | OfficialSplit) -> bool:
    """Return whether rows are a running text, all of which is kept in its order: lines that come officially split."""
    return isinstance(corpus, Lines) and not corpus.pairs and isinstance(split, OfficialSplit)


def checks_of(corpus: Corpus, split: GroupedSplit | OfficialSplit, filters: Filters | None) -> Checks:
    """Return what the rows of a corpus are held to."""
    if is_running(corpus, split):
        return {}
    if isinstance(corpus, Lines):
        return SOURCELESS
    return FILTERS if filters else ONE_SIDED


def clean(rows: Iterable[Row], params: Prepare, checks: Checks, dropped: Counter[str]) -> Iterator[Row]:
    """Yield rows in normal form that pass the checks, and count the others in `dropped` under the check's name."""
    # Sorting a run of n combining marks takes n * n steps, so what is hopelessly long does not get that far.
    hopeless = 10 * params.filters.max_characters if params.filters and "too_long" in checks else math.inf
    # A running text, which nothing is held to, counts what is invisible among its tokens.
    form = normalize if checks else spaced
    for raw in rows:
        if max(len(raw.source), len(raw.target)) > hopeless:
            dropped["too_long"] += 1
            continue
        row = Row(*[form(text, params.unicode) for text in raw])
        for name, drops in checks.items():
            if drops(row, params.filters):
                dropped[name] += 1
                break
        else:
            yield row
