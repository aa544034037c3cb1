"""Where embeddings start from: its limits, each refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import ABSENT, message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("embed.neighbours_of", ["milk", 1], "embed.neighbours_of.1"),
        ("embed.kind", "imported", "embed: source_vectors and target_vectors"),
        ("embed.source_vectors", "v.txt", "embed: source_vectors and target_vectors"),
        ("embed.row_length", 0.0, "embed.row_length: should be greater than 0, not 0.0"),
        ("embed.row_length", ABSENT, "embed.row_length: is missing"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_fix(path: str, value: Any, expected: str) -> None:
    assert expected in message("translate", {path: value})
