"""Bits that flip and files that end early: whatever is read is held to its hash first."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import tiny
from tests.faults.conftest import Project
from unroll.artifacts import store
from unroll.artifacts.manifest import MANIFEST
from unroll.errors import IntegrityError
from unroll.predict import checkpoints

pytestmark = pytest.mark.fault("bit flipped or file cut short")

FLIPS, TRUNCATIONS = 50, 4
KINDS = ("raw", "prepared", "tokenized", "embedded", "model", "evaluation")


@pytest.fixture(scope="module")
def folder(undisturbed: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(undisturbed.folder / "data" / "mine", tmp_path_factory.mktemp("rot") / "mine"))


def damage(folder: Path, kind: str, number: int, change: Callable[[bytes, random.Random], bytes]) -> str:
    """Change one file of a folder, the longer the likelier; return what `verify` says, and mend it."""
    chance = random.Random(number)
    files = sorted(path for path in (folder / kind).rglob("*") if path.is_file() and path.stat().st_size)
    path = chance.choices(files, [max(file.stat().st_size, 1000) for file in files])[0]
    content = path.read_bytes()
    path.write_bytes(change(content, chance))
    try:
        with pytest.raises(IntegrityError) as caught:
            store.verify(folder / kind, kind)
    finally:
        path.write_bytes(content)
    assert str(folder / kind) in str(caught.value)
    return str(caught.value)


def flip(content: bytes, chance: random.Random) -> bytes:
    at, changed = chance.randrange(len(content)), bytearray(content)
    changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


@pytest.mark.parametrize("number", range(FLIPS))
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_found(folder: Path, kind: str, number: int) -> None:
    damage(folder, kind, number, flip)


@pytest.mark.parametrize("number", range(TRUNCATIONS))
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_is_found(folder: Path, kind: str, number: int) -> None:
    damage(folder, kind, number, cut)


def test_what_is_whole_is_accepted(folder: Path) -> None:
    for kind in KINDS:
        assert store.verify(folder / kind, kind)["kind"] == kind


@pytest.mark.parametrize("bit", range(0, 8 * 250, 7))
def test_no_bit_of_a_manifest_is_free(tmp_path: Path, bit: int) -> None:
    with store.writing(tmp_path / "raw", "raw", {}) as aside:
        (aside / "a").write_text("x")
    path = tmp_path / "raw" / MANIFEST
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        store.verify(tmp_path / "raw", "raw")


@pytest.mark.parametrize(
    ("stage", "damaged"),
    [
        ("prepare", "raw/spa.tsv"),
        ("tokenize", "prepared/train.tsv"),
        ("embed", "tokenized/train.source.ids"),
        ("train", "embedded/target.safetensors"),
        ("evaluate", "model/model.safetensors"),
        ("register", "evaluation/test.jsonl"),
    ],
)
def test_no_stage_reads_what_was_altered(project: Project, stage: str, damaged: str) -> None:
    path = project.folder / "data" / "mine" / damaged
    path.write_bytes(flip(path.read_bytes(), random.Random(0)))
    code, told = project.run(stage)
    assert code == 4
    assert told.startswith(f"unroll: data/mine/{damaged}: SHA-256 differs from manifest.json")
    assert told.count("\n") == 1


def test_a_model_that_was_altered_does_not_load(folder: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(folder / "model", tmp_path / "model"))
    (model / "params.json").write_text((model / "params.json").read_text().replace("lstm", "gru"))
    with pytest.raises(IntegrityError, match=r"params\.json: SHA-256 differs"):
        checkpoints.load(model)
    tiny.sign(model)
    with pytest.raises(IntegrityError, match="do not belong together"):
        checkpoints.load(model)
