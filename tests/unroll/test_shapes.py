"""Every shape is drawn, declared in parts that the model knows, and can be asked for."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from tests import recipes
from unroll import shapes
from unroll.nn.encoders import ENCODERS
from unroll.nn.model import HEADS
from unroll.params import reading
from unroll.params.model import HEADS as HEAD_SECTIONS
from unroll.params.model import Model, OwnHead
from unroll.params.pipeline import Pipeline, Recipe
from unroll.shapes import READS_ON, SHAPES, SIDES, Shape, sides

ROOT = Path(__file__).parents[2]
ITEM, SEQUENCE = "vector", "sequence"


def test_the_five_shapes_of_recurrent_networks_are_declared() -> None:
    declared = {name: (shape.encoder, shape.heads) for name, shape in SHAPES.items()}
    assert declared == {
        "one_to_one": (ITEM, ("classifier", "regressor")),
        "one_to_n": (ITEM, ("decoder",)),
        "n_to_n": (SEQUENCE, ("tagger", "language_model", "regressor")),
        "n_to_one": (SEQUENCE, ("classifier", "regressor")),
        "n_to_m": (SEQUENCE, ("decoder", "forecaster")),
    }


def test_every_shape_is_in_the_table_of_the_module() -> None:
    told = shapes.__doc__ or ""
    assert [line.split()[0] for line in told.splitlines() if line.startswith("    ")] == [
        name.replace("_", "-") for name in SHAPES
    ]


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_drawn_with_what_goes_in_below_and_what_comes_out_above(name: str) -> None:
    first, *rest = SHAPES[name].drawing.splitlines()
    assert first.startswith(name.replace("_", "-") + ": ")
    drawing = [line for line in rest if line.startswith("    ")]
    cells = [number for number, line in enumerate(drawing) if "[" in line]
    assert cells, "no cell is drawn"
    below, above = drawing[max(cells) + 1 :], drawing[: min(cells)]
    for side in (below, above):
        assert any(set(line) & set("|.") for line in side)
        assert any(any(map(str.isalpha, line)) for line in side)
    assert max(map(len, drawing)) <= 80


def test_a_shape_is_plain_data() -> None:
    assert {field.name for field in fields(Shape)} == {"encoder", "heads", "drawing"}
    with pytest.raises(AttributeError):
        SHAPES["n_to_m"].encoder = ITEM  # type: ignore[misc]


def test_shapes_are_made_of_known_parts() -> None:
    assert {shape.encoder for shape in SHAPES.values()} == ENCODERS.keys()
    assert {head for shape in SHAPES.values() for head in shape.heads} == HEADS.keys()


def test_params_accept_the_declared_shapes_and_parts_and_no_other() -> None:
    assert set(get_args(Pipeline.model_fields["shape"].annotation)) == SHAPES.keys()
    encoders = get_args(Model.model_fields["encoder"].annotation)
    assert {get_args(section.model_fields["kind"].annotation)[0] for section in encoders} == ENCODERS.keys()
    assert HEAD_SECTIONS.keys() == HEADS.keys()
    for kind, section in HEAD_SECTIONS.items():
        assert get_args(section.model_fields["kind"].annotation) == (kind,)
    assert set(get_args(OwnHead.model_fields["like"].annotation)) == HEADS.keys() - {
        "decoder",
        "regressor",
        "forecaster",
    }


@pytest.mark.parametrize("head", HEADS)
def test_only_a_language_model_learns_on_one_side(head: str) -> None:
    assert sides(head) == (("source",) if head == READS_ON else SIDES)


def keeps_to_its_shape(recipe: Recipe) -> bool:
    shape = SHAPES[recipe.shape]
    return recipe.model.encoder.kind == shape.encoder and recipe.model.head.family in shape.heads


def test_every_shape_has_a_recipe_and_every_recipe_keeps_to_its_shape() -> None:
    found = [recipes.make(name) for name in recipes.NAMES]
    assert {pipeline.shape for pipeline in found} == SHAPES.keys()
    assert all(map(keeps_to_its_shape, found))


def test_every_shape_and_every_head_is_shipped_and_every_file_keeps_to_its_shape() -> None:
    shipped = [reading.load(ROOT, name) for name in reading.grid(ROOT)]
    assert {pipeline.shape for pipeline in shipped} == SHAPES.keys()
    assert {pipeline.model.head.kind for pipeline in shipped} == HEADS.keys()
    assert all(map(keeps_to_its_shape, shipped))
