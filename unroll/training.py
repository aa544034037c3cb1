"""The training loop. `fit` yields what happens; its callers own logging and saving."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import cast

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


@dataclass(frozen=True)
class Progress:
    """What happened since the last `Progress`.

    Attributes:
        update: updates made so far.
        tokens: source and target tokens read since.
        seconds: spent learning from them, validation left out.
        train_loss: mean nats per target token since, label smoothing included.
        learning_rate: of the last update.
        gradient_norm: of the last update, before clipping.
        valid_loss: mean nats per target token of the validation rows, without smoothing; None between validations.
        valid_score: their score, larger is better; None between validations.
    """

    update: int
    tokens: int
    seconds: float
    train_loss: float
    learning_rate: float
    gradient_norm: float
    valid_loss: float | None = None
    valid_score: float | None = None


def learning_rate(update: int, params: Train) -> float:
    """Return the rate of an update, counted from 1: a linear warm-up, then the decay to nearly 0."""
    if update <= params.warmup:
        return params.learning_rate * update / params.warmup
    done = (update - params.warmup - 1) / (params.updates - params.warmup)
    shares = {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done, "none": 1.0}
    return params.learning_rate * shares[params.decay]


def cross_entropy(logits_NV: Tensor, labels_N: Tensor, smoothing: float) -> Tensor:
    """Return the mean over positions of -log p(label), a share of the label's mass spread evenly (Szegedy 2016)."""
    return nn.functional.cross_entropy(logits_NV.float(), labels_N, label_smoothing=smoothing)


def reinforce(outcome: Outcome) -> Tensor:
    """Return the loss by which hard attention learns where to look: REINFORCE (Williams 1992), as in Xu (2015).

    A choice is rewarded with log p of the label that was said from there, less what its learned baseline expected; the
    baseline learns by least squares. The choice's own gradient is that of log p of the choice times the advantage.
    """
    assert outcome.policy is not None
    log_probs_N, baselines_N = outcome.policy
    rewards_N = -nn.functional.cross_entropy(outcome.logits_NV.float(), outcome.labels_N, reduction="none").detach()
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
    """One update after another: the optimiser, its rate, clipping, the softmax's candidates, where a text stands."""

    def __init__(self, model: nn.Module, vocabulary: int, params: Train, fabric: Fabric) -> None:
        self.params, self.fabric, self.vocabulary = params, fabric, vocabulary
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=params.weight_decay, fused=True)
        self.model, self.optimizer = fabric.setup(model, optimizer)
        self.generator = torch.Generator().manual_seed(params.seed)
        self.updates = 0
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

    def update(self, loss: Tensor) -> None:
        """Take one step down the gradient of a loss.

        Raises:
            DivergenceError: the gradient is not finite.
        """
        self.updates += 1
        self.rate = learning_rate(self.updates, self.params)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        norm = self.fabric.clip_gradients(
            self.model, self.optimizer, max_norm=self.params.clip, error_if_nonfinite=False
        )
        self.norm = float(cast(Tensor, norm))
        if not math.isfinite(self.norm):
            raise DivergenceError(
                f"train: the gradient is {self.norm} at update {self.updates}; lower "
                f"train.learning_rate ({self.params.learning_rate:g}) or train.clip ({self.params.clip:g})"
            )
        self.optimizer.step()


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
    with torch.set_grad_enabled(learner is not None):
        for batch in batches:
            batch = batch.to(device)
            if learner:
                outcome = model(batch, learner.candidates(batch), learner.own, learner.start(batch))
            else:
                outcome = model(batch, start=final if batch.continues else None)
            final = tuple(tuple(part.detach() for part in state) for state in outcome.final)
            loss, count = cross_entropy(outcome.logits_NV, outcome.labels_N, smoothing), len(outcome.labels_N)
            if learner:
                learner.update(loss + reinforce(outcome) if outcome.policy else loss)
                learner.final = final
            nats, targets, tokens = nats + loss.item() * count, targets + count, tokens + batch.tokens
    return nats / max(targets, 1), tokens


class BestWeights:
    """The weights of the best few validations, and their mean."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.kept: list[tuple[float, int, Weights]] = []

    def add(self, score: float, update: int, model: nn.Module) -> None:
        """Keep a copy of the model's weights if the score is among the best; of equal ones the later."""
        copy = {name: value.detach().clone() for name, value in model.state_dict().items()}
        heapq.heappush(self.kept, (score, update, copy))
        if len(self.kept) > self.keep:
            heapq.heappop(self.kept)

    def mean(self) -> Weights:
        """Return the mean of the weights that are kept."""
        weights = [weights for _, _, weights in sorted(self.kept, key=lambda entry: entry[:2])]
        return {name: torch.stack([w[name] for w in weights]).mean(0) for name in weights[0]}


def fit(
    model: nn.Module,
    vocabulary: int,
    train: Epochs,
    valid: Epochs,
    score: Callable[[float], float],
    params: Train,
    fabric: Fabric,
) -> Iterator[Progress]:
    """Train a model in place, yielding every `log_every` updates and after each validation.

    Ends after `updates`, or after `patience` validations without a better score. The model then holds the mean of the
    weights with the best scores.

    Args:
        score: returns the validation score of the model as it is, given its validation loss; larger is better.
    """
    learner = Learner(model, vocabulary, params, fabric)
    stream = (batch for epoch in count() for batch in train.epoch(epoch))
    best, since_best, best_score = BestWeights(params.average), 0, -math.inf
    while learner.updates < params.updates and since_best < params.patience:
        ahead = min(params.updates, *(learner.updates // n * n + n for n in (params.log_every, params.validate_every)))
        segment = islice(stream, ahead - learner.updates)
        start = time.perf_counter()
        loss, tokens = run_epoch(learner.model, segment, fabric.device, params.label_smoothing, learner)
        progress = Progress(learner.updates, tokens, time.perf_counter() - start, loss, learner.rate, learner.norm)
        if learner.updates % params.validate_every == 0 or learner.updates == params.updates:
            valid_loss, _ = run_epoch(model, valid.epoch(0), fabric.device)
            valid_score = score(valid_loss)
            best.add(valid_score, learner.updates, model)
            since_best = 0 if valid_score > best_score else since_best + 1
            best_score = max(best_score, valid_score)
            progress = replace(progress, valid_loss=valid_loss, valid_score=valid_score)
        yield progress
    model.load_state_dict(best.mean())
    model.eval()
