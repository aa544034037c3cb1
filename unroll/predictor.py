"""Text in, text out: the very object that is evaluated, registered and served."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from unroll import checkpoints, shortlist, text
from unroll.attention import Memory
from unroll.batches import Batch, Source, Streams, make_batch, source_batch
from unroll.cells import State
from unroll.corpus import normalize
from unroll.errors import DataError
from unroll.lexicon import Lexicon
from unroll.model import EncoderDecoder, Network
from unroll.params import Beam, Labels, Pieces, Rank, Recipe, Sample, Search, Section, Tag, Vectors
from unroll.quantization import quantize
from unroll.search import Hypothesis, Step, beam_search, chooser, greedy, sample
from unroll.shortlist import Shortlist

MAX_SOURCE = 1000
"""Source tokens read of one text: the rest is cut off, and the prediction says so."""
MAX_CHARACTERS = 20 * MAX_SOURCE
"""Characters read of one text before anything else is done to it."""
WINDOW = 8
"""Batches sorted by length together when texts are streamed."""
SCORED_STREAMS, SCORED_STEPS = 16, 64
"""How running text is read when it is scored: logits over a large vocabulary take 130 MB at a time."""
SEARCHES: dict[str, Search] = {
    "decoder": Beam(
        kind="beam", beam=5, length_penalty=1.0, max_length_ratio=2.0, int8=False, shortlist=0, batch_sentences=64
    ),
    "classifier": Rank(kind="rank", batch_sentences=64),
    "tagger": Tag(kind="tag", batch_sentences=64),
}
"""How a bare checkpoint answers, by its head; a registered model brings the settings that it was evaluated with."""
READ_ON = Sample(kind="sample", temperature=0.8, top_k=0, top_p=0.95, max_tokens=100, seed=1, batch_sentences=64)
"""How a bare language model answers."""


@dataclass(frozen=True)
class Prediction:
    """One answer to one text.

    Attributes:
        text: the answer.
        score: what the search makes of it, log-probabilities all: of a class; a token's mean of labels and of drawn
            texts; over length ** length_penalty of what a beam found. Comparable among the answers to one text.
        source_tokens: what the model read, in the order of the text.
        target_tokens: what it said.
        weights_TS: where it looked: a row for each target token, a column for each source token.
        truncated: the text was too long and only its beginning was read.
    """

    text: str
    score: float
    source_tokens: list[str]
    target_tokens: list[str]
    weights_TS: np.ndarray
    truncated: bool


class Predictor:
    """A model with its tokenizers, the recipe it was made by, and how it is to search."""

    def __init__(
        self,
        model: Network,
        tokenizers: dict[str, text.Tokenizer],
        params: Recipe,
        search: Search | None = None,
        lexicon: Lexicon | None = None,
    ) -> None:
        self.model, self.params, self.lexicon = model, params, lexicon
        self.search = search or (READ_ON if params.autoregressive else SEARCHES[params.model.head.kind])
        self.source, self.target = tokenizers["source"], tokenizers["target"]

    @classmethod
    def load(cls, folder: Path, search: Search | None = None, threads: int | None = None) -> Predictor:
        """Read a checkpoint folder, every hash checked.

        Args:
            search: how it is to answer unless asked otherwise; None takes what fits its head.
            threads: torch's; None leaves them.
        Raises:
            IntegrityError: as `checkpoints.load`.
        """
        if threads:
            torch.set_num_threads(threads)
        checkpoint = checkpoints.load(folder)
        return cls(checkpoint.model, checkpoint.tokenizers, checkpoint.params, search, checkpoint.lexicon)

    def predict(self, texts: Sequence[str], n_best: int = 1, search: Search | None = None) -> list[list[Prediction]]:
        """Return for each text its `n_best` answers, best first; `search` None answers as it was told to."""
        return list(self.stream(texts, n_best, search))

    def stream(
        self, texts: Iterable[str], n_best: int = 1, search: Search | None = None, strict: bool = True
    ) -> Iterator[list[Prediction]]:
        """Yield the answers to each text, in order; memory does not grow with the number of texts.

        Args:
            strict: refuse a label that the model has not learnt, instead of answering as to any unknown one.
        Raises:
            DataError: a text is no label that the model knows, or no vectors of its width; a shortlist is asked of a
                model without a lexicon.
        """
        search = search or self.search
        size = search.batch_sentences
        chance = torch.Generator().manual_seed(search.seed if isinstance(search, Sample) else 0)
        texts = iter(texts)
        while window := list(islice(texts, size * WINDOW)):
            clean = [self._clean(raw) for raw in window]
            rows = self.encode(clean, strict)
            cut = [len(row) > MAX_SOURCE or len(raw) > MAX_CHARACTERS for row, raw in zip(rows, window, strict=True)]
            order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
            answers: list[list[Prediction]] = [[] for _ in rows]
            for first in range(0, len(order), size):
                chosen = order[first : first + size]
                said = self._ask([rows[i][:MAX_SOURCE] for i in chosen], search, n_best, chance)
                for i, found in zip(chosen, said, strict=True):
                    answers[i] = [self._prediction(clean[i], rows[i], cut[i], one) for one in found[:n_best]]
            yield from answers

    def _clean(self, raw: str) -> str:
        """Return the beginning of a text as prepared ones are; a label stays as it is: a lone space may be one."""
        source, text = self.params.tokenize.source, raw[:MAX_CHARACTERS]
        if isinstance(source, Vectors) and len(raw) > MAX_CHARACTERS:
            text = text.rpartition(";")[0]  # no number is cut in two
        return text if isinstance(source, Labels) else normalize(text, self.params.prepare.unicode)

    @torch.inference_mode()
    def _ask(
        self, rows: Sequence[Source], search: Search, n_best: int, chance: torch.Generator
    ) -> list[list[Hypothesis]]:
        self.model.eval()
        return ANSWERS[type(search)](self, search, rows, n_best, chance)

    def encode(self, texts: Sequence[str], strict: bool) -> list[Source]:
        """Return the rows of clean source texts.

        Raises:
            DataError: as `stream`.
        """
        rows = cast(list[Source], self.source.encode(texts))
        if strict and isinstance(self.params.tokenize.source, Labels):
            for raw, row in zip(texts, rows, strict=True):
                if row[0] == text.UNK:
                    known = ", ".join(sorted(self.source.vocabulary[self.source.special :]))
                    raise DataError(f"'{raw}' is none of the labels that the model learnt: {known[:500]}")
        return rows

    @torch.inference_mode()
    def nats(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        """Return for each (source, target), as prepared, -log p of its target and the tokens that are counted.

        Running text is read as one, each row in the light of those before it.
        """
        self.model.eval()
        rows = self.encode([source for source, _ in pairs], strict=False)
        if self.params.autoregressive:
            return self._running_nats(rows)
        targets = self.target.encode([target for _, target in pairs])
        order = sorted(range(len(rows)), key=lambda i: (len(targets[i]), len(rows[i])))
        size, found = self.search.batch_sentences, [(0.0, 0)] * len(rows)
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            batch = make_batch([rows[i] for i in chosen], [targets[i] for i in chosen], self.params)
            nats_BT, _ = self._nats(batch, None)
            counts_B = batch.mask_BT.sum(1)
            for i, total, count in zip(chosen, nats_BT.sum(1).tolist(), counts_B.tolist(), strict=True):
                found[i] = total, count
        return found

    def _running_nats(self, rows: list[Source]) -> list[tuple[float, int]]:
        lengths = np.array([len(row) for row in rows])
        parts, final = [], None
        for batch in Streams(rows, lengths, SCORED_STREAMS, SCORED_STEPS, seed=0).epoch(0):
            nats_BT, final = self._nats(batch, final if batch.continues else None)
            parts.append(nats_BT)
        # Stream after stream is the text, and behind it what padding the last stream had.
        text_N = torch.cat(parts, 1).flatten()[: int(lengths.sum()) + len(rows)]
        return [(float(row.sum()), len(row)) for row in text_N.split((lengths + 1).tolist())]

    def _nats(self, batch: Batch, start: tuple[State, ...] | None) -> tuple[Tensor, tuple[State, ...]]:
        """Return (-log p of each output, zero at padding, BT; the encoder's last states)."""
        outcome = self.model(batch.to(self._device), start=start)
        nats_BT = torch.zeros(batch.output_BT.shape, dtype=torch.float64)
        nats_BT[batch.mask_BT] = outcome.nats_N.double().cpu()
        return nats_BT, outcome.final

    @cached_property
    def quantized(self) -> EncoderDecoder:
        """The model as it stood when first asked so, decoding in integers."""
        return quantize(cast(EncoderDecoder, self.model))

    def words(self, rows: Sequence[Source], most: int) -> list[np.ndarray]:
        """Return the small vocabulary of each row.

        Raises:
            DataError: the model has no lexicon.
        """
        if self.lexicon is None:
            raise DataError(
                "shortlist: this model has no lexicon, which is learnt where both sides are text; "
                "ask for 0, the whole vocabulary"
            )
        return self.lexicon.words(cast(Sequence[list[int]], rows), most)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def memory(self, rows: Sequence[Source]) -> tuple[Memory, Tensor]:
        """Return (the memory of encoded rows, their lengths)."""
        source_BS, lengths_B = source_batch(rows, self.params.model.reverse_source)
        return self.model.encode(source_BS.to(self._device), lengths_B), lengths_B

    def _prediction(self, clean: str, row: Source, cut: bool, hypothesis: Hypothesis) -> Prediction:
        surfaces = self.source.tokens(clean)[:MAX_SOURCE]
        said = [self.target.vocabulary[index] for index in hypothesis.ids]
        weights_TS = hypothesis.weights_TS[:, : len(surfaces)]
        if self.params.model.reverse_source:
            weights_TS = weights_TS[:, ::-1]
        if self.params.autoregressive:
            prompt, whole = (self.target.decode([*row[:MAX_SOURCE], *ids]) for ids in ([], hypothesis.ids))
            # The prompt stays as it was written, whatever of it the model does not know.
            answer = (prompt if cut else clean) + whole[len(prompt) :]
        else:
            tokens = isinstance(self.params.tokenize.source, Pieces)
            read = [self.source.vocabulary[index] for index in row[:MAX_SOURCE]] if tokens else surfaces
            pieces = text.restore(said, read, surfaces, weights_TS)
            answer = self.target.join([piece for piece in pieces if piece not in text.SPECIAL[: text.UNK]])
        return Prediction(answer, hypothesis.score, surfaces, said, weights_TS, cut)


def _beam(
    predictor: Predictor, search: Beam, rows: Sequence[Source], n_best: int, chance: torch.Generator
) -> list[list[Hypothesis]]:
    """Return the likeliest answers of a decoder; a beam of 1 is the greedy search."""
    model, beam = cast(EncoderDecoder, predictor.model), max(search.beam, n_best)
    memory, lengths_B = predictor.memory(rows)
    limits_B = (lengths_B * search.max_length_ratio).long().to(memory.mask_BS.device) + 10
    limits_B[[i for i, row in enumerate(rows) if not len(row)]] = 0  # nothing said, nothing answered
    if search.int8:
        model = predictor.quantized
    if search.shortlist:
        words = predictor.words(rows, search.shortlist)
        short = Shortlist(model, predictor.model.head.logits, words)
        found = _found(short.step, short.initial(memory, beam), limits_B, beam, shortlist.GO, shortlist.EOS, search)
        pairs = zip(words, found, strict=True)
        return [[replace(one, ids=own_C[one.ids].tolist()) for one in best] for own_C, best in pairs]
    return _found(model.step, model.initial(memory, beam), limits_B, beam, text.GO, text.EOS, search)


def _found(
    step: Step[Any], state: Any, limits_B: Tensor, beam: int, go: int, eos: int, search: Beam
) -> list[list[Hypothesis]]:
    if beam == 1:
        return [[hypothesis] for hypothesis in greedy(step, state, limits_B, go, eos, search.length_penalty)]
    return beam_search(step, state, limits_B, beam, go, eos, search.length_penalty)


def _sample(
    predictor: Predictor, search: Sample, rows: Sequence[Source], n_best: int, chance: torch.Generator
) -> list[list[Hypothesis]]:
    """Return answers drawn from a decoder, or texts that a language model reads on."""
    model = cast(EncoderDecoder, predictor.model)  # or a language model, which is asked alike
    rows = [row for row in rows for _ in range(n_best)]
    if predictor.params.autoregressive:
        read = [[text.EOS, *row] for row in rows]
        first_R = torch.tensor([row[-1] for row in read])
        memory, _ = predictor.memory([row[:-1] for row in read])
        # A row of no length is read as an `<eos>`, which here comes first anyway: its state goes back to zeros.
        begun_R1 = torch.tensor([[float(len(row) > 1)] for row in read], device=memory.mask_BS.device)
        memory = replace(memory, final=tuple(tuple(part * begun_R1 for part in state) for state in memory.final))
    else:
        first_R = torch.full((len(rows),), text.GO)
        memory, _ = predictor.memory(rows)
    first_R = first_R.to(memory.mask_BS.device)
    limits_R = torch.full_like(first_R, search.max_tokens)
    choose = chooser(search.temperature, search.top_k, search.top_p, chance)
    drawn = sample(model.step, model.initial(memory), first_R, limits_R, text.EOS, choose)
    return [sorted(drawn[i : i + n_best], key=lambda one: -one.score) for i in range(0, len(drawn), n_best)]


def _rank(
    predictor: Predictor, search: Rank, rows: Sequence[Source], n_best: int, chance: torch.Generator
) -> list[list[Hypothesis]]:
    """Return the likeliest classes."""
    log_probs_BV = _log_probs(predictor, rows)[0][:, 0]
    log_probs_BV[:, : predictor.target.special] = -torch.inf
    scores_BK, ids_BK = log_probs_BV.topk(min(n_best, log_probs_BV.shape[1] - predictor.target.special), 1)
    return [
        [Hypothesis([i], score, np.zeros((1, len(row)))) for i, score in zip(ids, scores, strict=True)]
        for row, ids, scores in zip(rows, ids_BK.tolist(), scores_BK.tolist(), strict=True)
    ]


def _tag(
    predictor: Predictor, search: Tag, rows: Sequence[Source], n_best: int, chance: torch.Generator
) -> list[list[Hypothesis]]:
    """Return the likeliest label at each position."""
    log_probs_BSV, _ = _log_probs(predictor, rows)
    log_probs_BSV[:, :, : predictor.target.special] = -torch.inf
    scores_BS, ids_BS = log_probs_BSV.max(2)
    return [
        [Hypothesis(ids[:length].tolist(), float(scores[:length].sum()) / max(length, 1), np.zeros((length, length)))]
        for ids, scores, length in zip(ids_BS, scores_BS, map(len, rows), strict=True)
    ]


def _log_probs(predictor: Predictor, rows: Sequence[Source]) -> tuple[Tensor, Tensor]:
    """Return (log_probs_BTV, lengths_B) of a head that answers from the memory alone."""
    memory, lengths_B = predictor.memory(rows)
    readouts_BTD, _ = predictor.model.read(memory, lengths_B[:, None], own=0.0)
    return predictor.model.head.logits(readouts_BTD).float().log_softmax(2), lengths_B


Answer = Callable[[Predictor, Any, Sequence[Source], int, torch.Generator], list[list[Hypothesis]]]
ANSWERS: dict[type[Section], Answer] = {Beam: _beam, Sample: _sample, Rank: _rank, Tag: _tag}
"""{how a model is asked: (predictor, search, rows, n_best, chance) -> the hypotheses for each row}"""
