"""A tiny trained model, for tests that need a real one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from tests import recipes
from unroll.artifacts import store
from unroll.artifacts.manifest import MANIFEST, Manifest, dump_json, identity, sha256
from unroll.data import lexicon, tokenizers, tokenizing
from unroll.data.batches import batches
from unroll.data.ids import Ids, write_ids
from unroll.data.tokenizers import ItemReader, ListTokenizer
from unroll.nn.model import Network, build, scaled
from unroll.params.pipeline import Pipeline, Recipe
from unroll.predict import checkpoints
from unroll.predict.fast import Fast
from unroll.predict.predictor import Predictor
from unroll.shapes import SIDES
from unroll.training import loop
from unroll.training.weighing import class_weights

SMALL = {"embed__dimensions": 16, "train__batch_tokens": 128, "train__learning_rate": 0.01, "train__warmup": 10,
         "train__updates": 200, "train__log_every": 50, "train__validate_every": 200,
         "train__label_smoothing": 0.0, "train__sampled_softmax": 0, "train__average": 1, "model__dropout": 0.0,
         "model__encoder__hidden": 32}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "translate": {"tokenize__source__kind": "word", "tokenize__source__vocab_size": 60, "model__head__hidden": 32},
    "name": {"model__head__hidden": 32},
    "caption": {"model__head__hidden": 32},
    "language": {"tokenize__source__vocab_size": 60, "model__encoder__hidden": 16, "train__bptt": 16},
}
Pairs = Sequence[tuple[str, str]]


def pipeline(section: str = "translate", /, **changes: Any) -> Pipeline:
    """One of the tests' recipes, small, with changes as `model__head__cell="gru"`; `hidden` is that of both parts."""
    if (hidden := changes.pop("hidden", None)) is not None:
        decoder = recipes.document(section)["model"]["head"]["kind"] == "decoder"
        parts = ("encoder", "head") if decoder else ("encoder",)
        changes = {f"model__{part}__hidden": hidden for part in parts} | changes
    dotted = {path.replace("__", "."): value for path, value in (SMALL | OWN.get(section, {}) | changes).items()}
    return recipes.make(section, **dotted)


def recipe(settings: Pipeline) -> Recipe:
    """The part of a pipeline that a checkpoint remembers."""
    return settings.recipe


def tokenize(folder: Path, settings: Pipeline, pairs: Pairs) -> dict[str, ItemReader]:
    """Write readers and ids as the tokenize stage would; the last tenth of the pairs is for validation."""
    folder.mkdir(parents=True, exist_ok=True)
    cut = len(pairs) - len(pairs) // 10
    source, target = settings.tokenize.source, settings.tokenize.target
    columns = {side: [pair[index] for pair in pairs] for index, side in enumerate(SIDES)}
    if target is None:
        readers = dict.fromkeys(SIDES, tokenizers.train([t for pair in pairs for t in pair], source))
    else:
        kinds = {"source": source, "target": target}
        readers = {side: tokenizers.train(columns[side], kind) for side, kind in kinds.items()}
    for side, reader in readers.items():
        reader.save(folder, side)
        write_ids(folder, "train", side, reader, columns[side][:cut])
        write_ids(folder, "valid", side, reader, columns[side][cut:])
    return readers


def lexicon_of(folder: Path, settings: Pipeline) -> lexicon.Lexicon | None:
    """The lexicon of the ids in a folder, where both sides are text."""
    if not tokenizing.parallel(settings.tokenize, settings.sides):
        return None
    return lexicon.of(folder, settings.tokenize.joint)


def build_model(settings: Pipeline, readers: dict[str, ItemReader]) -> Network:
    """A model that has learnt nothing."""
    random = np.random.default_rng(0)
    sizes = {side: len(readers[side]) for side in SIDES}
    vectors = {side: random.normal(0, 0.5, (size, settings.embed.dimensions)) for side, size in sizes.items()}
    return build(recipe(settings), sizes, vectors)


def train(folder: Path, settings: Pipeline, pairs: Pairs) -> tuple[Network, Predictor, float]:
    """Train on pairs; return the model, a predictor, and the share of validation pairs answered exactly.

    Running text is scored by its mean nats a token instead, with a minus.
    """
    readers = tokenize(folder, settings, pairs)
    torch.manual_seed(settings.train.seed)
    torch.set_num_threads(settings.machine.threads)
    model = build_model(settings, readers)
    for side, part in scaled(model, recipe(settings)).items():
        part.take_scale(Ids(folder, "train", side).ids)
    predictor = Predictor(model, readers, recipe(settings), decode=Fast(model, lexicon_of(folder, settings)))
    splits = [batches(settings, *(Ids(folder, split, side) for side in settings.sides)) for split in ("train", "valid")]
    held_out = pairs[len(pairs) - len(pairs) // 10 :]

    def score(loss: float) -> float:
        if settings.train.select_by == "loss":
            return -loss
        search = predictor.search
        if search.kind == "beam":
            search = search.model_copy(update={"beam": 1})
        answers = predictor.predict([source for source, _ in held_out], search=search)
        return float(np.mean([a[0].text == target for a, (_, target) in zip(answers, held_out, strict=True)]))

    fabric = Fabric(accelerator="cpu", devices=1)
    last, weights = 0.0, None
    if (wanted := settings.train.class_weights) and isinstance(labels := readers["target"], ListTokenizer):
        weights = class_weights(wanted, Ids(folder, "train", "target").ids, labels)
    learning = loop.Training(model, len(readers["target"]), *splits, score, settings.train, fabric, weights)
    for progress in loop.fit(learning):
        last = progress.valid_score if progress.valid_score is not None else last
    return model, predictor, last


def checkpoint(folder: Path, settings: Pipeline | None = None, pairs: Pairs | None = None) -> Path:
    """Write a checkpoint of a model that has learnt nothing, with the ancestry of a real one; return its folder."""
    settings = settings or pipeline(train__updates=11)
    pairs = pairs or [(f"I drink {n}", f"Bebo {n}") for n in ("milk", "water", "tea", "wine", "it")] * 4
    inputs: dict[str, Manifest] = {}
    with store.writing(folder / "prepared", "prepared", {}) as aside:
        (aside / "test.tsv").write_text("".join(f"{s}\t{t}\t\n" for s, t in pairs), encoding="utf-8")
    inputs["prepared"] = store.verify(folder / "prepared", "prepared")
    with store.writing(folder / "tokenized", "tokenized", inputs) as aside:
        readers = tokenize(aside, settings, pairs)
    torch.manual_seed(0)
    model = build_model(settings, readers)
    inputs["tokenized"] = store.verify(folder / "tokenized", "tokenized")
    with store.writing(folder / "lexicon", "lexicon", {"tokenized": inputs["tokenized"]}) as aside:
        if found := lexicon_of(folder / "tokenized", settings):
            found.save(aside)
    checkpoints.save(folder / "model", model, recipe(settings), folder / "tokenized", inputs)
    return folder / "model"


def sign(folder: Path) -> None:
    """Give a folder a manifest that agrees with its files, as someone with ill intent would."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    names = {path.name for path in folder.iterdir()} - {MANIFEST}
    manifest["files"] = {name: sha256(folder / name) for name in sorted(names)}
    del manifest["sha256"]
    text = dump_json(manifest | {"sha256": identity(manifest)})
    (folder / MANIFEST).write_text(text, encoding="utf-8", newline="")
