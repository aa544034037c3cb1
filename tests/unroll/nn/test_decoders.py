"""Teacher forcing in one sweep against the decoder's steps, for every way of looking back, and scheduled sampling."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unroll.nn.attention import ATTENTIONS, CONTEXTS, Hard, Memory
from unroll.nn.decoders import Decoder, Forecaster, bound
from unroll.params.model import DecoderParams, ForecasterParams

B, S, T, D, H, V = 3, 5, 4, 4, 6, 11
CELLS = ["rnn", "lstm", "gru"]
Way = tuple[Literal["before", "after"], bool]
WAYS: list[Way] = [("before", False), ("after", False), ("after", True)]


def make(
    cell: str,
    attention: str,
    query: Literal["before", "after"],
    feeding: bool,
    tied: bool = True,
    layers: int = 2,
    context: str = "last",
) -> Decoder:
    torch.manual_seed(0)
    settings = DecoderParams(
        kind="decoder",
        context=context,
        cell=cell,
        hidden=H,
        layers=layers,
        residual=False,
        attention=attention,
        window=1 if ATTENTIONS[attention].bounded_by == "window" else None,
        positions=9 if ATTENTIONS[attention].bounded_by == "positions" else None,
        query=query,
        input_feeding=feeding,
    )
    return Decoder(nn.Embedding(V, D), V, H, settings, 0.0, tied).double().eval()


def memory() -> Memory:
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(B, S, H, generator=generator, dtype=torch.float64)
    mask = torch.arange(S) < torch.tensor([5, 2, 4])[:, None]
    last = torch.randn(B, H, generator=generator, dtype=torch.float64)
    return Memory(states, mask, ((last,),), last)


IDS = torch.randint(V, (B, T), generator=torch.Generator().manual_seed(2))


def by_steps(decoder: Decoder, next_ids: Callable[[int, Tensor], Tensor]) -> Tensor:
    """Return logits_BTV one step at a time; `next_ids` says from the step and the last logits what is fed."""
    state, logits = decoder.initial(memory()), [torch.zeros(B, V)]
    for t in range(T):
        assert state.steps == t
        logits_BV, state = decoder.step(next_ids(t, logits[-1]), state)
        logits.append(logits_BV)
    return torch.stack(logits[1:], 1)


@pytest.mark.parametrize(("cell", "attention", "way"), itertools.product(CELLS, ATTENTIONS, WAYS))
def test_unroll_equals_step_gradients_included(cell: str, attention: str, way: Way) -> None:
    decoder, results = make(cell, attention, *way), []
    for sweep in (
        lambda: by_steps(decoder, lambda t, _: IDS[:, t]),
        lambda: decoder.unroll(IDS, decoder.initial(memory())),
    ):
        decoder.zero_grad()
        logits = sweep()
        logits.sin().sum().backward()
        results.append([logits, *(p.grad.clone() for p in decoder.parameters() if p.grad is not None)])
    assert len(results[0]) == len(results[1])
    for readable, fast in zip(*results, strict=True):
        torch.testing.assert_close(fast, readable, rtol=0, atol=1e-10)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("attention", ["general", "local_m", "hard"])
def test_beams_of_a_sentence_share_its_memory_and_its_step(attention: str, way: Way) -> None:
    decoder, beams = make("lstm", attention, *way), 3
    ids = torch.randint(V, (2, B * beams), generator=torch.Generator().manual_seed(4))
    state = decoder.initial(memory(), beams)
    ones = [decoder.initial(memory().select(torch.tensor([row // beams]))) for row in range(B * beams)]
    for ids_R in ids:
        logits, state = decoder.step(ids_R, state)
        for row in range(B * beams):
            alone, ones[row] = decoder.step(ids_R[row : row + 1], ones[row])
            torch.testing.assert_close(logits[row : row + 1], alone)
            torch.testing.assert_close(state.weights_BS[row : row + 1], ones[row].weights_BS)
            assert torch.equal(state.scored_B[row : row + 1], ones[row].scored_B)


@pytest.mark.parametrize(("attention", "scored"), [("dot", [5, 2, 4]), ("local_m", [2, 2, 2]), ("none", [0, 0, 0])])
@pytest.mark.parametrize("way", WAYS)
def test_a_step_says_how_many_positions_it_was_compared_with(attention: str, scored: list[int], way: Way) -> None:
    decoder = make("gru", attention, *way)
    before = decoder.initial(memory(), 2)
    assert before.scored_B.tolist() == [0] * 2 * B
    _, after = decoder.step(torch.zeros(2 * B, dtype=torch.long), before)
    assert after.scored_B.tolist() == [count for count in scored for _ in range(2)]


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_an_attention_is_bounded_by_the_parameter_that_its_class_names(kind: str) -> None:
    settings = DecoderParams(
        kind="decoder", context="last", cell="gru", hidden=H, layers=1, residual=False, attention=kind, window=3,
        positions=7, query="after", input_feeding=False,
    )  # fmt: skip
    assert bound(settings) == {"window": 3, "positions": 7, None: None}[ATTENTIONS[kind].bounded_by]


@pytest.mark.parametrize("attention", ["dot", "local_m", "final"])
def test_select_reorders_rows_and_keeps_sentences(attention: str) -> None:
    decoder = make("gru", attention, "after", True)
    _, state = decoder.step(torch.arange(B * 2), decoder.initial(memory(), 2))
    rows, sentences = torch.tensor([5, 4, 1, 1]), torch.tensor([2, 0])
    chosen = state.select(rows, sentences)
    assert torch.equal(chosen.weights_BS, state.weights_BS[rows])
    assert torch.equal(chosen.scored_B, state.scored_B[rows])
    after, _ = decoder.step(torch.tensor([1, 2, 3, 4]), chosen)
    ids = torch.zeros(B * 2, dtype=torch.long)
    for place, (row, token) in enumerate(zip(rows.tolist(), [1, 2, 3, 4], strict=True)):
        ids[row] = token
        whole, _ = decoder.step(ids, state)
        torch.testing.assert_close(after[place], whole[row])


def test_tied_logits_are_the_embedding_and_untied_ones_are_as_wide_as_a_state() -> None:
    tied, free = (make("rnn", "general", "after", True, tied=tied) for tied in (True, False))
    assert tied.logits.weight is tied.embedding.weight
    assert free.logits.weight.shape == (V, H)
    assert free.initial(memory()).feed_BD.shape == (B, H)
    assert free.unroll(IDS, free.initial(memory())).shape == (B, T, V)


def test_without_attention_the_decoder_sees_nothing_but_its_first_state() -> None:
    decoder, seen = make("lstm", "none", "after", False), memory()
    other = replace(seen, states_BSH=torch.zeros_like(seen.states_BSH))
    assert torch.equal(*(decoder.unroll(IDS, decoder.initial(m)) for m in (seen, other)))
    changed = replace(seen, context_BH=seen.context_BH + 1)
    assert not np.allclose(*(decoder.unroll(IDS, decoder.initial(m)).detach() for m in (seen, changed)))


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_first_state_and_a_fixed_context_are_made_from_c(context: str) -> None:
    decoder = make("lstm", "final", "after", False, context=context)
    c, state = decoder.context(memory()), decoder.initial(memory(), 2)
    assert torch.equal(state.memory.context_BH, c)
    parts = torch.tanh(decoder.bridge.linear(c)).repeat_interleave(2, 0)
    torch.testing.assert_close(torch.cat([part for layer in state.layers for part in layer], 1), parts)


@pytest.mark.parametrize("own", [0.0, 0.5])
@pytest.mark.parametrize("way", WAYS)
def test_a_hard_attention_in_training_hands_out_its_policy(way: Way, own: float) -> None:
    decoder = make("gru", "hard", *way).train()
    assert isinstance(decoder.attention, Hard)
    readouts, policy = decoder.read(IDS, decoder.initial(memory()), own)
    assert readouts.shape == (B, T, D)
    assert policy is not None
    assert policy.log_probs_BT.shape == policy.baselines_BT.shape == (B, T)
    policy.log_probs_BT.sum().backward()
    assert decoder.attention.place.weight.grad is not None
    assert decoder.attention.place.weight.grad.any()
    assert decoder.attention.baseline.weight.grad is None
    assert decoder.eval().read(IDS, decoder.initial(memory()), own)[1] is None


@pytest.mark.parametrize("attention", ["general", "none"])
@pytest.mark.parametrize("way", WAYS)
def test_a_decoder_that_always_hears_itself_never_hears_the_target_after_go(attention: str, way: Way) -> None:
    decoder = make("lstm", attention, *way)
    readouts, _ = decoder.read(IDS, decoder.initial(memory()), 1.0)
    others = torch.cat([IDS[:, :1], (IDS[:, 1:] + 1) % V], 1)
    assert torch.equal(readouts, decoder.read(others, decoder.initial(memory()), 1.0)[0])
    heard = by_steps(decoder, lambda t, logits: logits.argmax(1) if t else IDS[:, 0])
    torch.testing.assert_close(decoder.logits(readouts), heard)


@pytest.mark.parametrize("way", WAYS)
def test_a_decoder_that_never_hears_itself_is_taught_by_the_target_and_draws_nothing(way: Way) -> None:
    decoder = make("lstm", "general", *way)
    before = torch.random.get_rng_state()
    readouts, policy = decoder.read(IDS, decoder.initial(memory()), 0.0)
    assert policy is None
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(decoder.logits(readouts), decoder.unroll(IDS, decoder.initial(memory())))
    # A share so small that no draw falls below it: the loop over steps then hears the target alone.
    torch.testing.assert_close(decoder.read(IDS, decoder.initial(memory()), 1e-30)[0], readouts)


def test_the_share_of_own_tokens_is_drawn_token_by_token() -> None:
    decoder, rows = make("rnn", "none", "after", False), 5000
    state = decoder.initial(memory().select(torch.zeros(rows, dtype=torch.long)))
    ids = torch.tensor([3, 4]).expand(rows, -1)
    torch.manual_seed(1)
    readouts, _ = decoder.read(ids, state, 0.3)
    taught, own = (decoder.read(ids[:1], decoder.initial(memory().select(torch.tensor([0]))), x)[0] for x in (0.0, 1.0))
    heard_itself = torch.isclose(readouts[:, 1], own[:, 1]).all(1)
    assert not torch.allclose(taught[:, 1], own[:, 1])
    assert (heard_itself | torch.isclose(readouts[:, 1], taught[:, 1]).all(1)).all()
    # The standard error is sqrt(0.3 * 0.7 / 5000) = 0.0065.
    assert abs(heard_itself.double().mean() - 0.3) < 0.026


def test_no_gradient_passes_through_the_choice_of_own_tokens() -> None:
    decoder = make("gru", "general", "after", False)
    with torch.no_grad():
        ids = by_steps(decoder, lambda t, logits: logits.argmax(1) if t else IDS[:, 0]).argmax(2)
    said, results = torch.cat([IDS[:, :1], ids[:, :-1]], 1), []
    for inputs, own in ((IDS, 1.0), (said, 0.0)):
        decoder.zero_grad()
        decoder.read(inputs, decoder.initial(memory()), own)[0].sin().sum().backward()
        results.append([p.grad.clone() for p in decoder.parameters() if p.grad is not None])
    for sampled, taught in zip(*results, strict=True):
        torch.testing.assert_close(sampled, taught)


# --- real numbers -----------------------------------------------------------------------------------------------------

W = 1
NUMBERS = torch.randn(B, T, W, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def forecaster(cell: str, attention: str, way: Way, seasons: tuple[int, ...] = ()) -> Forecaster:
    torch.manual_seed(0)
    settings = ForecasterParams(
        kind="forecaster",
        horizon=T,
        seasons=seasons,
        channel=1,
        context="last",
        cell=cell,
        hidden=H,
        layers=2,
        residual=False,
        attention=attention,
        window=1 if ATTENTIONS[attention].bounded_by == "window" else None,
        positions=9 if ATTENTIONS[attention].bounded_by == "positions" else None,
        query=way[0],
        input_feeding=way[1],
        loss="squared",
        quantiles=(0.1, 0.5, 0.9),
    )
    made = Forecaster(nn.Identity(), W, H, settings, 0.0, tied=False).double().eval()
    made.numbers.mean_W.copy_(torch.tensor([5.0]))
    made.numbers.deviation_W.copy_(torch.tensor([2.0]))
    return made


def gradients(model: nn.Module, readouts: Tensor) -> list[Tensor]:
    model.zero_grad()
    readouts.square().sum().backward()
    return [readouts.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


BEFORE = torch.randn(B, T, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


@pytest.mark.parametrize("seasons", [(), (3, 5)])
@pytest.mark.parametrize(("cell", "attention", "way"), itertools.product(CELLS, ["none", "general", "local_p"], WAYS))
def test_what_came_is_heard_at_once_or_step_by_step(
    cell: str, attention: str, way: Way, seasons: tuple[int, ...]
) -> None:
    model, before = forecaster(cell, attention, way, seasons), BEFORE[..., : len(seasons)]

    def by_steps() -> Tensor:
        state, readouts = model.initial(memory()), []
        for t in range(T):
            x_BW = model.numbers.scaled(NUMBERS[:, t - 1]) if t else torch.zeros(B, W, dtype=torch.float64)
            if seasons:
                base, other = BEFORE[:, t].split(1, 1)
                x_BW = torch.cat([x_BW, base / 2, (other - base) / 2], 1)
            readout_BD, _, state = model.one(x_BW, state)
            readouts.append(readout_BD)
        return torch.stack(readouts, 1)

    found = gradients(model, by_steps()), gradients(model, model.read(NUMBERS, before, model.initial(memory()), 0.0)[0])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("attention", ["none", "general"])
def test_a_forecast_hears_what_it_said_itself(attention: str) -> None:
    model = forecaster("gru", attention, WAYS[1], (3, 5))
    readouts_BTD, _ = model.read(NUMBERS, BEFORE, model.initial(memory()), 1.0)
    numbers_BTWQ, weights_BTS = model.forecast(BEFORE, model.initial(memory()))
    torch.testing.assert_close(model.numbers.said(readouts_BTD) + BEFORE[..., :1, None], numbers_BTWQ)
    assert weights_BTS.shape == (B, T, S)
    # What it said: fed as if it had come, it is heard as its own.
    middle_BTW = model.numbers.scaled_numbers(readouts_BTD)[..., 1] * model.numbers.deviation_W + model.numbers.mean_W
    heard, _ = model.read(middle_BTW, BEFORE, model.initial(memory()), 0.0)
    torch.testing.assert_close(heard, readouts_BTD)


def test_a_forecast_hears_nothing_of_what_comes_later() -> None:
    model = forecaster("lstm", "general", WAYS[1])
    other = NUMBERS.clone()
    other[:, 2:] = torch.nan  # behind the end of a row
    one, two = (model.read(numbers, BEFORE[..., :0], model.initial(memory()), 0.0)[0] for numbers in (NUMBERS, other))
    torch.testing.assert_close(one[:, :3], two[:, :3])
    assert two.isfinite().all()


def test_a_forecast_is_learnt_from_what_was_a_season_before() -> None:
    model = forecaster("gru", "none", WAYS[1], (3, 1))
    source = torch.arange(30, dtype=torch.float64).view(3, 5, 2)  # its second channel: 1 3 5 7 9, 11 13 ...
    before = model.lags(source, torch.tensor([5, 4, 2]), 4) + model.numbers.mean_W
    # The third is shorter than a season: 21 23, again and again.
    assert before[..., 0].tolist() == [[5, 7, 9, 5], [13, 15, 17, 13], [21, 23, 21, 23]]
    assert before[..., 1].tolist() == [[9] * 4, [17] * 4, [23] * 4]
    assert torch.equal(model.base(before), before[..., :1])
    none = forecaster("gru", "none", WAYS[1])
    assert not none.base(none.lags(source, torch.tensor([5, 4, 2]), 4)).any()
