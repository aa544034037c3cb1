"""Vocabularies: their limits, each refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("tokenize.source.vocab", 9, "tokenize.source.vocab: no such parameter; did you mean 'vocab_size'?"),
        ("tokenize.source.vocab_size", 60000, "tokenize.source.vocab_size: should be less than or equal to 50000"),
        ("tokenize.source.vocab_size", 200, "tokenize.source: vocab_size must be at least 300 with kind 'bpe'"),
        ("tokenize.source.kind", "wrod", "tokenize.source"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_fix(path: str, value: Any, expected: str) -> None:
    assert expected in message("translate", {path: value})
