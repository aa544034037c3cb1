"""Teacher forcing in one sweep against the decoder's steps, for every way of looking back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from unroll.attention import ATTENTIONS, Memory
from unroll.cells import CELLS
from unroll.decoders import Decoder
from unroll.params import Model

B, S, T, D, H, V = 3, 5, 4, 4, 6, 11
WAYS = [("before", False), ("after", False), ("after", True)]


def make(cell: str, attention: str, query: str, feeding: bool, tied: bool = True, layers: int = 2) -> Decoder:
    torch.manual_seed(0)
    params = Model(
        cell=cell,
        hidden=H,
        encoder_layers=1,
        decoder_layers=layers,
        attention=attention,
        query=query,
        input_feeding=feeding,
        reverse_source=False,
        tied=tied,
        dropout=0.0,
    )
    return Decoder(nn.Embedding(V, D), H, params).double()


def memory() -> Memory:
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(B, S, H, generator=generator, dtype=torch.float64)
    mask = torch.arange(S) < torch.tensor([5, 2, 4])[:, None]
    return Memory(states, mask, ((torch.randn(B, H, generator=generator, dtype=torch.float64),),))


IDS = torch.randint(V, (B, T), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("cell", "attention", "way"), itertools.product(CELLS, ATTENTIONS, WAYS))
def test_unroll_equals_step_gradients_included(cell: str, attention: str, way: tuple[str, bool]) -> None:
    decoder, results = make(cell, attention, *way), []

    def by_steps() -> torch.Tensor:
        state, logits = decoder.initial(memory()), []
        for t in range(T):
            logits_BV, state = decoder.step(IDS[:, t], state)
            logits.append(logits_BV)
        return torch.stack(logits, 1)

    for sweep in (by_steps, lambda: decoder.unroll(IDS, decoder.initial(memory()))):
        decoder.zero_grad()
        logits = sweep()
        logits.sin().sum().backward()
        results.append([logits, *(p.grad.clone() for p in decoder.parameters() if p.grad is not None)])
    assert len(results[0]) == len(results[1])
    for readable, fast in zip(*results, strict=True):
        torch.testing.assert_close(fast, readable, rtol=0, atol=1e-10)


@pytest.mark.parametrize("way", WAYS)
def test_beams_of_a_sentence_share_its_memory(way: tuple[str, bool]) -> None:
    decoder, beams = make("lstm", "general", *way), 3
    ids = torch.randint(V, (B * beams,), generator=torch.Generator().manual_seed(4))
    logits, state = decoder.step(ids, decoder.initial(memory(), beams))
    for row in range(B * beams):
        alone, one = decoder.step(ids[row : row + 1], decoder.initial(memory().select(torch.tensor([row // beams]))))
        torch.testing.assert_close(logits[row : row + 1], alone)
        torch.testing.assert_close(state.weights_BS[row : row + 1], one.weights_BS)


def test_select_reorders_rows_and_keeps_sentences() -> None:
    decoder = make("gru", "dot", "after", True)
    _, state = decoder.step(torch.arange(B * 2), decoder.initial(memory(), 2))
    rows, sentences = torch.tensor([5, 4, 1, 1]), torch.tensor([2, 0])
    chosen = state.select(rows, sentences)
    after, _ = decoder.step(torch.tensor([1, 2, 3, 4]), chosen)
    ids = torch.zeros(B * 2, dtype=torch.long)
    for place, (row, token) in enumerate(zip(rows.tolist(), [1, 2, 3, 4], strict=True)):
        ids[row] = token
        whole, _ = decoder.step(ids, state)
        torch.testing.assert_close(after[place], whole[row])


def test_tied_logits_are_the_embedding_and_untied_ones_are_not() -> None:
    assert make("rnn", "none", "after", False).logits.weight is not None
    tied, free = (make("rnn", "none", "after", False, tied=tied) for tied in (True, False))
    assert tied.logits.weight is tied.embedding.weight
    assert free.logits.weight is not free.embedding.weight


def test_without_attention_the_decoder_sees_nothing_but_its_first_state() -> None:
    decoder, seen = make("lstm", "none", "after", False), memory()
    other = Memory(torch.zeros_like(seen.states_BSH), seen.mask_BS, seen.final)
    assert torch.equal(*(decoder.unroll(IDS, decoder.initial(m)) for m in (seen, other)))
    changed = Memory(seen.states_BSH, seen.mask_BS, ((seen.final[0][0] + 1,),))
    assert not np.allclose(*(decoder.unroll(IDS, decoder.initial(m)).detach() for m in (seen, changed)))
