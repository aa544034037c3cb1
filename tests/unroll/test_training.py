"""The loop: what it counts, when it ends, what it keeps."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from unroll import training
from unroll.batches import Batch, make_batch
from unroll.errors import DivergenceError
from unroll.model import Candidates
from unroll.params import Train

V = 12


class Rows:
    """Stands in for `Batches`: the same two batches every epoch."""

    def epoch(self, epoch: int) -> Iterator[Batch]:
        for ids in ([5, 6], [7, 8, 9]):
            yield make_batch([np.array(ids)], [np.array(ids)], reverse=False)


class Unigram(nn.Module):
    """The smallest language model: one logit for each token, whatever the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(V))

    def forward(self, batch: Batch, candidates: Candidates | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        labels = batch.output_BT[batch.mask_BT]
        if candidates is None:
            return self.logits.expand(len(labels), V), labels
        logits = self.logits[candidates.ids_C] + candidates.offsets_C
        return logits.expand(len(labels), -1), torch.searchsorted(candidates.ids_C, labels)


def settings(**changes: object) -> Train:
    values = {
        "updates": 40, "batch_tokens": 10, "learning_rate": 0.1, "warmup": 0, "decay": "none", "weight_decay": 0.0,
        "clip": 1.0, "label_smoothing": 0.0, "sampled_softmax": 0, "log_every": 10,
        "validate_every": 20, "validation_rows": 10, "patience": 9, "average": 1, "precision": "32-true",
        "accelerator": "cpu", "threads": 1, "seed": 1,
    }  # fmt: skip
    return Train.model_validate(values | changes)


def fit(scores: list[float], **changes: object) -> tuple[Unigram, list[training.Progress]]:
    model, ahead = Unigram(), iter(scores)
    fabric = Fabric(accelerator="cpu", devices=1)
    return model, list(training.fit(model, V, Rows(), Rows(), lambda: next(ahead), settings(**changes), fabric))


def test_the_loss_falls_to_the_entropy_of_the_data() -> None:
    _, seen = fit([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], updates=400, validate_every=40)
    # 7 tokens: 5 of them once and <eos> twice.
    entropy = -(5 * math.log(1 / 7) + 2 * math.log(2 / 7)) / 7
    assert seen[-1].valid_loss == pytest.approx(entropy, abs=0.01)


def test_progress_comes_when_it_is_due() -> None:
    _, seen = fit([1, 2, 3], updates=50)
    assert [p.update for p in seen] == [10, 20, 30, 40, 50]
    assert [p.update for p in seen if p.valid_score is not None] == [20, 40, 50]
    assert sum(p.tokens for p in seen) == 25 * (2 + 3 + 3 + 4)


def test_patience_ends_training_early() -> None:
    _, seen = fit([5, 4, 3, 9], updates=200, validate_every=10, patience=2)
    assert seen[-1].update == 30


def test_the_best_weights_are_kept_and_averaged() -> None:
    copies: list[torch.Tensor] = []
    model, ahead = Unigram(), iter([1.0, 8.0, 9.0, 2.0])

    def score() -> float:
        copies.append(model.logits.detach().clone())
        return next(ahead)

    fabric = Fabric(accelerator="cpu", devices=1)
    list(training.fit(model, V, Rows(), Rows(), score, settings(validate_every=10, average=2), fabric))
    torch.testing.assert_close(model.logits.detach(), (copies[1] + copies[2]) / 2)


def test_warm_up_and_decay() -> None:
    cosine = settings(updates=110, warmup=10, decay="cosine")
    rates = [training.learning_rate(update, cosine) for update in range(1, 112)]
    assert rates[:10] == pytest.approx([0.01 * n for n in range(1, 11)])
    assert rates[10] == pytest.approx(0.1)
    assert rates[60] == pytest.approx(0.05)
    assert rates[110] == pytest.approx(0.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    linear = settings(updates=110, warmup=10, decay="linear")
    assert training.learning_rate(61, linear) == pytest.approx(0.05)
    assert training.learning_rate(110, settings(updates=110)) == 0.1


def test_label_smoothing_follows_its_formula() -> None:
    logits, labels = torch.randn(3, V), torch.tensor([1, 4, 7])
    log_p = logits.log_softmax(1)
    expected = -(0.9 * log_p[range(3), labels] + 0.1 * log_p.mean(1)).mean()
    torch.testing.assert_close(training.cross_entropy(logits, labels, 0.1), expected)


def test_candidates_hold_every_label_and_the_whole_vocabulary_is_the_exact_softmax() -> None:
    batch = next(Rows().epoch(0))
    generator = torch.Generator().manual_seed(0)
    few = training.sample_candidates(batch, V, 3, generator).ids_C.tolist()
    assert set(batch.output_BT.flatten().tolist()) <= set(few)
    assert few == sorted(set(few))
    model = Unigram()
    with torch.no_grad():
        model.logits.normal_()
    every = training.sample_candidates(batch, V, 10_000, generator)
    assert every.ids_C.tolist() == list(range(V))
    exact, sampled = (training.cross_entropy(*model(batch, c), 0.0) for c in (None, every))
    torch.testing.assert_close(exact, sampled)


def test_candidates_stand_for_the_whole_vocabulary_on_average() -> None:
    batch, generator = next(Rows().epoch(0)), torch.Generator().manual_seed(0)
    logits_V = torch.randn(500, generator=generator)
    drawn = [training.sample_candidates(batch, 500, 60, generator) for _ in range(400)]
    sums = torch.stack([(logits_V[c.ids_C] + c.offsets_C).exp().sum() for c in drawn])
    assert float(sums.mean()) == pytest.approx(float(logits_V.exp().sum()), rel=0.02)


def test_the_sampled_softmax_learns_what_the_exact_one_does() -> None:
    _, exact = fit([1, 2, 3, 4], updates=400, validate_every=100)
    _, sampled = fit([1, 2, 3, 4], updates=400, validate_every=100, sampled_softmax=3)
    assert sampled[-1].valid_loss == pytest.approx(exact[-1].valid_loss, abs=0.02)


def test_divergence_is_named_with_the_parameters_that_help() -> None:
    model = Unigram()
    with torch.no_grad():
        model.logits[0] = math.nan
    fabric = Fabric(accelerator="cpu", devices=1)
    with pytest.raises(DivergenceError, match=r"update 1.*learning_rate"):
        list(training.fit(model, V, Rows(), Rows(), lambda: 0.0, settings(), fabric))


def test_reading_without_a_learner_changes_nothing() -> None:
    model = Unigram()
    loss, tokens = training.run_epoch(model, Rows().epoch(0), torch.device("cpu"))
    assert loss == pytest.approx(math.log(V))
    assert tokens == 12
    assert model.logits.grad is None
    assert not model.training
