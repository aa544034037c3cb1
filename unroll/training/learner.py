"""One update after another: the optimiser, its rate, clipping, and what is drawn by chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from unroll.data.batches import Batch
from unroll.errors import DivergenceError
from unroll.nn.cells import State
from unroll.nn.model import Candidates, Outcome
from unroll.params.train import Train

MOST_SKIPPED = 5
"""Updates in a row that may be skipped because their gradient is not finite."""


def learning_rate(update: int, params: Train) -> float:
    """Return the rate of an update, counted from 1: a linear warm-up, then the decay to nearly 0.

    >>> from types import SimpleNamespace
    >>> params = SimpleNamespace(learning_rate=0.4, warmup=2, updates=6, decay="linear")
    >>> [round(learning_rate(update, params), 3) for update in range(1, 7)]
    [0.2, 0.4, 0.4, 0.3, 0.2, 0.1]
    """
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
    """One update after another: the optimiser, its rate, clipping, the softmax's candidates, how far a text was read.

    Of several processes each learns from its own rows of a batch, and draws by chance from its own generators.
    """

    def __init__(
        self,
        model: nn.Module,
        vocabulary: int,
        params: Train,
        fabric: Fabric,
        class_weights_V: Tensor | None = None,
    ) -> None:
        self.params, self.fabric, self.vocabulary = params, fabric, vocabulary
        self.class_weights_V = None if class_weights_V is None else class_weights_V.to(fabric.device)
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
        """Return the states from which a batch reads on; by chance a stream starts from zeros, as new texts do."""
        if not batch.continues:
            return None
        goes_on_B1 = torch.rand(len(batch.source_BS), 1, generator=self.generator) >= self.params.restart_streams
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


def learn(learner: Learner, batches: Iterable[Batch]) -> tuple[float, int]:
    """Learn from batches, an update each; return (mean nats per target token, tokens read)."""
    learner.model.train()
    fabric, device = learner.fabric, learner.fabric.device
    nats, targets, tokens = 0.0, 0, 0
    for whole in batches:
        batch, share = whole.shard(fabric.global_rank, fabric.world_size)
        batch = batch.to(device)
        smoothing, weights_V = learner.params.label_smoothing, learner.class_weights_V
        outcome = learner.model(
            batch, learner.candidates(batch), learner.own, learner.start(batch), smoothing, weights_V
        )
        loss = outcome.loss + reinforce(outcome) if outcome.policy else outcome.loss
        # The mean of the processes' gradients is to be that of the loss over all rows.
        if not learner.update(loss * (share * fabric.world_size)):
            continue  # it does not count in the mean, and the text goes on from the state before it
        learner.final = _detached(outcome)
        if share:
            count = len(outcome.nats_N)
            nats, targets, tokens = nats + outcome.loss.item() * count, targets + count, tokens + batch.tokens
    if fabric.world_size > 1:
        sums = torch.tensor([nats, targets, tokens], dtype=torch.float64, device=device)
        nats, targets, tokens = cast(Tensor, fabric.all_reduce(sums, reduce_op="sum")).tolist()
    return nats / max(targets, 1), int(tokens)


@torch.no_grad()
def measure(model: nn.Module, batches: Iterable[Batch], device: torch.device) -> float:
    """Return the mean nats per target token of batches, without smoothing."""
    model.eval()
    nats, targets = 0.0, 0
    final: tuple[State, ...] = ()
    for batch in batches:
        outcome = model(batch.to(device), start=final if batch.continues else None)
        final, count = _detached(outcome), len(outcome.nats_N)
        nats, targets = nats + outcome.loss.item() * count, targets + count
    return nats / max(targets, 1)


def _detached(outcome: Outcome) -> tuple[State, ...]:
    return tuple(tuple(part.detach() for part in state) for state in outcome.final)
