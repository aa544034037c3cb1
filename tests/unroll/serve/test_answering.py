"""A request's texts and parameters become a row for each answer, or one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from unroll.errors import DataError, ParamsError
from unroll.predict import loading
from unroll.predict.predictor import Predictor
from unroll.serve.answering import Row, answer


@pytest.fixture(scope="module")
def predictor(tiny_model_folder: Path) -> Predictor:
    return loading.load(tiny_model_folder, tiny.pipeline().evaluate.search)


def ask(predictor: Predictor, *texts: Any, **params: Any) -> list[Row]:
    return answer(predictor, predictor.search, texts, params)


def test_each_text_has_a_row_for_each_answer(predictor: Predictor) -> None:
    rows = ask(predictor, "I drink milk", "tea", beam=3, n_best=2)
    assert [(row.input, row.rank) for row in rows] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    narrow = predictor.search.model_copy(update={"beam": 3})
    expected = predictor.predict(["I drink milk", "tea"], 2, narrow)
    assert [(row.text, row.score, row.truncated) for row in rows] == [
        (one.text, one.score, one.truncated) for answers in expected for one in answers
    ]


def test_a_request_without_parameters_is_answered_as_the_model_was_scored(predictor: Predictor) -> None:
    other = predictor.search.model_copy(update={"beam": 1, "length_penalty": 0.0})
    found = answer(predictor, other, ["I drink milk"], {})
    (best,) = predictor.predict(["I drink milk"], search=other)[0]
    assert [(row.text, row.score) for row in found] == [(best.text, best.score)]


def test_no_text_has_no_rows_and_an_empty_one_has_one(predictor: Predictor) -> None:
    assert ask(predictor) == []
    assert [(row.input, row.text) for row in ask(predictor, "")] == [(0, "")]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"beam": 0}, "params: beam: should be greater than or equal to 1, not 0"),
        ({"beam": "5"}, "params: beam"),
        ({"bean": 5}, "did you mean 'beam'"),
        ({"kind": "sample"}, "params: kind"),
        ({"beam": 101}, "beam is 101; needed: at most 100"),
        ({"max_length_ratio": 11.0}, "max_length_ratio is 11.0; needed: at most 10"),
        ({"n_best": 2.0}, "params: n_best: should be a whole number, not 2.0"),
        ({"n_best": True}, "params: n_best: should be a whole number, not True"),
        ({"n_best": 0}, "n_best is 0; needed: 1 <= n_best <= beam, and beam is"),
        ({"beam": 2, "n_best": 3}, "n_best is 3; needed: 1 <= n_best <= beam, and beam is 2"),
    ],
)
def test_a_parameter_out_of_bounds_is_one_line(predictor: Predictor, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message) as refused:
        ask(predictor, "tea", **params)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "text of row 1 is None; needed: a string"),
        (7, "text of row 1 is 7; needed: a string"),
        ("ab\ud800", "text of row 1: character 2 is half of one"),
    ],
)
def test_what_is_no_text_is_one_line(predictor: Predictor, text: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ask(predictor, "tea", text)
