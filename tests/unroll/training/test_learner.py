"""An update: its rate, its candidates, what is skipped, what hard attention learns; batches learnt and measured."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests import tiny
from tests.unigram import CPU, Rows, Unigram, V, learner_of, outcome, settings, text, train, trained
from unroll.data.batches import Batch, batches
from unroll.data.ids import Ids
from unroll.errors import DivergenceError
from unroll.nn.model import Outcome
from unroll.training.learner import MOST_SKIPPED, learn, learning_rate, measure, reinforce, sample_candidates


def test_warm_up_and_decay() -> None:
    cosine = settings(updates=110, warmup=10, decay="cosine")
    rates = [learning_rate(update, cosine) for update in range(1, 112)]
    assert rates[:10] == pytest.approx([0.01 * n for n in range(1, 11)])
    assert rates[10] == pytest.approx(0.1)
    assert rates[60] == pytest.approx(0.05)
    assert rates[110] == pytest.approx(0.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    linear = settings(updates=110, warmup=10, decay="linear")
    assert learning_rate(61, linear) == pytest.approx(0.05)
    assert learning_rate(110, settings(updates=110)) == 0.1


def test_candidates_hold_every_label_and_the_whole_vocabulary_is_the_exact_softmax() -> None:
    batch = next(Rows().epoch(0))
    generator = torch.Generator().manual_seed(0)
    few = sample_candidates(batch, V, 3, generator).ids_C.tolist()
    assert set(batch.output_BT.flatten().tolist()) <= set(few)
    assert few == sorted(set(few))
    model = Unigram()
    with torch.no_grad():
        model.logits.normal_()
    every = sample_candidates(batch, V, 10_000, generator)
    assert every.ids_C.tolist() == list(range(V))
    exact, sampled = (model(batch, candidates).loss for candidates in (None, every))
    torch.testing.assert_close(exact, sampled)


def test_candidates_stand_for_the_whole_vocabulary_on_average() -> None:
    batch, generator = next(Rows().epoch(0)), torch.Generator().manual_seed(0)
    logits_V = torch.randn(500, generator=generator)
    drawn = [sample_candidates(batch, 500, 60, generator) for _ in range(400)]
    sums = torch.stack([(logits_V[c.ids_C] + c.offsets_C).exp().sum() for c in drawn])
    assert float(sums.mean()) == pytest.approx(float(logits_V.exp().sum()), rel=0.02)


def test_the_sampled_softmax_learns_what_the_exact_one_does() -> None:
    _, exact = trained([1, 2, 3, 4], updates=400, validate_every=100)
    _, sampled = trained([1, 2, 3, 4], updates=400, validate_every=100, sampled_softmax=3)
    assert sampled[-1].valid_loss == pytest.approx(exact[-1].valid_loss, abs=0.02)


def test_the_share_of_own_tokens_rises_evenly() -> None:
    model, _ = trained([1, 2], scheduled_sampling=0.6)
    in_training = [own for own, start in zip(model.owns, model.starts, strict=True) if start is None]
    learnt = [own for own in model.owns if own]
    assert learnt == pytest.approx([0.6 * n / 40 for n in range(1, 40)])
    assert len(in_training) == 40 + 2 * 2  # two validations of two batches hear the target alone
    assert max(trained([1, 2])[0].owns) == 0


class Shaky(Unigram):
    """Its loss is not finite in some of the updates."""

    def __init__(self, bad: set[int]) -> None:
        super().__init__()
        self.bad, self.update = bad, 0

    def forward(self, batch: Batch, *args: Any, **kwargs: Any) -> Outcome:
        one = super().forward(batch, *args, **kwargs)
        self.update += self.training
        bad = self.training and self.update in self.bad
        return replace(one, loss=one.loss * math.nan) if bad else one


def test_a_gradient_that_is_not_finite_changes_nothing_and_is_counted() -> None:
    model = Shaky({3, 4, 12})
    seen = train(model, lambda loss: -loss, settings())
    assert [p.skipped for p in seen] == [2, 1, 0, 0]
    assert all(math.isfinite(p.train_loss) and math.isfinite(p.gradient_norm) for p in seen)
    assert seen[-1].update == 40
    assert model.logits.isfinite().all()


@pytest.mark.parametrize(("most", "ends"), [(MOST_SKIPPED, False), (MOST_SKIPPED + 1, True)])
def test_too_many_in_a_row_end_training(most: int, ends: bool) -> None:
    model = Shaky({*range(2, 2 + most), *range(20, 22)})
    if not ends:
        assert train(model, lambda loss: -loss, settings())[-1].update == 40
        return
    with pytest.raises(DivergenceError, match=f"the gradient is nan at update {1 + most} "):
        train(model, lambda loss: -loss, settings())


# Batches learnt and measured


def test_measuring_changes_no_weight_and_leaves_no_gradient() -> None:
    model = Unigram()
    loss = measure(model, Rows().epoch(0), CPU)
    assert loss == pytest.approx(math.log(V))
    assert model.logits.grad is None
    assert not model.logits.any()
    assert not model.training
    assert model.owns == [0.0, 0.0]  # it hears the target alone


def test_measuring_draws_nothing_and_smooths_nothing(tmp_path: Path) -> None:
    pipeline = tiny.pipeline(model__dropout=0.5)
    pairs = [(f"{n} is {n}{n}", f"{n} es {n}") for n in range(40)]
    model = tiny.build_model(pipeline, tiny.tokenize(tmp_path, pipeline, pairs))
    before, drawn = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    rows = batches(pipeline, *(Ids(tmp_path, "valid", side) for side in pipeline.sides))
    loss = measure(model, rows.epoch(0), CPU)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    readings = [model.reading(batch) for batch in rows.epoch(0)]
    nats = torch.cat([-one.logits_NV.log_softmax(1)[range(len(one.labels_N)), one.labels_N] for one in readings])
    assert loss == pytest.approx(float(nats.detach().mean()), abs=1e-5)


def test_learning_is_one_step_of_adam_a_batch() -> None:
    model = Unigram()
    with torch.no_grad():
        model.logits.copy_(torch.linspace(-1, 1, V))
    by_hand = nn.Parameter(model.logits.detach().clone())
    adam = torch.optim.AdamW([by_hand], lr=0.1, weight_decay=0.1)
    nats, targets = 0.0, 0
    for batch in Rows().epoch(0):
        labels = batch.output_BT[batch.mask_BT]
        log_p = by_hand.log_softmax(0)
        loss = -(0.8 * log_p[labels].mean() + 0.2 * log_p.mean())  # labels smoothed by a fifth
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([by_hand], 0.3)
        adam.step()
        nats, targets = nats + loss.item() * len(labels), targets + len(labels)
    learner = learner_of(model, weight_decay=0.1, label_smoothing=0.2, clip=0.3)
    mean, tokens = learn(learner, Rows().epoch(0))
    torch.testing.assert_close(model.logits, by_hand)
    assert mean == pytest.approx(nats / targets)
    assert tokens == 2 + 3 + 3 + 4
    assert learner.updates == 2
    assert model.training


def test_what_is_learnt_by_a_hard_attention_is_the_loss_and_reinforce() -> None:
    torch.manual_seed(0)
    model, by_hand = Bandit(), Bandit()
    learn(learner_of(model, clip=1e9), [next(Rows().epoch(0))])
    torch.manual_seed(0)
    one = by_hand.train()(next(Rows().epoch(0)))
    (one.loss + reinforce(one)).backward()
    for found, wanted in zip(model.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(found.grad, wanted.grad)


def test_no_batches_teach_nothing() -> None:
    assert learn(learner_of(Unigram()), []) == (0.0, 0)
    assert measure(Unigram(), [], CPU) == 0.0


@pytest.mark.parametrize("section", ["translate", "language", "name"])
@pytest.mark.parametrize("count", [2, 3])
def test_the_gradients_of_shards_add_up_to_that_of_the_batch(tmp_path: Path, section: str, count: int) -> None:
    pipeline = tiny.pipeline(section)
    pairs = [(f"{n} is {n}{n}", f"{n} es {n} {n}"[: n % 9 + 1]) for n in range(40)]
    model = tiny.build_model(pipeline, tiny.tokenize(tmp_path, pipeline, pairs)).double().eval()
    batch = next(batches(pipeline, *(Ids(tmp_path, "train", side) for side in pipeline.sides)).epoch(0))

    def gradients(part: Batch) -> list[torch.Tensor]:
        return list(torch.autograd.grad(model(part).loss, parameters))

    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    shards = [batch.shard(number, count) for number in range(count)]
    parts = [[share * gradient for gradient in gradients(part)] for part, share in shards]
    for whole, *shares in zip(gradients(batch), *parts, strict=True):
        torch.testing.assert_close(sum(shares), whole)


# Running text


def test_a_state_is_carried_from_batch_to_batch_and_dropped_at_a_new_beginning() -> None:
    model = Unigram()
    batches = [*text(18).epoch(0), *text(12).epoch(0)]
    measure(model, batches, CPU)
    assert model.starts == [None, 1.0, 2.0, 3.0, None, 1.0, 2.0]
    again = Unigram()
    learn(learner_of(again, restart_streams=0.0), batches)
    assert again.starts == model.starts


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_now_and_then_a_stream_begins_again_and_others_go_on(share: float) -> None:
    learner = learner_of(Unigram(), restart_streams=share)
    learner.final = ((torch.ones(2000, 3), torch.ones(2000, 3)),)
    batch = list(text(4000, streams=2000, steps=1).epoch(0))[1]
    start = learner.start(batch)
    assert start is not None
    ((h, c),) = start
    assert torch.equal(h, c)
    assert set(h.sum(1).tolist()) == ({0.0, 3.0} if share else {3.0})
    # The standard error is at most 0.5 / sqrt(2,000) = 0.011.
    assert float(1 - h.mean()) == pytest.approx(share, abs=0.045)
    assert learner.start(replace(batch, continues=False)) is None


def test_padding_at_the_end_of_a_stream_is_not_scored() -> None:
    loss = measure(Unigram(), text(17, streams=3).epoch(0), CPU)
    model = Unigram()
    with torch.no_grad():
        model.logits[0] = 100.0  # were <pad> an output, it would cost nothing
    padded = measure(model, text(17, streams=3).epoch(0), CPU)
    assert loss == pytest.approx(math.log(V))
    assert padded > 50


# Hard attention


def chosen() -> tuple[Outcome, Tensor, Tensor]:
    """Return an outcome with choices, its logits, and the rewards of its choices."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, V, generator=generator, requires_grad=True)
    log_probs = -torch.rand(4, generator=generator)
    baselines = torch.randn(4, generator=generator)
    policy = (log_probs.requires_grad_(), baselines.requires_grad_())
    labels = torch.tensor([1, 4, 7, 1])
    return outcome(logits, labels, policy), logits, logits.detach().log_softmax(1)[range(4), labels]


def test_reinforce_follows_its_formula() -> None:
    one, _, rewards = chosen()
    assert one.policy is not None
    log_probs, baselines = one.policy
    advantages = (rewards - baselines).detach()
    expected = ((rewards - baselines) ** 2).mean() - (advantages * log_probs).mean()
    torch.testing.assert_close(reinforce(one), expected)


def test_reinforce_moves_choices_by_their_advantage_and_baselines_towards_the_reward() -> None:
    one, logits, rewards = chosen()
    assert one.policy is not None
    log_probs, baselines = one.policy
    reinforce(one).backward()
    torch.testing.assert_close(log_probs.grad, -(rewards - baselines.detach()) / 4)
    torch.testing.assert_close(baselines.grad, -2 * (rewards - baselines.detach()) / 4)
    assert logits.grad is None  # a reward is what happened: nothing is learnt through it


class Bandit(Unigram):
    """Chooses one of two places; the label is said from the second alone."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.zeros(2))
        self.baseline = nn.Parameter(torch.zeros(()))

    def forward(self, batch: Batch, *args: Any, **kwargs: Any) -> Outcome:
        labels = batch.output_BT[batch.mask_BT]
        at = self.places.detach().softmax(0).multinomial(len(labels), replacement=True)
        right = nn.functional.one_hot(labels, V) * 6.0
        logits = torch.where(at[:, None] == 1, right, -right) + 0 * self.logits
        policy = (self.places.log_softmax(0)[at], self.baseline.expand(len(labels))) if self.training else None
        return outcome(logits, labels, policy)


def test_what_pays_is_chosen_more_and_more() -> None:
    torch.manual_seed(0)
    model = Bandit()
    how = settings(updates=150, validate_every=150, learning_rate=0.05)
    train(model, lambda loss: 0.0, how)
    assert float(model.places.detach().softmax(0)[1]) > 0.95
