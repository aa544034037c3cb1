"""A checkpoint comes back to the bit, stores tied weights once, and refuses parts that do not belong together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from unroll import artifacts, checkpoints
from unroll.errors import IntegrityError


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.checkpoint(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def sign(folder: Path) -> None:
    """Give a folder a manifest that agrees with its files, as someone with ill intent would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {p.name: artifacts.sha256(p) for p in sorted(folder.iterdir()) if p.name != "manifest.json"}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tokenize__joint": False},
        {"model__tied": False},
        {"model__cell": "gru", "model__attention": "additive"},
        {"model__query": "before", "model__encoder_layers": 2, "model__decoder_layers": 2},
        {"tokenize__kind": "char", "tokenize__vocab_size": 300},
    ],
)
def test_what_is_saved_is_what_is_loaded(tmp_path: Path, changes: dict[str, object]) -> None:
    folder = tiny.checkpoint(tmp_path, tiny.pipeline(train__updates=11, **changes))
    first, again = checkpoints.load(folder), checkpoints.load(folder)
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    second = checkpoints.save(
        tmp_path / "second", first.model, first.params, tmp_path / "tokenized", first.manifest["inputs"]
    )
    assert second == first.manifest


def test_tied_weights_are_stored_once(saved: Path) -> None:
    assert {"decoder.logits.weight", "encoder.embedding.weight"}.isdisjoint(load_file(saved / "model.safetensors")) or (
        "decoder.embedding.weight" not in load_file(saved / "model.safetensors")
    )


def test_a_flipped_bit_is_refused(copy: Path) -> None:
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        checkpoints.load(copy)


def test_weights_of_another_shape_are_refused_even_with_fresh_hashes(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights["decoder.readout.weight"] = weights["decoder.readout.weight"][:, :-1].contiguous()
    save_file(weights, copy / "model.safetensors")
    sign(copy)
    with pytest.raises(IntegrityError, match="do not belong together"):
        checkpoints.load(copy)


def test_a_missing_weight_is_refused_even_with_fresh_hashes(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["decoder.readout.bias"]
    save_file(weights, copy / "model.safetensors")
    sign(copy)
    with pytest.raises(IntegrityError, match="do not belong together"):
        checkpoints.load(copy)


def test_the_tokenizer_of_another_model_is_refused_even_with_fresh_hashes(copy: Path) -> None:
    config = json.loads((copy / "target.tokenizer.json").read_text())
    config["vocabulary"] = config["vocabulary"][:-1]
    (copy / "target.tokenizer.json").write_text(json.dumps(config))
    sign(copy)
    with pytest.raises(IntegrityError, match="do not belong together"):
        checkpoints.load(copy)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"\x80\x04\x95 a pickle"),
        ("model.safetensors", b""),
        ("params.json", b"{}"),
        ("params.json", b"\xff"),
        ("source.tokenizer.json", b"[1]"),
    ],
)
def test_files_that_are_something_else_are_refused(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    sign(copy)
    with pytest.raises(IntegrityError):
        checkpoints.load(copy)
