"""Every shape is declared in parts that the model knows, and every declared shape can be asked for."""

from __future__ import annotations

from typing import get_args

from pipelines import SHAPES
from unroll.model import ENCODERS, HEADS
from unroll.params import Pipeline


def test_shapes_are_made_of_known_parts() -> None:
    for name, shape in SHAPES.items():
        assert shape.ENCODER in ENCODERS, name
        assert shape.HEAD in HEADS, name


def test_params_accept_the_declared_shapes_and_no_other() -> None:
    assert set(get_args(Pipeline.model_fields["shape"].annotation)) == SHAPES.keys()
