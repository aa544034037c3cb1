"""Shares lie between nothing and all."""

from __future__ import annotations

import pytest

from tests import recipes
from unroll.errors import ParamsError

NOISE = {
    "copies": 2, "seed": 1, "joined": 0.1, "words": 0.0, "names": 0.0, "no_end_mark": 0.2, "lower": 0.1,
    "capitals": 0.0, "title": 0.0, "no_accents": 0.0, "typos": 1.0, "spaces": 0.0, "quotes": 0.0,
}  # fmt: skip


def test_a_pipeline_may_have_noise() -> None:
    found = recipes.make("translate", **{"noise": NOISE}).noise
    assert found is not None
    assert found.typos == 1.0


@pytest.mark.parametrize(("name", "value"), [("typos", 1.1), ("lower", -0.1), ("copies", 0), ("slips", 0.1)])
def test_what_is_no_share_is_refused(name: str, value: float) -> None:
    with pytest.raises(ParamsError, match=f"noise.{name}"):
        recipes.make("translate", **{"noise": NOISE | {name: value}})
