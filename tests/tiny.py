"""A tiny trained translation model, for tests that need a real one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from lightning_fabric import Fabric

from unroll import artifacts, checkpoints, params, text, training
from unroll.batches import Batches
from unroll.model import EncoderDecoder, build
from unroll.params import Learning, Pipeline, Recipe
from unroll.predictor import SEARCH, Predictor

SECTION = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["translate"]


def pipeline(**changes: Any) -> Pipeline:
    """The shipped translation pipeline, small, with changes such as `model__cell="gru"`."""
    section = copy.deepcopy(SECTION)
    small = {"tokenize__kind": "word", "tokenize__vocab_size": 60, "embed__dimensions": 16, "model__hidden": 32,
             "model__dropout": 0.0, "train__batch_tokens": 128, "train__learning_rate": 0.01, "train__warmup": 10,
             "train__updates": 200, "train__log_every": 50, "train__validate_every": 200, "train__threads": 1,
             "train__label_smoothing": 0.0, "train__sampled_softmax": 0, "train__average": 1}  # fmt: skip
    for path, value in (small | changes).items():
        part, name = path.split("__")
        section[part][name] = value
    return params.parse(Pipeline, section, "tiny")


def recipe(settings: Pipeline) -> Recipe:
    """The part of a pipeline that a checkpoint remembers."""
    section = params.dump(settings)
    parts = {"encoder": "sequence", "head": "decoder"}
    return params.parse(Recipe, parts | {name: section[name] for name in Learning.model_fields}, "tiny")


def tokenize(folder: Path, settings: Pipeline, pairs: Sequence[tuple[str, str]]) -> dict[str, text.Tokenizer]:
    """Write tokenizers and ids as the tokenize stage would; the last tenth of the pairs is for validation."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizers, cut = {}, len(pairs) - len(pairs) // 10
    for index, side in enumerate(("source", "target")):
        texts = [pair[index] for pair in pairs]
        tokenizers[side] = text.train(iter([t for pair in pairs for t in pair]), settings.tokenize)
        tokenizers[side].save(folder, side)
        text.write_ids(folder, "train", side, tokenizers[side], texts[:cut])
        text.write_ids(folder, "valid", side, tokenizers[side], texts[cut:])
    return tokenizers


def train(
    folder: Path, settings: Pipeline, pairs: Sequence[tuple[str, str]]
) -> tuple[EncoderDecoder, Predictor, float]:
    """Train on pairs; return the model, a predictor, and the share of validation pairs answered exactly."""
    tokenizers = tokenize(folder, settings, pairs)
    torch.manual_seed(settings.train.seed)
    torch.set_num_threads(settings.train.threads)
    random = np.random.default_rng(0)
    vectors = {s: random.normal(0, 0.5, (len(t), settings.embed.dimensions)) for s, t in tokenizers.items()}
    model = build(recipe(settings), vectors)
    predictor = Predictor(model, tokenizers, recipe(settings), SEARCH)
    splits = [
        Batches(
            text.open_ids(folder, split, "source"),
            text.open_ids(folder, split, "target"),
            settings.train.batch_tokens,
            settings.model.reverse_source,
            settings.train.seed,
        )
        for split in ("train", "valid")
    ]
    held_out = pairs[len(pairs) - len(pairs) // 10 :]

    def score() -> float:
        answers = predictor.predict([source for source, _ in held_out], beam=1, n_best=1)
        return float(np.mean([a[0].text == target for a, (_, target) in zip(answers, held_out, strict=True)]))

    fabric = Fabric(accelerator="cpu", devices=1)
    for _ in training.fit(model, len(tokenizers["target"]), splits[0], splits[1], score, settings.train, fabric):
        pass
    return model, predictor, score()


def checkpoint(folder: Path, settings: Pipeline | None = None) -> Path:
    """Write a checkpoint of a model that has learnt nothing, with the ancestry of a real one; return its folder."""
    settings = settings or pipeline(train__updates=11)
    pairs = [(f"I drink {n}", f"Bebo {n}") for n in ("milk", "water", "tea", "wine", "it")] * 4
    inputs: dict[str, artifacts.Manifest] = {}
    with artifacts.writing(folder / "prepared", "prepared", {}) as aside:
        (aside / "test.tsv").write_text("".join(f"{s}\t{t}\t\n" for s, t in pairs), encoding="utf-8")
    inputs["prepared"] = artifacts.verify(folder / "prepared", "prepared")
    with artifacts.writing(folder / "tokenized", "tokenized", inputs) as aside:
        tokenizers = tokenize(aside, settings, pairs)
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    vectors = {s: random.normal(0, 0.5, (len(t), settings.embed.dimensions)) for s, t in tokenizers.items()}
    model = build(recipe(settings), vectors)
    inputs["tokenized"] = artifacts.verify(folder / "tokenized", "tokenized")
    checkpoints.save(folder / "model", model, recipe(settings), folder / "tokenized", inputs)
    return folder / "model"
