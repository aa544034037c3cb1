"""A recipe that version 0.1 wrote reads as today's; what is none stays as it is, and is refused for what it lacks."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests import recipes
from tests.unroll.params.test_misfits import BY_GROUP, SERIES
from unroll.errors import ParamsError
from unroll.params.older import MACHINE, renewed
from unroll.params.reading import dump, load_recipe

KNOWN = [name for name in recipes.NAMES if name != "forecast"]
"""what version 0.1 could make"""


def aged(name: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a recipe as version 0.1 wrote it: without what it had in its code, its machine among its training."""
    recipe = copy.deepcopy(dump(recipes.make(name, **(changes or {})).recipe))
    recipe["train"] |= recipe.pop("machine")
    del recipe["noise"], recipe["tokenize"]["typed"], recipe["tokenize"]["from_start"]
    del recipe["train"]["start_from"], recipe["train"]["start_parts"]
    for side in ("source", "target"):
        (recipe["tokenize"][side] or {}).pop("scale", None)
    del recipe["parts"], recipe["embed"]["row_length"], recipe["train"]["restart_streams"]
    recipe["model"]["head"].pop("positions", None)
    if recipe["model"]["head"]["kind"] == "language_model":
        recipe["model"]["head"]["kind"] = "tagger"
    return recipe


def read(folder: Path, document: Any) -> Any:
    (folder / "params.json").write_text(json.dumps(document), encoding="utf-8")
    return load_recipe(folder / "params.json")


@pytest.mark.parametrize("name", KNOWN)
def test_every_recipe_of_version_0_1_reads_as_todays(name: str, tmp_path: Path) -> None:
    assert read(tmp_path, aged(name)) == recipes.make(name).recipe


def test_before_a_model_could_start_from_another_one_all_started_from_none(tmp_path: Path) -> None:
    recipe = dump(recipes.make("translate").recipe)
    for name in ("start_from", "start_parts"):
        del recipe["train"][name]
    del recipe["tokenize"]["from_start"]
    assert read(tmp_path, recipe) == recipes.make("translate").recipe


@pytest.mark.parametrize(
    ("attention", "positions"), [("location", 128), ("hard", 128), ("general", None), ("local_m", None)]
)
def test_attention_by_place_had_as_many_positions_as_its_code_said(
    attention: str, positions: int | None, tmp_path: Path
) -> None:
    window = 3 if attention == "local_m" else None
    changes = {"model.head.attention": attention, "model.head.window": window, "machine.threads": 3}
    found = read(tmp_path, aged("translate", changes))
    assert found == recipes.make(**changes, **{"model.head.positions": positions}).recipe
    assert found.machine.threads == 3


def test_a_language_model_was_a_tagger_of_lines(tmp_path: Path) -> None:
    old = aged("language")
    assert old["model"]["head"] == {"kind": "tagger"}
    assert read(tmp_path, old).reads_on
    assert not read(tmp_path, aged("frames")).reads_on


def test_before_there_were_forecasts_a_long_table_told_nothing_ahead() -> None:
    recipe = dump(recipes.make("rows", **BY_GROUP | {"prepare.corpus": SERIES}).recipe)
    old = copy.deepcopy(recipe)
    del old["prepare"]["corpus"]["horizon"], old["prepare"]["corpus"]["season"]
    assert renewed(old) == recipe


def test_what_is_renewed_is_not_changed_in_place() -> None:
    old = aged("language")
    before = copy.deepcopy(old)
    assert renewed(old) != before
    assert old == before


@pytest.mark.parametrize("name", KNOWN)
def test_todays_recipe_stays_as_it_is(name: str) -> None:
    recipe = dump(recipes.make(name).recipe)
    assert renewed(copy.deepcopy(recipe)) == recipe
    assert renewed(renewed(aged(name))) == recipe


@pytest.mark.parametrize(("name", "side", "scale"), [("rows", "source", None), ("rating", "target", "standard")])
def test_vectors_that_were_read_had_no_scale_and_those_that_were_said_had_one(
    name: str, side: str, scale: str | None, tmp_path: Path
) -> None:
    recipe = dump(recipes.make(name).recipe)
    del recipe["tokenize"][side]["scale"]
    found = getattr(read(tmp_path, recipe).tokenize, side)
    assert found.scale == scale


BROKEN: list[Any] = [None, 3, "x", [], {}, {"train": 3}, {"train": {}}, {"train": dict.fromkeys(MACHINE, 1)}]


@pytest.mark.parametrize("document", BROKEN)
def test_what_is_no_recipe_stays_as_it_is_and_is_refused(document: Any, tmp_path: Path) -> None:
    assert renewed(copy.deepcopy(document)) == document
    with pytest.raises(ParamsError, match=r"params\.json: "):
        read(tmp_path, document)


@pytest.mark.parametrize(("owner", "lost"), [("train", "threads"), ("model", "head"), ("prepare", "corpus")])
def test_what_lacks_a_part_is_refused_for_it(owner: str, lost: str, tmp_path: Path) -> None:
    old = aged("translate")
    del old[owner][lost]
    assert renewed(copy.deepcopy(old)) == old
    with pytest.raises(ParamsError, match=r"params\.json: .*(is missing|no such parameter)"):
        read(tmp_path, old)
