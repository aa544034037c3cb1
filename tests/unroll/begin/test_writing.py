"""A pipeline file reads back as what it was made of, and the grid keeps all it has."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import recipes
from unroll.begin.writing import FIRST, REMARKS, pipeline_file, with_pipeline
from unroll.errors import ParamsError


@pytest.mark.parametrize("name", recipes.NAMES)
def test_what_is_written_is_read_again(name: str) -> None:
    document = recipes.section(recipes.make(name))
    text = pipeline_file("A title", "mine", document)
    assert yaml.safe_load(text) == document
    assert text.startswith("# A title\n")
    places = [text.index(f"\n{section}:") for section in FIRST]
    assert places == sorted(places)
    assert all(places[-1] < text.index(f"\n{section}:") for section in document.keys() - set(FIRST))


@settings(deadline=None)
@given(
    st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers() | st.booleans() | st.none(), min_size=1)
)
def test_names_and_values_of_any_kind_are_read_again(files: dict[str, object]) -> None:
    document = dict.fromkeys(FIRST, 1) | {"files": files}
    assert yaml.safe_load(pipeline_file("A title", "mine", document)) == document


def test_remarks_stand_beside_what_they_are_of() -> None:
    lines = pipeline_file("A title", "mine", recipes.document("translate")).splitlines()
    (told,) = [line for line in lines if line.lstrip().startswith("updates:")]
    assert told.endswith(f"# {REMARKS['train.updates'].replace('NAME', 'mine')}")


GRID = "# top\nmachine: {}\n\npipelines: # two\n  # the first\n  a: x\n  b: y\n\n# below\n"


def test_a_line_joins_the_grid_and_remarks_stay() -> None:
    assert with_pipeline(GRID, "c: z", "params.yaml") == GRID.replace("  b: y\n", "  b: y\n  c: z\n")
    assert with_pipeline("pipelines:\n    a: x", "c: z", "p") == "pipelines:\n    a: x\n    c: z\n"
    nested = "pipelines:\n  a:\n    parts: x\n    start: y\n"
    assert with_pipeline(nested, "c: z", "p") == nested + "  c: z\n"


@pytest.mark.parametrize("text", ["pipelines: {a: x}\n", "machine: {}\n"])
def test_a_grid_of_another_form_is_left_to_its_owner(text: str) -> None:
    with pytest.raises(ParamsError, match=r"add there by hand: c: z"):
        with_pipeline(text, "c: z", "params.yaml")
