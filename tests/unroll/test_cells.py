"""Each cell against its equations, its fused kernel against the loop over its steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unroll.cells import CELLS, GRU, LSTM, RNN, Cell

B, T, D, H = 4, 6, 3, 5
LENGTHS = torch.tensor([6, 2, 5, 1])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def make(kind: str) -> Cell:
    torch.manual_seed(3)
    return CELLS[kind](D, H).double()


def weights(cell: RNN | LSTM | GRU, gates: int) -> list[np.ndarray]:
    """W, U, b_W, b_U of each gate, in torch's order."""
    parts = (cell.kernel.weight_ih_l0, cell.kernel.weight_hh_l0, cell.kernel.bias_ih_l0, cell.kernel.bias_hh_l0)
    return [part.detach().numpy().reshape(gates, H, -1) for part in parts]


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("lengths", [LENGTHS, torch.full((B,), T)], ids=["ragged", "equal"])
def test_the_kernel_equals_the_loop_over_steps(kind: str, lengths: torch.Tensor) -> None:
    cell, x = make(kind), torch.randn(B, T, D, dtype=torch.float64)
    results = []
    for unroll in (cell.unroll, lambda *arguments: Cell.unroll(cell, *arguments)):
        cell.zero_grad()
        start = x.clone().requires_grad_()
        outputs, state = unroll(start, lengths, cell.initial(B))
        (outputs.sin().sum() + sum(part.cos().sum() for part in state)).backward()
        results.append([outputs, *state, start.grad, *(p.grad.clone() for p in cell.parameters())])
    for fast, readable in zip(*results, strict=True):
        torch.testing.assert_close(fast, readable, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", CELLS)
def test_beyond_its_length_a_row_says_nothing_and_its_state_stands_still(kind: str) -> None:
    cell, x = make(kind), torch.randn(B, T, D, dtype=torch.float64)
    outputs, state = cell.unroll(x, LENGTHS, cell.initial(B))
    for row, length in enumerate(LENGTHS.tolist()):
        alone, last = cell.unroll(x[row : row + 1, :length], torch.tensor([length]), cell.initial(1))
        torch.testing.assert_close(outputs[row : row + 1, :length], alone)
        assert not outputs[row, length:].any()
        for part, expected in zip(state, last, strict=True):
            torch.testing.assert_close(part[row : row + 1], expected)


@pytest.mark.parametrize("kind", CELLS)
def test_the_gradient_of_a_step_is_right(kind: str) -> None:
    cell = make(kind)
    state = tuple(torch.randn(B, H, dtype=torch.float64, requires_grad=True) for _ in range(cell.states))
    x = torch.randn(B, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *state: cell.step(x, state), (x, *state))


def test_rnn_follows_its_equation() -> None:
    cell, x, h = make("rnn"), np.random.randn(B, D), np.random.randn(B, H)
    (W,), (U,), (b,), (a,) = weights(cell, 1)
    (found,) = cell.step(torch.from_numpy(x), (torch.from_numpy(h),))
    np.testing.assert_allclose(found.detach().numpy(), np.tanh(x @ W.T + h @ U.T + (b + a).squeeze()), atol=1e-12)


def test_lstm_follows_its_equations() -> None:
    cell, x, h, c = make("lstm"), np.random.randn(B, D), np.random.randn(B, H), np.random.randn(B, H)
    W, U, b, a = weights(cell, 4)
    i, f, g, o = (x @ W[k].T + h @ U[k].T + (b[k] + a[k]).squeeze() for k in range(4))
    c_next = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h_next = sigmoid(o) * np.tanh(c_next)
    found = cell.step(torch.from_numpy(x), (torch.from_numpy(h), torch.from_numpy(c)))
    np.testing.assert_allclose(found[0].detach().numpy(), h_next, atol=1e-12)
    np.testing.assert_allclose(found[1].detach().numpy(), c_next, atol=1e-12)


def test_gru_follows_its_equations() -> None:
    cell, x, h = make("gru"), np.random.randn(B, D), np.random.randn(B, H)
    W, U, b, a = weights(cell, 3)
    b, a = b.squeeze(-1), a.squeeze(-1)
    r, z = (sigmoid(x @ W[k].T + b[k] + h @ U[k].T + a[k]) for k in range(2))
    g = np.tanh(x @ W[2].T + b[2] + r * (h @ U[2].T + a[2]))
    (found,) = cell.step(torch.from_numpy(x), (torch.from_numpy(h),))
    np.testing.assert_allclose(found.detach().numpy(), (1 - z) * g + z * h, atol=1e-12)


def test_the_forget_gate_starts_open() -> None:
    cell = make("lstm")
    bias = cell.kernel.bias_ih_l0 + cell.kernel.bias_hh_l0
    assert bias[H : 2 * H].eq(1).all()
