"""The smallest language model, which trains in milliseconds: a logit for each token, and the same few batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from tests import tiny
from unroll.data.batches import Batch, Streams, make_batch
from unroll.nn.cells import State
from unroll.nn.losses import cross_entropy
from unroll.nn.model import Candidates, Outcome
from unroll.params.train import Train
from unroll.training.learner import Learner
from unroll.training.loop import Progress, Training, fit

V = 12
RECIPE = tiny.recipe(tiny.pipeline())
CPU = torch.device("cpu")


class Rows:
    """Rows of a split: the same two batches every epoch."""

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        for ids in ([5, 6], [7, 8, 9])[first:]:
            yield make_batch([np.array(ids)], [np.array(ids)], RECIPE)


class Unigram(nn.Module):
    """The smallest language model: one logit for each token, whatever the batch.

    Its state counts the batches it read on end. It remembers from which count each batch went on, and its share of own
    tokens.
    """

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(V))
        self.starts: list[float | None] = []
        self.owns: list[float] = []

    def forward(
        self,
        batch: Batch,
        candidates: Candidates | None = None,
        own: float = 0.0,
        start: tuple[State, ...] | None = None,
        smoothing: float = 0.0,
        class_weights_V: Tensor | None = None,
    ) -> Outcome:
        assert start is None or not start[0][0].requires_grad
        self.starts.append(None if start is None else float(start[0][0]))
        self.owns.append(own)
        count = 1 + (start[0][0] if start else torch.zeros(1, 1))
        final = ((count + 0 * self.logits[:1, None],),)
        labels = batch.output_BT[batch.mask_BT]
        logits = self.logits
        if candidates is not None:
            logits = logits[candidates.ids_C] + candidates.offsets_C
            labels = torch.searchsorted(candidates.ids_C, labels)
        return outcome(logits.expand(len(labels), -1), labels, None, final, smoothing)


def outcome(logits: Tensor, labels: Tensor, policy: Any, final: Any = (), smoothing: float = 0.0) -> Outcome:
    nats = -logits.detach().log_softmax(1)[range(len(labels)), labels]
    return Outcome(cross_entropy(logits, labels, smoothing), nats, policy, final)


def settings(**changes: object) -> Train:
    values = {
        "start_from": None, "start_parts": None,
        "updates": 40, "batch_tokens": 10, "bptt": None, "restart_streams": 0.05, "learning_rate": 0.1, "warmup": 0,
        "decay": "none", "weight_decay": 0.0, "clip": 1.0, "label_smoothing": 0.0, "scheduled_sampling": 0.0,
        "sampled_softmax": 0,
        "log_every": 10, "validate_every": 20, "validation_rows": 10, "select_by": "loss", "bleu_tokenizer": None,
        "class_weights": None, "patience": 9, "average": 1,
        "precision": "32-true", "seed": 1,
    }  # fmt: skip
    return Train.model_validate(values | changes)


def learner_of(model: nn.Module, **changes: object) -> Learner:
    return Learner(model, V, settings(**changes), Fabric(accelerator="cpu", devices=1))


def train(
    model: nn.Module, score: Callable[[float], float], how: Train, rows: Any = None, valid: Any = None
) -> list[Progress]:
    """Train to the end, on `Rows` unless told otherwise."""
    fabric = Fabric(accelerator="cpu", devices=1)
    return list(fit(Training(model, V, rows or Rows(), valid or Rows(), score, how, fabric)))


def trained(scores: list[float], **changes: object) -> tuple[Unigram, list[Progress]]:
    """Train with these validation scores, one after another; return the model and what happened."""
    model, ahead = Unigram(), iter(scores)
    return model, train(model, lambda loss: next(ahead), settings(**changes))


def text(length: int, streams: int = 1, steps: int = 5) -> Streams:
    """Running text of so many tokens."""
    return Streams([np.arange(length - 1) % 7 + 5], np.array([length - 1]), streams, steps, seed=1)
