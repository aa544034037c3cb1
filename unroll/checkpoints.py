"""A checkpoint is one folder that describes itself: weights, parameters, tokenizers and a manifest of hashes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from unroll import artifacts, params, text
from unroll.errors import IntegrityError, ParamsError
from unroll.lexicon import Lexicon
from unroll.model import Network, build

WEIGHTS, PARAMS = "model.safetensors", "params.json"
SIDES = ("source", "target")


@dataclass(frozen=True)
class Checkpoint:
    """A model with all it needs to answer, as read from a folder."""

    model: Network
    params: params.Recipe
    tokenizers: dict[str, text.Tokenizer]
    lexicon: Lexicon | None
    manifest: artifacts.Manifest


def save(
    folder: Path,
    model: Network,
    recipe: params.Recipe,
    tokenized: Path,
    inputs: Mapping[str, artifacts.Manifest],
) -> artifacts.Manifest:
    """Write a checkpoint, with the tokenizers and the lexicon in the folder `tokenized`, and return its manifest."""
    with artifacts.writing(folder, "model", inputs) as aside:
        # Tied weights are stored once.
        unique = {id(value): name for name, value in reversed(list(model.state_dict(keep_vars=True).items()))}
        weights = {
            name: value.detach().cpu().contiguous()
            for name, value in model.state_dict(keep_vars=True).items()
            if unique[id(value)] == name
        }
        save_file(weights, aside / WEIGHTS)
        (aside / PARAMS).write_text(artifacts.dump_json(params.dump(recipe)), encoding="utf-8", newline="")
        for path in sorted(path for side in SIDES for path in tokenized.glob(f"{side}.*") if path.is_file()):
            shutil.copyfile(path, aside / path.name)
    return artifacts.verify(folder, "model")


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint, every hash checked, the model in evaluation mode.

    Raises:
        IntegrityError: a file is not the one the manifest names, or the parts do not belong together.
    """
    manifest = artifacts.verify(folder, "model")
    for name in manifest["files"]:
        if name not in (WEIGHTS, PARAMS) and name.partition(".")[0] not in SIDES:
            raise IntegrityError(f"{folder / name}: is no part of a checkpoint; take it out, or dvc repro")
    try:
        recipe = params.load_json(params.Recipe, folder / PARAMS)
        weights = load_file(folder / WEIGHTS)
    except (ParamsError, OSError, SafetensorError) as error:
        raise IntegrityError(f"{folder}: not a checkpoint of this version: {error}") from None
    tokenizers = {side: text.load(folder, side) for side in SIDES}
    lexicon = _lexicon(folder, {side: len(tokenizers[side]) for side in SIDES})
    try:
        model = build(recipe, {side: len(tokenizers[side]) for side in SIDES}, {})
        missing = model.load_state_dict(weights, strict=False)
    except (RuntimeError, ParamsError) as error:
        raise IntegrityError(f"{folder}: weights, tokenizers and {PARAMS} do not belong together: {error}") from None
    state = model.state_dict(keep_vars=True)
    stored = {id(state[name]) for name in weights if name in state}
    tied = {name for name in missing.missing_keys if id(state[name]) in stored}
    if missing.unexpected_keys or set(missing.missing_keys) - tied:
        raise IntegrityError(f"{folder}: weights and {PARAMS} do not belong together: {missing}")
    return Checkpoint(model.eval(), recipe, tokenizers, lexicon, manifest)


def _lexicon(folder: Path, sizes: Mapping[str, int]) -> Lexicon | None:
    try:
        lexicon = Lexicon.load(folder)
    except (OSError, KeyError, SafetensorError) as error:
        raise IntegrityError(f"{folder}: its lexicon cannot be read: {error}") from None
    if lexicon and not lexicon.fits(sizes["source"], sizes["target"]):
        raise IntegrityError(f"{folder}: lexicon and tokenizers do not belong together; dvc repro")
    return lexicon
