"""Ways to look back at the source.

A `Context` makes of the whole memory the one vector C from which a decoder starts. An `Attention` makes a context for
each step: `prepare` runs once per sentence; `attend` answers any number of queries at once, so one decoder step
(T = 1), the beams of a sentence (T = K) and a whole target under teacher forcing are the same call. Nothing is kept on
`self`.

Notation: q query, k memory state, S source positions, s one of them, counted from 0. In shapes W is the width of a
window.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from unroll.nn.cells import State


@dataclass(frozen=True)
class Memory:
    """What an encoder leaves behind.

    Attributes:
        states_BSH: a state for each source position.
        mask_BS: True at real positions, which come first.
        final: the last state of each layer.
        context_BH: C. An encoder leaves its last output here, a decoder what its `Context` makes of it.
    """

    states_BSH: Tensor
    mask_BS: Tensor
    final: tuple[State, ...]
    context_BH: Tensor

    def select(self, rows: Tensor) -> Memory:
        """Return the memory of some sentences."""
        final = tuple(tuple(part[rows] for part in state) for state in self.final)
        return Memory(self.states_BSH[rows], self.mask_BS[rows], final, self.context_BH[rows])


class Policy(NamedTuple):
    """How likely the places were at which a hard attention looked, for REINFORCE.

    Attributes:
        log_probs_BT: log-probability of the place that was drawn for each query.
        baselines_BT: the reward that was to be expected; the query gets no gradient through it.
    """

    log_probs_BT: Tensor
    baselines_BT: Tensor


class Look(NamedTuple):
    """What one look back brings.

    Attributes:
        context_BTH: what was seen.
        weights_BTS: where.
        scored_BT: how many source positions each query was compared with: what looking costs.
        policy: of a hard attention in training; else None.
    """

    context_BTH: Tensor
    weights_BTS: Tensor
    scored_BT: Tensor
    policy: Policy | None = None


def _softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Return the softmax over the last dimension where `mask` is True, zero elsewhere."""
    return scores.masked_fill(~mask, -torch.inf).softmax(-1)


def _each(mask_BS: Tensor, query_BTH: Tensor) -> Tensor:
    """Return for each query, as BT, how many positions a mask leaves."""
    return mask_BS.sum(1, keepdim=True).expand(-1, query_BTH.shape[1])


class Context(nn.Module, ABC):
    """Makes C.

    Args:
        memory_size: H, the width of a memory state and of C.
    """

    def __init__(self, memory_size: int) -> None:
        super().__init__()
        self.memory_size = memory_size

    @abstractmethod
    def forward(self, memory: Memory) -> Tensor:
        """Return context_BH."""


class Last(Context):
    """C = h, the encoder's last output (Sutskever 2014)."""

    def forward(self, memory: Memory) -> Tensor:
        return memory.context_BH


class Transform(Context):
    """C = tanh(W h + b), h the encoder's last output (Cho 2014, appendix A.1)."""

    def __init__(self, memory_size: int) -> None:
        super().__init__(memory_size)
        self.linear = nn.Linear(memory_size, memory_size)

    def forward(self, memory: Memory) -> Tensor:
        return torch.tanh(self.linear(memory.context_BH))


class Mean(Context):
    """C = the mean of the states."""

    def forward(self, memory: Memory) -> Tensor:
        mask_BS1 = memory.mask_BS[:, :, None]
        return (memory.states_BSH * mask_BS1).sum(1) / mask_BS1.sum(1)


class Max(Context):
    """C = the greatest value of each unit over the states (max over time, Collobert 2011)."""

    def forward(self, memory: Memory) -> Tensor:
        return memory.states_BSH.masked_fill(~memory.mask_BS[:, :, None], -torch.inf).amax(1)


class Learned(Context):
    """A weighted mean of the states, with a learnt vector v for a query (Yang 2016, equations 5 to 7).

    C = sum_s a_s k_s,   a = softmax(v . tanh(W k + b))

    Lin (2017), equation 5, is the same without b.
    """

    def __init__(self, memory_size: int) -> None:
        super().__init__(memory_size)
        self.key = nn.Linear(memory_size, memory_size)
        self.energy = nn.Linear(memory_size, 1, bias=False)

    def forward(self, memory: Memory) -> Tensor:
        scores_BS = self.energy(torch.tanh(self.key(memory.states_BSH))).squeeze(2)
        return (_softmax(scores_BS, memory.mask_BS)[:, None] @ memory.states_BSH).squeeze(1)


CONTEXTS: dict[str, type[Context]] = {
    "last": Last,
    "transform": Transform,
    "mean": Mean,
    "max": Max,
    "learned": Learned,
}


class Attention(nn.Module, ABC):
    """Weights over source positions, and the context they pick.

    >>> states_BSH = torch.eye(3)[None]  # one source of three positions
    >>> memory = Memory(states_BSH, torch.tensor([[True, True, False]]), (), states_BSH[:, 1])  # the third is padding
    >>> attention = Dot(3, 3, None)
    >>> look = attention.attend(torch.zeros(1, 1, 3), attention.prepare(memory), memory, torch.tensor([0]))
    >>> look.weights_BTS, look.scored_BT
    (tensor([[[0.5000, 0.5000, 0.0000]]]), tensor([[2]]))

    Args:
        query_size: the width of a query.
        memory_size: H, the width of a memory state and so of a context.
        bound: how far it looks, as the parameter says that `bounded_by` names; None where it names none.
    """

    bounded_by: Literal["window", "positions"] | None = None
    """the parameter of a decoder that bounds it"""
    equal_sizes = False
    """whether query_size and memory_size must be equal"""
    fixed = False
    """whether the context is the same for every query"""

    def __init__(self, query_size: int, memory_size: int, bound: int | None) -> None:
        super().__init__()
        self.query_size, self.memory_size = query_size, memory_size

    @property
    def context_size(self) -> int:
        """Return the width of a context."""
        return self.memory_size

    def prepare(self, memory: Memory) -> Tensor:
        """Return the keys, B x S x anything: what can be computed before the first query."""
        return memory.states_BSH

    @abstractmethod
    def attend(self, query_BTH: Tensor, keys_BSH: Tensor, memory: Memory, steps_T: Tensor) -> Look:
        """Return what each query sees. `steps_T` says how many steps the decoder made before each of them.

        A whole target counts up, 0 to T - 1; the beams of a sentence have all made the same number.
        """


class Global(Attention):
    """Looks at every real position: weights = softmax(scores), context = weights . states."""

    @abstractmethod
    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return how well each key answers each query, before the softmax, as BTS."""

    def reach(self, memory: Memory) -> Tensor:
        """Return as BS where it may look."""
        return memory.mask_BS

    def attend(self, query_BTH: Tensor, keys_BSH: Tensor, memory: Memory, steps_T: Tensor) -> Look:
        mask_BS = self.reach(memory)
        weights_BTS = _softmax(self.score(query_BTH, keys_BSH), mask_BS[:, None])
        return Look(weights_BTS @ memory.states_BSH, weights_BTS, _each(mask_BS, query_BTH))


class Additive(Global):
    """Bahdanau 2015, appendix A.1.2: score = v . tanh(W q + U k)."""

    def __init__(self, query_size: int, memory_size: int, bound: int | None) -> None:
        super().__init__(query_size, memory_size, bound)
        self.query = nn.Linear(query_size, query_size)
        self.key = nn.Linear(memory_size, query_size, bias=False)
        self.energy = nn.Linear(query_size, 1, bias=False)

    def prepare(self, memory: Memory) -> Tensor:
        """Return U k."""
        return self.key(memory.states_BSH)

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return v . tanh(W q + U k) as BTS."""
        return self.energy(torch.tanh(self.query(query_BTH)[:, :, None] + keys_BSH[:, None])).squeeze(3)


class Concat(Global):
    """Luong 2015, section 3.1, concat: score = v . tanh(W [q; k]).

    W [q; k] is the sum of what the left part of W makes of q and the right part of k.
    """

    def __init__(self, query_size: int, memory_size: int, bound: int | None) -> None:
        super().__init__(query_size, memory_size, bound)
        self.both = nn.Linear(query_size + memory_size, query_size, bias=False)
        self.energy = nn.Linear(query_size, 1, bias=False)

    def prepare(self, memory: Memory) -> Tensor:
        """Return W [0; k]."""
        return nn.functional.linear(memory.states_BSH, self.both.weight[:, self.query_size :])

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return v . tanh(W [q; 0] + W [0; k]) as BTS."""
        from_query_BTH = nn.functional.linear(query_BTH, self.both.weight[:, : self.query_size])
        return self.energy(torch.tanh(from_query_BTH[:, :, None] + keys_BSH[:, None])).squeeze(3)


class Dot(Global):
    """Luong 2015, section 3.1, dot: score = q . k. Query and memory must be of one width."""

    equal_sizes = True

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return q . k as BTS."""
        return query_BTH @ keys_BSH.transpose(1, 2)


class General(Global):
    """Luong 2015, section 3.1, general: score = q . W k."""

    def __init__(self, query_size: int, memory_size: int, bound: int | None) -> None:
        super().__init__(query_size, memory_size, bound)
        self.key = nn.Linear(memory_size, query_size, bias=False)

    def prepare(self, memory: Memory) -> Tensor:
        """Return W k."""
        return self.key(memory.states_BSH)

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return q . W k as BTS."""
        return query_BTH @ keys_BSH.transpose(1, 2)


class Location(Global):
    """Luong 2015, equation 8, location: scores = W q, a row of W for each position, whatever is there.

    W has as many rows as `positions` says. As in the paper's footnote, a short source uses the first of them, and of a
    long one the positions beyond are never looked at.
    """

    bounded_by = "positions"

    def __init__(self, query_size: int, memory_size: int, bound: int | None) -> None:
        super().__init__(query_size, memory_size, bound)
        assert bound is not None, "weights for places need to know for how many"
        self.positions = bound
        self.place = nn.Linear(query_size, self.positions, bias=False)

    def reach(self, memory: Memory) -> Tensor:
        """Return as BS the real ones among the first `positions`."""
        steps = memory.mask_BS.shape[1]
        return memory.mask_BS & (torch.arange(steps, device=memory.mask_BS.device) < self.positions)

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        """Return W q as BTS, with zeros beyond the reach."""
        steps = keys_BSH.shape[1]
        scores_BTS = nn.functional.linear(query_BTH, self.place.weight[:steps])
        return nn.functional.pad(scores_BTS, (0, steps - scores_BTS.shape[2]))


class Hard(Location):
    """Predicts from the query where to look, and looks only there: the context is the one state at that position.

    pi(s | q) = softmax(W q)_s,   context = k_s,   baseline b(q) = u . q + c

    In training s is drawn from pi, a policy over locations (Mnih 2014, with a softmax for their Gaussian),
    else it is the likeliest. No gradient passes through a draw; REINFORCE (Williams 1992) estimates it: for a reward r,
    (r - b) grad log pi(s | q) is on average the gradient of the expected reward, and a b that is learnt to be near r
    lessens its variance (Mnih 2014; Xu 2015, section 4.1). Positions are bounded as in `Location`.
    """

    def __init__(self, query_size: int, memory_size: int, bound: int | None) -> None:
        super().__init__(query_size, memory_size, bound)
        self.baseline = nn.Linear(query_size, 1)

    def attend(self, query_BTH: Tensor, keys_BSH: Tensor, memory: Memory, steps_T: Tensor) -> Look:
        """Return the states looked at, weights of one there and, in training, the policy."""
        mask_BS = self.reach(memory)
        scores_BTS = self.score(query_BTH, keys_BSH).masked_fill(~mask_BS[:, None], -torch.inf)
        log_probs_BTS = scores_BTS.log_softmax(2)
        if self.training:
            at_BT1 = log_probs_BTS.detach().exp().flatten(0, 1).multinomial(1).view(*query_BTH.shape[:2], 1)
            baselines_BT = self.baseline(query_BTH.detach()).squeeze(2)
            policy = Policy(log_probs_BTS.gather(2, at_BT1).squeeze(2), baselines_BT)
        else:
            at_BT1, policy = log_probs_BTS.argmax(2, keepdim=True), None
        context_BTH = memory.states_BSH.gather(1, at_BT1.expand(-1, -1, self.memory_size))
        weights_BTS = torch.zeros_like(log_probs_BTS).scatter(2, at_BT1, 1.0)
        return Look(context_BTH, weights_BTS, _each(mask_BS, query_BTH), policy)


class Local(Attention):
    """Looks at a window, D positions on either side of a centre (Luong 2015, section 3.2).

    score = q . W k inside the window, and nothing is scored outside. What a window has beyond the ends of the source is
    ignored; a centre beyond the end is taken for the last position, so that there is always something to look at.

    The states of each window are gathered, so that the work grows with D and not with the source. On a CPU that pays
    for sources of many hundreds of positions; for shorter ones a single product over all positions, masked, is faster.
    """

    bounded_by = "window"

    def __init__(self, query_size: int, memory_size: int, bound: int | None) -> None:
        super().__init__(query_size, memory_size, bound)
        assert bound is not None, "a local attention needs a window"
        self.window = bound
        self.key = nn.Linear(memory_size, query_size, bias=False)

    @abstractmethod
    def centre(self, query_BTH: Tensor, lengths_B1: Tensor, steps_T: Tensor) -> Tensor:
        """Return p, the centre of each query's window, as BT."""

    def fade(self, weights_BTW: Tensor, distances_BTW: Tensor) -> Tensor:
        """Return weights that take account of s - p."""
        return weights_BTW

    def attend(self, query_BTH: Tensor, keys_BSH: Tensor, memory: Memory, steps_T: Tensor) -> Look:
        (batch, steps), device = memory.mask_BS.shape, memory.mask_BS.device
        lengths_B1 = memory.mask_BS.sum(1, keepdim=True)
        centre_BT = self.centre(query_BTH, lengths_B1, steps_T)
        middle_BT1 = centre_BT.detach().round().long().clamp(max=lengths_B1 - 1)[:, :, None]
        # Near an end the row of W positions is moved inwards, and those too far from the middle are masked.
        width = min(2 * self.window + 1, steps)
        at_BTW = (middle_BT1 - self.window).clamp(0, steps - width) + torch.arange(width, device=device)
        mask_BTW = ((at_BTW - middle_BT1).abs() <= self.window) & (at_BTW < lengths_B1[:, :, None])

        first_B11 = torch.arange(batch, device=device)[:, None, None] * steps
        near_BTWH = nn.functional.embedding(first_B11 + at_BTW, keys_BSH.flatten(0, 1))
        # (q W) . k is q . (W k), and only the states have to be gathered.
        scores_BTW = (near_BTWH @ (query_BTH @ self.key.weight)[:, :, :, None]).squeeze(3)
        weights_BTW = self.fade(_softmax(scores_BTW, mask_BTW), at_BTW - centre_BT[:, :, None])
        context_BTH = (weights_BTW[:, :, None] @ near_BTWH).squeeze(2)
        weights_BTS = weights_BTW.new_zeros(*centre_BT.shape, steps).scatter(2, at_BTW, weights_BTW)
        return Look(context_BTH, weights_BTS, mask_BTW.sum(2))


class MonotonicLocal(Local):
    """local-m: p = t, for sources and targets that run side by side."""

    def centre(self, query_BTH: Tensor, lengths_B1: Tensor, steps_T: Tensor) -> Tensor:
        """Return t for every sentence, as BT."""
        return steps_T.float().expand(len(query_BTH), -1)


class PredictiveLocal(Local):
    """local-p: p is predicted (equation 9), and weights fade with the distance from it (equation 10).

    p = S sigmoid(v . tanh(W q))
    weights = softmax(scores) * exp(-(s - p)^2 / (2 sigma^2)),   sigma = D / 2

    The window's middle is the position nearest to p. The weights sum to less than one, as in the paper; through the
    second factor p is learnt.
    """

    def __init__(self, query_size: int, memory_size: int, bound: int | None) -> None:
        super().__init__(query_size, memory_size, bound)
        self.predict = nn.Linear(query_size, query_size, bias=False)
        self.place = nn.Linear(query_size, 1, bias=False)

    def centre(self, query_BTH: Tensor, lengths_B1: Tensor, steps_T: Tensor) -> Tensor:
        """Return S sigmoid(v . tanh(W q)) as BT."""
        return lengths_B1 * torch.sigmoid(self.place(torch.tanh(self.predict(query_BTH)))).squeeze(2)

    def fade(self, weights_BTW: Tensor, distances_BTW: Tensor) -> Tensor:
        """Return weights times a Gaussian of s - p."""
        return weights_BTW * torch.exp(-2 * (distances_BTW / self.window) ** 2)


def _nowhere(query_BTH: Tensor, keys_BSH: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights_BTS and scored_BT of queries that look nowhere."""
    batch, queries = query_BTH.shape[:2]
    weights_BTS = query_BTH.new_zeros(batch, queries, keys_BSH.shape[1])
    return weights_BTS, torch.zeros(batch, queries, dtype=torch.long, device=query_BTH.device)


class Final(Attention):
    """The lecture's fixed context: the same C at every step (Cho 2014). Nothing is scored."""

    fixed = True

    def attend(self, query_BTH: Tensor, keys_BSH: Tensor, memory: Memory, steps_T: Tensor) -> Look:
        """Return C for every query, and weights of zero."""
        queries = query_BTH.shape[1]
        context_BTH = memory.context_BH[:, None].expand(-1, queries, -1)
        return Look(context_BTH, *_nowhere(query_BTH, keys_BSH))


class NoAttention(Attention):
    """The lecture's C as the decoder's first state alone: contexts are empty."""

    fixed = True

    @property
    def context_size(self) -> int:
        """Return 0."""
        return 0

    def attend(self, query_BTH: Tensor, keys_BSH: Tensor, memory: Memory, steps_T: Tensor) -> Look:
        """Return contexts of width 0, and weights of zero."""
        return Look(query_BTH.new_zeros(*query_BTH.shape[:2], 0), *_nowhere(query_BTH, keys_BSH))


ATTENTIONS: dict[str, type[Attention]] = {
    "additive": Additive,
    "dot": Dot,
    "general": General,
    "concat": Concat,
    "location": Location,
    "local_m": MonotonicLocal,
    "local_p": PredictiveLocal,
    "hard": Hard,
    "final": Final,
    "none": NoAttention,
}
