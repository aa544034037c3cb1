"""A registered version answers the test rows of another day, as it would answer a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tracked import PAIRS, answers, make_folders, register, register_with, settings, version
from unroll.errors import IntegrityError
from unroll.predict import loading
from unroll.registry import names
from unroll.registry.rescoring import asked_anew


@pytest.mark.usefixtures("unloaded")
def test_it_says_what_its_predictor_says(home: Path) -> None:
    search = settings().evaluate.search.model_copy(update={"beam": 2})
    register_with(search, make_folders(home / "old", answers(3)))
    new = make_folders(home / "new", answers(3), seed=2, corpus="another")
    predictor = loading.load(home / "old/data/translate/model", search)
    found = asked_anew(version("1"), settings().evaluate.model_copy(update={"stress": 100}), new)
    sources = [source for source, _ in PAIRS]
    assert [row["source"] for row in found.rows] == sources
    assert [row["hypothesis"] for row in found.rows] == [one.text for one in predictor(sources)]
    assert found.stress.keys() >= {"no_end_mark", "lower"}


@pytest.mark.usefixtures("unloaded")
def test_another_model_in_its_place_is_not_asked(home: Path) -> None:
    register(make_folders(home / "one", answers(3)))
    register(make_folders(home / "two", answers(3), seed=2))
    first, second = (names.resolve(f"models:/translate/{number}") for number in "12")
    first.rename(first.with_name("aside"))
    second.rename(first)
    with pytest.raises(IntegrityError, match="is not the model that version 1"):
        asked_anew(version("1"), settings().evaluate, make_folders(home / "new", answers(3), seed=3))
