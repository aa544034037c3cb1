"""The training loop. `fit` yields what happens; its callers own logging and saving.

A `Standing` holds all that the rest of a training depends on: one that continues from it ends in the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from unroll.data.batches import Batch, Epochs
from unroll.errors import DivergenceError
from unroll.params.train import Train
from unroll.training.learner import Learner, learn, measure

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Progress:
    """What happened since the last `Progress`.

    Attributes:
        update: updates made so far.
        tokens: source and target tokens read since.
        seconds: spent learning from them, validation left out.
        train_loss: mean nats per target token since, label smoothing included.
        learning_rate: of the last update.
        gradient_norm: of the last update that was not skipped, before clipping.
        skipped: updates since whose gradient was not finite, and that changed nothing.
        valid_loss: mean nats per target token of the validation rows, without smoothing; None between validations.
        valid_score: their score, larger is better; None between validations.
    """

    update: int
    tokens: int
    seconds: float
    train_loss: float
    learning_rate: float
    gradient_norm: float
    skipped: int = 0
    valid_loss: float | None = None
    valid_score: float | None = None


class Feed:
    """The batches of one epoch after another, from a place that can be stored and found again."""

    def __init__(self, epochs: Epochs) -> None:
        self.epochs, self.epoch, self.taken = epochs, 0, 0

    def __iter__(self) -> Iterator[Batch]:
        while True:
            for batch in self.epochs.epoch(self.epoch, self.taken):
                self.taken += 1
                yield batch
            self.epoch, self.taken = self.epoch + 1, 0


class BestWeights:
    """The weights of the best few validations, and their mean.

    Attributes:
        kept: (score, update, weights), the worst first.
        since: validations since the best one.
    """

    def __init__(self, keep: int) -> None:
        self.keep, self.since = keep, 0
        self.kept: list[tuple[float, int, Weights]] = []

    def add(self, score: float, update: int, model: nn.Module) -> None:
        """Keep a copy of the model's weights if the score is among the best; of equal ones the later."""
        self.since = 0 if not self.kept or score > self.kept[-1][0] else self.since + 1
        copy = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.kept.append((score, update, copy))
        self.kept.sort(key=lambda entry: entry[:2])
        del self.kept[: -self.keep]

    def mean(self) -> Weights:
        """Return the mean of the weights that are kept."""
        return {name: torch.stack([w[name] for _, _, w in self.kept]).mean(0) for name in self.kept[0][2]}


@dataclass(frozen=True)
class Standing:
    """All that the rest of a training depends on.

    Attributes:
        tensors: weights, moments, the best weights, states of a running text, random generators.
        values: counts and scores, as JSON takes them.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class Training:
    """A model, what it learns from, and how far it has come: what `fit` continues.

    Args:
        score: returns the validation score of the model as it is, given its validation loss; larger is better.
    """

    def __init__(
        self,
        model: nn.Module,
        vocabulary: int,
        train: Epochs,
        valid: Epochs,
        score: Callable[[float], float],
        params: Train,
        fabric: Fabric,
        class_weights_V: Tensor | None = None,
    ) -> None:
        self.model, self.valid, self.score, self.params, self.fabric = model, valid, score, params, fabric
        self.learner = Learner(model, vocabulary, params, fabric, class_weights_V)
        self.feed, self.best = Feed(train), BestWeights(params.average)

    @property
    def done(self) -> bool:
        """Return whether all updates were made, or patience has run out."""
        return self.learner.updates >= self.params.updates or self.best.since >= self.params.patience

    def state(self) -> Standing:
        """Return a copy of its state; of several processes all have to call this, and all get the same."""
        learner, best = self.learner, self.best
        tensors = {f"model.{name}": value for name, value in _weights(self.model).items()}
        for number, moments in learner.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
        tensors = {name: value.detach().cpu().clone() for name, value in tensors.items()}
        for number, (_, _, weights) in enumerate(best.kept):  # these never change
            tensors |= {f"best.{number}.{name}": value.cpu() for name, value in weights.items()}
        for process, own in enumerate(self._of_each_process()):
            tensors |= {f"process.{process}.{name}": value for name, value in own.items()}
        values = {
            "best": [[score, update] for score, update, _ in best.kept],
            "since": best.since,
            "updates": learner.updates,
            "norm": learner.norm,
            "in_a_row": learner.in_a_row,
            "epoch": self.feed.epoch,
            "taken": self.feed.taken,
        }
        return Standing(tensors, values)

    def _of_each_process(self) -> list[Weights]:
        """Return what each process has for itself: the states of its rows of a text, and its random generators."""
        own = {
            f"final.{layer}.{number}": part.detach().cpu().clone()
            for layer, parts in enumerate(self.learner.final)
            for number, part in enumerate(parts)
        }
        own |= {"random.drawn": self.learner.generator.get_state(), "random.torch": torch.get_rng_state()}
        if self.fabric.device.type == "cuda":
            own["random.cuda"] = torch.cuda.get_rng_state(self.fabric.device)
        if self.fabric.world_size == 1:
            return [own]
        everyone: list[Weights] = [{} for _ in range(self.fabric.world_size)]
        torch.distributed.all_gather_object(everyone, own)
        return everyone

    def restore(self, state: Standing) -> None:
        """Continue from a state that `state` returned."""
        tensors, values, learner, device = state.tensors, state.values, self.learner, self.fabric.device
        with torch.no_grad():
            for name, value in _weights(self.model).items():
                value.copy_(tensors[f"model.{name}"])
        moments = {int(number): part for number, part in _nested(tensors, "optimizer").items()}
        learner.optimizer.load_state_dict(learner.optimizer.state_dict() | {"state": moments})
        self.best.kept = [
            (score, update, {name: value.to(device) for name, value in _below(tensors, f"best.{number}").items()})
            for number, (score, update) in enumerate(values["best"])
        ]
        own = _below(tensors, f"process.{self.fabric.global_rank}")
        final = _nested(own, "final")
        learner.final = tuple(
            tuple(final[layer][part].to(device) for part in sorted(final[layer], key=int))
            for layer in sorted(final, key=int)
        )
        learner.generator.set_state(own["random.drawn"])
        torch.set_rng_state(own["random.torch"])
        if "random.cuda" in own:
            torch.cuda.set_rng_state(own["random.cuda"], device)
        self.best.since, learner.updates, learner.norm = values["since"], values["updates"], values["norm"]
        learner.in_a_row, self.feed.epoch, self.feed.taken = values["in_a_row"], values["epoch"], values["taken"]


def _weights(model: nn.Module) -> Weights:
    """Return parameters and buffers, those that are tied once."""
    return dict(model.named_parameters()) | dict(model.named_buffers())


def _below(tensors: Weights, prefix: str) -> Weights:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}


def _nested(tensors: Weights, prefix: str) -> dict[str, Weights]:
    """Return {a: {b: tensor}} of the names `prefix.a.b`."""
    found: dict[str, Weights] = {}
    for name, value in _below(tensors, prefix).items():
        first, _, second = name.partition(".")
        found.setdefault(first, {})[second] = value
    return found


def fit(training: Training) -> Iterator[Progress]:
    """Train a model in place, yielding every `log_every` updates and after each validation.

    Ends after `updates`, or after `patience` validations without a better score. The model then holds the mean of the
    weights with the best scores. Between two yields `training.state()` returns all that the rest depends on.

    Raises:
        DivergenceError: gradients, or the validation loss, are not finite.
    """
    learner, params = training.learner, training.params
    stream = iter(training.feed)
    while not training.done:
        done, skipped = learner.updates, learner.skipped
        ahead = min(params.updates, *(done // n * n + n for n in (params.log_every, params.validate_every)))
        start = time.perf_counter()
        loss, tokens = learn(learner, islice(stream, ahead - done))
        seconds, skipped = time.perf_counter() - start, learner.skipped - skipped
        progress = Progress(learner.updates, tokens, seconds, loss, learner.rate, learner.norm, skipped)
        if learner.updates % params.validate_every == 0 or learner.updates == params.updates:
            valid_loss, valid_score = _validate(training)
            progress = replace(progress, valid_loss=valid_loss, valid_score=valid_score)
        yield progress
    training.model.load_state_dict(training.best.mean())
    training.model.eval()


def _validate(training: Training) -> tuple[float, float]:
    """Return (loss, score) of the model as it is, and keep its weights if they are among the best.

    Of several processes the first one measures, and sends the others the result.
    """
    fabric, updates = training.fabric, training.learner.updates
    measured = (0.0, 0.0)
    if fabric.is_global_zero:
        loss = measure(training.model, training.valid.epoch(0), fabric.device)
        measured = loss, training.score(loss) if math.isfinite(loss) else loss
    loss, score = fabric.broadcast(measured)
    if not math.isfinite(loss):
        rate = training.params.learning_rate
        raise DivergenceError(
            f"train: the validation loss is {loss} at update {updates}; lower train.learning_rate ({rate:g})"
        )
    training.best.add(score, updates, training.model)
    return loss, score
