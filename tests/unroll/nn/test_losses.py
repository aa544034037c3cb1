"""The loss in chunks beside the loss at once."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from unroll.nn import losses
from unroll.nn.losses import cross_entropy, linear_cross_entropy, pinball

V, D = 11, 5


def parts(positions: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return x_ND, weight_VD, bias_V and labels_N."""
    generator = torch.Generator().manual_seed(positions)
    shapes = ((positions, D), (V, D), (V,))
    learnt = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]
    x, weight, bias = (part.requires_grad_() for part in learnt)
    return x, weight, bias, torch.randint(V, (positions,), generator=generator)


def test_label_smoothing_follows_its_formula() -> None:
    logits, labels = torch.randn(3, V), torch.tensor([1, 4, 7])
    log_p = logits.log_softmax(1)
    expected = -(0.9 * log_p[range(3), labels] + 0.1 * log_p.mean(1)).mean()
    torch.testing.assert_close(cross_entropy(logits, labels, 0.1), expected)


@given(
    positions=st.integers(0, 9),
    chunk=st.integers(1, 10 * V),
    smoothing=st.sampled_from([0.0, 0.1, 1.0]),
    scale=st.sampled_from([1.0, -3.0]),
    weights=st.sampled_from([None, torch.arange(1, V + 1, dtype=torch.float64) / 4]),
)
def test_in_chunks_it_is_the_same_and_learns_the_same(
    positions: int, chunk: int, smoothing: float, scale: float, weights: Tensor | None
) -> None:
    x, weight, bias, labels = parts(positions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "CHUNK", chunk)
        loss, nats = linear_cross_entropy(x, weight, bias, labels, smoothing, weights)
    logits = x @ weight.t() + bias
    expected = cross_entropy(logits, labels, smoothing, weights)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(nats, -logits.detach().log_softmax(1)[range(positions), labels])
    found, wanted = (torch.autograd.grad(scale * one, (x, weight, bias)) for one in (loss, expected))
    torch.testing.assert_close(found, wanted)


def test_its_gradient_is_that_of_finite_differences() -> None:
    *learnt, labels = parts(6)
    weights = torch.linspace(0.2, 3.0, V, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *all: linear_cross_entropy(*all, labels, 0.1)[0], learnt)
    assert torch.autograd.gradcheck(lambda *all: linear_cross_entropy(*all, labels, 0.1, weights)[0], learnt)


def test_a_label_that_weighs_three_costs_as_if_it_were_there_three_times() -> None:
    logits, labels = torch.randn(2, V, dtype=torch.float64), torch.tensor([1, 4])
    weights = torch.ones(V, dtype=torch.float64)
    weights[4] = 3
    thrice = cross_entropy(logits[[0, 1, 1, 1]], labels[[0, 1, 1, 1]], 0.0)
    torch.testing.assert_close(2 * cross_entropy(logits, labels, 0.0, weights), 4 * thrice)


def test_weights_of_1_change_nothing() -> None:
    *learnt, labels = parts(6)
    plain, weighted = (linear_cross_entropy(*learnt, labels, 0.1, ones)[0] for ones in (None, torch.ones(V).double()))
    torch.testing.assert_close(plain, weighted)


def test_where_nothing_is_learnt_it_says_the_same() -> None:
    loss, nats = linear_cross_entropy(*parts(6), 0.1)
    with torch.no_grad():
        again, same = linear_cross_entropy(*parts(6), 0.1)
    assert again.item() == loss.item()
    assert not again.requires_grad
    assert torch.equal(same, nats)
    assert not nats.requires_grad


def test_with_products_of_bfloat16_it_is_near_and_summed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "CHUNK", 40 * V)
    x, weight, bias, labels = parts(200, torch.float32)
    exact = linear_cross_entropy(x, weight, bias, labels, 0.1)[0]
    with torch.autocast("cpu", torch.bfloat16):
        loss, nats = linear_cross_entropy(x, weight, bias, labels, 0.1)
    assert loss.dtype == nats.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.01)
    for found, wanted in zip(*(torch.autograd.grad(one, (x, weight, bias)) for one in (loss, exact)), strict=True):
        assert found.dtype == torch.float32
        assert (found - wanted).norm() < 0.02 * wanted.norm()


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=20), st.sampled_from([0.1, 0.5, 0.9]))
def test_the_pinball_loss_is_least_at_the_quantile(numbers: list[float], level: float) -> None:
    wanted = torch.tensor(numbers, dtype=torch.float64)[:, None, None]

    def cost(said: float) -> float:
        return float(pinball(torch.full_like(wanted, said), wanted, torch.tensor([level], dtype=torch.float64)).sum())

    best = sorted(numbers)[math.ceil(level * len(numbers)) - 1]
    assert all(cost(best) <= cost(other) + 1e-9 for other in [*numbers, best - 0.5, best + 0.5])


def test_what_falls_short_of_a_high_quantile_costs_more() -> None:
    said, wanted = torch.tensor([[[1.0, 1.0]]]), torch.tensor([[[3.0]]])
    assert pinball(said, wanted, torch.tensor([0.1, 0.9])).flatten().tolist() == pytest.approx([0.2, 1.8])
