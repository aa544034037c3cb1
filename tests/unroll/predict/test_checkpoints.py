"""A checkpoint comes back to the bit, stores tied weights once, and refuses parts that do not belong together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from unroll.errors import IntegrityError
from unroll.predict import checkpoints
from unroll.predict.predictor import Predictor

WORDS = {"kind": "word", "vocab_size": 60, "lowercase": False}
VECTORS = [("1 2 3 4", "one"), ("4 3 2 1", "two")] * 10
WIDE = {"tokenize__source__width": 4, "prepare__corpus__frame": 4}
ONE = WIDE | {"prepare__corpus__columns": [0, 4]}
HARD = {"model__head__attention": "hard", "model__head__positions": 9}
KINDS: list[tuple[str, dict[str, Any], list[tuple[str, str]] | None]] = [
    ("translate", {}, None),
    ("translate", {"tokenize__target": WORDS}, None),
    ("translate", {"model__tied": False}, None),
    ("translate", {"model__tied": False, "embed__kind": "one_hot"}, None),
    ("translate", {"model__tied": False, "embed__frozen": True}, None),
    ("translate", {"model__encoder__cell": "gru", "model__head__cell": "rnn", **HARD}, None),
    ("translate", {"model__head__query": "before", "model__encoder__layers": 2, "model__head__layers": 2}, None),
    ("translate", {"model__head__attention": "local_p", "model__head__window": 2}, None),
    ("translate", {"tokenize__source__kind": "char", "tokenize__source__vocab_size": 300}, None),
    ("letter", {}, [("a", "b"), ("", "a"), ("b", "")] * 7),
    ("digit", ONE, VECTORS),
    ("name", {"tokenize__target__vocab_size": 300}, [("Greek", "Kos"), ("Irish", "Kelly")] * 10),
    ("caption", ONE, VECTORS),
    ("language", {}, [("the cat sat", ""), ("a dog", "")] * 10),
    ("language", {"model__tied": False, "model__encoder__layers": 2}, [("the cat sat", ""), ("a dog", "")] * 10),
    ("frames", WIDE, [("1 2 3 4; 4 3 2 1", "one two"), ("4 3 2 1", "two")] * 10),
    ("classify", {}, [("Who ?", "human"), ("How ?", "number")] * 10),
    ("rows", WIDE, [("1 2 3 4; 4 3 2 1", "one"), ("4 3 2 1", "two")] * 10),
]  # fmt: skip


@pytest.mark.parametrize(("section", "changes", "pairs"), KINDS, ids=[f"{s}-{'-'.join(c)}" for s, c, _ in KINDS])
def test_what_is_saved_is_what_is_loaded(
    tmp_path: Path, section: str, changes: dict[str, Any], pairs: list[tuple[str, str]] | None
) -> None:
    settings = tiny.pipeline(section, **({"train__updates": 11} | changes))
    folder = tiny.checkpoint(tmp_path, settings, pairs)
    first, again = checkpoints.load(folder), checkpoints.load(folder)
    assert not first.model.training
    assert first.recipe == tiny.recipe(settings)
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    torch.manual_seed(0)
    fresh = tiny.build_model(settings, first.readers)
    assert type(first.model) is type(fresh)
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, first.model.state_dict()[name]), name
    trainable = [
        [name for name, weight in model.named_parameters() if weight.requires_grad] for model in (fresh, first.model)
    ]
    assert trainable[0] == trainable[1]
    texts = [source for source, _ in pairs or [("I drink milk", "")]][:3]
    answers = [Predictor(model, first.readers, first.recipe).predict(texts) for model in (fresh, first.model)]
    assert [[one.text for one in found] for found in answers[0]] == [
        [one.text for one in found] for found in answers[1]
    ]
    second = checkpoints.save(
        tmp_path / "second", first.model, first.recipe, tmp_path / "tokenized", first.manifest["inputs"]
    )
    assert second == first.manifest


def test_a_checkpoint_is_no_more_than_its_parts(saved: Path) -> None:
    assert {path.name for path in saved.iterdir()} == {
        "manifest.json", "model.safetensors", "params.json", "source.tokenizer.json", "target.tokenizer.json",
    }  # fmt: skip


@pytest.mark.parametrize("section", ["translate", "language"])
def test_tied_weights_are_stored_once(tmp_path: Path, section: str) -> None:
    pairs = [("the cat sat", ""), ("a dog", "")] * 10 if section == "language" else None
    folder = tiny.checkpoint(tmp_path, tiny.pipeline(section, train__updates=11), pairs)
    stored = load_file(folder / "model.safetensors")
    tables = {"encoder.embedding.weight", "head.embedding.weight", "head.logits.weight"} & stored.keys()
    assert len(tables) == 1
    model = checkpoints.load(folder).model
    assert model.head.logits.weight is model.encoder.embedding.weight
    assert torch.equal(model.head.logits.weight, stored[tables.pop()])


def test_a_flipped_bit_is_refused(copy: Path) -> None:
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        checkpoints.load(copy)


def test_weights_of_another_shape_are_refused_even_with_fresh_hashes(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights["head.readout.weight"] = weights["head.readout.weight"][:, :-1].contiguous()
    save_file(weights, copy / "model.safetensors")
    tiny.sign(copy)
    with pytest.raises(IntegrityError, match="do not belong together"):
        checkpoints.load(copy)


def test_a_missing_weight_is_refused_even_with_fresh_hashes(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["head.readout.bias"]
    save_file(weights, copy / "model.safetensors")
    tiny.sign(copy)
    with pytest.raises(IntegrityError, match="do not belong together"):
        checkpoints.load(copy)


def test_the_tokenizer_of_another_model_is_refused_even_with_fresh_hashes(copy: Path) -> None:
    config = json.loads((copy / "target.tokenizer.json").read_text())
    config["vocabulary"] = config["vocabulary"][:-1]
    (copy / "target.tokenizer.json").write_text(json.dumps(config))
    tiny.sign(copy)
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
    tiny.sign(copy)
    with pytest.raises(IntegrityError):
        checkpoints.load(copy)


def test_a_file_that_is_no_part_is_refused_even_with_fresh_hashes(copy: Path) -> None:
    (copy / "more.safetensors").write_bytes(b"")
    tiny.sign(copy)
    with pytest.raises(IntegrityError, match=r"more\.safetensors: is no part of a checkpoint"):
        checkpoints.load(copy)


@pytest.mark.parametrize(
    "change", [("model", "head", "kind"), ("tokenize", "source", "kind"), ("model", "encoder", "cell")]
)
def test_parameters_of_another_model_are_refused_even_with_fresh_hashes(copy: Path, change: tuple[str, ...]) -> None:
    document = json.loads((copy / "params.json").read_text())
    other: dict[str, Any] = {"head": {"kind": "tagger"}, "source": {"kind": "vectors", "width": 3}}
    owner = document[change[0]]
    if change[1] in other:
        owner[change[1]] = other[change[1]]
    else:
        owner[change[1]][change[2]] = "gru"
    (copy / "params.json").write_text(json.dumps(document))
    tiny.sign(copy)
    with pytest.raises(IntegrityError):
        checkpoints.load(copy)


@pytest.mark.parametrize("name", ["a.first", "head.extra"])
def test_a_weight_too_many_is_refused_even_with_fresh_hashes(copy: Path, name: str) -> None:
    weights = load_file(copy / "model.safetensors")
    save_file(weights | {name: torch.zeros(2)}, copy / "model.safetensors")
    tiny.sign(copy)
    with pytest.raises(IntegrityError, match="do not belong together"):
        checkpoints.load(copy)
