"""Text in, text out: the very object that is evaluated, registered and served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import NamedTuple, cast, overload
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from unroll.asking import able
from unroll.data.batches import Batch, Streams, make_batch, source_batch
from unroll.data.copying import whole
from unroll.data.ids import SPECIAL, UNK, Items
from unroll.data.normal import normalize, printable
from unroll.data.numbers import written
from unroll.data.restoring import put_back, restore
from unroll.data.tokenizers import ItemReader, Tokenizer
from unroll.data.typed import Normalizer, Part, Sentence
from unroll.errors import DataError, ParamsError
from unroll.nn.attention import Context, Memory
from unroll.nn.cells import State
from unroll.nn.model import Network
from unroll.params import reading
from unroll.params.evaluate import Sample, Search
from unroll.params.misfits import FIXED
from unroll.params.model import DecoderParams, SequenceEncoderParams
from unroll.params.pipeline import Recipe
from unroll.params.tokenize import Labels, Pieces, Vectors
from unroll.predict.answers import Asked, Decode, Faults, answer, plainly
from unroll.predict.repeats import place as repeated
from unroll.predict.search import Hypothesis

MAX_SOURCE = 1000
"""Source tokens read of one text: the rest is cut off, and the prediction says so."""
MAX_CHARACTERS = 20 * MAX_SOURCE
"""Characters read of one text before anything else is done to it."""
LONGEST_NUMBER = 25
"""Characters read of a number of a vector, on average."""
WINDOW = 8
"""Batches sorted by length together when texts are streamed."""
SCORED_STREAMS, SCORED_STEPS, LEAST_SCORED = 16, 64, 4096
"""How running text is read when it is scored: logits over a large vocabulary take 130 MB at a time. A text that is no
longer than the third number of tokens is read in one stream."""


@dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class Prediction:
    """One answer to one text.

    Attributes:
        text: the answer.
        score: what the search makes of it, log-probabilities all: of a class; a token's mean of labels and of drawn
            texts; over length ** length_penalty of what a beam found. Comparable among the answers to one text. 0 of
            numbers, which have none.
        source_tokens: what the model read, in the order of the text.
        target_tokens: what it said.
        weights_TS: where it looked: a row for each target token, a column for each source token.
        scored: how many source positions it compared for that, over all target tokens.
        truncated: the text was too long and only its beginning was read.
        cut_off: the answer did not come to its end: it ran into its length limit, or into a loop.
        numbers_TWQ: of a regressor what the text says: at each position each number, with its quantiles; else None.

    Of a text of several sentences all this is joined, and the score is the mean over what was said.
    """

    text: str
    score: float
    source_tokens: list[str]
    target_tokens: list[str]
    weights_TS: np.ndarray
    scored: int
    truncated: bool
    cut_off: bool = False
    numbers_TWQ: np.ndarray | None = None

    @property
    def interval(self) -> tuple[str, str] | None:
        """The lowest and highest quantile of each number, written as the answer is; None where there is but one."""
        if self.numbers_TWQ is None or self.numbers_TWQ.shape[-1] < 2:
            return None
        return written(self.numbers_TWQ[..., 0]), written(self.numbers_TWQ[..., -1])

    def __str__(self) -> str:
        return self.text


class Encoding(NamedTuple):
    """What an encoder makes of a text.

    Attributes:
        tokens: what it read, in the order of the text.
        vectors: C, H; or the state at each token, tokens x H. float32.
        truncated: the text was too long and only its beginning was read.
    """

    tokens: list[str]
    vectors: np.ndarray
    truncated: bool


class Predictor:
    """A model with its readers of text, the recipe it was made by, and how it is to search.

    Called with one text it gives one answer, with several a list of one answer each:

        predictor("I drink milk.").text
        [str(answer) for answer in predictor(["I drink milk.", "Where is the station?"])]

    Args:
        readers: of `source` and `target`.
        search: how it answers unless asked otherwise; None takes what is usual for its head.
        decode: how a decoder is stepped through; `unroll.predict.fast` has shortcuts.
        normalizer: how typed text is read; None: as it is typed.
    """

    def __init__(
        self,
        model: Network,
        readers: dict[str, ItemReader],
        recipe: Recipe,
        search: Search | None = None,
        decode: Decode = plainly,
        normalizer: Normalizer | None = None,
    ) -> None:
        self.model, self.recipe, self.decode, self.normalizer = model, recipe, decode, normalizer
        self.search = search or usual(recipe)
        self.source, self.target = readers["source"], cast(Tokenizer, readers["target"])

    def __repr__(self) -> str:
        return f"<Predictor: {self.recipe.shape}, {title(self.recipe)}; asked by {self.search!r}>"

    def unparted(self) -> Predictor:
        """Return the same model, which reads a text whole, however many sentences it has."""
        reads = self.normalizer and self.normalizer.unparted()
        readers = {"source": self.source, "target": cast(ItemReader, self.target)}
        return Predictor(self.model, readers, self.recipe, self.search, self.decode, reads)

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
        texts, asked_before = iter(texts), Counter[int]()
        while window := list(islice(texts, size * WINDOW)):
            parted = [self._parts(raw) for raw in window]
            sentences = [part for parts in parted for part in parts if isinstance(part, Sentence)]
            rows = self.rows([sentence.text for sentence in sentences], strict)
            seeds = [_seed(search, sentence.text, asked_before) for sentence in sentences]
            order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
            answers: list[list[Prediction]] = [[] for _ in rows]
            for first in range(0, len(order), size):
                chosen = order[first : first + size]
                asked = [(sentences[i], rows[i], seeds[i]) for i in chosen]
                for i, found in zip(chosen, self._ask(asked, search, n_best), strict=True):
                    answers[i] = found
            each = iter(answers)
            for raw, parts in zip(window, parted, strict=True):
                filled = [next(each) if isinstance(part, Sentence) else part for part in parts]
                yield joined(filled, truncated=len(raw) > self.most_characters)

    def _parts(self, raw: str) -> list[Part]:
        """Return the beginning of a text as prepared ones are, in its sentences where it is read so."""
        form, text = self.recipe.prepare.unicode, self.beginning(raw)
        if self.normalizer:
            return self.normalizer.parts("\n".join(normalize(line, form) for line in text.split("\n")))
        if isinstance(self.recipe.tokenize.source, Labels):  # a single space may be one
            return [Sentence(text)]
        return [Sentence(normalize(text, form))]

    def beginning(self, raw: str) -> str:
        """Return as much of a text as is read before anything else is done to it; no number is cut in two."""
        text, vectors = raw[: self.most_characters], isinstance(self.recipe.tokenize.source, Vectors)
        return text.rpartition(";")[0] if vectors and len(raw) > len(text) else text

    @property
    def most_characters(self) -> int:
        """How many characters of one text are read."""
        source = self.recipe.tokenize.source
        return MAX_SOURCE * LONGEST_NUMBER * source.width if isinstance(source, Vectors) else MAX_CHARACTERS

    @torch.inference_mode()
    def _ask(
        self, asked: Sequence[tuple[Sentence, Items, Sequence[int]]], search: Search, n_best: int
    ) -> list[list[Prediction]]:
        """Return the answers to sentences, each with its row and its seed."""
        self.model.eval()
        read, rows, seeds = zip(*asked, strict=True)

        @cache  # what is compared, judged and shown is made once
        def told(place: int, one: Hypothesis) -> tuple[Prediction, Faults]:
            return self._told(read[place], rows[place], one)

        found = answer(
            search,
            self,
            Asked(
                rows=[row[:MAX_SOURCE] for row in rows],
                n_best=n_best,
                seeds=seeds,
                says=lambda place, one: told(place, one)[0].text,
                faults=(lambda place, one: told(place, one)[1]) if self.normalizer else None,
                repeats=[repeated(sentence.raw) is not None for sentence in read] if self.normalizer else None,
            ),
        )
        return [[told(place, one)[0] for one in best[:n_best]] for place, best in enumerate(found)]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return C of each text, texts x H: what the encoder makes of it, as the head takes it. float32.

        Raises:
            DataError, ParamsError: as `encodings`.
        """
        if isinstance(texts, str):
            raise DataError("encode takes a list of texts; put one text into a list")
        found = [one.vectors for one in self.encodings(texts)]
        return np.stack(found) if found else np.zeros((0, self.model.encoder.memory_size), np.float32)

    def encodings(self, texts: Iterable[str], states: bool = False) -> Iterator[Encoding]:
        """Yield what the encoder makes of each text, in order; memory does not grow with their number.

        Args:
            states: yield the state at each token instead of C.
        Raises:
            DataError: as `stream`.
            ParamsError: the model's encoder reads no sequence to an end, or its head takes no C.
        """
        if self.recipe.shape == "one_to_n" or self.recipe.reads_on:
            kind = "a language model" if self.recipe.reads_on else "a decoder of one item"
            raise ParamsError(f"{kind} has no summary of a text that its encoder read: ask a model of another shape")
        context = getattr(self.model.head, "context", None)
        if context is None and not states:
            raise ParamsError("the model answers at each position and takes no summary of a text: ask for its states")
        texts, size = iter(texts), self.search.batch_sentences
        while window := list(islice(texts, size * WINDOW)):
            read = [self._whole(raw) for raw in window]
            rows = self.rows(read, strict=True)
            order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
            found: list[np.ndarray] = [np.empty(0)] * len(rows)
            for first in range(0, len(order), size):
                chosen = order[first : first + size]
                made = self._encoded([rows[i][:MAX_SOURCE] for i in chosen], None if states else context)
                for i, vectors in zip(chosen, made, strict=True):
                    found[i] = vectors
            for raw, text, row, vectors in zip(window, read, rows, found, strict=True):
                cut = len(raw) > MAX_CHARACTERS or len(row) > MAX_SOURCE
                yield Encoding(self.source.tokens(text)[:MAX_SOURCE], vectors, cut)

    def _whole(self, raw: str) -> str:
        """Return the beginning of a text as the model reads it, its sentences one behind the other."""
        parts = self._parts(raw)
        read = [part.text for part in parts if isinstance(part, Sentence)]
        return " ".join(read or map(str, parts))

    @torch.inference_mode()
    def _encoded(self, rows: Sequence[Items], context: Context | None) -> list[np.ndarray]:
        """Return C of each row, or the state at each of its items in the order of the text."""
        self.model.eval()
        memory, _ = self.memory(rows)
        if context is not None:
            return list(context(memory).float().cpu().numpy())
        states_BSH = memory.states_BSH.float().cpu().numpy()
        found = [states_SH[: len(row)] for row, states_SH in zip(rows, states_BSH, strict=True)]
        return [states_SH[::-1] for states_SH in found] if self.recipe.model.reverse_source else found

    def rows(self, texts: Sequence[str], strict: bool) -> list[Items]:
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

        Running text is read as one, each row in the light of those before it; a long one in up to 16 streams, each from
        the zeros from which a text begins.
        """
        self.model.eval()
        if self.normalizer:
            pairs = [self.normalizer.pair(source, target) for source, target in pairs]
        rows = self.rows([source for source, _ in pairs], strict=False)
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
        streams = min(SCORED_STREAMS, int(lengths.sum()) // LEAST_SCORED + 1)
        for batch in Streams(rows, lengths, streams, SCORED_STEPS, seed=0).epoch(0):
            nats_BT, final = self._nats(batch, final if batch.continues else None)
            parts.append(nats_BT)
        # Stream after stream is the text, and behind it what padding the last stream had.
        text_N = torch.cat(parts, 1).flatten()[: int(lengths.sum()) + len(rows)]
        return [(float(row.sum()), len(row)) for row in text_N.split((lengths + 1).tolist())]

    def _nats(self, batch: Batch, start: tuple[State, ...] | None) -> tuple[Tensor, tuple[State, ...]]:
        """Return (-log p of each output, zero at padding, BT; the encoder's last states)."""
        nats_BT = torch.zeros(batch.output_BT.shape, dtype=torch.float64)
        if self.recipe.model.head.family in ("classifier", "tagger"):
            at = self.model.reading(batch.to(self._device))
            nats_BT[batch.mask_BT] = self._label_nats(at.logits_NV.float(), at.labels_N).double().cpu()
            return nats_BT, at.final
        outcome = self.model(batch.to(self._device), start=start)
        nats_BT[batch.mask_BT] = outcome.nats_N.double().cpu()
        return nats_BT, outcome.final

    def _label_nats(self, logits_NV: Tensor, labels_N: Tensor) -> Tensor:
        """Return -log p of labels among labels, as answers have it; of one that nobody saw, among all ids."""
        seen_NV = logits_NV.clone()
        seen_NV[:, : self.target.special] = -torch.inf
        seen_N, any_N = (-part.log_softmax(1).gather(1, labels_N[:, None]).squeeze(1) for part in (seen_NV, logits_NV))
        return torch.where(labels_N >= self.target.special, seen_N, any_N)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def memory(self, rows: Sequence[Items]) -> tuple[Memory, Tensor]:
        """Return (the memory of encoded rows, their lengths)."""
        source_BS, lengths_B = source_batch(rows, self.recipe.model.reverse_source)
        return self.model.encode(source_BS.to(self._device), lengths_B), lengths_B

    def _told(self, read: Sentence, row: Items, hypothesis: Hypothesis) -> tuple[Prediction, Faults]:
        """Return a hypothesis as a person is to see it, and what is wrong with it."""
        surfaces, cut = self.source.tokens(read.text)[:MAX_SOURCE], len(row) > MAX_SOURCE
        if (numbers_TWQ := hypothesis.numbers_TWQ) is not None:
            text = written(numbers_TWQ[..., numbers_TWQ.shape[-1] // 2])
            found = Prediction(text, 0.0, surfaces, [], hypothesis.weights_TS, 0, cut, numbers_TWQ=numbers_TWQ)
            return found, Faults(lost=False, loops=False, cut=False)
        said = [self.target.vocabulary[index] for index in hypothesis.ids]
        weights_TS = hypothesis.weights_TS[:, : len(surfaces)]
        if self.recipe.model.reverse_source:
            weights_TS = weights_TS[:, ::-1]
        lost = False
        if self.recipe.reads_on:
            prompt, spelled = (self.target.decode([*row[:MAX_SOURCE], *ids]) for ids in ([], hypothesis.ids))
            # The prompt stays as it was written, whatever of it the model does not know.
            text = (prompt if cut else read.text) + spelled[len(prompt) :]
        else:
            tokens = isinstance(self.recipe.tokenize.source, Pieces)
            pieces_read = [cast(Tokenizer, self.source).vocabulary[i] for i in row[:MAX_SOURCE]] if tokens else surfaces
            restored = restore(said, pieces_read, surfaces, weights_TS)
            pieces = put_back(restored, surfaces, weights_TS, read.held)
            text = self.target.join([piece for piece in pieces if piece not in SPECIAL[:UNK]])
            lost = len(pieces) > len(restored) or not whole(text, read.held)
        text, loops = self._typed(printable(text), read)
        faults = Faults(lost, loops, hypothesis.cut)
        seen = surfaces, said, weights_TS, hypothesis.scored, cut
        return Prediction(text, hypothesis.score, *seen, faults.endless), faults

    def _typed(self, text: str, read: Sentence) -> tuple[str, bool]:
        """Return what was said in the manner in which it was asked, and whether it went into a loop, left out here."""
        if self.normalizer is None:
            return text, False
        text = self.normalizer.answer(text, read)
        loop = repeated(text) if repeated(read.raw) is None else None
        return (text, False) if loop is None else (text[:loop].rstrip(" ,;:¿¡"), True)


def _seed(search: Search, text: str, asked_before: Counter[int]) -> tuple[int, ...]:
    """Return the seed of what is drawn for a text: its own, and another each time that the text is asked again."""
    if not isinstance(search, Sample):
        return ()
    number = crc32(text.encode())
    asked_before[number] += 1
    return search.seed % 2**64, number, asked_before[number]


def joined(parts: Sequence[str | list[Prediction]], truncated: bool) -> list[Prediction]:
    """Return the answers to a text, best first, from those to its sentences and what stands between them."""
    answers = [part for part in parts if not isinstance(part, str)]
    if len(parts) == 1 and answers:
        return [replace(one, truncated=one.truncated or truncated) for one in answers[0]]
    found: dict[str, Prediction] = {}
    for rank in range(max(map(len, answers), default=1)):
        chosen = [part if isinstance(part, str) else part[min(rank, len(part) - 1)] for part in parts]
        one = _join(chosen, truncated)
        found.setdefault(one.text, one)
    return list(found.values())


def _join(parts: Sequence[str | Prediction], truncated: bool) -> Prediction:
    said = [part for part in parts if isinstance(part, Prediction)]
    lengths = [len(one.target_tokens) + 1 for one in said]
    return Prediction(
        text="".join(map(str, parts)),
        score=sum(one.score * length for one, length in zip(said, lengths, strict=True)) / max(sum(lengths), 1),
        source_tokens=[token for one in said for token in one.source_tokens],
        target_tokens=[token for one in said for token in one.target_tokens],
        weights_TS=block_diag(*(one.weights_TS for one in said)) if said else np.zeros((0, 0)),
        scored=sum(one.scored for one in said),
        truncated=truncated or any(one.truncated for one in said),
        cut_off=any(one.cut_off for one in said),
    )


def block_diag(*blocks: np.ndarray) -> np.ndarray:
    """Return matrices along the diagonal of a larger one, which is zero elsewhere."""
    whole_TS = np.zeros(np.sum([block.shape for block in blocks], axis=0))
    row = column = 0
    for block in blocks:
        whole_TS[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return whole_TS


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
