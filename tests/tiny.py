"""A tiny trained model, for tests that need a real one."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from lightning_fabric import Fabric

from stages import tokenize as tokenize_stage
from unroll import artifacts, checkpoints, lexicon, params, text, training
from unroll.batches import batches
from unroll.model import Network, build
from unroll.params import Pipeline, Recipe
from unroll.predictor import Predictor

SECTIONS = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
SMALL = {"embed__dimensions": 16, "train__batch_tokens": 128, "train__learning_rate": 0.01, "train__warmup": 10,
         "train__updates": 200, "train__log_every": 50, "train__validate_every": 200, "train__threads": 1,
         "train__label_smoothing": 0.0, "train__sampled_softmax": 0, "train__average": 1, "model__dropout": 0.0,
         "model__encoder__hidden": 32}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "translate": {"tokenize__source__kind": "word", "tokenize__source__vocab_size": 60, "model__head__hidden": 32},
    "name": {"model__head__hidden": 32},
    "caption": {"model__head__hidden": 32},
    "language": {"tokenize__source__vocab_size": 60, "model__encoder__hidden": 16, "train__bptt": 16},
}
SIDES = ("source", "target")
Pairs = Sequence[tuple[str, str]]


def pipeline(section: str = "translate", /, **changes: Any) -> Pipeline:
    """A shipped pipeline, small, with changes such as `model__head__cell="gru"`; `hidden` is that of both parts."""
    document = copy.deepcopy(SECTIONS[section])
    if (hidden := changes.pop("hidden", None)) is not None:
        parts = ("encoder", "head") if document["model"]["head"]["kind"] == "decoder" else ("encoder",)
        changes = {f"model__{part}__hidden": hidden for part in parts} | changes
    for path, value in (SMALL | OWN.get(section, {}) | changes).items():
        *parts, name = path.split("__")
        owner = document
        for part in parts:
            owner = owner[part]
        owner[name] = value
    return params.parse(Pipeline, document, "tiny")


def recipe(settings: Pipeline) -> Recipe:
    """The part of a pipeline that a checkpoint remembers."""
    section = params.dump(settings)
    return params.parse(Recipe, {name: section[name] for name in Recipe.model_fields}, "tiny")


def tokenize(folder: Path, settings: Pipeline, pairs: Pairs) -> dict[str, text.Tokenizer]:
    """Write tokenizers and ids as the tokenize stage would; the last tenth of the pairs is for validation."""
    folder.mkdir(parents=True, exist_ok=True)
    cut = len(pairs) - len(pairs) // 10
    source, target = settings.tokenize.source, settings.tokenize.target
    columns = {side: [pair[index] for pair in pairs] for index, side in enumerate(SIDES)}
    if target is None:
        tokenizers = dict.fromkeys(SIDES, text.train([t for pair in pairs for t in pair], source))
    else:
        tokenizers = {"source": text.train(columns["source"], source), "target": text.train(columns["target"], target)}
    for side, tokenizer in tokenizers.items():
        tokenizer.save(folder, side)
        text.write_ids(folder, "train", side, tokenizer, columns[side][:cut])
        text.write_ids(folder, "valid", side, tokenizer, columns[side][cut:])
    if tokenize_stage.parallel(settings):
        sizes = len(tokenizers["source"]), len(tokenizers["target"])
        ids = [text.open_ids(folder, "train", side) for side in SIDES]
        lexicon.learn(ids[0], ids[1], sizes, settings.tokenize.joint).save(folder)
    return tokenizers


def build_model(settings: Pipeline, tokenizers: dict[str, text.Tokenizer]) -> Network:
    """A model that has learnt nothing."""
    random = np.random.default_rng(0)
    sizes = {side: len(tokenizers[side]) for side in SIDES}
    vectors = {side: random.normal(0, 0.5, (size, settings.embed.dimensions)) for side, size in sizes.items()}
    return build(recipe(settings), sizes, vectors)


def train(folder: Path, settings: Pipeline, pairs: Pairs) -> tuple[Network, Predictor, float]:
    """Train on pairs; return the model, a predictor, and the share of validation pairs answered exactly.

    Running text is scored by its mean nats a token instead, with a minus.
    """
    tokenizers = tokenize(folder, settings, pairs)
    torch.manual_seed(settings.train.seed)
    torch.set_num_threads(settings.train.threads)
    model = build_model(settings, tokenizers)
    predictor = Predictor(model, tokenizers, recipe(settings))
    sides = SIDES[:1] if settings.autoregressive else SIDES
    splits = [
        batches(recipe(settings), *(text.open_ids(folder, split, side) for side in sides))
        for split in ("train", "valid")
    ]
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
    last = 0.0
    learning = training.Training(model, len(tokenizers["target"]), *splits, score, settings.train, fabric)
    for progress in training.fit(learning):
        last = progress.valid_score if progress.valid_score is not None else last
    return model, predictor, last


def checkpoint(folder: Path, settings: Pipeline | None = None, pairs: Pairs | None = None) -> Path:
    """Write a checkpoint of a model that has learnt nothing, with the ancestry of a real one; return its folder."""
    settings = settings or pipeline(train__updates=11)
    pairs = pairs or [(f"I drink {n}", f"Bebo {n}") for n in ("milk", "water", "tea", "wine", "it")] * 4
    inputs: dict[str, artifacts.Manifest] = {}
    with artifacts.writing(folder / "prepared", "prepared", {}) as aside:
        (aside / "test.tsv").write_text("".join(f"{s}\t{t}\t\n" for s, t in pairs), encoding="utf-8")
    inputs["prepared"] = artifacts.verify(folder / "prepared", "prepared")
    with artifacts.writing(folder / "tokenized", "tokenized", inputs) as aside:
        tokenizers = tokenize(aside, settings, pairs)
    torch.manual_seed(0)
    model = build_model(settings, tokenizers)
    inputs["tokenized"] = artifacts.verify(folder / "tokenized", "tokenized")
    checkpoints.save(folder / "model", model, recipe(settings), folder / "tokenized", inputs)
    return folder / "model"


def sign(folder: Path) -> None:
    """Give a folder a manifest that agrees with its files, as someone with ill intent would."""
    manifest = json.loads((folder / artifacts.MANIFEST).read_text(encoding="utf-8"))
    names = {path.name for path in folder.iterdir()} - {artifacts.MANIFEST}
    manifest["files"] = {name: artifacts.sha256(folder / name) for name in sorted(names)}
    del manifest["sha256"]
    text = artifacts.dump_json(manifest | {"sha256": artifacts.identity(manifest)})
    (folder / artifacts.MANIFEST).write_text(text, encoding="utf-8", newline="")
