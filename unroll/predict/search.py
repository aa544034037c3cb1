"""Greedy search, sampling and beam search over a step function. Nothing here knows a model.

A step maps (ids_R, state) to (logits_RV, state) for rows that are hypotheses; its state can be re-ordered with `select`
and says in `weights_BS` where the step looked. The rows of one sentence lie next to each other.

A language of two words, 2 and 3, in which the likelier beginning leads to the less likely sentence:

>>> next_VV = torch.tensor([[0, 0, 0.6, 0.4], [0, 1, 0, 0], [0, 0.4, 0.3, 0.3], [0, 1, 0, 0]]).log()
>>> class Nowhere:
...     def __init__(self, rows):
...         self.weights_BS, self.scored_B = torch.zeros(rows, 0), torch.zeros(rows, dtype=torch.long)
...     def select(self, rows, sentences=None):
...         return Nowhere(len(rows))
>>> def step(ids_R, state):
...     return next_VV[ids_R], state
>>> greedy(step, Nowhere(1), torch.tensor([9]), go=0, eos=1, length_penalty=0.0)[0].ids
[2]
>>> [found] = beam_search(step, Nowhere(2), torch.tensor([9]), 2, go=0, eos=1, length_penalty=0.0)
>>> [(one.ids, round(float(np.exp(one.score)), 2)) for one in found]
[([3], 0.4), ([2], 0.24)]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor


class SearchState(Protocol):
    """What a search needs of a state."""

    @property
    def weights_BS(self) -> Tensor:
        """Where the last step looked, a row for each hypothesis."""

    @property
    def scored_B(self) -> Tensor:
        """How many source positions it compared to find out."""

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> Self:
        """Return the state of some rows, in a new order; of some sentences, if theirs change too."""


State = TypeVar("State", bound=SearchState)
Step = Callable[[Tensor, State], tuple[Tensor, State]]


@dataclass(frozen=True)
class Wrapped:
    """A state with something beside it, in a step that is made of another."""

    inner: Any

    @property
    def weights_BS(self) -> Tensor:
        """Where the last step looked."""
        return self.inner.weights_BS

    @property
    def scored_B(self) -> Tensor:
        """How many source positions it compared to find out."""
        return self.inner.scored_B


@dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class Hypothesis:
    """One answer.

    >>> one = Hypothesis([5, 9], score=-0.7, weights_TS=np.array([[0.9, 0.1], [0.2, 0.8]]), scored=4)
    >>> one.weights_TS.argmax(1)  # the source position at which each token looked most
    array([0, 1])

    Attributes:
        ids: the tokens, without marks; none of numbers.
        score: its log-probability, the end mark's included, over length ** length_penalty.
        weights_TS: where the model looked as it said each token.
        scored: how many source positions it compared for that, over all tokens.
        cut: it ran into its length limit; its score is that of the tokens it says.
        numbers_TWQ: of a regressor, in place of tokens: each number's quantiles; None of the others.
    """

    ids: list[int]
    score: float
    weights_TS: np.ndarray
    scored: int = 0
    cut: bool = False
    numbers_TWQ: np.ndarray | None = None


STRIDE = 320
"""Values in a line of `top`: where a row of some thousand words took least time."""
MANY = 2**16
"""Values below which `top` has nothing to gain."""
Choose = Callable[[Tensor, Tensor], Tensor]
"""(logits_AV, which row of the batch each of them is) -> the next ids_A"""


def greedy(
    step: Step[State], state: State, limits_B: Tensor, go: int, eos: int, length_penalty: float
) -> list[Hypothesis]:
    """Return for each sentence the hypothesis of the likeliest next token, at most `limits_B` tokens long."""
    first_B = torch.full_like(limits_B, go)
    return _one_by_one(step, state, first_B, limits_B, eos, length_penalty, lambda part, _: top(part, 1)[1].squeeze(1))


def sample(
    step: Step[State],
    state: State,
    first_B: Tensor,
    limits_B: Tensor,
    eos: int,
    choose: Choose,
) -> list[Hypothesis]:
    """Return for each row a hypothesis drawn at random, at most `limits_B` tokens long, read on from `first_B`.

    Its score is its mean log-probability a token under the model itself, whatever `choose` made of it.
    """
    return _one_by_one(step, state, first_B, limits_B, eos, 1.0, choose)


def chooser(temperature: float, top_k: int, top_p: float, chances: Sequence[np.random.Generator]) -> Choose:
    """Return a draw from softmax(logits / temperature), cut down to its likeliest tokens.

    Args:
        chances: of each row its own, so that no draw depends on the rows beside it.
        top_k: to so many (Fan 2018); 0 keeps all.
        top_p: to the fewest that together are this likely: nucleus sampling (Holtzman 2020); 1 keeps all.
    """

    def choose(logits_AV: Tensor, rows_A: Tensor) -> Tensor:
        summed_AV = likeliest(logits_AV, temperature, top_k, top_p).double().cumsum(1)
        drawn_A = torch.tensor([chances[row].random() for row in rows_A.tolist()], dtype=torch.float64)
        # The first token at which the sum exceeds what was drawn: never one without probability.
        at_A1 = drawn_A.to(summed_AV.device)[:, None] * summed_AV[:, -1:]
        return torch.searchsorted(summed_AV, at_A1, right=True).squeeze(1).clamp(max=summed_AV.shape[1] - 1)

    return choose


def likeliest(logits_AV: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """Return the probabilities_AV that `chooser` draws from."""
    probabilities_AV = (logits_AV.float() / temperature).softmax(1)
    if not top_k and top_p >= 1:
        return probabilities_AV
    ranked_AV, order_AV = probabilities_AV.sort(dim=1, descending=True, stable=True)
    # A token stays if those before it are not yet likely enough: the likeliest always does.
    kept_AV = ranked_AV.cumsum(1) - ranked_AV < top_p
    if top_k:
        kept_AV[:, top_k:] = False
    ranked_AV = ranked_AV * kept_AV
    return torch.zeros_like(ranked_AV).scatter(1, order_AV, ranked_AV / ranked_AV.sum(1, keepdim=True))


def top(values_RV: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return (values_RC, places_RC) of the greatest `count` of each row, in order, as `torch.topk` would.

    On a CPU that goes through a long row value by value. Here a row is written in lines of STRIDE, and the greatest of
    each column is found for all columns at once: the values sought are in the `count` best of these columns.
    """
    lines = values_RV.shape[1] // STRIDE
    if lines < 4 or values_RV.numel() < MANY:
        values, places = values_RV.topk(count, 1)
        return values, places
    lined_RLS = values_RV[:, : lines * STRIDE].unflatten(1, (lines, STRIDE))
    columns_RC = lined_RLS.amax(1).topk(min(count, STRIDE), 1).indices
    inside_RLC = lined_RLS.gather(2, columns_RC[:, None].expand(-1, lines, -1))
    places_RLC = columns_RC[:, None] + STRIDE * torch.arange(lines, device=values_RV.device)[:, None]
    rest_R = torch.arange(lines * STRIDE, values_RV.shape[1], device=values_RV.device).expand(len(values_RV), -1)
    values, found = torch.cat([inside_RLC.flatten(1), values_RV[:, lines * STRIDE :]], 1).topk(count, 1)
    return values, torch.cat([places_RLC.flatten(1), rest_R], 1).gather(1, found)


@torch.no_grad()
def _one_by_one(
    step: Step[State],
    state: State,
    ids_A: Tensor,
    limits_B: Tensor,
    eos: int,
    length_penalty: float,
    choose: Choose,
) -> list[Hypothesis]:
    """Extend one hypothesis for each sentence until it ends; sentences leave the batch as they do."""
    batch = len(limits_B)
    alive_A, limits_A = torch.arange(batch, device=limits_B.device), limits_B
    totals_A = torch.zeros(batch, device=limits_B.device)
    scores_B, lengths_B = torch.zeros_like(totals_A), torch.zeros_like(limits_B)
    cut_B = torch.zeros_like(limits_B, dtype=torch.bool)
    trace: list[tuple[Tensor, ...]] = []
    while len(alive_A):
        logits_AV, state = step(ids_A, state)
        ids_A = choose(logits_AV, alive_A)
        said_A = totals_A
        totals_A = totals_A + logits_AV.float().log_softmax(1).gather(1, ids_A[:, None]).squeeze(1)
        trace.append(tuple(_scatter(part, alive_A, batch) for part in (ids_A, state.weights_BS, state.scored_B)))
        length = len(trace)
        stays_A = (ids_A != eos) & (length <= limits_A)
        if not stays_A.all():
            ended_E, rows = alive_A[~stays_A], stays_A.nonzero().squeeze(1)
            cut_A = ids_A != eos  # what was over the limit is not said, and does not count
            whole_A, said_A = totals_A / length**length_penalty, said_A / max(length - 1, 1) ** length_penalty
            scores_A = torch.where(cut_A, said_A, whole_A)
            scores_B[ended_E], lengths_B[ended_E] = scores_A[~stays_A], length
            cut_B[ended_E] = cut_A[~stays_A]
            alive_A, ids_A, totals_A, limits_A = (of_all[rows] for of_all in (alive_A, ids_A, totals_A, limits_A))
            state = state.select(rows, rows)
    ids_BT, weights_BTS, scored_BT = (torch.stack(parts, 1).cpu().numpy() for parts in zip(*trace, strict=True))
    scores, cut = scores_B.tolist(), cut_B.tolist()
    # The last token is the end mark, or the one over the limit.
    lengths = (lengths_B - 1).tolist()
    return [
        Hypothesis(ids_BT[b, :n].tolist(), scores[b], weights_BTS[b, :n], int(scored_BT[b, :n].sum()), cut[b])
        for b, n in enumerate(lengths)
    ]


CUT = 1e6
"""By how much worse a hypothesis ranks that did not end."""


@dataclass
class _Finished:
    """The best finished hypotheses of each sentence: score, and the step and beam from which to trace back.

    Those that ended come before those that were cut off.
    """

    scores_BK: Tensor
    cut_BK: Tensor
    steps_BK: Tensor
    beams_BK: Tensor
    counts_B: Tensor

    @classmethod
    def none(cls, batch: int, beams: int, device: torch.device) -> _Finished:
        scores_BK = torch.full((batch, beams), -torch.inf, device=device)
        zeros_BK = torch.zeros(batch, beams, dtype=torch.long, device=device)
        return cls(scores_BK, zeros_BK.bool(), zeros_BK, zeros_BK.clone(), zeros_BK[:, 0].clone())

    def add(self, alive_A: Tensor, scores_AK: Tensor, step: int, beams_AK: Tensor, cut: bool) -> None:
        """Merge candidates into the best of the sentences `alive_A`; a score of -inf is no candidate."""
        beams = self.scores_BK.shape[1]
        both = torch.cat([self.scores_BK[alive_A], scores_AK], 1)
        cuts = torch.cat([self.cut_BK[alive_A], torch.full_like(scores_AK, cut, dtype=torch.bool)], 1)
        order = (both.double() - CUT * cuts).topk(beams, 1).indices
        self.scores_BK[alive_A], self.cut_BK[alive_A] = both.gather(1, order), cuts.gather(1, order)
        for held_BK, new_AK in ((self.steps_BK, torch.full_like(beams_AK, step)), (self.beams_BK, beams_AK)):
            held_BK[alive_A] = torch.cat([held_BK[alive_A], new_AK], 1).gather(1, order)
        self.counts_B[alive_A] += scores_AK.isfinite().sum(1)


@torch.no_grad()
def beam_search(
    step: Step[State], state: State, limits_B: Tensor, beams: int, go: int, eos: int, length_penalty: float
) -> list[list[Hypothesis]]:
    """Return for each sentence up to `beams` hypotheses, best first, each at most `limits_B` tokens long.

    A hypothesis of n tokens, its end mark counted, scores log p / n ** length_penalty (Wu 2016 without its constant).
    A sentence leaves the batch once `beams` of its hypotheses have ended. At its limit the hypotheses that have not are
    cut off, and come behind those that have. `state` has `beams` rows for each sentence.

    In shapes A is the number of sentences still in the batch, K that of beams, R = A x K all rows, C the candidates.
    """
    batch, device = len(limits_B), limits_B.device
    alive_A, limits_A = torch.arange(batch, device=device), limits_B
    ids_AK = torch.full((batch, beams), go, device=device)
    totals_AK = torch.full((batch, beams), -torch.inf, device=device)
    totals_AK[:, 0] = 0  # at first all beams are alike: only one of them counts
    finished = _Finished.none(batch, beams, device)
    trace: list[tuple[Tensor, ...]] = []
    while len(alive_A):
        length = len(trace) + 1
        logits_RV, state = step(ids_AK.flatten(), state)
        weights_AKS, scored_AK = (part.unflatten(0, (-1, beams)) for part in (state.weights_BS, state.scored_B))
        # Of each row the 2 K likeliest tokens: of a sentence's 2 K best candidates at most K end, one of each parent,
        # so that K are left to go on with.
        most = min(2 * beams, logits_RV.shape[1])
        log_probs_RC, ids_RC = top(logits_RV.float().log_softmax(1), most)
        # The best of a sentence's K x C candidates; a place among them says the parent and the token.
        scores_AKC = totals_AK[:, :, None] + log_probs_RC.unflatten(0, (len(alive_A), beams))
        best, index = scores_AKC.flatten(1).topk(min(2 * beams, beams * most), 1)
        parents, ids = index // most, ids_RC.view(len(alive_A), -1).gather(1, index)
        ends, over_A1 = ids == eos, (length > limits_A)[:, None]
        said_AK = totals_AK
        totals_AK, ids_AK, parents_AK = (of_best[:, :beams] for of_best in (best, ids, parents))
        kept = None
        if (ends[:, :beams] | over_A1).any():  # of the K best, what ends is finished; the K best that do not go on
            normal = totals_AK / length**length_penalty
            finished.add(alive_A, normal.masked_fill(~ends[:, :beams], -torch.inf), len(trace), parents_AK, cut=False)
            if over_A1.any():  # what was said until now, each once; what would be over the limit does not count
                normal = (said_AK / max(len(trace), 1) ** length_penalty).masked_fill(~over_A1, -torch.inf)
                ended_AK = torch.zeros_like(ids_AK).scatter_add(1, parents_AK, ends[:, :beams].long()) > 0
                normal.masked_fill_(ended_AK, -torch.inf)
                places_AK = torch.arange(beams, device=device).expand_as(ids_AK)
                finished.add(alive_A, normal, len(trace), places_AK, cut=True)
            totals_AK, order = best.masked_fill(ends, -torch.inf).topk(beams, 1)
            ids_AK, parents_AK = ids.gather(1, order), parents.gather(1, order)
            stays_A = (finished.counts_B[alive_A] < beams) & ~over_A1.squeeze(1)
            kept = None if stays_A.all() else stays_A.nonzero().squeeze(1)
        # Traced are, of each new place, its token and its parent's place; of each old place, where it looked.
        found = (ids_AK, parents_AK, weights_AKS, scored_AK)
        trace.append(tuple(_scatter(part, alive_A, batch) for part in found))
        rows_AK = parents_AK + torch.arange(len(alive_A), device=device)[:, None] * beams
        if kept is None:
            state = state.select(rows_AK.flatten())
        else:
            alive_A, limits_A, ids_AK, totals_AK = alive_A[kept], limits_A[kept], ids_AK[kept], totals_AK[kept]
            state = state.select(rows_AK[kept].flatten(), kept)
    return _trace_back(finished, trace)


def _trace_back(finished: _Finished, trace: list[tuple[Tensor, ...]]) -> list[list[Hypothesis]]:
    """Follow every finished hypothesis to its first token, all of them at once.

    A hypothesis that ended at step n is known by its parent's place: where its last token, number n - 1, was put by
    step n - 1. From there each step's parents lead to the place one step earlier.
    """
    stacked = (torch.stack(parts).cpu().numpy() for parts in zip(*trace, strict=True))
    ids_TBK, parents_TBK, weights_TBKS, scored_TBK = stacked
    scores_BK, lengths_BK = finished.scores_BK.cpu().numpy(), finished.steps_BK.cpu().numpy()
    cut_BK = finished.cut_BK.cpu().numpy()
    beams_BK = finished.beams_BK.cpu().numpy().copy()
    steps, batch, beams = ids_TBK.shape
    out_ids = np.zeros((batch, beams, steps), np.int64)
    out_weights = np.zeros((batch, beams, steps, weights_TBKS.shape[3]), weights_TBKS.dtype)
    out_scored = np.zeros((batch, beams), np.int64)
    sentence_B1 = np.arange(batch)[:, None]
    for t in range(steps - 1, -1, -1):
        inside = t < lengths_BK  # until then, `beams_BK` stays where the hypothesis ended
        # Step t put token t at this place. The row at the parent's place had looked, and said it.
        parent_BK = parents_TBK[t][sentence_B1, beams_BK]
        out_ids[:, :, t] = np.where(inside, ids_TBK[t][sentence_B1, beams_BK], 0)
        out_weights[:, :, t] = np.where(inside[:, :, None], weights_TBKS[t][sentence_B1, parent_BK], 0)
        out_scored += np.where(inside, scored_TBK[t][sentence_B1, parent_BK], 0)
        beams_BK = np.where(inside, parent_BK, beams_BK)
    return [
        [
            Hypothesis(
                out_ids[b, k, :n].tolist(),
                float(scores_BK[b, k]),
                out_weights[b, k, :n],
                int(out_scored[b, k]),
                bool(cut_BK[b, k]),
            )
            for k, n in enumerate(lengths_BK[b])
            if np.isfinite(scores_BK[b, k])
        ]
        for b in range(batch)
    ]


def _scatter(values: Tensor, alive_A: Tensor, batch: int) -> Tensor:
    """Return values of the living sentences at their places among all; zero elsewhere."""
    if len(alive_A) == batch:
        return values
    full = values.new_zeros(batch, *values.shape[1:])
    full[alive_A] = values
    return full
