"""Each cell against its equations, its fast form against the loop over its steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from unroll.nn.cells import CELLS, GRU, LSTM, RNN, Cell, LoopCell, PeepholeLSTM, State

B, T, D, H = 4, 6, 3, 5
LENGTHS = torch.tensor([6, 2, 5, 1])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def make(kind: str) -> Cell:
    torch.manual_seed(3)
    return CELLS[kind](D, H).double()


def state_of(cell: Cell) -> State:
    return tuple(torch.randn(B, cell.hidden, dtype=torch.float64) for _ in range(cell.states))


def weights(cell: RNN | LSTM | GRU, gates: int) -> list[np.ndarray]:
    """W, U, b_W, b_U of each gate, in torch's order."""
    parts = (cell.kernel.weight_ih_l0, cell.kernel.weight_hh_l0, cell.kernel.bias_ih_l0, cell.kernel.bias_hh_l0)
    return [part.detach().numpy().reshape(gates, H, -1) for part in parts]


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("lengths", [LENGTHS, torch.full((B,), T)], ids=["ragged", "equal"])
def test_the_fast_form_equals_the_loop_over_steps(kind: str, lengths: torch.Tensor) -> None:
    cell, x = make(kind), torch.randn(B, T, D, dtype=torch.float64)
    first, results = state_of(cell), []
    for unroll in (cell.unroll, lambda *arguments: Cell.unroll(cell, *arguments)):
        cell.zero_grad()
        leaves = [part.clone().requires_grad_() for part in (x, *first)]
        outputs, state = unroll(leaves[0], lengths, tuple(leaves[1:]))
        (outputs.sin().sum() + sum(part.cos().sum() for part in state)).backward()
        grads = [leaf.grad for leaf in (*leaves, *cell.parameters())]
        assert all(grad is not None and grad.any() for grad in grads)
        results.append([outputs, *state, *grads])
    for fast, readable in zip(*results, strict=True):
        torch.testing.assert_close(fast, readable, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", CELLS)
def test_the_gradient_of_unroll_is_right(kind: str) -> None:
    cell = make(kind)
    x = torch.randn(3, 3, D, dtype=torch.float64, requires_grad=True)
    state = tuple(part[:3].requires_grad_() for part in state_of(cell))

    def unroll(x: torch.Tensor, *rest: torch.Tensor) -> State:
        outputs, last = cell.unroll(x, LENGTHS[1:].clamp(max=3), rest[: cell.states])
        return outputs, *last

    assert torch.autograd.gradcheck(unroll, (x, *state, *cell.parameters()), fast_mode=True)


@pytest.mark.parametrize("kind", [kind for kind, cell in CELLS.items() if issubclass(cell, PeepholeLSTM)])
def test_backpropagation_by_hand_equals_autograds(kind: str) -> None:
    cell, sizes = make(kind), [4, 4, 2, 1]
    leaves = [
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((sum(sizes), len(cell.blocks) * H), (B, H), (B, H))
    ]
    results = []
    for loop in (cell.loop, lambda *arguments: LoopCell.loop(cell, *arguments)):
        states = loop(leaves[0], sizes, tuple(leaves[1:]))
        weights = [*leaves, cell.U, *cell.p.values()]
        results.append([*states, *torch.autograd.grad([part.sin().sum() for part in states], weights)])
    for by_hand, by_autograd in zip(*results, strict=True):
        torch.testing.assert_close(by_hand, by_autograd, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", CELLS)
def test_inference_says_the_same_as_training(kind: str) -> None:
    cell, x = make(kind), torch.randn(B, T, D, dtype=torch.float64)
    outputs, state = cell.unroll(x, LENGTHS, cell.initial(B))
    with torch.inference_mode():
        again, last = cell.unroll(x, LENGTHS, cell.initial(B))
    torch.testing.assert_close((again, *last), (outputs.detach(), *(part.detach() for part in state)))


@pytest.mark.parametrize("kind", [kind for kind, cell in CELLS.items() if issubclass(cell, LoopCell)])
def test_a_loop_keeps_close_where_products_are_cast(kind: str) -> None:
    cell, x, results = make(kind).float(), torch.randn(B, T, D), []
    for enabled in (False, True):
        cell.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            outputs, state = cell.unroll(x, LENGTHS, cell.initial(B))
            loss = outputs.float().sum() + sum(part.float().sum() for part in state)
        loss.backward()
        results.append([outputs.float(), *(p.grad.clone() for p in cell.parameters())])
    for exact, cast in zip(*results, strict=True):
        assert (exact - cast).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize("kind", CELLS)
def test_frozen_weights_get_no_gradient_and_others_do(kind: str) -> None:
    cell, x = make(kind), torch.randn(B, T, D, dtype=torch.float64)
    frozen, *others = cell.parameters()
    frozen.requires_grad_(False)
    cell.unroll(x, LENGTHS, cell.initial(B))[0].sum().backward()
    assert frozen.grad is None
    assert all(other.grad is not None for other in others)


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


Named = dict[str, np.ndarray]
Steps = list[tuple[np.ndarray, ...]]


def blocks(a: np.ndarray, names: str) -> Named:
    return dict(zip(names, np.split(a, len(names)), strict=True))


def peephole_lstm(variant: str) -> Callable[[Named, np.ndarray, np.ndarray, np.ndarray], Steps]:
    """Greff et al. (2017), section 3 and appendix A3, in their letters: z block input, i, f and o gates, y output."""

    def steps(named: Named, xs: np.ndarray, y: np.ndarray, c: np.ndarray) -> Steps:
        order = {"no_input_gate": "fzo", "no_forget_gate": "izo", "no_output_gate": "ifz", "coupled": "fzo"}
        names = order.get(variant, "ifzo")
        W, R, b = blocks(named["W"], names), blocks(named["U"], names), blocks(named["b"], names)
        p = {name.removeprefix("p."): vector for name, vector in named.items() if name.startswith("p.")}
        assert sorted(p) == sorted(set(names) - {"z"})
        found = []
        for x in xs:
            z_bar = W["z"] @ x + R["z"] @ y + b["z"]
            z = z_bar if variant == "no_input_activation" else np.tanh(z_bar)
            f = 1 if variant == "no_forget_gate" else sigmoid(W["f"] @ x + R["f"] @ y + p["f"] * c + b["f"])
            if variant == "coupled":
                i = 1 - f
            else:
                i = 1 if variant == "no_input_gate" else sigmoid(W["i"] @ x + R["i"] @ y + p["i"] * c + b["i"])
            c = z * i + c * f
            o = 1 if variant == "no_output_gate" else sigmoid(W["o"] @ x + R["o"] @ y + p["o"] * c + b["o"])
            y = (c if variant == "no_output_activation" else np.tanh(c)) * o
            found.append((y, c))
        return found

    return steps


def normalised(a: np.ndarray) -> np.ndarray:
    return (a - a.mean()) / np.sqrt(a.var() + 1e-5)


def layer_norm_lstm(named: Named, xs: np.ndarray, h: np.ndarray, c: np.ndarray) -> Steps:
    """Ba, Kiros and Hinton (2016), equations 20 to 22 of the supplement; gates in torch's order."""
    found = []
    for x in xs:
        of_x = named["norm_x.weight"] * normalised(named["W"] @ x)
        of_h = named["norm_h.weight"] * normalised(named["U"] @ h)
        i, f, g, o = np.split(of_h + of_x + named["b"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(named["norm_c.weight"] * normalised(c) + named["norm_c.bias"])
        found.append((h, c))
    return found


def cho_gru(named: Named, xs: np.ndarray, h: np.ndarray) -> Steps:
    """Cho et al. (2014), equations 5 to 8, with z and 1 - z in each other's place."""
    W, b = blocks(named["W"], "rzg"), blocks(named["b"], "rzg")
    U = blocks(named["U_rz"], "rz")
    found = []
    for x in xs:
        r = sigmoid(W["r"] @ x + U["r"] @ h + b["r"])
        z = sigmoid(W["z"] @ x + U["z"] @ h + b["z"])
        g = np.tanh(W["g"] @ x + named["U_g"] @ (r * h) + b["g"])
        h = (1 - z) * h + z * g
        found.append((h,))
    return found


TRANSCRIPTIONS: dict[str, Callable[..., Steps]] = {
    "lstm_layer_norm": layer_norm_lstm,
    "gru_cho": cho_gru,
} | {kind: peephole_lstm(kind.removeprefix("lstm_")) for kind, cell in CELLS.items() if issubclass(cell, PeepholeLSTM)}


def test_every_cell_without_a_kernel_is_transcribed() -> None:
    assert TRANSCRIPTIONS.keys() == {kind for kind, cell in CELLS.items() if issubclass(cell, LoopCell)}


@pytest.mark.parametrize("kind", TRANSCRIPTIONS)
def test_a_cell_follows_its_papers_equations(kind: str) -> None:
    cell = make(kind)
    with torch.no_grad():  # gains that start at 1 would not show where they stand
        for parameter in cell.parameters():
            parameter.copy_(torch.randn_like(parameter))
    x, first = torch.randn(1, 5, D, dtype=torch.float64), tuple(part[:1] for part in state_of(cell))
    outputs, state = cell.unroll(x, torch.tensor([5]), first)
    named = {name: parameter.detach().numpy() for name, parameter in cell.named_parameters()}
    expected = TRANSCRIPTIONS[kind](named, x[0].numpy(), *(part[0].numpy() for part in first))
    np.testing.assert_allclose(outputs[0].detach().numpy(), [step[0] for step in expected], atol=1e-12)
    np.testing.assert_allclose([part[0].detach().numpy() for part in state], expected[-1], atol=1e-12)


def test_relu_rnn_follows_its_equation() -> None:
    cell, x, h = make("rnn_relu"), np.random.randn(B, D), np.random.randn(B, H)
    (W,), (U,), (b,), (a,) = weights(cell, 1)
    (found,) = cell.step(torch.from_numpy(x), (torch.from_numpy(h),))
    expected = np.maximum(0, x @ W.T + h @ U.T + (b + a).squeeze())
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-12)


def test_the_two_grus_differ_with_the_same_weights() -> None:
    cudnn, cho = make("gru"), make("gru_cho")
    W, U, b, a = cudnn.kernel.all_weights[0]
    with torch.no_grad():
        cho.W.copy_(W)
        cho.U_rz.copy_(U[: 2 * H])
        cho.U_g.copy_(U[2 * H :])
        a[2 * H :] = 0  # inside the reset gate's product in one, outside in the other
        cho.b.copy_(b + a)
        for weight in (cho.W, cho.b):
            weight[H : 2 * H] *= -1  # z for 1 - z
        cho.U_rz[H:] *= -1
    x, state = torch.randn(B, D, dtype=torch.float64), state_of(cudnn)
    assert (cudnn.step(x, state)[0] - cho.step(x, state)[0]).abs().max() > 1e-3
    nothing = cudnn.initial(B)  # where nothing is remembered there is nothing to reset
    torch.testing.assert_close(cudnn.step(x, nothing), cho.step(x, nothing))


def test_a_variant_has_no_weights_for_a_gate_it_leaves_out() -> None:
    sizes = {kind: sum(p.numel() for p in make(kind).parameters()) for kind in CELLS}
    gate = H * D + H * H + H  # W, U, b
    assert sizes["lstm_peephole"] == 4 * gate + 3 * H
    for kind in ("no_input_gate", "no_forget_gate", "no_output_gate", "coupled"):
        assert sizes[f"lstm_{kind}"] == 3 * gate + 2 * H
    for kind in ("no_input_activation", "no_output_activation"):
        assert sizes[f"lstm_{kind}"] == sizes["lstm_peephole"]
    assert sizes["gru_cho"] == 3 * gate


@pytest.mark.parametrize("kind", [kind for kind, cell in CELLS.items() if "f" in getattr(cell, "blocks", "")])
def test_the_forget_gate_of_every_lstm_starts_open(kind: str) -> None:
    cell = make(kind)
    ones = cell.b.eq(1).view(len(cell.blocks), H)
    assert ones.all(1).tolist() == [block == "f" for block in cell.blocks]


def test_the_forget_gate_starts_open() -> None:
    cell = make("lstm")
    bias = cell.kernel.bias_ih_l0 + cell.kernel.bias_hh_l0
    assert bias[H : 2 * H].eq(1).all()


def test_tanh_is_a_rescaled_sigmoid() -> None:
    x = torch.linspace(-6, 6, 101, dtype=torch.float64)
    torch.testing.assert_close(torch.tanh(x), 2 * torch.sigmoid(2 * x) - 1)
