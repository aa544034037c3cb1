"""The training loop. `fit` yields what happens; its callers own logging and saving.

All that training depends on is in a `Standing`: a training that goes on from one ends in the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from unroll.batches import Batch, Epochs
from unroll.cells import State
from unroll.errors import DivergenceError
from unroll.model import Candidates, Outcome
from unroll.params import Train

Weights = dict[str, Tensor]
ANEW = 0.05
"""How likely a stream of running text begins anew, from a state of zeros, at a batch."""
MOST_SKIPPED = 5
"""Updates in a row that may be skipped because their gradient is not finite."""


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


def learning_rate(update: int, params: Train) -> float:
    """Return the rate of an update, counted from 1: a linear warm-up, then the decay to nearly 0."""
    if update <= params.warmup:
        return params.learning_rate * update / params.warmup
    done = (update - params.warmup - 1) / (params.updates - params.warmup)
    shares = {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done, "none": 1.0}
    return params.learning_rate * shares[params.decay]


def reinforce(outcome: Outcome) -> Tensor:
    """Return the loss by which hard attention learns where to look: REINFORCE (Williams 1992), as in Xu (2015).

    A choice is rewarded with log p of the label that was said from there, less what its learned baseline expected; the
    baseline learns by least squares. The choice's own gradient is that of log p of the choice times the advantage.
    """
    assert outcome.policy is not None
    log_probs_N, baselines_N = outcome.policy
    rewards_N = -outcome.nats_N
    advantages_N = rewards_N - baselines_N.detach()
    return ((rewards_N - baselines_N) ** 2 - advantages_N * log_probs_N).mean()


def sample_candidates(batch: Batch, vocabulary: int, negatives: int, generator: torch.Generator) -> Candidates:
    """Return the batch's own targets (Jean 2015) and up to `negatives` other tokens, drawn evenly."""
    own_V = torch.zeros(vocabulary, dtype=torch.bool)
    own_V[batch.output_BT.flatten().cpu()] = True
    chosen_V = own_V.clone()
    chosen_V[torch.randint(vocabulary, (negatives,), generator=generator)] = True
    ids_C = chosen_V.nonzero().squeeze(1)
    others, drawn = vocabulary - int(own_V.sum()), len(ids_C) - int(own_V.sum())
    offsets_C = torch.where(own_V[ids_C], 0.0, math.log(max(others, 1) / max(drawn, 1)))
    device = batch.output_BT.device
    return Candidates(ids_C.to(device), offsets_C.to(device))


class Learner:
    """One update after another: the optimiser, its rate, clipping, the softmax's candidates, where a text stands.

    Of several processes each learns from its own rows of a batch, and draws by chance from its own generators.
    """

    def __init__(self, model: nn.Module, vocabulary: int, params: Train, fabric: Fabric) -> None:
        self.params, self.fabric, self.vocabulary = params, fabric, vocabulary
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=params.weight_decay, fused=True)
        self.model, self.optimizer = fabric.setup(model, optimizer)
        self.generator = torch.Generator().manual_seed(params.seed + fabric.global_rank)
        self.updates = self.skipped = self.in_a_row = 0
        self.rate = self.norm = 0.0
        self.final: tuple[State, ...] = ()

    def candidates(self, batch: Batch) -> Candidates | None:
        """Return the candidates of the next update, or None for the exact softmax."""
        negatives = self.params.sampled_softmax
        return sample_candidates(batch, self.vocabulary, negatives, self.generator) if negatives else None

    @property
    def own(self) -> float:
        """Return the share of own tokens that a decoder hears in the next update: scheduled sampling (Bengio 2015)."""
        return self.params.scheduled_sampling * self.updates / self.params.updates

    def start(self, batch: Batch) -> tuple[State, ...] | None:
        """Return the states from which a batch reads on; now and then a stream begins anew, or none would know how."""
        if not batch.continues:
            return None
        goes_on_B1 = torch.rand(len(batch.source_BS), 1, generator=self.generator) >= ANEW
        keep_B1 = goes_on_B1.to(batch.source_BS.device)
        return tuple(tuple(part * keep_B1 for part in state) for state in self.final)

    def update(self, loss: Tensor) -> bool:
        """Take one step down the gradient of a loss; return False if that is not finite: the step is then left out.

        Raises:
            DivergenceError: that was one too many in a row.
        """
        self.updates += 1
        self.rate = learning_rate(self.updates, self.params)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        clipped = self.fabric.clip_gradients(
            self.model, self.optimizer, max_norm=self.params.clip, error_if_nonfinite=False
        )
        norm = float(cast(Tensor, clipped))
        if math.isfinite(norm):
            self.norm, self.in_a_row = norm, 0
            self.optimizer.step()
            return True
        self.skipped, self.in_a_row = self.skipped + 1, self.in_a_row + 1
        if self.in_a_row > MOST_SKIPPED:
            raise DivergenceError(
                f"train: the gradient is {norm} at update {self.updates} and was not finite in the {MOST_SKIPPED} "
                f"before it; lower train.learning_rate ({self.params.learning_rate:g}) or train.clip "
                f"({self.params.clip:g})"
            )
        return False


def run_epoch(
    model: nn.Module,
    batches: Iterable[Batch],
    device: torch.device,
    smoothing: float = 0.0,
    learner: Learner | None = None,
) -> tuple[float, int]:
    """Read batches, learning from them if there is a learner; return (mean nats per target token, tokens read)."""
    model.train(learner is not None)
    nats, targets, tokens = 0.0, 0, 0
    final: tuple[State, ...] = ()
    share = 1.0
    with torch.set_grad_enabled(learner is not None):
        for batch in batches:
            if learner:
                batch, share = batch.shard(learner.fabric.global_rank, learner.fabric.world_size)
            batch = batch.to(device)
            if learner:
                outcome = model(batch, learner.candidates(batch), learner.own, learner.start(batch), smoothing)
            else:
                outcome = model(batch, start=final if batch.continues else None, smoothing=smoothing)
            final = tuple(tuple(part.detach() for part in state) for state in outcome.final)
            loss, count = outcome.loss, len(outcome.nats_N)
            if learner:
                whole = loss + reinforce(outcome) if outcome.policy else loss
                # The mean of the processes' gradients is to be that of the loss over all rows.
                if not learner.update(whole * (share * learner.fabric.world_size)):
                    continue  # the mean leaves it out, and a text goes on from where it stood
                learner.final = final
            if share:
                nats, targets, tokens = nats + loss.item() * count, targets + count, tokens + batch.tokens
    if learner and learner.fabric.world_size > 1:
        sums = torch.tensor([nats, targets, tokens], dtype=torch.float64, device=device)
        nats, targets, tokens = cast(Tensor, learner.fabric.all_reduce(sums, reduce_op="sum")).tolist()
    return nats / max(targets, 1), int(tokens)


class Feed:
    """The batches of one epoch after another, from a place that can be told and found again."""

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
    """Where a training stands, in full.

    Attributes:
        tensors: weights, moments, the best weights, states of a running text, random generators.
        values: counts and scores, as JSON takes them.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class Training:
    """A model, what it learns from, and how far it has come: what `fit` goes on with.

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
    ) -> None:
        self.model, self.valid, self.score, self.params, self.fabric = model, valid, score, params, fabric
        self.learner = Learner(model, vocabulary, params, fabric)
        self.feed, self.best = Feed(train), BestWeights(params.average)

    @property
    def done(self) -> bool:
        """Return whether all updates were made, or patience has run out."""
        return self.learner.updates >= self.params.updates or self.best.since >= self.params.patience

    def state(self) -> Standing:
        """Return a copy of where it stands; of several processes all have to ask, and all are told the same."""
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
        """Return what each process has for itself: where its rows of a text stand, and its random generators."""
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
        """Stand where a state says."""
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
    weights with the best scores. Between two yields `training.state()` tells all that the rest depends on.

    Raises:
        DivergenceError: gradients, or the validation loss, are not finite.
    """
    learner, params, fabric = training.learner, training.params, training.fabric
    stream = iter(training.feed)
    while not training.done:
        done, skipped = learner.updates, learner.skipped
        ahead = min(params.updates, *(done // n * n + n for n in (params.log_every, params.validate_every)))
        start = time.perf_counter()
        loss, tokens = run_epoch(
            learner.model, islice(stream, ahead - done), fabric.device, params.label_smoothing, learner
        )
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

    Of several processes the first one measures, and tells the others.
    """
    fabric, updates = training.fabric, training.learner.updates
    measured = (0.0, 0.0)
    if fabric.is_global_zero:
        loss, _ = run_epoch(training.model, training.valid.epoch(0), fabric.device)
        measured = loss, training.score(loss) if math.isfinite(loss) else loss
    loss, score = fabric.broadcast(measured)
    if not math.isfinite(loss):
        rate = training.params.learning_rate
        raise DivergenceError(
            f"train: the validation loss is {loss} at update {updates}; lower train.learning_rate ({rate:g})"
        )
    training.best.add(score, updates, training.model)
    return loss, score
