"""Stacks and both directions, against one cell at a time and against torch; the inputs below them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unroll.nn.cells import CELLS, Cell, FusedCell, State
from unroll.nn.layers import Bidirectional, Frames, OneHot, Scaled, Stack, Table, reverse

LENGTHS = torch.tensor([4, 2, 3])


def test_reverse_turns_each_row_within_its_length() -> None:
    x = torch.arange(12.0).view(3, 4, 1)
    turned = reverse(x, LENGTHS)[:, :, 0].tolist()
    assert turned == [[3, 2, 1, 0], [5, 4, 6, 7], [10, 9, 8, 11]]
    assert torch.equal(reverse(reverse(x, LENGTHS), LENGTHS), x)


@pytest.mark.parametrize("kind", CELLS)
def test_both_directions_read_each_row_alone_and_whole(kind: str) -> None:
    torch.manual_seed(0)
    layer = Bidirectional(CELLS[kind](3, 5), CELLS[kind](3, 5)).double()
    x = torch.randn(3, 4, 3, dtype=torch.float64)
    outputs, state = layer.unroll(x, LENGTHS, layer.initial(3))
    for row, length in enumerate(LENGTHS.tolist()):
        one, whole = x[row : row + 1, :length], torch.tensor([length])
        ahead, ahead_state = layer.forwards.unroll(one, whole, layer.forwards.initial(1))
        back, back_state = layer.backwards.unroll(one.flip(1), whole, layer.backwards.initial(1))
        torch.testing.assert_close(outputs[row : row + 1, :length], torch.cat([ahead, back.flip(1)], 2))
        torch.testing.assert_close(state[0][row : row + 1], torch.cat([ahead_state[0], back_state[0]], 1))


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("residual", [False, True])
def test_a_stack_unrolled_equals_its_steps(kind: str, residual: bool) -> None:
    torch.manual_seed(0)
    stack = Stack([CELLS[kind](3, 5), *(CELLS[kind](5, 5) for _ in range(2))], dropout=0.0, residual=residual).double()
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    states = stack.initial(2)
    outputs, last = stack.unroll(x, torch.tensor([6, 6]), states)
    for t in range(6):
        output, states = stack.step(x[:, t], states)
        torch.testing.assert_close(output, outputs[:, t])
    torch.testing.assert_close(states, last)


TORCH: dict[str, tuple[type[nn.RNNBase], dict[str, str]]] = {
    "rnn": (nn.RNN, {"nonlinearity": "tanh"}),
    "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (nn.LSTM, {}),
    "gru": (nn.GRU, {}),
}


def torchs(kind: str, bidirectional: bool) -> nn.RNNBase:
    torch.manual_seed(1)
    make, options = TORCH[kind]
    return make(3, 5, num_layers=3, bidirectional=bidirectional, batch_first=True, **options)


def cell_of(kind: str, reference: nn.RNNBase, suffix: str) -> Cell:
    """One layer and direction of torch's module as a cell of ours."""
    weights = {name: getattr(reference, name + suffix) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    cell = CELLS[kind](weights["weight_ih"].shape[1], 5)
    assert isinstance(cell, FusedCell)
    cell.kernel.load_state_dict({f"{name}_l0": weight for name, weight in weights.items()})
    return cell


def by_torch(reference: nn.RNNBase, x: torch.Tensor) -> tuple[torch.Tensor, State]:
    """Outputs, and each part of the last state as (layers * directions, B, H)."""
    outputs, last = reference(pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False))
    return pad_packed_sequence(outputs, batch_first=True)[0], last if isinstance(last, tuple) else (last,)


@pytest.mark.parametrize("kind", TORCH)
def test_a_stack_equals_torchs_layers(kind: str) -> None:
    reference, x = torchs(kind, bidirectional=False), torch.randn(3, 4, 3)
    stack = Stack([cell_of(kind, reference, f"_l{k}") for k in range(3)], dropout=0.0, residual=False)
    outputs, states = stack.unroll(x, LENGTHS, stack.initial(3))
    expected, last = by_torch(reference, x)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-6)
    for part, expected in zip(zip(*states, strict=True), last, strict=True):
        torch.testing.assert_close(torch.stack(part), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", TORCH)
def test_both_directions_equal_torchs(kind: str) -> None:
    reference, x = torchs(kind, bidirectional=True), torch.randn(3, 4, 3)
    expected, last = by_torch(reference, x)
    outputs, states = x, []
    for k in range(3):
        layer = Bidirectional(cell_of(kind, reference, f"_l{k}"), cell_of(kind, reference, f"_l{k}_reverse"))
        outputs, state = layer.unroll(outputs, LENGTHS, layer.initial(3))
        states.append(state)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-6)
    for part, expected in zip(zip(*states, strict=True), last, strict=True):
        directions = [half for layer in part for half in layer.chunk(2, 1)]
        torch.testing.assert_close(torch.stack(directions), expected, rtol=0, atol=1e-6)


class Sum(Cell):
    """h = x + h."""

    def step(self, x_BD: torch.Tensor, state: State) -> State:
        return (x_BD + state[0],)


def test_residual_adds_a_layers_input_from_the_second_on() -> None:
    stack = Stack([Sum(1, 1) for _ in range(3)], dropout=0.0, residual=True)
    x, start = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1), tuple((torch.zeros(1, 1),) for _ in range(3))
    outputs, states = stack.unroll(x, torch.tensor([3]), start)
    # By hand: 1 3 6, running sums; then 1 4 10 + 1 3 6 = 2 7 16; then 2 9 25 + 2 7 16.
    assert outputs.flatten().tolist() == [4, 16, 41]
    assert [state[0].item() for state in states] == [6, 10, 25]


def test_residual_wants_equal_widths() -> None:
    with pytest.raises(AssertionError, match="widths"):
        Stack([Sum(3, 5), Sum(5, 4)], dropout=0.0, residual=True)


def test_dropout_is_between_layers_alone() -> None:
    x, lengths, start = torch.ones(1, 4, 50), torch.tensor([4]), ((torch.zeros(1, 50),),)
    one = Stack([Sum(50, 50)], dropout=0.5, residual=False)
    assert one.unroll(x, lengths, start)[0][0, :, 0].tolist() == [1, 2, 3, 4]
    two = Stack([Sum(50, 50), Sum(50, 50)], dropout=0.5, residual=False)
    first = two.unroll(x[:, :1], torch.tensor([1]), start * 2)[0]
    assert set(first.flatten().tolist()) == {0.0, 2.0}  # dropped or doubled below the second layer, untouched above it


def test_dropout_works_between_layers_and_in_training_alone() -> None:
    torch.manual_seed(0)
    stack = Stack([CELLS["rnn"](3, 50), CELLS["rnn"](50, 5)], dropout=0.5, residual=False)
    x = torch.randn(1, 2, 3)
    first = stack.initial(1)
    runs = [stack.unroll(x, torch.tensor([2]), first)[0] for _ in range(2)]
    assert not torch.equal(*runs)
    stack.eval()
    assert torch.equal(*(stack.unroll(x, torch.tensor([2]), first)[0] for _ in range(2)))


def test_a_product_with_one_hot_vectors_is_a_lookup() -> None:
    ids, embedding = torch.tensor([[3, 0, 2], [1, 1, 3]]), nn.Embedding(4, 5)
    one_hot = OneHot(embedding.num_embeddings)
    assert torch.equal(one_hot(ids) @ embedding.weight, embedding(ids))
    assert one_hot(ids[0, 0]).tolist() == [0, 0, 0, 1]
    assert (one_hot.embedding_dim, list(one_hot.parameters()), one_hot.state_dict()) == (4, [], {})


def test_one_hot_vectors_have_the_dtype_of_weights() -> None:
    ids, before = torch.tensor([1]), torch.get_default_dtype()
    assert OneHot(2)(ids).dtype is before
    assert OneHot(2).double()(ids).dtype is torch.float64
    torch.set_default_dtype(torch.float64)
    try:
        assert OneHot(2)(ids).dtype is torch.float64
    finally:
        torch.set_default_dtype(before)


def test_frames_pass_as_they_are_and_of_their_width_alone() -> None:
    x = torch.randn(2, 3, 4)
    assert Frames(4)(x) is x
    assert Frames(4).embedding_dim == 4
    with pytest.raises(AssertionError, match="4 wide, not 5"):
        Frames(5)(x)


# Tables


def test_looked_up_together_rows_and_gradients_are_those_of_each_alone() -> None:
    torch.manual_seed(1)
    once, each = Table(9, 4).double(), Table(9, 4).double()
    each.load_state_dict(once.state_dict())
    several = torch.tensor([[1, 2], [3, 0]]), torch.tensor([2, 2, 8]), torch.tensor([[[5]]])
    with once.together(*several):
        found = [once(ids) for ids in several]
    wanted = [each(ids) for ids in several]
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one, other)
    for rows in (found, wanted):
        sum((part**3).sum() for part in rows).backward()  # type: ignore[union-attr]
    assert once.weight.grad is not None
    assert each.weight.grad is not None
    torch.testing.assert_close(once.weight.grad, each.weight.grad)


def test_outside_a_table_looks_up_what_it_is_given() -> None:
    table, ids = Table(5, 2), torch.tensor([1, 4])
    with table.together(ids):
        assert table(ids) is table(ids)
        assert torch.equal(table(torch.tensor([1, 4])), table(ids))
    assert table(ids) is not table(ids)


def test_numbers_are_scaled_to_a_mean_of_zero_and_a_deviation_of_one() -> None:
    part = Scaled(3).double()
    vectors = np.array([[1.0, 10.0, 0.1], [3.0, 30.0, 0.1]])
    assert part.scaled(torch.from_numpy(vectors)).tolist() == vectors.tolist(), "until it has learnt a scale"
    part.take_scale(vectors)
    torch.testing.assert_close(
        part.scaled(torch.from_numpy(vectors))[:, :2], torch.tensor([[-1.0, -1], [1, 1]]).double()
    )


def test_a_number_that_never_varies_is_only_moved_however_it_is_rounded() -> None:
    part, constant = Scaled(1), np.full((1000, 1), 0.1, np.float32) * np.float32(1e5)
    part.take_scale(constant)
    assert part.deviation_W.tolist() == [1.0]
    assert part.scaled(torch.from_numpy(constant)).abs().max() < 0.01
