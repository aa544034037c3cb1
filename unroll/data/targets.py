"""Numbers that are to be forecast are no classes."""

from __future__ import annotations

from collections import Counter

from unroll.data.headers import numeric
from unroll.errors import DataError

FEW, ROWS = 20, 20
"""whole numbers that may be classes, such as marks from 1 to 5; of more of them each needs so many rows on average"""


def are_numbers(counts: Counter[str]) -> bool:
    """Return whether targets, counted, are to be forecast as numbers rather than told apart.

    >>> are_numbers(Counter("1 2 3 4 5".split() * 2)), are_numbers(Counter(str(n) for n in range(100)))
    (False, True)
    """
    if not numeric([*counts]):
        return False
    whole = all(float(number).is_integer() for number in counts if number)
    return not whole or (len(counts) > FEW and counts.total() < ROWS * len(counts))


def refuse_numbers(counts: Counter[str]) -> None:
    """Raise if the targets of training rows are numbers.

    Raises:
        DataError: says how many.
    """
    if are_numbers(counts):
        raise DataError(
            f"prepare.corpus: the targets are {len(counts):,} numbers: each would be a class of its own, and a number "
            "that train lacks could never be said; let a regressor say them, as in pipelines/sentiment.yaml, or call "
            "classes by words in target_names"
        )
