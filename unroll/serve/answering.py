"""Texts and parameters of a request -> a row for each answer, within limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from unroll.asking import ASKINGS
from unroll.errors import DataError, ParamsError
from unroll.params.evaluate import Search
from unroll.params.reading import dump, parse

if TYPE_CHECKING:
    from unroll.predict.predictor import Predictor


class Row(NamedTuple):
    """One answer.

    Attributes:
        input: the text it answers, from 0.
        rank: from 1, best first.
        truncated: only the beginning of the text was read.
        cut_off: the answer did not come to its end.
    """

    input: int
    rank: int
    text: str
    score: float
    truncated: bool
    cut_off: bool


def answer(predictor: Predictor, search: Search, texts: Sequence[Any], params: Mapping[str, Any]) -> list[Row]:
    """Answer every text.

    Args:
        search: how the model was scored, and so answers unless `params` says otherwise.
        params: fields of the search, and `n_best`.
    Raises:
        DataError: a text is none.
        ParamsError: a parameter is unknown, of the wrong type, or too large.
    """
    n_best, search = asked(search, params)
    check(texts)
    return [
        Row(number, rank, one.text, one.score, one.truncated, one.cut_off)
        for number, answers in enumerate(predictor.stream(texts, n_best, search))
        for rank, one in enumerate(answers, start=1)
    ]


def asked(search: Search, params: Mapping[str, Any]) -> tuple[int, Search]:
    """Return (n_best, search) of a request.

    Raises:
        ParamsError: as `answer`.
    """
    settings = dump(search) | dict(params)
    n_best = settings.pop("n_best", 1)
    found = parse(type(search), settings, "params")
    if not isinstance(n_best, int) or isinstance(n_best, bool):
        raise ParamsError(f"params: n_best: should be a whole number, not {n_best!r}")
    asked = dump(found) | {"n_best": n_best}
    for name, most in ASKINGS[search.kind].most.items():
        if asked.get(name, 0) > most:
            raise ParamsError(f"{name} is {asked[name]}; needed: at most {most}")
    if not 1 <= n_best <= asked.get("beam", n_best):
        beam = f" <= beam, and beam is {asked['beam']}" if "beam" in asked else ""
        raise ParamsError(f"n_best is {n_best}; needed: 1 <= n_best{beam}")
    return n_best, found


def check(texts: Sequence[Any]) -> None:
    """Refuse what is no text.

    Raises:
        DataError: as `answer`.
    """
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text of row {number} is {repr(text)[:100]}; needed: a string, which may be empty")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"text of row {number}: character {error.start} is half of one; send whole ones") from None
