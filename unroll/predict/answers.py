"""How a model answers: a function for each way of asking, chosen by the search's section of parameters.

Each maps encoded rows to the hypotheses of each, best first. A way of one's own is registered with `@answer.register`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, singledispatch
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from unroll.data.batches import source_batch
from unroll.data.ids import EOS, GO, Items
from unroll.errors import ParamsError
from unroll.nn.attention import Memory
from unroll.nn.heads import Regressor
from unroll.nn.model import EncoderDecoder, Forecast
from unroll.params.evaluate import Beam, Estimate, Rank, Sample, Search, Tag
from unroll.predict.repeats import Unrepeated
from unroll.predict.search import Hypothesis, Step, beam_search, chooser, greedy, sample

if TYPE_CHECKING:
    from unroll.predict.predictor import Predictor


class Faults(NamedTuple):
    """What is wrong with an answer; one with lesser faults compares as less.

    Attributes:
        lost: it has not each placeholder of its source once, or has others.
        loops: it says a phrase three times where its source does not.
        cut: it ran into its length limit.
    """

    lost: bool
    loops: bool
    cut: bool

    @property
    def endless(self) -> bool:
        """Whether it did not come to its end."""
        return self.loops or self.cut


class Asked(NamedTuple):
    """What is asked of a model.

    Attributes:
        rows: the encoded sources.
        n_best: answers wanted for each.
        seeds: of what is drawn by chance, for each row.
        says: (the place of a row, an answer to it) -> the answer as text.
        faults: (the place of a row, an answer to it) -> what is wrong with it; None where nobody looks.
        repeats: whether an answer may say a phrase three times, for each row; None: all may.
    """

    rows: Sequence[Items]
    n_best: int
    seeds: Sequence[Sequence[int]]
    says: Callable[[int, Hypothesis], str]
    faults: Callable[[int, Hypothesis], Faults] | None = None
    repeats: Sequence[bool] | None = None


class Decoding(NamedTuple):
    """What a beam search steps through.

    Attributes:
        step, state: as a search wants them.
        go, eos: the marks, counted as the step counts.
        words: the small vocabulary of each sentence in which ids count; None: they are those of the tokenizer.
    """

    step: Step[Any]
    state: Any
    go: int = GO
    eos: int = EOS
    words: Sequence[np.ndarray] | None = None


Decode = Callable[["Predictor", Beam, Sequence[Items], Memory, int], Decoding]
"""(predictor, search, rows, their memory, beams) -> how it decodes"""


def plainly(predictor: Predictor, search: Beam, rows: Sequence[Items], memory: Memory, beams: int) -> Decoding:
    """Decode with the model itself, without shortcuts.

    Raises:
        ParamsError: the search wants shortcuts.
    """
    if search.int8 or search.shortlist:
        raise ParamsError("int8 and shortlist are for a model read from a folder: unroll.load")
    model = cast(EncoderDecoder, predictor.model)
    return Decoding(model.step, model.initial(memory, beams))


@singledispatch
def answer(search: Search, predictor: Predictor, asked: Asked) -> list[list[Hypothesis]]:
    """Return the hypotheses for each row, best first."""
    raise NotImplementedError(type(search).__name__)


@answer.register
def _(search: Beam, predictor: Any, asked: Asked) -> list[list[Hypothesis]]:
    """Return the likeliest answers of a decoder, no text twice; a beam of 1 is the greedy search.

    The answers of the beam that was asked for come first, however many are wanted; behind them what only wider ones
    find. Where no answer of a beam came to its end, a wider one that closes no loop looks for another.
    """
    faults, rows = asked.faults, range(len(asked.rows))
    found = _searched(search, predictor, asked, rows, search.beam)
    untidy = [i for i in rows if asked.n_best > 1 or (faults and any(faults(i, found[i][0])))]
    for i in untidy:
        found[i] = _tidied(asked, i, found[i])
    endless = [i for i in untidy if faults and faults(i, found[i][0]).endless]
    wide = WIDER * search.beam if search.beam > 1 else 1
    for i, more in zip(endless, _searched(search, predictor, asked, endless, wide, guarded=True), strict=True):
        found[i] = _tidied(asked, i, [*found[i], *more])
    beam = search.beam
    while beam < WIDER * asked.n_best:
        beam *= 2
        few = [i for i in rows if len(found[i]) < asked.n_best and len(asked.rows[i])]  # an empty text has one answer
        for i, more in zip(few, _searched(search, predictor, asked, few, beam), strict=True):
            found[i] = _distinct(asked, i, [*found[i], *more])
    return found


WIDER = 4
"""How many times as wide as it was asked to be a beam becomes, where it found too little."""


def _searched(
    search: Beam, predictor: Predictor, asked: Asked, places: Sequence[int], beam: int, guarded: bool = False
) -> list[list[Hypothesis]]:
    """Return what a beam finds for some rows; `guarded`, nothing that says a phrase three times where it must not."""
    if not places:
        return []
    rows = [asked.rows[i] for i in places]
    memory, lengths_B = predictor.memory(rows)
    limits_B = (lengths_B * search.max_length_ratio).long().to(memory.mask_BS.device) + 10
    limits_B[[i for i, row in enumerate(rows) if not len(row)]] = 0
    step, state, go, eos, words = predictor.decode(predictor, search, rows, memory, beam)
    if guarded and asked.repeats is not None:
        watched = Unrepeated(step, torch.tensor([asked.repeats[i] for i in places], device=limits_B.device))
        step, state = watched.step, watched.initial(state)
    if beam == 1:
        found = [[best] for best in greedy(step, state, limits_B, go, eos, search.length_penalty)]
    else:
        found = beam_search(step, state, limits_B, beam, go, eos, search.length_penalty)
    if words is None:
        return found
    pairs = zip(words, found, strict=True)
    return [[replace(one, ids=own_C[one.ids].tolist()) for one in best] for own_C, best in pairs]


def _tidied(asked: Asked, place: int, found: list[Hypothesis]) -> list[Hypothesis]:
    """Return hypotheses of which no two say the same, those with the least faults first."""
    distinct = _distinct(asked, place, found)
    return sorted(distinct, key=partial(asked.faults, place)) if asked.faults else distinct


def _distinct(asked: Asked, place: int, found: list[Hypothesis]) -> list[Hypothesis]:
    """Return the first of all hypotheses that say the same."""
    texts: dict[str, Hypothesis] = {}
    for one in found:
        texts.setdefault(asked.says(place, one), one)
    return list(texts.values())


@answer.register
def _(search: Sample, predictor: Any, asked: Asked) -> list[list[Hypothesis]]:
    """Return answers drawn from a decoder, or texts that a language model reads on."""
    model = cast(EncoderDecoder, predictor.model)  # or a language model, which is asked alike
    rows = [row for row in asked.rows for _ in range(asked.n_best)]
    if predictor.recipe.reads_on:
        read = [[EOS, *row] for row in rows]
        first_R = torch.tensor([row[-1] for row in read])
        memory, _ = predictor.memory([row[:-1] for row in read])
        # A row of no length is read as an `<eos>`, which here comes first anyway: its state goes back to zeros.
        begun_R1 = torch.tensor([[float(len(row) > 1)] for row in read], device=memory.mask_BS.device)
        memory = replace(memory, final=tuple(tuple(part * begun_R1 for part in state) for state in memory.final))
    else:
        first_R = torch.full((len(rows),), GO)
        memory, _ = predictor.memory(rows)
    first_R = first_R.to(memory.mask_BS.device)
    limits_R = torch.full_like(first_R, search.max_tokens)
    chances = [np.random.default_rng((*seed, place)) for seed in asked.seeds for place in range(asked.n_best)]
    choose = chooser(search.temperature, search.top_k, search.top_p, chances)
    drawn = sample(model.step, model.initial(memory), first_R, limits_R, EOS, choose)
    each = range(0, len(drawn), asked.n_best)
    return [sorted(drawn[i : i + asked.n_best], key=lambda one: -one.score) for i in each]


@answer.register
def _(search: Rank, predictor: Any, asked: Asked) -> list[list[Hypothesis]]:
    """Return the likeliest classes."""
    log_probs_BV = _log_probs(predictor, asked.rows)[:, 0]
    most = min(asked.n_best, log_probs_BV.shape[1] - predictor.target.special)
    scores_BK, ids_BK = log_probs_BV.topk(most, 1)
    return [
        [Hypothesis([i], score, np.zeros((1, len(row)))) for i, score in zip(ids, scores, strict=True)]
        for row, ids, scores in zip(asked.rows, ids_BK.tolist(), scores_BK.tolist(), strict=True)
    ]


@answer.register
def _(search: Tag, predictor: Any, asked: Asked) -> list[list[Hypothesis]]:
    """Return the likeliest label at each position."""
    log_probs_BSV = _log_probs(predictor, asked.rows)
    scores_BS, ids_BS = log_probs_BSV.max(2)
    return [
        [Hypothesis(ids[:length].tolist(), float(scores[:length].sum()) / max(length, 1), np.zeros((length, length)))]
        for ids, scores, length in zip(ids_BS, scores_BS, map(len, asked.rows), strict=True)
    ]


@answer.register
def _(search: Estimate, predictor: Any, asked: Asked) -> list[list[Hypothesis]]:
    """Return the numbers that a regressor says, once or at each position; or those of a forecaster, step by step."""
    settings, model = predictor.recipe.model, predictor.model
    if isinstance(model, Forecast):
        source_BSW, lengths_B = source_batch(asked.rows, settings.reverse_source)
        device = next(model.parameters()).device
        found = model.forecast(source_BSW.to(device), lengths_B, settings.head.horizon)
        return [
            [Hypothesis([], 0.0, weights_TS[:, : len(row)], numbers_TWQ=numbers_TWQ)]
            for row, numbers_TWQ, weights_TS in zip(asked.rows, *(part.cpu().numpy() for part in found), strict=True)
        ]
    memory, _ = predictor.memory(asked.rows)
    head = cast(Regressor, model.head)
    numbers_BTWQ = head.said(head(memory)).cpu().numpy()
    counts = [len(row) if settings.head.each_position else 1 for row in asked.rows]
    return [
        [Hypothesis([], 0.0, np.zeros((0, len(row))), numbers_TWQ=numbers_TWQ[:count])]
        for row, count, numbers_TWQ in zip(asked.rows, counts, numbers_BTWQ, strict=True)
    ]


def _log_probs(predictor: Predictor, rows: Sequence[Items]) -> Tensor:
    """Return log_probs_BTV of a head that answers from the memory alone; what is no answer is impossible."""
    memory, lengths_B = predictor.memory(rows)
    readouts_BTD, _ = predictor.model.read(memory, lengths_B[:, None], own=0.0)
    logits_BTV = predictor.model.head.logits(readouts_BTD).float()
    logits_BTV[:, :, : predictor.target.special] = -torch.inf
    return logits_BTV.log_softmax(2)
