"""The body of a request -> texts and parameters, or one line that says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

BODY_BYTES, ROWS, ALTERNATIVES = 2**20, 256, 10
"""Of a request: its bytes, its texts, and the tokens that each step of an answer may name."""
EXAMPLE = '{"dataframe_records": [{"text": "..."}]}'


class RefusedError(Exception):
    """A request that is not answered, and the HTTP status that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(" ".join(message.split()))
        self.status = status


class Question(BaseModel):
    """What is asked at /answers."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Any] = Field(description=f"what to answer: strings, at most {ROWS}", max_length=ROWS)
    params: dict[str, Any] = Field({}, description="how: n_best, and fields of the model's search, such as beam")
    details: bool = Field(False, description="whether answers bring their tokens, and where the model looked")
    steps: bool = Field(False, description="whether answers bring the probability of each of their tokens")
    alternatives: int = Field(
        0,
        ge=0,
        le=ALTERNATIVES,
        strict=True,
        description="so many of the likeliest tokens at each step; brings the steps",
    )


class Likely(BaseModel):
    """What may be said at a step."""

    token: str
    probability: float = Field(description="that the model says it here, from 0 to 1")


class Step(Likely):
    """What was said at a step."""

    alternatives: list[Likely] | None = Field(None, description="the likeliest tokens here, likeliest first")


class Answer(BaseModel):
    """One answer to one text."""

    input: int = Field(description="the text it answers, from 0")
    rank: int = Field(description="from 1, best first")
    text: str
    score: float | None = Field(description="comparable among the answers to one text")
    truncated: bool = Field(description="only the beginning of the text was read")
    cut_off: bool = Field(description="the answer did not come to its end")
    interval: tuple[str, str] | None = Field(None, description="of numbers: the lowest and highest quantile of each")
    source_tokens: list[str] | None = None
    target_tokens: list[str] | None = None
    alignments: list[tuple[int, int]] | None = Field(
        None, description="(source token, target token) from 0: where the model looked most as it said a token"
    )
    steps: list[Step] | None = Field(None, description="one for each target token; of a text also its end, <eos>")


class Answers(BaseModel):
    """What comes back: for each text its answers, best first."""

    predictions: list[Answer]


class Refusal(BaseModel):
    """What comes back of a request that is not answered."""

    error: str = Field(description="why, in one line")


def question(body: bytes) -> Question:
    """Return what is asked at /answers.

    Raises:
        RefusedError: it is not JSON, or asks something else.
    """
    try:
        return Question.model_validate(_json(body))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the request"
        status = 413 if first["type"] == "too_long" else 400
        raise RefusedError(status, f'{where}: {first["msg"]}; needed, for example: {{"texts": ["..."]}}') from None


def read(body: bytes) -> tuple[list[Any], dict[str, Any]]:
    """Return (texts, params) of a request in a form of MLflow's.

    Raises:
        RefusedError: it is not JSON, holds no texts, or too many.
    """
    request = _json(body)
    request = dict(request) if isinstance(request, dict) else {}
    params = request.pop("params", {})
    if len(request) != 1 or not request.keys() <= FORMS.keys() or not isinstance(params, dict):
        raise RefusedError(400, f"needed: one of {', '.join(FORMS)}, and params if you like, as in {EXAMPLE}")
    ((form, content),) = request.items()
    texts = FORMS[form](content)
    if texts is None:
        raise RefusedError(400, f"{form} does not hold texts as it should; needed, for example: {EXAMPLE}")
    if len(texts) > ROWS:
        raise RefusedError(413, f"{len(texts)} texts in one request; at most {ROWS}: send them in parts")
    return texts, params


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        cause = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise RefusedError(400, f"the request is not JSON: {cause[:200]}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _of_records(records: Any) -> list[Any] | None:
    if isinstance(records, list) and all(isinstance(row, dict) and set(row) == {"text"} for row in records):
        return [row["text"] for row in records]
    return None


def _of_split(split: Any) -> list[Any] | None:
    if isinstance(split, dict) and split.get("columns") == ["text"] and isinstance(split.get("data"), list):
        rows = split["data"]
        return [row[0] for row in rows] if all(isinstance(row, list) and len(row) == 1 for row in rows) else None
    return None


def _of_inputs(inputs: Any) -> list[Any] | None:
    if isinstance(inputs, dict) and set(inputs) == {"text"}:
        inputs = inputs["text"]
    if isinstance(inputs, list) and inputs and isinstance(inputs[0], dict):
        return _of_records(inputs)
    return inputs if isinstance(inputs, list) else None


FORMS: dict[str, Callable[[Any], list[Any] | None]] = {
    "dataframe_records": _of_records,
    "dataframe_split": _of_split,
    "instances": _of_inputs,
    "inputs": _of_inputs,
}
"""{MLflow's name for a form of request: a function that returns its texts, or None if it is not of this form}"""
