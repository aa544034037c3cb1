"""Text in, text out: the very object that is evaluated, registered and served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from unroll import checkpoints, text
from unroll.batches import source_batch
from unroll.corpus import normalize
from unroll.model import EncoderDecoder
from unroll.params import Recipe, Search
from unroll.search import Hypothesis, beam_search, greedy

MAX_SOURCE = 1000
"""Source tokens read of one text: the rest is cut off, and the prediction says so."""
MAX_CHARACTERS = 20 * MAX_SOURCE
"""Characters read of one text before anything else is done to it."""
SEARCH = Search(beam=5, length_penalty=1.0, max_length_ratio=2.0, batch_sentences=64)
"""How a bare checkpoint answers; a registered model brings the settings that it was evaluated with."""
WINDOW = 8
"""Batches sorted by length together when texts are streamed."""


@dataclass(frozen=True)
class Prediction:
    """One answer to one text.

    Attributes:
        text: the answer.
        score: log-probability over length ** length_penalty; comparable among the answers to one text.
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
        self, model: EncoderDecoder, tokenizers: dict[str, text.Tokenizer], params: Recipe, search: Search
    ) -> None:
        self.model, self.params, self.search = model, params, search
        self.source, self.target = tokenizers["source"], tokenizers["target"]

    @classmethod
    def load(cls, folder: Path, search: Search = SEARCH, threads: int | None = None) -> Predictor:
        """Read a checkpoint folder, every hash checked; `threads` sets torch's, None leaves them.

        Raises:
            IntegrityError: as `checkpoints.load`.
        """
        if threads:
            torch.set_num_threads(threads)
        checkpoint = checkpoints.load(folder)
        return cls(checkpoint.model, checkpoint.tokenizers, checkpoint.params, search)

    def predict(self, texts: Sequence[str], beam: int, n_best: int) -> list[list[Prediction]]:
        """Return for each text its `n_best` answers, best first; `beam` 1 is the greedy search."""
        return list(self.stream(texts, beam, n_best))

    def stream(self, texts: Iterable[str], beam: int, n_best: int) -> Iterator[list[Prediction]]:
        """Yield the answers to each text, in order; memory does not grow with the number of texts."""
        size = self.search.batch_sentences
        texts = iter(texts)
        while window := list(islice(texts, size * WINDOW)):
            clean = [normalize(raw[:MAX_CHARACTERS], self.params.prepare.unicode) for raw in window]
            rows = self.source.encode(clean)
            cut = [len(row) > MAX_SOURCE or len(raw) > MAX_CHARACTERS for row, raw in zip(rows, window, strict=True)]
            order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
            answers: list[list[Prediction]] = [[] for _ in rows]
            for first in range(0, len(order), size):
                chosen = order[first : first + size]
                for i, found in zip(chosen, self._search([rows[i] for i in chosen], max(beam, n_best)), strict=True):
                    answers[i] = [self._prediction(clean[i], rows[i], cut[i], said) for said in found[:n_best]]
            yield from answers

    @torch.inference_mode()
    def _search(self, rows: list[list[int]], beam: int) -> list[list[Hypothesis]]:
        search, device = self.search, next(self.model.parameters()).device
        self.model.eval()
        source_BS, lengths_B = source_batch([row[:MAX_SOURCE] for row in rows], self.params.model.reverse_source)
        limits_B = (lengths_B * search.max_length_ratio).long().to(device) + 10
        limits_B[[i for i, row in enumerate(rows) if not row]] = 0  # nothing said, nothing answered
        memory = self.model.encode(source_BS.to(device), lengths_B)
        state = self.model.initial(memory, beam)
        if beam == 1:
            best = greedy(self.model.step, state, limits_B, text.GO, text.EOS, search.length_penalty)
            return [[hypothesis] for hypothesis in best]
        return beam_search(self.model.step, state, limits_B, beam, text.GO, text.EOS, search.length_penalty)

    def _prediction(self, clean: str, row: list[int], cut: bool, hypothesis: Hypothesis) -> Prediction:
        surfaces = self.source.tokens(clean)[:MAX_SOURCE]
        weights_TS = hypothesis.weights_TS[:, : len(surfaces)]
        if self.params.model.reverse_source:
            weights_TS = weights_TS[:, ::-1]
        source_pieces = [self.source.vocabulary[index] for index in row[:MAX_SOURCE]]
        target_pieces = [self.target.vocabulary[index] for index in hypothesis.ids]
        pieces = text.restore(target_pieces, source_pieces, surfaces, weights_TS)
        answer = self.target.join([piece for piece in pieces if piece not in text.SPECIAL[: text.UNK]])
        return Prediction(answer, hypothesis.score, surfaces, target_pieces, weights_TS, cut)
