"""Each attention against its formula in NumPy; weights that are a distribution over real positions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unroll.attention import ATTENTIONS, Attention, Memory

B, T, S, H = 2, 3, 4, 5
LENGTHS = [4, 2]


def memory() -> Memory:
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(B, S, H, generator=generator, dtype=torch.float64)
    mask = torch.arange(S) < torch.tensor(LENGTHS)[:, None]
    return Memory(states, mask, ((torch.randn(B, H, generator=generator, dtype=torch.float64),),))


def make(kind: str) -> Attention:
    torch.manual_seed(2)
    return ATTENTIONS[kind](H, H).double()


QUERY = torch.randn(B, T, H, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def expected_score(kind: str, attention: Attention, q: np.ndarray, k: np.ndarray) -> float:
    w = {name: value.detach().numpy() for name, value in attention.named_parameters()}
    return {
        "dot": lambda: q @ k,
        "general": lambda: q @ w["key.weight"] @ k,
        "additive": lambda: (
            w["energy.weight"][0] @ np.tanh(w["query.weight"] @ q + w["query.bias"] + w["key.weight"] @ k)
        ),
    }[kind]()


@pytest.mark.parametrize("kind", ["dot", "general", "additive"])
def test_scores_softmax_and_context_follow_the_formula(kind: str) -> None:
    attention, source = make(kind), memory()
    context, weights = attention.attend(QUERY, attention.prepare(source), source)
    for b, length in enumerate(LENGTHS):
        for t in range(T):
            states = source.states_BSH[b, :length].numpy()
            scores = np.array([expected_score(kind, attention, QUERY[b, t].numpy(), k) for k in states])
            p = np.exp(scores) / np.exp(scores).sum()
            np.testing.assert_allclose(weights[b, t, :length].detach(), p, atol=1e-12)
            np.testing.assert_allclose(context[b, t].detach(), p @ states, atol=1e-12)


@pytest.mark.parametrize("kind", ["dot", "general", "additive"])
def test_padding_is_never_looked_at(kind: str) -> None:
    attention, source = make(kind), memory()
    _, weights = attention.attend(QUERY, attention.prepare(source), source)
    assert not weights[~source.mask_BS[:, None].expand_as(weights)].any()
    torch.testing.assert_close(weights.sum(2), torch.ones(B, T, dtype=torch.float64))


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_many_queries_at_once_equal_one_at_a_time(kind: str) -> None:
    attention, source = make(kind), memory()
    keys = attention.prepare(source)
    contexts, weights = attention.attend(QUERY, keys, source)
    assert contexts.shape == (B, T, attention.context_size)
    for t in range(T):
        context, weight = attention.attend(QUERY[:, t : t + 1], keys, source)
        torch.testing.assert_close(context[:, 0], contexts[:, t])
        torch.testing.assert_close(weight[:, 0], weights[:, t])


@pytest.mark.parametrize("kind", ["additive", "general"])
def test_gradients_are_right(kind: str) -> None:
    attention, source = make(kind), memory()

    def context(query: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        seen = Memory(states, source.mask_BS, source.final)
        return attention.attend(query, attention.prepare(seen), seen)[0]

    inputs = QUERY.clone().requires_grad_(), source.states_BSH.clone().requires_grad_()
    assert torch.autograd.gradcheck(context, inputs)


def test_a_fixed_context_is_the_same_at_every_step_and_looks_nowhere() -> None:
    source = memory()
    context, weights = make("final").attend(QUERY, source.states_BSH, source)
    assert all(torch.equal(context[:, t], source.final[-1][0]) for t in range(T))
    assert not weights.any()
    context, weights = make("none").attend(QUERY, source.states_BSH, source)
    assert context.shape == (B, T, 0)
    assert not weights.any()
