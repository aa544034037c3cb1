"""What columns are, and which of them is to be learnt from which."""

from __future__ import annotations

import pytest

from unroll.begin.roles import Column, chosen, columns_of
from unroll.errors import DataError, ParamsError

TEXTS = [f"It was {n} times as good as the other one." for n in range(40)]
MARKS = ["good", "bad", "so so", "good"] * 10


def roles(*columns: list[str], header: list[str] | None = None) -> list[str]:
    return [column.role for column in columns_of(header or [], list(zip(*columns, strict=True)))]


def test_what_columns_are() -> None:
    assert roles(TEXTS, MARKS) == ["text", "class"]
    assert roles(["train"] * 30 + ["dev"] * 5 + ["test"] * 5, TEXTS) == ["split", "text"]
    assert roles([str(n) for n in range(7, 47)], TEXTS) == ["id", "text"]
    assert roles([f"{n / 7:.2f}" for n in range(40)], ["1", "2", "3", "4"] * 10) == ["number", "class"]
    assert roles(["2024-01-31 10:00"] * 40, ["3.4.2024"] * 40, [""] * 40) == ["time", "time", "empty"]
    assert roles(["anna", "bert"] * 20, TEXTS, header=["user", "text"]) == ["group", "text"]
    assert roles([str(n % 30) for n in range(40)]) == ["number"]


def pick(columns: dict[str, list[str]], source: str | None = None, target: str | None = None) -> tuple[object, object]:
    found = chosen(columns_of([*columns], list(zip(*columns.values(), strict=True))), source, target, "mine.csv")
    return found.source.name, found.target.name


def test_a_text_is_read_and_its_class_said() -> None:
    assert pick({"n": [str(n) for n in range(40)], "label": MARKS, "text": TEXTS}) == ("text", "label")
    assert pick({"text": TEXTS, "colour": MARKS}) == ("text", "colour")
    assert pick({"": [str(n) for n in range(40)], "label-coarse": MARKS, "label_fine": MARKS, "text": TEXTS}) == (
        "text", "label-coarse",
    )  # fmt: skip
    assert pick({"title": [text[:9] for text in TEXTS], "text": TEXTS, "label": MARKS}) == ("text", "label")


def test_of_two_texts_the_first_is_read() -> None:
    nl = [text.replace("times", "keer") for text in TEXTS]
    assert pick({"en": TEXTS, "nl": nl}) == ("en", "nl")
    assert pick({"en": TEXTS, "nl": nl, "domain": MARKS}) == ("en", "nl")
    assert pick({"en": TEXTS, "nl": nl}, source="nl", target="en") == ("nl", "en")
    assert pick({"en": TEXTS, "nl": nl}, target="en") == ("nl", "en")


def test_a_number_is_said_where_no_class_is_there_or_it_is_called_so() -> None:
    prices = [f"{n / 7}" for n in range(40)]
    assert pick({"what": TEXTS, "price": prices}) == ("what", "price")
    assert pick({"what": TEXTS, "price": prices, "mark": MARKS}) == ("what", "mark")
    assert pick({"what": TEXTS, "rating": prices, "place": MARKS}) == ("what", "rating")
    assert pick({"what": TEXTS, "price": prices, "label": MARKS}, target="price") == ("what", "price")


def test_columns_without_names_have_numbers() -> None:
    found = chosen(columns_of([], list(zip(MARKS, TEXTS, strict=True))), None, None, "mine.csv")
    assert (found.source.name, found.target.name) == (1, 0)
    assert chosen(columns_of([], list(zip(MARKS, TEXTS, strict=True))), "1", "0", "mine.csv") == found


@pytest.mark.parametrize(
    ("columns", "target", "message"),
    [
        ({"what": TEXTS}, None, "nothing beside the text 'what' to learn"),
        ({"what": TEXTS}, "what", "no column is a text"),
        ({"a": [f"{n / 7}" for n in range(40)], "b": MARKS}, None, "no column is a text, .*rows.yaml"),
    ],
)
def test_what_cannot_be_learnt_is_one_line(columns: dict[str, list[str]], target: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        pick(columns, target=target)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ParamsError, match="--target lable: no such column; did you mean 'label'"):
        chosen([Column("label", "class", 2, 3.0), Column("text", "text", 9, 30.0)], None, "lable", "mine.csv")
