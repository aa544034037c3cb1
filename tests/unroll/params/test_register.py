"""How a model enters the registry: its limits, each refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("register.nam", "a", "did you mean 'name'?"),
        ("register.name", "a/b", "register.name"),
        ("register.p_value", 1.0, "register.p_value: should be less than 1, not 1.0"),
        ("register.resamples", 0, "register.resamples: should be greater than or equal to 1, not 0"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_fix(path: str, value: Any, expected: str) -> None:
    assert expected in message("translate", {path: value})
