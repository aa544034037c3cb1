"""Sixteen ways in which a registered version can be another one than its tags say: each is refused, or made again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import unroll
from tests.tracked import answers, client, make_folders, register, version
from unroll.artifacts import store
from unroll.artifacts.manifest import MANIFEST, dump_json, signed
from unroll.cli import trust
from unroll.errors import IntegrityError
from unroll.registry import held, names
from unroll.registry.champions import promote

VERSION = "models:/translate/1"


@pytest.fixture
def place(home: Path, unloaded: None) -> Path:
    """The artifacts of version 1, beside which there is version 2 of another model."""
    for number in (1, 2):
        register(make_folders(home / str(number), answers(3), seed=number))
    return names.version_of(VERSION)[1].parents[1]


def other() -> Path:
    return names.version_of("models:/translate/2")[1]


def replace(at: Path, by: Path) -> None:
    shutil.rmtree(at)
    shutil.copytree(by, at)


def resign(place: Path) -> None:
    """Alter a weight, and write a manifest that says so."""
    folder = place / "artifacts" / "model"
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    manifest = store.read_manifest(folder)
    files = manifest["files"] | {"model.safetensors": store.sha256(weights)}
    (folder / MANIFEST).write_text(dump_json(signed("model", files, manifest["inputs"])))


def redirect(place: Path) -> None:
    """Let the registry's database say that version 1 lies where version 2 does."""
    import sqlite3

    with sqlite3.connect(place.parents[4] / "mlflow.db") as store:
        model = Path(place).parent.name
        store.execute(
            "UPDATE logged_models SET artifact_location = ? WHERE model_id = ?", (str(other().parents[2]), model)
        )


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


ANSWERS: dict[str, Callable[[Path], None]] = {
    "another model, whole in itself": lambda place: replace(place / "artifacts/model", other()),
    "an altered model with a new manifest": resign,
    "a byte of the weights": lambda place: (place / "artifacts/model/model.safetensors").write_bytes(b"\0"),
    "the place of another version": redirect,
    "another search": lambda place: append(place / "artifacts/search.json", " "),
    "no search": lambda place: (place / "artifacts/search.json").unlink(),
    "no manifest": lambda place: (place / "artifacts/model" / MANIFEST).unlink(),
    "no model": lambda place: shutil.rmtree(place / "artifacts/model"),
    "nothing": shutil.rmtree,
}
CODE: dict[str, Callable[[Path], None]] = {
    "a line more in what MLflow runs": lambda place: append(place / "served.py", "\nprint(1)\n"),
    "a line more in the library": lambda place: append(place / "code/unroll/nn/cells.py", "\nprint(1)\n"),
    "a module more": lambda place: append_new(place / "code/unroll/extra.py"),
    "a module less": lambda place: (place / "code/unroll/nn/cells.py").unlink(),
}


RECORD: dict[str, Callable[[Path], None]] = {
    "another hash of the model": lambda place: tag(held.MODEL, version("2").tags[held.MODEL]),
    "no hash of the model": lambda place: client().delete_model_version_tag("translate", "1", held.MODEL),
    "another hash of the search": lambda place: tag(held.SEARCH, version("2").tags[held.CODE]),
}


def tag(name: str, value: str) -> None:
    client().set_model_version_tag("translate", "1", name, value)


def append_new(path: Path) -> None:
    path.write_text("print(1)\n")


@pytest.mark.parametrize("way", [*ANSWERS, *RECORD, *CODE])
def test_who_asks_verifies_or_promotes_it_is_refused_in_one_line(place: Path, way: str) -> None:
    unroll.load(VERSION)
    trust.verify([VERSION])
    (ANSWERS | RECORD | CODE)[way](place)
    doors: list[Callable[[], object]] = [lambda: promote("translate", "1"), lambda: trust.verify([VERSION])]
    if way not in CODE:  # none of which runs when it is asked through unroll
        doors.append(lambda: unroll.load(VERSION))
    for door in doors:
        with pytest.raises(IntegrityError) as refused:
            door()
        assert "\n" not in str(refused.value)


def test_an_alias_on_a_version_without_a_record_is_refused_and_moved_by_a_person(place: Path) -> None:
    source = version("2").source
    client().create_model_version("translate", source, description="by hand")
    client().set_registered_model_alias("translate", "champion", "3")
    with pytest.raises(IntegrityError, match="version 3 has no record of its model"):
        unroll.load("models:/translate@champion")
    assert promote("translate", "2") == "3"
    assert unroll.load("models:/translate@champion")


@pytest.mark.parametrize("way", ["nothing", "no model"])
def test_what_is_lost_is_made_again(place: Path, home: Path, way: str) -> None:
    champion = client().get_model_version_by_alias("translate", "champion").version
    assert str(champion) == "1"
    ANSWERS[way](place)
    found = register(make_folders(home / "1", answers(3), seed=1))
    assert (found.created, found.version) == (True, "3")
    assert found.verdict == "takes the place of version 1, the same model"
    assert str(unroll.load("models:/translate@champion")("tea"))
    assert version("3").tags[held.MODEL] == version("1").tags[held.MODEL]
    assert not register(make_folders(home / "1", answers(3), seed=1)).created
