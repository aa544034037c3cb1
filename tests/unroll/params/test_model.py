"""Encoders and heads: their limits, each refused in one line."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.unroll.params.refusals import ABSENT, accepted, message
from unroll.params.model import HEADS, Head, LanguageModelParams, OwnHead


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("model.head.atention", "dot", "model.head.atention: no such parameter; did you mean 'attention'?"),
        ("model.encoder.celll", "gru", "model.encoder.celll: no such parameter; did you mean 'cell'?"),
        ("model.dropout", 1.0, "model.dropout: should be less than 1"),
        ("model.dropout", float("nan"), "model.dropout"),
        ("model.encoder.hidden", 511, "model.encoder: hidden is 511, an odd number"),
        ("model.encoder.cell", "L S T M", "model.encoder.cell: "),
        ("model.head.attention", 3, "model.head.attention: should be a valid string, not 3"),
        ("model.head.query", "befor", "model.head.query: should be 'before' or 'after', not 'befor'"),
        ("model.head.kind", "decodr", "model.head"),
        ("model.head.window", ABSENT, "model.head.window: is missing"),
        ("model.head.positions", 0, "model.head.positions: should be greater than or equal to 1, not 0"),
        ("model.head.positions", ABSENT, "model.head.positions: is missing"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_fix(path: str, value: Any, expected: str) -> None:
    assert expected in message("translate", {path: value})


def head(settings: dict[str, Any]) -> Any:
    return TypeAdapter(Head).validate_python(settings)


def test_a_head_belongs_to_the_family_of_its_kind_and_ones_own_to_the_one_it_is_like() -> None:
    shipped = [
        accepted(name, {}).model.head for name in ("translate", "language", "frames", "classify", "rating", "forecast")
    ]
    assert {head.kind for head in shipped} == HEADS.keys()
    assert all(head.family == head.kind for head in shipped)
    own = head({"kind": "mine", "like": "tagger", "depth": 3})
    assert isinstance(own, OwnHead)
    assert (own.family, own.model_dump()) == ("tagger", {"kind": "mine", "like": "tagger", "depth": 3})


@pytest.mark.parametrize("kind", [3, None, {}, ["decoder"], {"kind": "decoder"}])
def test_a_kind_that_is_no_name_is_refused(kind: Any) -> None:
    for settings in ({"kind": kind}, {"kind": kind, "like": "tagger"}):
        assert "model.head" in message("translate", {"model.head": settings})
    assert "'kind'" in message("translate", {"model.head": {"kind": kind}})


def test_a_kind_of_ours_is_never_ones_own() -> None:
    assert isinstance(head({"kind": "language_model"}), LanguageModelParams)
    with pytest.raises(ValidationError, match="like"):
        head({"kind": "tagger", "like": "tagger"})
    with pytest.raises(ValidationError, match="'decodr'"):
        head({"kind": "decodr"})
    with pytest.raises(ValidationError, match="like"):
        head({"kind": "mine", "like": "decoder"})
