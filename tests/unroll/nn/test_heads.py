"""Heads that answer from the memory alone: once, from C, or at each position."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unroll.nn.attention import CONTEXTS, Memory
from unroll.nn.heads import Classifier, Regressor, Tagger
from unroll.params.model import ClassifierParams, RegressorParams, TaggerParams

B, S, H, V = 3, 4, 6, 11


TAGGER = TaggerParams(kind="tagger")


def classifier(context: str, dropout: float = 0.0) -> Classifier:
    torch.manual_seed(0)
    settings = ClassifierParams(kind="classifier", context=context)
    return Classifier(nn.Embedding(V, H), V, H, settings, dropout, tied=False).double()


def tagger(tied: bool, dropout: float = 0.0) -> Tagger:
    torch.manual_seed(0)
    return Tagger(nn.Embedding(V, H), V, H, TAGGER, dropout, tied).double()


def memory() -> Memory:
    generator = torch.Generator().manual_seed(1)
    mask = torch.arange(S) < torch.tensor([4, 1, 3])[:, None]
    states = torch.randn(B, S, H, generator=generator, dtype=torch.float64) * mask[:, :, None]
    last = torch.randn(B, H, generator=generator, dtype=torch.float64)
    return Memory(states, mask, ((last,),), last)


def by_hand(head: Classifier, context: str, states_SH: Tensor, last_H: Tensor) -> Tensor:
    """C of one sentence, from its real states alone."""
    parts = head.context
    if context == "transform":
        return torch.tanh(parts.linear.weight @ last_H + parts.linear.bias)
    if context == "learned":
        keys = torch.tanh(states_SH @ parts.key.weight.T + parts.key.bias)
        return (keys @ parts.energy.weight[0]).softmax(0) @ states_SH
    return {"last": last_H, "mean": states_SH.mean(0), "max": states_SH.amax(0)}[context]


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_classifier_answers_once_from_its_context(context: str) -> None:
    head, seen = classifier(context), memory()
    readouts = head(seen)
    assert readouts.shape == (B, 1, H)
    for row, length in enumerate(seen.mask_BS.sum(1).tolist()):
        expected = by_hand(head, context, seen.states_BSH[row, :length], seen.context_BH[row])
        torch.testing.assert_close(readouts[row, 0], expected)
    assert head.logits(readouts).shape == (B, 1, V)


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_weight_of_a_classifier_learns(context: str) -> None:
    head = classifier(context)
    head.logits(head(memory())).sin().sum().backward()
    assert {name for name, weight in head.named_parameters() if weight.grad is None} == set()
    assert not any("embedding" in name for name, _ in head.named_parameters())


def test_a_tagger_answers_at_each_position_from_its_state() -> None:
    head, seen = tagger(tied=False), memory()
    assert torch.equal(head(seen), seen.states_BSH)
    assert head.logits(head(seen)).shape == (B, S, V)


def test_a_tied_tagger_says_with_the_embedding_it_reads_with() -> None:
    torch.manual_seed(0)
    embedding = nn.Embedding(V, H)
    heads = [Tagger(embedding, V, H, TAGGER, 0.0, tied) for tied in (True, False)]
    assert heads[0].logits.weight is embedding.weight
    assert not heads[0].logits.bias.any()
    assert heads[1].logits.weight is not embedding.weight
    states = torch.randn(1, 1, H)
    readouts = heads[0](Memory(states, torch.ones(1, 1, dtype=torch.bool), (), states[:, 0]))
    torch.testing.assert_close(heads[0].logits(readouts)[0, 0], embedding.weight @ states[0, 0])


@pytest.mark.parametrize("head", [classifier("max", 0.5), tagger(False, 0.5)], ids=["classifier", "tagger"])
def test_heads_drop_out_in_training_alone(head: nn.Module) -> None:
    seen = memory()
    head.train()
    assert not torch.equal(head(seen), head(seen))
    head.eval()
    assert torch.equal(head(seen), head(seen))


def regressor(width: int = 2, **settings: Any) -> Regressor:
    torch.manual_seed(0)
    params = RegressorParams(
        **{"kind": "regressor", "context": "mean", "loss": "squared", "quantiles": None} | settings
    )
    return Regressor(nn.Identity(), width, H, params, 0.0, tied=False).double()


@pytest.mark.parametrize("context", [None, "last", "max"])
def test_a_regressor_answers_once_or_at_each_position(context: str | None) -> None:
    head, seen = regressor(context=context), memory()
    steps = S if context is None else 1
    assert head(seen).shape == (B, steps, H)
    assert head.said(head(seen)).shape == (B, steps, 2, 1)


def test_a_regressor_learns_on_the_scale_of_its_targets() -> None:
    head, readouts_NH = regressor(), torch.randn(5, H, dtype=torch.float64)
    plain = head.said(readouts_NH)
    losses = head.losses(readouts_NH, plain[..., 0] + torch.tensor([3.0, -3.0]))
    targets = torch.tensor([[10.0, 7.0], [14.0, 7.0]], dtype=torch.float64)
    head.take_scale(targets.numpy())  # mean 12 and 7, deviation 2 and none
    torch.testing.assert_close(head.said(readouts_NH), plain * torch.tensor([[2.0], [1.0]]) + targets.mean(0)[:, None])
    wanted = head.said(readouts_NH)[..., 0] + torch.tensor([6.0, -3.0])
    torch.testing.assert_close(losses, torch.full((5,), 9.0, dtype=torch.float64))
    torch.testing.assert_close(head.losses(readouts_NH, wanted), losses)


@pytest.mark.parametrize(
    ("loss", "expected"), [("squared", (0.25 + 16) / 2), ("absolute", (0.5 + 4) / 2), ("huber", (0.125 + 3.5) / 2)]
)
def test_each_loss_of_a_regressor_follows_its_formula(loss: str, expected: float) -> None:
    head, readouts_NH = regressor(loss=loss), torch.randn(1, H, dtype=torch.float64)
    wanted = head.said(readouts_NH)[..., 0] + torch.tensor([0.5, -4.0])
    assert head.losses(readouts_NH, wanted).item() == pytest.approx(expected)


def test_the_quantiles_of_a_regressor_ascend() -> None:
    head = regressor(quantiles=(0.1, 0.5, 0.9))
    said = head.said(torch.randn(50, H, dtype=torch.float64))
    assert said.shape == (50, 2, 3)
    assert (said.diff(dim=-1) >= 0).all()


@pytest.mark.parametrize("quantiles", [None, (0.2, 0.5, 0.8)])
def test_the_gradient_of_a_regressor_is_that_of_finite_differences(quantiles: tuple[float, ...] | None) -> None:
    head = regressor(quantiles=quantiles)
    readouts_NH = torch.randn(4, H, dtype=torch.float64, requires_grad=True)
    wanted = torch.randn(4, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: head.losses(x, wanted), readouts_NH)
