"""A person moves the champion, and moves it back; what is not whole or not there is refused in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tracked import answers, make_folders, register
from unroll.errors import IntegrityError, ParamsError
from unroll.registry import names, tracking
from unroll.registry.champions import promote, rollback, versions
from unroll.registry.names import CHAMPION


@pytest.fixture
def three(home: Path) -> Path:
    """A registry with versions 1, 2 and 3, of which 2 is champion: 3 is worse."""
    for seed, right in ((1, 2), (2, 6), (3, 0)):
        register(make_folders(home / str(seed), answers(right), seed))
    assert champion() == "2"
    return home


def champion() -> str:
    with tracking.reaching() as client:
        return str(client.get_model_version_by_alias("translate", CHAMPION).version)


def test_versions_are_listed_with_what_one_chooses_by(three: Path) -> None:
    found = versions("translate")
    assert [one.version for one in found] == ["3", "2", "1"]
    assert [one.aliases for one in found] == [["challenger"], ["champion"], []]
    assert [one.main for one in found] == ["bleu 0.000", "bleu 100.00", "bleu 33.33"]
    assert found[2].verdict == "first"


def test_a_person_promotes_what_was_not(three: Path) -> None:
    assert promote("translate", "3") == "2"
    assert champion() == "3"
    assert promote("translate", "3") == "3"
    assert rollback("translate") == ("3", "2")


def test_back_is_the_way_there(three: Path) -> None:
    promote("translate", "3")
    promote("translate", "1")
    assert [rollback("translate") for _ in range(3)] == [("1", "3"), ("3", "2"), ("2", "1")]
    assert champion() == "1"
    with pytest.raises(ParamsError, match="no other version was champion before"):
        rollback("translate")


def test_an_alias_that_was_moved_by_hand_is_part_of_the_way(three: Path) -> None:
    with tracking.reaching() as client:
        client.set_registered_model_alias("translate", CHAMPION, "3")
    promote("translate", "1")
    assert rollback("translate") == ("1", "3")


def test_a_version_that_was_deleted_is_not_gone_back_to(three: Path) -> None:
    promote("translate", "3")
    promote("translate", "1")
    with tracking.reaching() as client:
        client.delete_model_version("translate", "3")
    assert rollback("translate") == ("1", "2")


@pytest.mark.parametrize(("name", "number"), [("translate", "4"), ("other", "1")])
def test_what_is_not_there_is_told_with_what_is(three: Path, name: str, number: str) -> None:
    with pytest.raises(ParamsError, match=r"there are: 3, 2, 1|registered: translate"):
        promote(name, number)
    assert champion() == "2"


def test_a_version_that_is_another_model_is_not_promoted(three: Path) -> None:
    place = names.resolve("models:/translate/3")
    shutil.rmtree(place)
    shutil.copytree(names.resolve("models:/translate/1"), place)  # whole, but another
    with pytest.raises(IntegrityError, match="is not the model that version 3"):
        promote("translate", "3")
    weights = names.resolve("models:/translate/1") / "model.safetensors"
    weights.write_bytes(b"")
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        promote("translate", "1")
    assert champion() == "2"
