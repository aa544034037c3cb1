"""The loop: what it counts, when it ends, what it keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from tests import tiny
from unroll import training
from unroll.batches import Batch, Streams, batches, make_batch
from unroll.cells import State
from unroll.errors import DivergenceError
from unroll.losses import cross_entropy
from unroll.model import Candidates, Outcome
from unroll.params import Train
from unroll.text import open_ids

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
        "updates": 40, "batch_tokens": 10, "bptt": None, "learning_rate": 0.1, "warmup": 0, "decay": "none",
        "weight_decay": 0.0, "clip": 1.0, "label_smoothing": 0.0, "scheduled_sampling": 0.0, "sampled_softmax": 0,
        "log_every": 10, "validate_every": 20, "validation_rows": 10, "select_by": "loss", "patience": 9, "average": 1,
        "precision": "32-true", "accelerator": "cpu", "processes": 1,
        "threads": 1, "seed": 1,
    }  # fmt: skip
    return Train.model_validate(values | changes)


def learn(
    model: nn.Module, score: Callable[[float], float], how: Train, train: Any = None, valid: Any = None
) -> list[training.Progress]:
    """Train to the end, on `Rows` unless told otherwise."""
    fabric = Fabric(accelerator="cpu", devices=1)
    return list(training.fit(training.Training(model, V, train or Rows(), valid or Rows(), score, how, fabric)))


def fit(scores: list[float], **changes: object) -> tuple[Unigram, list[training.Progress]]:
    model, ahead = Unigram(), iter(scores)
    return model, learn(model, lambda loss: next(ahead), settings(**changes))


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
    copies: list[Tensor] = []
    model, ahead = Unigram(), iter([1.0, 8.0, 9.0, 2.0])

    def score(loss: float) -> float:
        copies.append(model.logits.detach().clone())
        return next(ahead)

    learn(model, score, settings(validate_every=10, average=2))
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
    exact, sampled = (model(batch, candidates).loss for candidates in (None, every))
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
    with pytest.raises(DivergenceError, match=r"update 6 .*learning_rate"):
        learn(model, lambda loss: 0.0, settings())


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
    seen = learn(model, lambda loss: -loss, settings())
    assert [p.skipped for p in seen] == [2, 1, 0, 0]
    assert all(math.isfinite(p.train_loss) and math.isfinite(p.gradient_norm) for p in seen)
    assert seen[-1].update == 40
    assert model.logits.isfinite().all()


@pytest.mark.parametrize(("most", "ends"), [(training.MOST_SKIPPED, False), (training.MOST_SKIPPED + 1, True)])
def test_too_many_in_a_row_end_training(most: int, ends: bool) -> None:
    model = Shaky({*range(2, 2 + most), *range(20, 22)})
    if not ends:
        assert learn(model, lambda loss: -loss, settings())[-1].update == 40
        return
    with pytest.raises(DivergenceError, match=f"the gradient is nan at update {1 + most} "):
        learn(model, lambda loss: -loss, settings())


def test_a_validation_loss_that_is_not_finite_ends_training() -> None:
    class Blind(Unigram):
        def forward(self, batch: Batch, *args: Any, **kwargs: Any) -> Outcome:
            one = super().forward(batch, *args, **kwargs)
            return one if self.training else replace(one, loss=one.loss * math.nan)

    with pytest.raises(DivergenceError, match="the validation loss is nan at update 20; lower"):
        learn(Blind(), lambda loss: -loss, settings())


# Going on


SECTIONS = {
    "translate": {"train__sampled_softmax": 20, "train__scheduled_sampling": 0.5},
    "language": {"train__sampled_softmax": 20, "train__batch_tokens": 48},
    "classify": {},
}


def real(section: str, folder: Path) -> training.Training:
    """A training of a real model: dropout, drawn candidates, averaged weights, a decaying rate, short epochs."""
    changes = {"train__updates": 24, "train__validate_every": 6, "train__log_every": 4, "train__average": 2}
    settings = tiny.pipeline(section, model__dropout=0.3, **changes, **SECTIONS[section])
    sources = [f"{a} {b} {c}" for a in ("I", "you", "we") for b in ("see", "eat", "want") for c in ("milk", "tea")]
    pairs = [(source, {"classify": "yes"}.get(section, source[::-1])) for source in sources]
    tokenizers = tiny.tokenize(folder, settings, pairs)
    torch.manual_seed(1)
    recipe, sides = tiny.recipe(settings), tiny.SIDES[:1] if settings.autoregressive else tiny.SIDES
    train, valid = (batches(recipe, *(open_ids(folder, split, side) for side in sides)) for split in ("train", "valid"))
    model, fabric = tiny.build_model(settings, tokenizers), Fabric(accelerator="cpu", devices=1)
    size = len(tokenizers["target"])
    return training.Training(model, size, train, valid, lambda loss: -loss, settings.train, fabric)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("yields", [1, 2, 4, 7])
def test_a_training_goes_on_to_the_same_bits(tmp_path: Path, section: str, yields: int) -> None:
    whole = real(section, tmp_path / "whole")
    points = list(training.fit(whole))
    first = real(section, tmp_path / "first")
    before = list(islice(training.fit(first), yields))
    state = first.state()
    torch.manual_seed(99)
    second = real(section, tmp_path / "second")
    second.restore(state)
    after = list(training.fit(second))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name
    told = [replace(point, seconds=0.0) for point in points]
    assert [replace(point, seconds=0.0) for point in before + after] == told


def test_a_state_is_a_copy(tmp_path: Path) -> None:
    one = real("translate", tmp_path)
    run = training.fit(one)
    next(run)
    state = one.state()
    copies = {name: value.clone() for name, value in state.tensors.items()}
    next(run)
    assert all(torch.equal(state.tensors[name], copy) for name, copy in copies.items())


def test_reading_without_a_learner_changes_nothing() -> None:
    model = Unigram()
    loss, tokens = training.run_epoch(model, Rows().epoch(0), CPU)
    assert loss == pytest.approx(math.log(V))
    assert tokens == 12
    assert model.logits.grad is None
    assert not model.training


@pytest.mark.parametrize("section", ["translate", "language", "name"])
@pytest.mark.parametrize("count", [2, 3])
def test_the_gradients_of_shards_add_up_to_that_of_the_batch(tmp_path: Path, section: str, count: int) -> None:
    pipeline = tiny.pipeline(section)
    pairs = [(f"{n} is {n}{n}", f"{n} es {n} {n}"[: n % 9 + 1]) for n in range(40)]
    tokenizers = tiny.tokenize(tmp_path, pipeline, pairs)
    model = tiny.build_model(pipeline, tokenizers).double().eval()
    recipe = tiny.recipe(pipeline)
    sides = tiny.SIDES[:1] if recipe.autoregressive else tiny.SIDES
    batch = next(batches(recipe, *(open_ids(tmp_path, "train", side) for side in sides)).epoch(0))

    def gradients(part: Batch) -> list[torch.Tensor]:
        return list(torch.autograd.grad(model(part).loss, parameters))

    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    shards = [batch.shard(number, count) for number in range(count)]
    parts = [[share * gradient for gradient in gradients(part)] for part, share in shards]
    for whole, *shares in zip(gradients(batch), *parts, strict=True):
        torch.testing.assert_close(sum(shares), whole)


def test_the_score_is_told_the_validation_loss() -> None:
    told: list[float] = []

    def score(loss: float) -> float:
        told.append(loss)
        return -loss

    seen = learn(Unigram(), score, settings())
    valid = [(p.valid_loss, p.valid_score) for p in seen if p.valid_loss is not None]
    assert valid == [(loss, -loss) for loss in told]
    assert len(told) == 2
    assert told[1] < told[0] < math.log(V)


def test_the_share_of_own_tokens_rises_evenly() -> None:
    model, _ = fit([1, 2], scheduled_sampling=0.6)
    in_training = [own for own, start in zip(model.owns, model.starts, strict=True) if start is None]
    learnt = [own for own in model.owns if own]
    assert learnt == pytest.approx([0.6 * n / 40 for n in range(1, 40)])
    assert len(in_training) == 40 + 2 * 2  # two validations of two batches hear the target alone
    assert max(fit([1, 2])[0].owns) == 0


# Running text


def text(length: int, streams: int = 1, steps: int = 5) -> Streams:
    return Streams([np.arange(length - 1) % 7 + 5], np.array([length - 1]), streams, steps, seed=1)


def test_a_state_is_carried_from_batch_to_batch_and_dropped_at_a_new_beginning() -> None:
    model = Unigram()
    batches = [*text(18).epoch(0), *text(12).epoch(0)]
    training.run_epoch(model, batches, CPU)
    assert model.starts == [None, 1.0, 2.0, 3.0, None, 1.0, 2.0]


@pytest.fixture
def unbroken(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stream begins anew."""
    monkeypatch.setattr(training, "ANEW", 0.0)


@pytest.mark.usefixtures("unbroken")
@pytest.mark.parametrize("log_every", [1, 3, 40])
def test_where_progress_is_told_does_not_part_a_text(log_every: int) -> None:
    model = Unigram()
    how = settings(updates=14, log_every=log_every, validate_every=14)
    learn(model, lambda loss: 0.0, how, text(30), text(12))
    batches = [len(list(text(30).epoch(epoch))) for epoch in range(3)]
    expected = [None if n == 0 else float(n) for count in batches for n in range(count)]
    assert model.starts == [*expected[:14], None, 1.0, 2.0]


@pytest.mark.usefixtures("unbroken")
def test_a_validation_in_the_middle_of_a_text_does_not_part_it() -> None:
    model = Unigram()
    how = settings(updates=6, log_every=2, validate_every=2)
    learn(model, lambda loss: 0.0, how, text(30), text(12))
    validation = [None, 1.0, 2.0]
    assert model.starts == [None, 1.0, *validation, 2.0, 3.0, *validation, 4.0, 5.0, *validation]


def test_now_and_then_a_stream_begins_anew_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = training.Learner(Unigram(), V, settings(), Fabric(accelerator="cpu", devices=1))
    learner.final = ((torch.ones(2000, 3), torch.ones(2000, 3)),)
    batch = list(text(4000, streams=2000, steps=1).epoch(0))[1]
    ((h, c),) = learner.start(batch)
    assert torch.equal(h, c)
    assert set(h.sum(1).tolist()) == {0.0, 3.0}
    assert float(1 - h.mean()) == pytest.approx(training.ANEW, abs=0.02)
    assert learner.start(replace(batch, continues=False)) is None


def test_padding_at_the_end_of_a_stream_is_not_scored() -> None:
    loss, _ = training.run_epoch(Unigram(), text(17, streams=3).epoch(0), CPU)
    model = Unigram()
    with torch.no_grad():
        model.logits[0] = 100.0  # were <pad> an output, it would cost nothing
    padded, _ = training.run_epoch(model, text(17, streams=3).epoch(0), CPU)
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
    torch.testing.assert_close(training.reinforce(one), expected)


def test_reinforce_moves_choices_by_their_advantage_and_baselines_towards_the_reward() -> None:
    one, logits, rewards = chosen()
    assert one.policy is not None
    log_probs, baselines = one.policy
    training.reinforce(one).backward()
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
    learn(model, lambda loss: 0.0, how)
    assert float(model.places.detach().softmax(0)[1]) > 0.95
