"""The loop: what it counts, when it ends, what it keeps, how it goes on."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from tests import tiny
from tests.unigram import Unigram, V, settings, text, train, trained
from unroll.data.batches import Batch, batches
from unroll.data.ids import Ids
from unroll.errors import DivergenceError
from unroll.nn.model import Outcome
from unroll.training.loop import BestWeights, Feed, Training, fit


def test_the_loss_falls_to_the_entropy_of_the_data() -> None:
    _, seen = trained([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], updates=400, validate_every=40)
    # 7 tokens: 5 of them once and <eos> twice.
    entropy = -(5 * math.log(1 / 7) + 2 * math.log(2 / 7)) / 7
    assert seen[-1].valid_loss == pytest.approx(entropy, abs=0.01)


def test_progress_comes_when_it_is_due() -> None:
    _, seen = trained([1, 2, 3], updates=50)
    assert [p.update for p in seen] == [10, 20, 30, 40, 50]
    assert [p.update for p in seen if p.valid_score is not None] == [20, 40, 50]
    assert sum(p.tokens for p in seen) == 25 * (2 + 3 + 3 + 4)


def test_patience_ends_training_early() -> None:
    _, seen = trained([5, 4, 3, 9], updates=200, validate_every=10, patience=2)
    assert seen[-1].update == 30


def test_the_best_weights_are_kept_and_averaged() -> None:
    copies: list[Tensor] = []
    model, ahead = Unigram(), iter([1.0, 8.0, 9.0, 2.0])

    def score(loss: float) -> float:
        copies.append(model.logits.detach().clone())
        return next(ahead)

    train(model, score, settings(validate_every=10, average=2))
    torch.testing.assert_close(model.logits.detach(), (copies[1] + copies[2]) / 2)


def test_the_score_is_told_the_validation_loss() -> None:
    told: list[float] = []

    def score(loss: float) -> float:
        told.append(loss)
        return -loss

    seen = train(Unigram(), score, settings())
    valid = [(p.valid_loss, p.valid_score) for p in seen if p.valid_loss is not None]
    assert valid == [(loss, -loss) for loss in told]
    assert len(told) == 2
    assert told[1] < told[0] < math.log(V)


def test_divergence_is_named_with_the_parameters_that_help() -> None:
    model = Unigram()
    with torch.no_grad():
        model.logits[0] = math.nan
    with pytest.raises(DivergenceError, match=r"update 6 .*learning_rate"):
        train(model, lambda loss: 0.0, settings())


def test_a_validation_loss_that_is_not_finite_ends_training() -> None:
    class Blind(Unigram):
        def forward(self, batch: Batch, *args: Any, **kwargs: Any) -> Outcome:
            one = super().forward(batch, *args, **kwargs)
            return one if self.training else replace(one, loss=one.loss * math.nan)

    with pytest.raises(DivergenceError, match="the validation loss is nan at update 20; lower"):
        train(Blind(), lambda loss: -loss, settings())


def test_of_equal_scores_the_later_is_kept_and_the_first_counts_as_best() -> None:
    best, model = BestWeights(2), Unigram()
    since = []
    for update, score in enumerate((1.0, 3.0, 3.0, 2.0, 3.5), start=1):
        with torch.no_grad():
            model.logits.fill_(update)
        best.add(score, update, model)
        since.append(best.since)
    assert since == [0, 0, 1, 2, 0]
    assert [(score, update) for score, update, _ in best.kept] == [(3.0, 3), (3.5, 5)]
    assert best.mean()["logits"].tolist() == [4.0] * V


def test_a_feed_goes_on_where_it_stood() -> None:
    whole = list(islice(Feed(text(30)), 14))
    feed = Feed(text(30))
    list(islice(feed, 8))
    again = Feed(text(30))
    again.epoch, again.taken = feed.epoch, feed.taken
    for found, wanted in zip(islice(again, 6), whole[8:], strict=True):
        assert torch.equal(found.source_BS, wanted.source_BS)
        assert found.continues == wanted.continues


# Going on


SPLITS = ("train", "valid")
SECTIONS: dict[str, dict[str, Any]] = {
    "translate": {"train__sampled_softmax": 20, "train__scheduled_sampling": 0.5},
    "language": {"train__sampled_softmax": 20, "train__batch_tokens": 48},
    "classify": {},
}


def real(section: str, folder: Path) -> Training:
    """A training of a real model: dropout, drawn candidates, averaged weights, a decaying rate, short epochs."""
    changes = {"train__updates": 24, "train__validate_every": 6, "train__log_every": 4, "train__average": 2}
    settings = tiny.pipeline(section, model__dropout=0.3, **changes, **SECTIONS[section])
    sources = [f"{a} {b} {c}" for a in ("I", "you", "we") for b in ("see", "eat", "want") for c in ("milk", "tea")]
    pairs = [(source, {"classify": "yes"}.get(section, source[::-1])) for source in sources]
    readers = tiny.tokenize(folder, settings, pairs)
    torch.manual_seed(1)
    rows, valid = (batches(settings, *(Ids(folder, split, side) for side in settings.sides)) for split in SPLITS)
    model, fabric = tiny.build_model(settings, readers), Fabric(accelerator="cpu", devices=1)
    return Training(model, len(readers["target"]), rows, valid, lambda loss: -loss, settings.train, fabric)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("yields", [1, 2, 4, 7])
def test_a_training_goes_on_to_the_same_bits(tmp_path: Path, section: str, yields: int) -> None:
    whole = real(section, tmp_path / "whole")
    points = list(fit(whole))
    first = real(section, tmp_path / "first")
    before = list(islice(fit(first), yields))
    state = first.state()
    torch.manual_seed(99)
    second = real(section, tmp_path / "second")
    second.restore(state)
    after = list(fit(second))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name
    told = [replace(point, seconds=0.0) for point in points]
    assert [replace(point, seconds=0.0) for point in before + after] == told


def test_a_state_is_a_copy(tmp_path: Path) -> None:
    one = real("translate", tmp_path)
    run = fit(one)
    next(run)
    state = one.state()
    copies = {name: value.clone() for name, value in state.tensors.items()}
    next(run)
    assert all(torch.equal(state.tensors[name], copy) for name, copy in copies.items())


# Running text


@pytest.mark.parametrize("log_every", [1, 3, 40])
def test_where_progress_is_told_does_not_part_a_text(log_every: int) -> None:
    model = Unigram()
    how = settings(updates=14, log_every=log_every, validate_every=14, restart_streams=0.0)
    train(model, lambda loss: 0.0, how, text(30), text(12))
    batches = [len(list(text(30).epoch(epoch))) for epoch in range(3)]
    expected = [None if n == 0 else float(n) for count in batches for n in range(count)]
    assert model.starts == [*expected[:14], None, 1.0, 2.0]


def test_a_validation_in_the_middle_of_a_text_does_not_part_it() -> None:
    model = Unigram()
    how = settings(updates=6, log_every=2, validate_every=2, restart_streams=0.0)
    train(model, lambda loss: 0.0, how, text(30), text(12))
    validation = [None, 1.0, 2.0]
    assert model.starts == [None, 1.0, *validation, 2.0, 3.0, *validation, 4.0, 5.0, *validation]
