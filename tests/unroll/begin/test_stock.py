"""What is counted of rows."""

from __future__ import annotations

import pytest

from unroll.begin.stock import Stock
from unroll.data.rows import Row


def stock(*rows: tuple[str, str], sided: bool = True) -> Stock:
    return Stock.of([Row(source, target, "") for source, target in rows], sided)


def test_rows_that_lack_a_side_are_counted_apart() -> None:
    found = stock(("a b", "c"), ("", "d"), ("e", " "), ("f f", "g"))
    assert (found.rows, found.lacking) == (2, 2)
    assert (found.source.length, found.source.characters, found.source.recurring) == (2.0, 6, 1)
    assert stock(("a", ""), sided=False).rows == 1


@pytest.mark.parametrize(
    ("text", "script", "spaced"),
    [("Ik zie.", "LATIN", True), ("молоко", "CYRILLIC", True), ("我喝牛奶。", "CJK", False), ("1 2", "", True)],
)
def test_scripts(text: str, script: str, spaced: bool) -> None:
    side = stock((text, "x")).source
    assert (side.script, side.spaced) == (script, spaced)


def test_uneven_classes_are_told() -> None:
    found = stock(*[("a", "yes")] * 30, *[("b", "no")] * 10)
    assert found.classes(found.target).startswith(
        "2 classes; the largest, 'yes', has 75 % of the rows; 1 have fewer than 20"
    )
