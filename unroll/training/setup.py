"""A recipe and the folders of a pipeline -> a training before its first update."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from typing import cast

import torch
from lightning_fabric import Fabric

from unroll.artifacts import origin
from unroll.artifacts.manifest import Manifest, dump_json
from unroll.data import tables, tokenizers, typed
from unroll.data.batches import Epochs, batches
from unroll.data.ids import Ids
from unroll.data.rows import references
from unroll.data.tokenizers import ListTokenizer
from unroll.errors import ParamsError, ResourceError
from unroll.folders import Folders
from unroll.nn import arithmetic, model
from unroll.nn.model import Network
from unroll.params.pipeline import Recipe
from unroll.params.reading import dump
from unroll.predict.predictor import Predictor
from unroll.shapes import SIDES
from unroll.training import validation
from unroll.training.loop import Training
from unroll.training.weighing import class_weights


def fingerprint(inputs: Mapping[str, Manifest], recipe: Recipe) -> str:
    """Return a hash of all that a training depends on; a snapshot is continued only by a training with the same one."""
    code = [origin.sources_sha256(), torch.__version__, arithmetic.preset()]
    return hashlib.sha256(dump_json([inputs, dump(recipe), code]).encode()).hexdigest()


def start(recipe: Recipe, folders: Folders) -> tuple[Network, Training]:
    """Return a model and its training before the first update, in each of the processes that share it.

    Raises:
        ParamsError, ResourceError: as `processes_of`; or a class that is to be weighed does not occur.
    """
    fabric = processes_of(recipe)
    torch.set_num_threads(recipe.machine.threads)
    torch.manual_seed(recipe.train.seed)
    network = first_model(recipe, folders)
    if not fabric.is_global_zero:
        torch.manual_seed(recipe.train.seed + fabric.global_rank)  # the same weights, but not the same dropout
    return network, set_up(network, recipe, folders, fabric)


def first_model(recipe: Recipe, folders: Folders) -> Network:
    """Return the model before its first update."""
    sizes = {side: len(tokenizers.load(folders.tokenized, side)) for side in SIDES}
    found = {side: folders.embedded / f"{side}.safetensors" for side in SIDES}
    vectors = {side: tables.load(folders.embedded, side) for side, path in found.items() if path.exists()}
    network = model.build(recipe, sizes, vectors)
    for side, part in model.scaled(network, recipe).items():
        part.take_scale(Ids(folders.tokenized, "train", side).ids)
    return network


def set_up(network: Network, recipe: Recipe, folders: Folders, fabric: Fabric) -> Training:
    """Return a training that scores a model's quickest answers to distinct validation sources, or its loss alone."""
    settings = recipe.train

    def rows(split: str, most: int | None) -> Epochs:
        ids = [Ids(folders.tokenized, split, side) for side in recipe.sides]
        return batches(recipe, ids[0], ids[-1], most)

    train, valid = rows("noisy" if recipe.noise else "train", None), rows("valid", settings.validation_rows)
    readers = {side: tokenizers.load(folders.tokenized, side) for side in SIDES}
    predictor = Predictor(network, readers, recipe, normalizer=typed.load(folders.tokenized, recipe.tokenize.typed))
    pairs = spread(references(folders.prepared / "valid.tsv"), settings.validation_rows)

    def score(loss: float) -> float:
        return -loss if settings.select_by == "loss" else validation.score(predictor, pairs)

    weights_V = None
    if settings.class_weights is not None:
        labels = cast(ListTokenizer, readers["target"])  # of heads that say labels, as the schema has seen to
        weights_V = class_weights(settings.class_weights, Ids(folders.tokenized, "train", "target").ids, labels)
    return Training(network, len(readers["target"]), train, valid, score, settings, fabric, weights_V)


def processes_of(recipe: Recipe) -> Fabric:
    """Return what the model is to learn on, after starting the other processes unless torchrun did.

    Raises:
        ParamsError: torchrun started another number of processes.
        ResourceError: this machine has no such accelerator, or too few of them.
    """
    machine, count = recipe.machine, recipe.machine.processes
    started = int(os.environ.get("WORLD_SIZE", count))
    if started != count:
        raise ParamsError(f"machine.processes is {count}, but {started} were started; make the two equal")
    try:
        strategy = "ddp" if count > 1 else "auto"
        precision = recipe.train.precision
        fabric = Fabric(accelerator=machine.accelerator, devices=count, strategy=strategy, precision=precision)
    except RuntimeError as error:
        raise ResourceError(
            f"machine.accelerator: {machine.accelerator} cannot be used here ({error}); set cpu"
        ) from None
    on_cpu = fabric.device.type == "cpu"
    if precision == "bf16-mixed" and on_cpu and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise ResourceError("train.precision: this processor has no products in bf16 (avx512 or amx): set 32-true")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric.launch()
    return fabric


def spread(pairs: dict[str, list[str]], most: int) -> dict[str, list[str]]:
    """Return at most so many pairs, evenly from the whole: a corpus may be sorted, by length for one."""
    step = max(-(-len(pairs) // most), 1)
    return dict(list(pairs.items())[::step])
