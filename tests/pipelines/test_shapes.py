"""Every shape is drawn, declared in parts that the model knows, and can be asked for."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
import yaml

from pipelines import SHAPES
from unroll import params
from unroll.model import ENCODERS, HEADS
from unroll.params import Model, Pipeline

ROOT = Path(__file__).parents[2]
ITEM, SEQUENCE = "vector", "sequence"


def test_the_five_shapes_of_recurrent_networks_are_declared() -> None:
    declared = {name: (shape.ENCODER, shape.HEAD) for name, shape in SHAPES.items()}
    assert declared == {
        "one_to_one": (ITEM, "classifier"),
        "one_to_n": (ITEM, "decoder"),
        "n_to_n": (SEQUENCE, "tagger"),
        "n_to_one": (SEQUENCE, "classifier"),
        "n_to_m": (SEQUENCE, "decoder"),
    }


def test_every_module_is_a_shape() -> None:
    files = {path.stem for path in (ROOT / "pipelines").glob("*.py")} - {"__init__"}
    assert files == SHAPES.keys()
    assert {name: shape.__name__ for name, shape in SHAPES.items()} == {name: f"pipelines.{name}" for name in files}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_shape_is_drawn_with_what_goes_in_below_and_what_comes_out_above(shape: ModuleType) -> None:
    first, *rest = (shape.__doc__ or "").splitlines()
    assert first.startswith(shape.__name__.removeprefix("pipelines.").replace("_", "-") + ": ")
    drawing = [line for line in rest if line.startswith("    ")]
    cells = [number for number, line in enumerate(drawing) if "[" in line]
    assert cells, "no cell is drawn"
    below, above = drawing[max(cells) + 1 :], drawing[: min(cells)]
    for side in (below, above):
        assert any(set(line) & set("|.") for line in side)
        assert any(any(map(str.isalpha, line)) for line in side)
    assert max(map(len, drawing)) <= 80


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_shape_is_plain_data(shape: ModuleType) -> None:
    own = {name for name in vars(shape) if not name.startswith("_")}
    assert own - {"annotations"} == {"ENCODER", "HEAD"}


def test_shapes_are_made_of_known_parts() -> None:
    assert {shape.ENCODER for shape in SHAPES.values()} == ENCODERS.keys()
    assert {shape.HEAD for shape in SHAPES.values()} == HEADS.keys()


def test_params_accept_the_declared_shapes_and_parts_and_no_other() -> None:
    assert set(get_args(Pipeline.model_fields["shape"].annotation)) == SHAPES.keys()
    for field, parts in (("encoder", ENCODERS), ("head", HEADS)):
        sections = get_args(Model.model_fields[field].annotation)
        assert {get_args(section.model_fields["kind"].annotation)[0] for section in sections} == parts.keys()


def test_every_shape_is_shipped_and_every_section_keeps_to_its_shape() -> None:
    names = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["pipelines"]
    shipped = [params.load(ROOT / "params.yaml", name) for name in names]
    assert {section.shape for section in shipped} == SHAPES.keys()
    for section in shipped:
        shape = SHAPES[section.shape]
        assert (section.model.encoder.kind, section.model.head.kind) == (shape.ENCODER, shape.HEAD)
