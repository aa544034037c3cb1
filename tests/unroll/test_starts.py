"""A model to go on from is found by its pipeline's name or its path, whole; a version of the registry is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import recipes, tiny
from unroll import starts
from unroll.artifacts import store
from unroll.errors import DataError, IntegrityError, ParamsError


def test_it_is_found_by_its_pipelines_name_and_by_its_path(tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path / "data/old")
    for name in ("old", "data/old/model"):
        found = starts.find(name, tmp_path)
        assert found is not None
        assert found == starts.Start(folder, store.verify(folder, "model"))
        assert starts.inherited(found) == {"start": found.manifest}
        assert starts.inherited_tokenizers(found) == {"start": found.manifest["inputs"]["tokenized"]}


def test_none_is_none() -> None:
    assert starts.find(None, Path()) is None
    assert starts.inherited(None) == starts.inherited_tokenizers(None) == {}


@pytest.mark.parametrize(("name", "fix"), [("old", "dvc repro train@old"), ("data/sources/old", "bring one")])
def test_one_that_is_not_there_is_refused_with_the_fix(tmp_path: Path, name: str, fix: str) -> None:
    with pytest.raises(DataError, match=f"no model to start from, as train.start_from says: {fix}, or set null$"):
        starts.find(name, tmp_path)


def test_one_that_was_altered_is_refused(tmp_path: Path) -> None:
    (tiny.checkpoint(tmp_path / "data/old") / "params.json").write_text("{}")
    with pytest.raises(IntegrityError, match="the file was altered"):
        starts.find("old", tmp_path)


@pytest.mark.parametrize("name", ["models:/translate@champion", "models:/translate/3"])
def test_a_version_of_the_registry_is_refused_with_the_way_round(name: str) -> None:
    with pytest.raises(ParamsError, match="a version, which DVC cannot watch: name the pipeline that made it, or"):
        recipes.make("translate", **{"train.start_from": name})


@pytest.mark.parametrize("name", ["", "../other/model", "/tmp/model", "a//b"])
def test_what_is_no_place_in_the_project_is_refused(name: str) -> None:
    with pytest.raises(ParamsError, match=r"train\.start_from: .* must be a p"):
        recipes.make("translate", **{"train.start_from": name})
