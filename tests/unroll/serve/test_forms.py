"""Every form of a request brings the same texts; what is in none is refused with a status and a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.serve.forms import RefusedError, question, read

TEXTS = st.lists(st.text(), max_size=3)


@given(TEXTS, st.dictionaries(st.text(), st.integers()))
def test_every_form_of_mlflow_is_read(texts: list[str], params: dict[str, int]) -> None:
    records = [{"text": text} for text in texts]
    forms: list[dict[str, Any]] = [
        {"dataframe_records": records},
        {"dataframe_split": {"columns": ["text"], "data": [[text] for text in texts]}},
        *({name: content} for name in ("inputs", "instances") for content in (texts, {"text": texts}, records)),
    ]
    for form in forms:
        assert read(json.dumps({**form, "params": params}).encode()) == (texts, params)


@given(TEXTS, st.booleans())
def test_a_question_is_read(texts: list[str], details: bool) -> None:
    found = question(json.dumps({"texts": texts, "details": details}).encode())
    assert (found.texts, found.params, found.details) == (texts, {}, details)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["inputs", "params", "texts", "text"]), inner),
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_sent_is_read_or_refused_in_one_line(body: bytes) -> None:
    for reader in (read, question):
        refused = refusal(reader, body)
        assert refused is None or (400 <= refused.status < 500 and "\n" not in str(refused))


def refusal(reader: Callable[[bytes], object], body: bytes) -> RefusedError | None:
    try:
        reader(body)
    except RefusedError as refused:
        return refused
    return None


def test_too_many_texts_are_too_much() -> None:
    with pytest.raises(RefusedError) as refused:
        question(json.dumps({"texts": ["a"] * 257}).encode())
    assert refused.value.status == 413
