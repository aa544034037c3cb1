"""A header is told from a row by what stands below it."""

from __future__ import annotations

import pytest

from unroll.data.headers import is_header, numeric

REVIEWS = [["It was good.", "yes"], ["It was bad.", "no"], ["So so.", "no"]]


@pytest.mark.parametrize(
    ("first", "rows"),
    [
        (["text", "label"], REVIEWS),
        (["Text ", " LABEL"], REVIEWS),
        (["en", "nl"], [["I see.", "Ik zie."], ["I am.", "Ik ben."]]),
        (["what", "price"], [["milk", "1.20"], ["tea", ""], ["rice", "3"]]),
        (["zin", "soort"], REVIEWS * 10),
        (["", "label-fine", "text"], [["0", "4", "Who wrote it?"], ["1", "5", "Where is it?"]]),
    ],
    ids=[
        "usual names",
        "in any case",
        "languages",
        "a word over numbers",
        "a word over classes that it is none of",
        "none over the numbers of the rows",
    ],
)
def test_a_header_is_found(first: list[str], rows: list[list[str]]) -> None:
    assert is_header([first, *rows])


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [["text", "label"]],
        REVIEWS,
        REVIEWS * 10,
        [["yes", "It was good."], ["no", "It was bad."]] * 20,
        [["Smith", "English"], ["Jansen", "Dutch"], ["Adams", "English"], ["Bakker", "Dutch"]] * 10,
        [["text", "tekst"], ["house", "huis"], ["name", "naam"], ["milk", "melk"]],
        [["1", "2"], ["3", "4"]],
        [["text", "text"], ["a", "b"]],
        [["text", ""], ["a", "b"]],
        [["", ""], ["1", "2"]],
    ],
    ids=[
        "nothing", "a row", "short rows", "classes that recur", "classes before texts", "names", "a dictionary",
        "numbers", "a name twice", "an empty cell", "empty cells",
    ],
)  # fmt: skip
def test_a_row_is_no_header(rows: list[list[str]]) -> None:
    assert not is_header(rows)


def test_numbers_are_finite_and_there() -> None:
    assert numeric(["1", "", "-2.5e3"])
    assert not any(map(numeric, ([], [""], ["1", "one"], ["nan"], ["inf"])))
