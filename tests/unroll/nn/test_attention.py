"""Each attention and each context against its formula in NumPy, and what hard attention learns from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unroll.nn.attention import ATTENTIONS, CONTEXTS, Attention, Hard, Local, Look, Memory

B, T, S, H, Q, D = 2, 7, 6, 5, 4, 1
LENGTHS = [6, 3]
FIXED = ["final", "none"]
GLOBAL = ["additive", "dot", "general", "concat", "location"]
LOCAL = ["local_m", "local_p"]
STEPS = torch.arange(T)


def test_every_kind_is_tried_here() -> None:
    assert set(ATTENTIONS) == {*GLOBAL, *LOCAL, *FIXED, "hard"}


def memory(lengths: list[int] = LENGTHS, steps: int = S) -> Memory:
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(len(lengths), steps, H, generator=generator, dtype=torch.float64)
    mask = torch.arange(steps) < torch.tensor(lengths)[:, None]
    last = torch.randn(len(lengths), H, generator=generator, dtype=torch.float64)
    return Memory(states, mask, ((last + 1,),), last)


def make(kind: str, window: int = D, positions: int = 128) -> Attention:
    torch.manual_seed(2)
    made = ATTENTIONS[kind]
    bound = {"window": window, "positions": positions, None: None}[made.bounded_by]
    return made(H if made.equal_sizes else Q, H, bound).double().eval()


def queries(attention: Attention, batch: int = B, steps: int = T) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return 2 * torch.randn(batch, steps, attention.query_size, generator=generator, dtype=torch.float64)


def look(attention: Attention, query: Tensor, source: Memory, steps: Tensor = STEPS) -> Look:
    return attention.attend(query, attention.prepare(source), source, steps)


def softmax(scores: np.ndarray) -> np.ndarray:
    return np.exp(scores) / np.exp(scores).sum()


def weights_by_formula(kind: str, attention: Attention, q: np.ndarray, k: np.ndarray, t: int) -> np.ndarray:
    """Return the weights of one query over the n real states."""
    w: dict[str, Any] = {name: value.detach().numpy() for name, value in attention.named_parameters()}
    n, s = len(k), np.arange(len(k))

    def window(p: float) -> np.ndarray:
        near = abs(s - min(round(p), n - 1)) <= D
        return softmax(np.where(near, k @ w["key.weight"].T @ q, -np.inf))

    def local_p() -> np.ndarray:
        p = n / (1 + np.exp(-w["place.weight"][0] @ np.tanh(w["predict.weight"] @ q)))
        return window(p) * np.exp(-((s - p) ** 2) / (2 * (D / 2) ** 2))

    return {
        "dot": lambda: softmax(k @ q),
        "general": lambda: softmax(k @ w["key.weight"].T @ q),
        "additive": lambda: softmax(
            np.tanh(w["query.weight"] @ q + w["query.bias"] + k @ w["key.weight"].T) @ w["energy.weight"][0]
        ),
        "concat": lambda: softmax(
            np.array([w["energy.weight"][0] @ np.tanh(w["both.weight"] @ np.concatenate([q, key])) for key in k])
        ),
        "location": lambda: softmax((w["place.weight"] @ q)[:n]),
        "hard": lambda: np.eye(n)[(w["place.weight"] @ q)[:n].argmax()],
        "local_m": lambda: window(t),
        "local_p": local_p,
    }[kind]()


@pytest.mark.parametrize("kind", [*GLOBAL, *LOCAL, "hard"])
def test_weights_and_context_follow_the_formula_and_padding_is_never_looked_at(kind: str) -> None:
    attention, source = make(kind), memory()
    query = queries(attention)
    context, weights, _, policy = look(attention, query, source)
    assert policy is None
    for b, length in enumerate(LENGTHS):
        states = source.states_BSH[b, :length].numpy()
        for t in range(T):
            expected = weights_by_formula(kind, attention, query[b, t].numpy(), states, t)
            np.testing.assert_allclose(weights[b, t, :length].detach(), expected, atol=1e-12)
            np.testing.assert_allclose(context[b, t].detach(), expected @ states, atol=1e-12)
        assert not weights[b, :, length:].any()


@pytest.mark.parametrize("kind", [*GLOBAL, "local_m", "hard"])
def test_weights_are_a_distribution(kind: str) -> None:
    attention = make(kind)
    weights = look(attention, queries(attention), memory()).weights_BTS
    torch.testing.assert_close(weights.sum(2), torch.ones(B, T, dtype=torch.float64))


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_many_queries_at_once_equal_one_at_a_time(kind: str) -> None:
    attention, source = make(kind), memory()
    query = queries(attention)
    contexts, weights, scored, _ = look(attention, query, source)
    assert contexts.shape == (B, T, attention.context_size)
    for t in range(T):
        context, weight, count, _ = look(attention, query[:, t : t + 1], source, torch.tensor([t]))
        torch.testing.assert_close(context[:, 0], contexts[:, t])
        torch.testing.assert_close(weight[:, 0], weights[:, t])
        assert torch.equal(count[:, 0], scored[:, t])


def look_everywhere_and_mask(attention: Local, query: Tensor, source: Memory) -> Look:
    """The readable form of a local attention: score all, then keep the window."""
    lengths = source.mask_BS.sum(1)[:, None]
    centre = attention.centre(query, lengths, torch.arange(query.shape[1]))[:, :, None]
    s = torch.arange(source.mask_BS.shape[1])
    middle = torch.minimum(centre.detach().round(), lengths[:, :, None] - 1)
    near = ((s - middle).abs() <= attention.window) & source.mask_BS[:, None]
    scores = query @ attention.key(source.states_BSH).transpose(1, 2)
    weights = attention.fade(scores.masked_fill(~near, -torch.inf).softmax(2), s - centre)
    return Look(weights @ source.states_BSH, weights, near.sum(2))


@pytest.mark.parametrize("kind", LOCAL)
@pytest.mark.parametrize("window", [1, 2, 4, 50])
@pytest.mark.parametrize(("lengths", "steps"), [([9, 5, 1], 9), ([1], 1), ([3, 2], 4)])
def test_scoring_windows_equals_scoring_all_and_masking(kind: str, window: int, lengths: list[int], steps: int) -> None:
    attention, results = make(kind, window), []
    assert isinstance(attention, Local)
    for way in (look_everywhere_and_mask, lambda *a: look(*a, torch.arange(12))):
        attention.zero_grad()
        source, query = memory(lengths, steps), queries(attention, len(lengths), 12).requires_grad_()
        source.states_BSH.requires_grad_()
        seen = way(attention, query, source)
        (seen.context_BTH.sin().sum() + seen.weights_BTS.square().sum()).backward()
        gradients = [p.grad for p in (query, source.states_BSH, *attention.parameters())]
        results.append([seen.context_BTH, seen.weights_BTS, seen.scored_BT.double(), *gradients])
    for readable, fast in zip(*results, strict=True):
        torch.testing.assert_close(fast, readable, rtol=0, atol=1e-12)


def test_a_window_wider_than_the_source_makes_local_m_general() -> None:
    local, everywhere, source = make("local_m", 1000), make("general"), memory()
    everywhere.load_state_dict(local.state_dict())
    for one, other in zip(look(local, queries(local), source), look(everywhere, queries(local), source), strict=True):
        torch.testing.assert_close(one, other)


def test_local_m_beyond_the_end_of_the_source_looks_at_its_end() -> None:
    attention = make("local_m")
    weights = look(attention, queries(attention, steps=3), memory(), torch.tensor([0, 2, 40])).weights_BTS
    assert (weights > 0).int().tolist() == [
        [[1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]],
        [[1, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0]],
    ]


@pytest.mark.parametrize("kind", ["location", "hard"])
def test_location_never_looks_beyond_its_last_position(kind: str) -> None:
    attention = make(kind, positions=4)
    _, weights, scored, _ = look(attention, queries(attention), memory())
    assert not weights[:, :, 4:].any()
    torch.testing.assert_close(weights.sum(2), torch.ones(B, T, dtype=torch.float64))
    assert scored.tolist() == [[4] * T, [3] * T]


@pytest.mark.parametrize(
    ("kind", "count"),
    [(kind, 50 * 50) for kind in GLOBAL]
    + [("local_m", 50 * 21 - 2 * sum(range(11))), ("hard", 50 * 50)]
    + [(kind, 0) for kind in FIXED],
)
def test_how_many_positions_are_scored(kind: str, count: int) -> None:
    attention, source = make(kind, 10).float(), memory([50, 50], 50)
    # States so large that most of the softmax underflows: what was scored is to be counted all the same.
    source = Memory(source.states_BSH.float() * 1e3, source.mask_BS, source.final, source.context_BH.float())
    seen = look(attention, queries(attention, steps=50).float(), source, torch.arange(50))
    assert seen.scored_BT.sum(1).tolist() == [count, count]
    assert seen.scored_BT.dtype is torch.long


@pytest.mark.parametrize(
    ("kind", "counts"),
    [(kind, [6, 3]) for kind in (*GLOBAL, "hard")]  # the real positions of each source
    + [("local_m", [[2, 3, 3, 3, 3, 2, 2], [2, 3, 2, 2, 2, 2, 2]])]  # one on either side of t, or of the last
    + [(kind, [0, 0]) for kind in FIXED],
)
@pytest.mark.parametrize("half", [False, True])
def test_what_is_scored_is_counted_whatever_of_it_underflows(kind: str, counts: list[Any], half: bool) -> None:
    attention, source = make(kind), memory()
    query = queries(attention)
    if half:  # where a weight below 6e-8 is zero
        attention, query = attention.half(), query.half()
        large_BSH = (source.states_BSH * 100).half()
        source = Memory(large_BSH, source.mask_BS, source.final, source.context_BH.half())
    seen = look(attention, query, source)
    assert seen.scored_BT.tolist() == [count if isinstance(count, list) else [count] * T for count in counts]
    if half and kind in ("dot", "general"):
        assert (seen.weights_BTS > 0).sum() < seen.scored_BT.sum()


def test_of_five_positions_five_are_scored_though_one_has_all_the_weight() -> None:
    attention = ATTENTIONS["dot"](1, 1, None).half()
    states_BSH = torch.tensor([40.0, 0, 0, 0, 0]).half()[None, :, None]
    source = Memory(states_BSH, torch.ones(1, 5, dtype=torch.bool), (), states_BSH[:, 0])
    seen = look(attention, torch.ones(1, 1, 1).half(), source, torch.arange(1))
    assert seen.weights_BTS.tolist() == [[[1.0, 0.0, 0.0, 0.0, 0.0]]]
    assert seen.scored_BT.tolist() == [[5]]


def test_local_p_scores_its_window_but_for_what_lies_beyond_the_ends() -> None:
    attention, source = make("local_p", 10), memory([50, 50], 50)
    query = queries(attention, steps=50)
    assert isinstance(attention, Local)
    centre = attention.centre(query, torch.tensor([[50], [50]]), STEPS).detach().numpy().round().clip(max=49)
    inside = np.minimum(centre + 10, 49) - np.maximum(centre - 10, 0) + 1
    seen = look(attention, query, source, torch.arange(50))
    assert seen.scored_BT.tolist() == inside.tolist()
    assert (seen.weights_BTS.sum(2) < 1).all()


@pytest.mark.parametrize("kind", [*GLOBAL, *LOCAL])
def test_gradients_of_attentions_are_right(kind: str) -> None:
    attention, source = make(kind), memory()
    names = [name for name, _ in attention.named_parameters()]

    def context(query: Tensor, states: Tensor, *weights: Tensor) -> Tensor:
        seen = Memory(states, source.mask_BS, source.final, source.context_BH)
        return torch.func.functional_call(
            Looking(attention), {f"attention.{n}": w for n, w in zip(names, weights, strict=True)}, (query, seen)
        )

    inputs = queries(attention, steps=3), source.states_BSH, *(p.detach() for p in attention.parameters())
    assert torch.autograd.gradcheck(context, [x.clone().requires_grad_() for x in inputs])


class Looking(torch.nn.Module):
    """Prepares and attends in one call."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, query: Tensor, source: Memory) -> Tensor:
        return look(self.attention, query, source, torch.arange(query.shape[1])).context_BTH


def test_a_fixed_context_is_the_same_at_every_step_and_looks_nowhere() -> None:
    source = memory()
    context, weights, scored, _ = look(make("final"), queries(make("final")), source)
    assert all(torch.equal(context[:, t], source.context_BH) for t in range(T))
    assert not weights.any()
    assert not scored.any()
    context, weights, scored, _ = look(make("none"), queries(make("none")), source)
    assert context.shape == (B, T, 0)
    assert not weights.any()
    assert not scored.any()


@pytest.mark.parametrize("kind", CONTEXTS)
def test_contexts_follow_the_formula_and_gradients_are_right(kind: str) -> None:
    torch.manual_seed(2)
    context, source = CONTEXTS[kind](H).double(), memory()
    w = {name: value.detach().numpy() for name, value in context.named_parameters()}
    for b, length in enumerate(LENGTHS):
        k, last = source.states_BSH[b, :length].numpy(), source.context_BH[b].numpy()
        expected = {
            "last": lambda last=last: last,
            "transform": lambda last=last: np.tanh(w["linear.weight"] @ last + w["linear.bias"]),
            "mean": lambda k=k: k.mean(0),
            "max": lambda k=k: k.max(0),
            "learned": lambda k=k: softmax(np.tanh(k @ w["key.weight"].T + w["key.bias"]) @ w["energy.weight"][0]) @ k,
        }[kind]()
        np.testing.assert_allclose(context(source)[b].detach(), expected, atol=1e-12)

    def of(states: Tensor, last: Tensor) -> Tensor:
        return context(Memory(states, source.mask_BS, source.final, last))

    inputs = [x.clone().requires_grad_() for x in (source.states_BSH, source.context_BH)]
    assert torch.autograd.gradcheck(of, inputs)


def test_select_takes_every_part_of_some_sentences() -> None:
    source = memory([6, 3, 2])
    chosen = source.select(torch.tensor([2, 0]))
    assert chosen.mask_BS.sum(1).tolist() == [2, 6]
    for part in ("states_BSH", "context_BH"):
        assert torch.equal(getattr(chosen, part), getattr(source, part)[[2, 0]])
    assert torch.equal(chosen.final[0][0], source.final[0][0][[2, 0]])


def test_hard_attention_draws_from_its_policy_in_training_alone() -> None:
    attention, source = make("hard").train(), memory()
    assert isinstance(attention, Hard)
    query = queries(attention, steps=1).expand(-1, 20_000, -1)
    torch.manual_seed(1)
    context, weights, _, policy = look(attention, query, source, torch.zeros(20_000, dtype=torch.long))
    assert policy is not None
    for b, length in enumerate(LENGTHS):
        p = softmax(attention.place(query[b, 0]).detach().numpy()[:length])
        # A frequency has a standard error of at most 0.5 / sqrt(20,000) = 0.0035.
        np.testing.assert_allclose(weights[b].mean(0)[:length], p, atol=0.014)
        assert not weights[b, :, length:].any()
        at = weights[b].argmax(1)
        np.testing.assert_allclose(policy.log_probs_BT[b].detach().exp(), p[at], atol=1e-12)
        assert torch.equal(context[b], source.states_BSH[b, at])
    torch.testing.assert_close(policy.baselines_BT, attention.baseline(query).squeeze(2))


def test_reinforce_finds_the_gradient_of_the_expected_reward_and_a_baseline_steadies_it() -> None:
    attention, source, chunks, draws = make("hard").train(), memory([3], 3), 400, 100
    assert isinstance(attention, Hard)
    query, rewards_S = queries(attention, 1, 1), torch.tensor([5.0, 6.0, 8.0], dtype=torch.float64)
    expected = (attention.place(query[0, 0])[:3].softmax(0) * rewards_S).sum()
    exact = torch.autograd.grad(expected, attention.place.weight)[0][:3]
    spread = []
    for level in (0.0, expected.item()):
        torch.nn.init.zeros_(attention.baseline.weight)
        torch.nn.init.constant_(attention.baseline.bias, level)
        torch.manual_seed(7)
        gradients = []
        for _ in range(chunks):
            _, weights, _, policy = look(attention, query.expand(1, draws, -1), source, torch.zeros(draws))
            assert policy is not None
            advantages = (weights @ rewards_S - policy.baselines_BT).detach()
            objective = (advantages * policy.log_probs_BT).mean()
            gradients.append(torch.autograd.grad(objective, attention.place.weight)[0][:3])
        found = torch.stack(gradients)
        error = found.std(0) / chunks**0.5
        assert ((found.mean(0) - exact).abs() < 4 * error).all()
        spread.append(found.var(0).sum())
    assert spread[1] < spread[0] / 10


def test_only_the_policy_learns_from_a_draw() -> None:
    attention, source = make("hard").train(), memory()
    assert isinstance(attention, Hard)
    query = queries(attention).requires_grad_()
    context, _, _, policy = look(attention, query, source)
    assert policy is not None
    assert not context.requires_grad
    (of_baseline,) = torch.autograd.grad(policy.baselines_BT.sum(), query, allow_unused=True, retain_graph=True)
    assert of_baseline is None
    of_place, of_query = torch.autograd.grad(policy.log_probs_BT.sum(), [attention.place.weight, query])
    assert of_place.any()
    assert of_query.any()
