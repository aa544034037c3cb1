"""Searches: their limits, each refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import ABSENT, message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("evaluate.search.bean", 9, "evaluate.search.bean: no such parameter; did you mean 'beam'?"),
        ("evaluate.search.beam", 0, "evaluate.search.beam: should be greater than or equal to 1, not 0"),
        ("evaluate.search.beam", ABSENT, "evaluate.search.beam: is missing"),
        (
            "evaluate.search.length_penalty",
            -1.0,
            "evaluate.search.length_penalty: should be greater than or equal to 0",
        ),
        ("evaluate.search.top_p", 0.5, "evaluate.search.top_p: no such parameter"),
        ("evaluate.baseline", "fivegram", "evaluate.baseline: should be 'bigram', "),
        ("evaluate.pictures", -1, "evaluate.pictures: should be greater than or equal to 0, not -1"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_fix(path: str, value: Any, expected: str) -> None:
    assert expected in message("translate", {path: value})
