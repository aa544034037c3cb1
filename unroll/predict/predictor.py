"""Text in, text out: the very object that is evaluated, registered and served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast, overload

import numpy as np
import torch
from torch import Tensor

from unroll.asking import able
from unroll.data.batches import Batch, Streams, make_batch, source_batch
from unroll.data.ids import SPECIAL, UNK, Items
from unroll.data.normal import normalize
from unroll.data.restoring import restore
from unroll.data.tokenizers import ItemReader, Tokenizer
from unroll.errors import DataError
from unroll.nn.attention import Memory
from unroll.nn.cells import State
from unroll.nn.model import Network
from unroll.params import reading
from unroll.params.evaluate import Sample, Search
from unroll.params.misfits import FIXED
from unroll.params.model import DecoderParams, SequenceEncoderParams
from unroll.params.pipeline import Recipe
from unroll.params.tokenize import Labels, Pieces, Vectors
from unroll.predict.answers import Asked, Decode, answer, plainly
from unroll.predict.search import Hypothesis

MAX_SOURCE = 1000
"""Source tokens read of one text: the rest is cut off, and the prediction says so."""
MAX_CHARACTERS = 20 * MAX_SOURCE
"""Characters read of one text before anything else is done to it."""
WINDOW = 8
"""Batches sorted by length together when texts are streamed."""
SCORED_STREAMS, SCORED_STEPS = 16, 64
"""How running text is read when it is scored: logits over a large vocabulary take 130 MB at a time."""


@dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class Prediction:
    """One answer to one text.

    Attributes:
        text: the answer.
        score: what the search makes of it, log-probabilities all: of a class; a token's mean of labels and of drawn
            texts; over length ** length_penalty of what a beam found. Comparable among the answers to one text.
        source_tokens: what the model read, in the order of the text.
        target_tokens: what it said.
        weights_TS: where it looked: a row for each target token, a column for each source token.
        scored: how many source positions it compared for that, over all target tokens.
        truncated: the text was too long and only its beginning was read.
    """

    text: str
    score: float
    source_tokens: list[str]
    target_tokens: list[str]
    weights_TS: np.ndarray
    scored: int
    truncated: bool

    def __str__(self) -> str:
        return self.text


class Predictor:
    """A model with its readers of text, the recipe it was made by, and how it is to search.

    Called with one text it gives one answer, with several a list of one answer each:

        predictor("I drink milk.").text
        [str(answer) for answer in predictor(["I drink milk.", "Where is the station?"])]

    Args:
        readers: of `source` and `target`.
        search: how it answers unless asked otherwise; None takes what is usual for its head.
        decode: how a decoder is stepped through; `unroll.predict.fast` has shortcuts.
    """

    def __init__(
        self,
        model: Network,
        readers: dict[str, ItemReader],
        recipe: Recipe,
        search: Search | None = None,
        decode: Decode = plainly,
    ) -> None:
        self.model, self.recipe, self.decode = model, recipe, decode
        self.search = search or usual(recipe)
        self.source, self.target = readers["source"], cast(Tokenizer, readers["target"])

    def __repr__(self) -> str:
        return f"<Predictor: {self.recipe.shape}, {title(self.recipe)}; asked by {self.search!r}>"

    @overload  # a lone text is a sequence of texts too, as Python sees it
    def __call__(self, texts: str, search: Search | None = None) -> Prediction: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, texts: Sequence[str], search: Search | None = None) -> list[Prediction]: ...

    def __call__(self, texts: str | Sequence[str], search: Search | None = None) -> Prediction | list[Prediction]:
        """Return the best answer to a text, or to each of several."""
        if isinstance(texts, str):
            return self.predict([texts], search=search)[0][0]
        return [best for best, *_ in self.predict(texts, search=search)]

    def predict(self, texts: Sequence[str], n_best: int = 1, search: Search | None = None) -> list[list[Prediction]]:
        """Return for each text its `n_best` answers, best first; with `search` None as it usually searches.

        Raises:
            DataError: as `stream`; or `texts` is one text alone.
        """
        if isinstance(texts, str):
            raise DataError("predict takes a list of texts; for one text call the predictor with it")
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
        """Return the beginning of a text as prepared ones are; a label is not changed: a single space may be one."""
        source, text = self.recipe.tokenize.source, raw[:MAX_CHARACTERS]
        if isinstance(source, Vectors) and len(raw) > MAX_CHARACTERS:
            text = text.rpartition(";")[0]  # no number is cut in two
        return text if isinstance(source, Labels) else normalize(text, self.recipe.prepare.unicode)

    @torch.inference_mode()
    def _ask(
        self, rows: Sequence[Items], search: Search, n_best: int, chance: torch.Generator
    ) -> list[list[Hypothesis]]:
        self.model.eval()
        return answer(search, self, Asked(rows, n_best, chance))

    def encode(self, texts: Sequence[str], strict: bool) -> list[Items]:
        """Return the rows of clean source texts.

        Raises:
            DataError: as `stream`.
        """
        rows = cast(list[Items], self.source.encode(texts))
        if strict and isinstance(self.recipe.tokenize.source, Labels):
            for raw, row in zip(texts, rows, strict=True):
                if row[0] == UNK:
                    source = cast(Tokenizer, self.source)
                    known = ", ".join(sorted(source.vocabulary[source.special :]))
                    raise DataError(f"'{raw}' is none of the labels that the model learnt: {known[:500]}")
        return rows

    @torch.inference_mode()
    def nats(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        """Return for each (source, target), as prepared, -log p of its target and the tokens that are counted.

        Running text is read as one, each row in the light of those before it.
        """
        self.model.eval()
        rows = self.encode([source for source, _ in pairs], strict=False)
        if self.recipe.reads_on:
            return self._running_nats(rows)
        targets = self.target.encode([target for _, target in pairs])
        order = sorted(range(len(rows)), key=lambda i: (len(targets[i]), len(rows[i])))
        size, found = self.search.batch_sentences, [(0.0, 0)] * len(rows)
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            batch = make_batch([rows[i] for i in chosen], [targets[i] for i in chosen], self.recipe)
            nats_BT, _ = self._nats(batch, None)
            counts_B = batch.mask_BT.sum(1)
            for i, total, count in zip(chosen, nats_BT.sum(1).tolist(), counts_B.tolist(), strict=True):
                found[i] = total, count
        return found

    def _running_nats(self, rows: list[Items]) -> list[tuple[float, int]]:
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

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def memory(self, rows: Sequence[Items]) -> tuple[Memory, Tensor]:
        """Return (the memory of encoded rows, their lengths)."""
        source_BS, lengths_B = source_batch(rows, self.recipe.model.reverse_source)
        return self.model.encode(source_BS.to(self._device), lengths_B), lengths_B

    def _prediction(self, clean: str, row: Items, cut: bool, hypothesis: Hypothesis) -> Prediction:
        surfaces = self.source.tokens(clean)[:MAX_SOURCE]
        said = [self.target.vocabulary[index] for index in hypothesis.ids]
        weights_TS = hypothesis.weights_TS[:, : len(surfaces)]
        if self.recipe.model.reverse_source:
            weights_TS = weights_TS[:, ::-1]
        if self.recipe.reads_on:
            prompt, whole = (self.target.decode([*row[:MAX_SOURCE], *ids]) for ids in ([], hypothesis.ids))
            # The prompt stays as it was written, whatever of it the model does not know.
            text = (prompt if cut else clean) + whole[len(prompt) :]
        else:
            tokens = isinstance(self.recipe.tokenize.source, Pieces)
            read = [cast(Tokenizer, self.source).vocabulary[i] for i in row[:MAX_SOURCE]] if tokens else surfaces
            pieces = restore(said, read, surfaces, weights_TS)
            text = self.target.join([piece for piece in pieces if piece not in SPECIAL[:UNK]])
        return Prediction(text, hypothesis.score, surfaces, said, weights_TS, hypothesis.scored, cut)


def usual(recipe: Recipe) -> Search:
    """Return how a model is asked where no search is given."""
    asking = able(recipe.model.head.family)[0]
    return reading.search({"kind": asking.kind, **asking.usual}, "search")


def title(recipe: Recipe) -> str:
    """Return a short name for a model, of the parameters by which models can be told apart."""
    encoder, tokenize = recipe.model.encoder, recipe.tokenize
    name = encoder.cell if isinstance(encoder, SequenceEncoderParams) else encoder.activation
    read = f"{name} {encoder.hidden}" if encoder.layers else "linear"
    pieces = [side for side in (tokenize.source, tokenize.target) if isinstance(side, Pieces)]
    tokens = f"{pieces[0].kind} {pieces[0].vocab_size}" if pieces else tokenize.source.kind
    return f"{read} · {_head(recipe)} · {tokens}"


def _head(recipe: Recipe) -> str:
    head = recipe.model.head
    if not isinstance(head, DecoderParams):
        return head.kind.replace("_", " ")
    return f"decoder {head.cell} {head.hidden}" if head.attention in FIXED else head.attention
