"""An encoder's memory: both directions, every layer, no padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unroll.cells import CELLS
from unroll.encoders import SequenceEncoder
from unroll.params import Model


def make(cell: str, layers: int = 2) -> SequenceEncoder:
    torch.manual_seed(0)
    params = Model(
        cell=cell,
        hidden=8,
        encoder_layers=layers,
        decoder_layers=1,
        attention="dot",
        query="after",
        input_feeding=False,
        reverse_source=False,
        tied=True,
        dropout=0.0,
    )
    return SequenceEncoder(nn.Embedding(20, 6), params).double()


@pytest.mark.parametrize("cell", CELLS)
def test_a_sentence_is_read_the_same_alone_and_in_company(cell: str) -> None:
    encoder, ids, lengths = make(cell), torch.randint(4, 20, (3, 5)), torch.tensor([5, 2, 3])
    memory = encoder(ids, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = encoder(ids[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(memory.states_BSH[row : row + 1, :length], alone.states_BSH)
        assert not memory.states_BSH[row, length:].any()
        for state, expected in zip(memory.final, alone.final, strict=True):
            torch.testing.assert_close(tuple(part[row : row + 1] for part in state), expected)


@pytest.mark.parametrize("cell", CELLS)
def test_it_reads_in_both_directions(cell: str) -> None:
    encoder = make(cell, layers=1)
    first, other_start, other_end = (
        encoder(torch.tensor([ids]), torch.tensor([3])).states_BSH[0] for ids in ([4, 5, 6], [7, 5, 6], [4, 5, 8])
    )
    assert not torch.allclose(first[2], other_start[2])
    assert not torch.allclose(first[0], other_end[0])


@pytest.mark.parametrize("layers", [1, 3])
def test_every_layer_leaves_its_last_state(layers: int) -> None:
    memory = make("lstm", layers)(torch.tensor([[4, 5]]), torch.tensor([2]))
    assert [[tuple(part.shape) for part in state] for state in memory.final] == [[(1, 8), (1, 8)]] * layers
    assert memory.mask_BS.tolist() == [[True, True]]
