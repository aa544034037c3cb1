"""Stacks and both directions, against one cell at a time."""

from __future__ import annotations

import pytest
import torch

from unroll.cells import CELLS
from unroll.layers import Bidirectional, Stack, reverse

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
    outputs, state = layer.unroll(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        one, whole = x[row : row + 1, :length], torch.tensor([length])
        ahead, ahead_state = layer.forwards.unroll(one, whole, layer.forwards.initial(1))
        back, back_state = layer.backwards.unroll(one.flip(1), whole, layer.backwards.initial(1))
        torch.testing.assert_close(outputs[row : row + 1, :length], torch.cat([ahead, back.flip(1)], 2))
        torch.testing.assert_close(state[0][row : row + 1], torch.cat([ahead_state[0], back_state[0]], 1))


@pytest.mark.parametrize("kind", CELLS)
def test_a_stack_unrolled_equals_its_steps(kind: str) -> None:
    torch.manual_seed(0)
    stack = Stack([CELLS[kind](3, 5), CELLS[kind](5, 4)], dropout=0.0).double()
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    states = tuple(cell.initial(2) for cell in stack.cells)
    outputs, last = stack.unroll(x, torch.tensor([6, 6]), states)
    for t in range(6):
        output, states = stack.step(x[:, t], states)
        torch.testing.assert_close(output, outputs[:, t])
    torch.testing.assert_close(states, last)


def test_dropout_works_between_layers_and_in_training_alone() -> None:
    torch.manual_seed(0)
    stack = Stack([CELLS["rnn"](3, 50), CELLS["rnn"](50, 5)], dropout=0.5)
    x = torch.randn(1, 2, 3)
    first = tuple(cell.initial(1) for cell in stack.cells)
    runs = [stack.unroll(x, torch.tensor([2]), first)[0] for _ in range(2)]
    assert not torch.equal(*runs)
    stack.eval()
    assert torch.equal(*(stack.unroll(x, torch.tensor([2]), first)[0] for _ in range(2)))
