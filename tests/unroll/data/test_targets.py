"""Numbers that are to be forecast are no classes."""

from __future__ import annotations

from collections import Counter

import pytest

from unroll.data.targets import are_numbers, refuse_numbers
from unroll.errors import DataError


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["yes", "no"], False),
        ([str(n) for n in range(10)], False),
        (["1", "2", "3", "4", "5"] * 9, False),
        ([str(n) for n in range(26)] * 100, False),
        ([str(n) for n in range(26)] * 2, True),
        (["112", "118", "132.5"] * 90, True),
        (["1", "2", "three"] * 90, False),
    ],
    ids=["words", "digits", "marks", "many of each", "few of each", "fractions", "a word among them"],
)
def test_numbers_are_told_from_classes(targets: list[str], expected: bool) -> None:
    assert are_numbers(Counter(targets)) is expected


def test_numbers_are_refused_in_one_line() -> None:
    refuse_numbers(Counter("01"))
    with pytest.raises(DataError, match=r"the targets are 144 numbers: .* target_names") as caught:
        refuse_numbers(Counter(str(n) for n in range(144)))
    assert "\n" not in str(caught.value)
