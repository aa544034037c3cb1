"""Unroll itself: pipelines/translate.yaml, with some parameters changed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from benchmarks.peers.base import Clock, Decoding, Options, Timing, Training, corpus, head
from unroll.data import embeddings, tokenizers
from unroll.data.batches import Batch, Epochs, Rows
from unroll.data.ids import EOS, GO, Ids
from unroll.data.pretraining import pretrain
from unroll.folders import Folders
from unroll.nn.decoders import DecoderState
from unroll.nn.model import EncoderDecoder, build
from unroll.params import reading
from unroll.params.pipeline import Pipeline, Recipe
from unroll.predict import checkpoints, loading
from unroll.predict.fast import Fast
from unroll.predict.predictor import Predictor
from unroll.predict.search import Hypothesis, beam_search, greedy
from unroll.shapes import SIDES
from unroll.training.loop import Training as Run
from unroll.training.loop import fit
from unroll.training.setup import processes_of

PIPELINE = "translate"
LENGTH_PENALTY, LENGTH_RATIO = 1.0, 2.0


class Timed(Epochs):
    """The batches of another, each of them the beginning of an update."""

    def __init__(self, epochs: Epochs, clock: Clock) -> None:
        self.epochs, self.clock = epochs, clock

    def __len__(self) -> int:
        return len(self.epochs)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        for batch in self.epochs.epoch(epoch, first):
            self.clock.tick(batch.tokens)
            yield batch


class Sentences(Rows):
    """Rows in batches of so many sentences, as peers count."""

    batch = 0

    def plan(self, epoch: int) -> list[np.ndarray]:
        random = np.random.default_rng((self.recipe.train.seed, epoch))
        order = np.lexsort((random.random(len(self.source)), self.source_lengths, self.target_lengths))
        batches = [order[first : first + self.batch] for first in range(0, len(order), self.batch)]
        random.shuffle(batches)
        return batches


class Unvalidated(Epochs):
    """No rows: what is measured is the training alone."""

    def __len__(self) -> int:
        return 0

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        return iter(())


def train(job: Training, options: Options) -> Timing:
    """Train as the stage does, without its validations; what pretraining the embeddings takes is told beside."""
    clock, recipe, folders = Clock(job.warmup), changed(job, options["changes"]), Folders(Path(job.root), PIPELINE)
    torch.manual_seed(recipe.train.seed)
    ids = [Ids(folders.tokenized, "train", side) for side in SIDES]
    vocabulary = len(tokenizers.load(folders.tokenized, "target"))
    begun = time.perf_counter()
    vectors = {} if recipe.embed.kind == "random" else pretrain(ids, recipe.embed)
    table = embeddings.table(vocabulary, vectors, recipe.embed)
    pretraining = time.perf_counter() - begun
    network = build(recipe, dict.fromkeys(SIDES, vocabulary), dict.fromkeys(SIDES, table))
    rows = Sentences(*ids, recipe) if options["sentences"] else Rows(*ids, recipe)
    if isinstance(rows, Sentences):
        rows.batch = job.batch
    settings = recipe.train
    for _ in fit(Run(network, vocabulary, Timed(rows, clock), Unvalidated(), float, settings, processes_of(recipe))):
        pass
    checkpoints.save(Path(job.model), network, recipe, folders.tokenized, {})
    return clock.timing() | {"pretraining": pretraining}


def changed(job: Training, changes: Options) -> Recipe:
    """Return the recipe of pipelines/translate.yaml with the changes of a peer and of a job."""
    document = reading.dump(reading.load(Path(), PIPELINE))
    mine = {"updates": job.updates, "validate_every": job.updates}
    if job.decay:
        mine["warmup"] = min(document["train"]["warmup"], job.updates // 10)
    else:
        mine |= {"learning_rate": job.learning_rate, "warmup": 0, "decay": "none"}
    for part in (changes, {"train": mine, "machine": {"threads": torch.get_num_threads()}}):
        merge(document, part)
    return reading.parse(Pipeline, document, "benchmarks").recipe


def merge(document: dict[str, Any], changes: Options) -> None:
    """Change parameters in place, section within section."""
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(document.get(name), dict):
            merge(document[name], value)
        else:
            document[name] = value


def decode(job: Decoding, options: Options) -> Timing:
    """Write answers; the clock runs once the model is loaded and has answered one batch."""
    predictor = loading.load(Path(job.model))
    rows = [[int(token) for token in line.split()] for line in head(corpus(job.root) / "test.source", job.sentences)]
    fast = cast(Fast, predictor.decode)
    model = fast.quantized if options.get("int8") else fast.model
    answers(model, predictor, rows[: job.batch], job)
    begun = time.perf_counter()
    said = answers(model, predictor, rows, job)
    seconds = time.perf_counter() - begun
    Path(job.output).write_text("".join(" ".join(map(str, ids)) + "\n" for ids in said))
    return {"seconds": seconds, "sentences": len(said)}


@torch.inference_mode()
def answers(model: EncoderDecoder, predictor: Predictor, rows: Sequence[list[int]], job: Decoding) -> list[list[int]]:
    """Return the best ids for each row, in batches of like length, as the Predictor makes them."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    said: list[list[int]] = [[] for _ in rows]
    for first in range(0, len(order), job.batch):
        chosen = order[first : first + job.batch]
        for i, best in zip(chosen, searched(model, predictor, [rows[i] for i in chosen], job), strict=True):
            said[i] = best.ids
    return said


def searched(model: EncoderDecoder, predictor: Predictor, rows: Sequence[list[int]], job: Decoding) -> list[Hypothesis]:
    """Return the best hypothesis for each row of a batch."""
    memory, lengths_B = predictor.memory(rows)
    state, step = model.initial(memory, job.beam), model.step
    limits_B = (lengths_B * LENGTH_RATIO).long() + 10
    if job.steps:
        step, limits_B = exactly(step, job.steps), torch.full_like(lengths_B, job.steps)
    if job.beam == 1:
        return greedy(step, state, limits_B, GO, EOS, LENGTH_PENALTY)
    return [best for best, *_ in beam_search(step, state, limits_B, job.beam, GO, EOS, LENGTH_PENALTY)]


def exactly(step: Any, steps: int) -> Any:
    """Return a step that says the end mark at step number `steps` and nowhere before."""

    def forced(ids_R: torch.Tensor, state: DecoderState) -> tuple[torch.Tensor, DecoderState]:
        logits_RV, state = step(ids_R, state)
        logits_RV[:, EOS] = 1e4 if state.steps == steps else -torch.inf
        return logits_RV, state

    return forced
