"""An encoder's memory: y = f(W x + b) by hand; both directions, every layer, no padding; reading on."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from unroll.nn.cells import CELLS
from unroll.nn.encoders import SequenceEncoder, VectorEncoder
from unroll.nn.layers import Frames, OneHot
from unroll.params.model import SequenceEncoderParams, VectorEncoderParams

V, D, H = 20, 6, 8
FEW = ["rnn", "lstm", "lstm_peephole", "gru"]


def vector(
    embedding: nn.Module, layers: int, activation: Literal["tanh", "relu"] = "tanh", dropout: float = 0.0
) -> VectorEncoder:
    torch.manual_seed(0)
    settings = VectorEncoderParams(kind="vector", hidden=H, layers=layers, activation=activation)
    return VectorEncoder(embedding, settings, dropout).double()


def sequence(cell: str, embedding: nn.Module | None = None, dropout: float = 0.0, **changes: Any) -> SequenceEncoder:
    torch.manual_seed(0)
    settings = {"kind": "sequence", "cell": cell, "hidden": H, "layers": 2, "bidirectional": True, "residual": False}
    params = SequenceEncoderParams.model_validate(settings | changes)
    return SequenceEncoder(embedding or nn.Embedding(V, D), params, dropout).double()


# One item


ONE = torch.tensor([1, 1, 1])
FRAMES = torch.randn(3, 1, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
IDS = torch.tensor([[4], [9], [4]])


@pytest.mark.parametrize(("activation", "f"), [("tanh", torch.tanh), ("relu", torch.relu)])
@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("kind", ["frames", "one_hot", "embedding"])
def test_a_layer_is_f_of_w_x_plus_b(kind: str, layers: int, activation: Literal["tanh", "relu"], f: Any) -> None:
    embedding = {"frames": Frames(D), "one_hot": OneHot(V), "embedding": nn.Embedding(V, D)}[kind]
    encoder = vector(embedding, layers, activation)
    items = FRAMES if kind == "frames" else IDS
    y = {
        "frames": lambda: FRAMES[:, 0],
        "one_hot": lambda: torch.eye(V, dtype=torch.float64)[IDS[:, 0]],
        "embedding": lambda: embedding.weight[IDS[:, 0]],
    }[kind]()
    weights = dict(encoder.layers.named_parameters())
    for W, b in zip(list(weights)[::2], list(weights)[1::2], strict=True):
        y = f(y @ weights[W].T + weights[b])
    memory = encoder(items, ONE)
    assert len(weights) == 2 * layers
    assert encoder.memory_size == y.shape[1] == (H if layers else embedding.embedding_dim)
    torch.testing.assert_close(memory.states_BSH, y[:, None])
    torch.testing.assert_close(memory.context_BH, y)
    torch.testing.assert_close(memory.final, ((y,),))
    assert memory.mask_BS.tolist() == [[True]] * 3


def test_one_item_is_one_position() -> None:
    with pytest.raises(AssertionError, match="one item"):
        vector(Frames(D), 1)(FRAMES.expand(3, 2, D), ONE + 1)


def test_dropout_is_for_training_alone() -> None:
    encoder = vector(Frames(D), 2, dropout=0.5)
    first, second = (encoder.train()(FRAMES, ONE).states_BSH for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (encoder.eval()(FRAMES, ONE).states_BSH for _ in range(2))
    assert torch.equal(first, second)


# Sequences


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_sentence_is_read_the_same_alone_and_in_company(cell: str, bidirectional: bool) -> None:
    encoder = sequence(cell, bidirectional=bidirectional)
    ids, lengths = torch.randint(4, 20, (3, 5)), torch.tensor([5, 2, 3])
    memory = encoder(ids, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = encoder(ids[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(memory.states_BSH[row : row + 1, :length], alone.states_BSH)
        torch.testing.assert_close(memory.context_BH[row : row + 1], alone.context_BH)
        assert not memory.states_BSH[row, length:].any()
        assert memory.mask_BS[row].tolist() == [s < length for s in range(5)]
        for state, expected in zip(memory.final, alone.final, strict=True):
            torch.testing.assert_close(tuple(part[row : row + 1] for part in state), expected)


@pytest.mark.parametrize("cell", CELLS)
def test_it_reads_in_both_directions(cell: str) -> None:
    encoder = sequence(cell, layers=1)
    first, other_start, other_end = (
        encoder(torch.tensor([ids]), torch.tensor([3])).states_BSH[0] for ids in ([4, 5, 6], [7, 5, 6], [4, 5, 8])
    )
    assert not torch.allclose(first[2], other_start[2])
    assert not torch.allclose(first[0], other_end[0])


def test_in_one_direction_nothing_is_known_of_what_comes() -> None:
    encoder = sequence("lstm", bidirectional=False)
    first, other = (encoder(torch.tensor([ids]), torch.tensor([3])).states_BSH[0] for ids in ([4, 5, 6], [4, 5, 8]))
    assert torch.equal(first[:2], other[:2])
    assert not torch.allclose(first[2], other[2])


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_every_layer_leaves_its_last_state(layers: int, bidirectional: bool) -> None:
    encoder = sequence("lstm", layers=layers, bidirectional=bidirectional)
    memory = encoder(torch.tensor([[4, 5]]), torch.tensor([2]))
    assert [[tuple(part.shape) for part in state] for state in memory.final] == [[(1, H), (1, H)]] * layers
    assert memory.mask_BS.tolist() == [[True, True]]
    # The last output: at the last position going forwards, at the first going back.
    half = H // 2 if bidirectional else H
    torch.testing.assert_close(memory.context_BH[:, :half], memory.states_BSH[:, -1, :half])
    torch.testing.assert_close(memory.context_BH[:, half:], memory.states_BSH[:, 0, half:])


@pytest.mark.parametrize("kind", ["frames", "one_hot"])
def test_frames_and_one_hot_are_read_as_vectors(kind: str) -> None:
    ids = torch.tensor([[4, 5, 6], [7, 4, 4]])
    if kind == "frames":
        table = torch.randn(V, D, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        read, items = sequence("gru", Frames(D)), table[ids]
    else:
        table = torch.eye(V, dtype=torch.float64)
        read, items = sequence("gru", OneHot(V)), ids
    looked_up = sequence("gru", nn.Embedding.from_pretrained(table))
    lengths = torch.tensor([3, 2])
    torch.testing.assert_close(read(items, lengths).states_BSH, looked_up(ids, lengths).states_BSH)
    assert not list(read.embedding.parameters())


# Going on


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("residual", [False, True])
def test_one_step_after_another_is_reading_at_once(cell: str, residual: bool) -> None:
    encoder = sequence(cell, bidirectional=False, layers=3, residual=residual)
    ids = torch.randint(4, V, (3, 5), generator=torch.Generator().manual_seed(3))
    memory = encoder(ids, torch.tensor([5, 5, 5]))
    states, outputs = encoder.stack.initial(3), []
    for t in range(5):
        output_BH, states = encoder.step(ids[:, t], states)
        outputs.append(output_BH)
    torch.testing.assert_close(torch.stack(outputs, 1), memory.states_BSH)
    torch.testing.assert_close(states, memory.final)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("cut", [1, 3])
def test_a_text_in_two_pieces_is_a_text(cell: str, cut: int) -> None:
    encoder = sequence(cell, bidirectional=False, layers=2)
    ids = torch.randint(4, V, (3, 5), generator=torch.Generator().manual_seed(3))
    whole = encoder(ids, torch.tensor([5, 5, 5]))
    first = encoder(ids[:, :cut], torch.tensor([cut] * 3))
    second = encoder(ids[:, cut:], torch.tensor([5 - cut] * 3), first.final)
    torch.testing.assert_close(torch.cat([first.states_BSH, second.states_BSH], 1), whole.states_BSH)
    torch.testing.assert_close(second.final, whole.final)


@pytest.mark.parametrize("cell", FEW)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_no_start_is_a_start_from_zeros(cell: str, bidirectional: bool) -> None:
    encoder = sequence(cell, bidirectional=bidirectional)
    ids, lengths = torch.tensor([[4, 5, 6]]), torch.tensor([3])
    zeros = tuple(tuple(torch.zeros_like(part) for part in state) for state in encoder.stack.initial(1))
    other = tuple(tuple(part + 0.5 for part in state) for state in zeros)
    states = [encoder(ids, lengths, start).states_BSH for start in (None, zeros, other)]
    assert torch.equal(states[0], states[1])
    assert not torch.allclose(states[0], states[2])


def first_states(encoder: SequenceEncoder) -> Tensor:
    return encoder(torch.tensor([[4, 5, 6]]), torch.tensor([3])).states_BSH


def test_a_sequence_drops_out_in_training_alone() -> None:
    encoder = sequence("lstm", dropout=0.5)
    encoder.train()
    assert not torch.equal(first_states(encoder), first_states(encoder))
    encoder.eval()
    assert torch.equal(first_states(encoder), first_states(encoder))
