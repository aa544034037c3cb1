"""What a changed recipe is refused with."""

from __future__ import annotations

from typing import Any

import pytest

from tests import recipes
from unroll.errors import ParamsError
from unroll.params.pipeline import Pipeline
from unroll.params.reading import parse

ABSENT = object()
"""in place of a value: take the parameter out"""


def changed(name: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Return one of the tests' recipes, the machine in it, with other values at dotted paths, or without some."""
    section = recipes.document(name) | {"machine": dict(recipes.MACHINE)}
    for path, value in changes.items():
        *parents, last = path.split(".")
        here = section
        for parent in parents:
            here = here[parent]
        if value is ABSENT:
            del here[last]
        else:
            here[last] = value
    return section


def accepted(name: str, changes: dict[str, Any]) -> Pipeline:
    """Return a changed recipe as a pipeline."""
    return parse(Pipeline, changed(name, changes), name)


def message(name: str, changes: dict[str, Any]) -> str:
    """Return the one line with which a changed recipe is refused."""
    with pytest.raises(ParamsError) as caught:
        accepted(name, changes)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)
