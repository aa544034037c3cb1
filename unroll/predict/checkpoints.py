"""A checkpoint is one folder that describes itself: weights, the recipe, tokenizers and a manifest of hashes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from unroll import parts
from unroll.artifacts import store
from unroll.artifacts.manifest import Manifest, dump_json
from unroll.data import tokenizers, typed
from unroll.data.tokenizers import ItemReader
from unroll.data.typed import Normalizer
from unroll.errors import IntegrityError, ParamsError
from unroll.nn.model import Network, build
from unroll.params.pipeline import Recipe
from unroll.params.reading import dump, load_recipe
from unroll.shapes import SIDES

WEIGHTS, PARAMS = "model.safetensors", "params.json"


@dataclass(frozen=True)
class Checkpoint:
    """A model with all it needs to answer, as read from a folder."""

    model: Network
    recipe: Recipe
    readers: dict[str, ItemReader]
    normalizer: Normalizer | None
    manifest: Manifest


def save(
    folder: Path,
    model: Network,
    recipe: Recipe,
    tokenized: Path,
    inputs: Mapping[str, Manifest],
) -> Manifest:
    """Write a checkpoint, with the tokenizers in the folder `tokenized`, and return its manifest."""
    with store.writing(folder, "model", inputs) as aside:
        # Tied weights are stored once.
        unique = {id(value): name for name, value in reversed(list(model.state_dict(keep_vars=True).items()))}
        weights = {
            name: value.detach().cpu().contiguous()
            for name, value in model.state_dict(keep_vars=True).items()
            if unique[id(value)] == name
        }
        save_file(weights, aside / WEIGHTS)
        (aside / PARAMS).write_text(dump_json(dump(recipe)), encoding="utf-8", newline="")
        for path in sorted(path for side in SIDES for path in tokenized.glob(f"{side}.*") if path.is_file()):
            shutil.copyfile(path, aside / path.name)
    return store.verify(folder, "model")


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint, every hash checked, the model in evaluation mode.

    Raises:
        IntegrityError: a file is not the one the manifest names, or the parts do not belong together.
    """
    manifest = store.verify(folder, "model")
    for name in manifest["files"]:
        if name not in (WEIGHTS, PARAMS) and name.partition(".")[0] not in SIDES:
            raise IntegrityError(f"{folder / name}: is no part of a checkpoint; take it out, or dvc repro")
    try:
        recipe = load_recipe(folder / PARAMS)
        weights = load_file(folder / WEIGHTS)
    except (ParamsError, OSError, SafetensorError) as error:
        raise IntegrityError(f"{folder}: not a checkpoint of this version: {error}") from None
    parts.bring_again(recipe.parts, Path(), manifest["inputs"].get("parts"))
    readers = {side: tokenizers.load(folder, side) for side in SIDES}
    normalizer = typed.load(folder, recipe.tokenize.typed)
    try:
        model = build(recipe, {side: len(readers[side]) for side in SIDES}, {})
        missing = model.load_state_dict(weights, strict=False)
    except (RuntimeError, ParamsError) as error:
        own = f" (its own parts are in {recipe.parts}: ask it where that file is)" if recipe.parts else ""
        raise IntegrityError(
            f"{folder}: weights, tokenizers and {PARAMS} do not belong together: {error}{own}"
        ) from None
    state = model.state_dict(keep_vars=True)
    stored = {id(state[name]) for name in weights if name in state}
    tied = {name for name in missing.missing_keys if id(state[name]) in stored}
    if missing.unexpected_keys or set(missing.missing_keys) - tied:
        raise IntegrityError(f"{folder}: weights and {PARAMS} do not belong together: {missing}")
    return Checkpoint(model.eval(), recipe, readers, normalizer, manifest)
