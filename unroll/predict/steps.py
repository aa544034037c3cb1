"""The steps of an answer: how likely each token was when the model said it, and what else it might have said.

A search keeps sums alone. Here its answers are read by the model once more, all steps in one pass (teacher forcing), by
the model itself in full precision over its whole vocabulary, whatever shortcuts the search took.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, cast

import torch
from torch import Tensor

from unroll.data.batches import pad
from unroll.data.ids import EOS, GO, Items
from unroll.data.tokenizers import ItemReader, Tokenizer
from unroll.data.typed import Sentence
from unroll.nn.attention import Memory
from unroll.nn.losses import CHUNK
from unroll.nn.model import EncoderDecoder
from unroll.params.evaluate import Search
from unroll.predict.predictor import MAX_SOURCE, Prediction, Predictor, _seed, joined

LOOKS = 2**16
"""Pairs of a target and a source position in a pass: what an attention takes memory for."""


class Step(NamedTuple):
    """One step of an answer.

    Attributes:
        token: what was said: a piece of the target's vocabulary, at last `<eos>`; of other heads a label.
        probability: that the model says it here, after the source and the tokens before; from 0 to 1.
        alternatives: the likeliest tokens here with their probabilities, likeliest first; as many as were wanted.
    """

    token: str
    probability: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Stepped(Prediction):
    """An answer with its steps.

    Attributes:
        steps: one for each target token. Of an answer that is a text one more follows, `<eos>`: that it ends there,
            whether it did or was cut off. Of a text of several sentences they are joined, each with an end of its own.
    """

    steps: tuple[Step, ...] = ()


class Stepper(Predictor):
    """The same model, whose answers are `Stepped`.

    Args:
        alternatives: likeliest tokens that each step names.
    """

    def __init__(self, predictor: Predictor, alternatives: int = 0) -> None:
        readers = {"source": predictor.source, "target": cast(ItemReader, predictor.target)}
        how = predictor.search, predictor.decode, predictor.normalizer
        super().__init__(predictor.model, readers, predictor.recipe, *how)
        self.alternatives = alternatives
        spoken = isinstance(self.target, Tokenizer)  # numbers have no steps
        self._ids = {piece: number for number, piece in enumerate(self.target.vocabulary)} if spoken else {}
        self._ends = self.recipe.reads_on or self.recipe.model.head.family == "decoder"

    def stream(  # type: ignore[override]  # a list of answers is only read
        self, texts: Iterable[str], n_best: int = 1, search: Search | None = None, strict: bool = True
    ) -> Iterator[list[Stepped]]:
        """Yield the answers to each text, in order.

        Raises:
            DataError: as `Predictor.stream`.
        """
        search = search or self.search
        size, texts, asked_before = search.batch_sentences, iter(texts), Counter[int]()
        while window := list(islice(texts, size)):
            parted = [self._parts(raw) for raw in window]
            sentences = [part for parts in parted for part in parts if isinstance(part, Sentence)]
            rows = self.rows([sentence.text for sentence in sentences], strict)
            seeds = [_seed(search, sentence.text, asked_before) for sentence in sentences]
            asked = list(zip(sentences, rows, seeds, strict=True))
            found = [self._ask(asked[first : first + size], search, n_best) for first in range(0, len(asked), size)]
            each = iter(self._stepped(rows, [one for some in found for one in some]))
            for raw, parts in zip(window, parted, strict=True):
                filled = [next(each) if isinstance(part, Sentence) else part for part in parts]
                yield _joined(filled, truncated=len(raw) > self.most_characters)

    @torch.inference_mode()
    def _stepped(self, rows: Sequence[Items], answers: Sequence[Sequence[Prediction]]) -> list[list[Stepped]]:
        """Return the answers to each row with their steps."""
        if not self._ids:
            return [[Stepped(**vars(one)) for one in found] for found in answers]
        said = [
            (row[:MAX_SOURCE], [self._ids[token] for token in one.target_tokens])
            for row, found in zip(rows, answers, strict=True)
            for one in found
        ]
        steps: list[tuple[Step, ...]] = [()] * len(said)
        for chosen in _passes(said):
            for i, of_one in zip(chosen, self._read([said[i] for i in chosen]), strict=True):
                steps[i] = of_one
        each = iter(steps)
        return [[Stepped(**vars(one), steps=next(each)) for one in found] for found in answers]

    def _read(self, said: Sequence[tuple[Items, list[int]]]) -> Iterator[tuple[Step, ...]]:
        """Yield the steps of each (source, answer to it)."""
        reads_on = self.recipe.reads_on
        memory, _ = self.memory([[EOS, *row, *ids] if reads_on else row for row, ids in said])
        readouts_BTD = self._readouts(memory, pad([[GO, *ids] for _, ids in said]).to(memory.mask_BS.device))
        labels = [[*ids, EOS] if self._ends else ids for _, ids in said]
        firsts = [len(row) if reads_on else 0 for row, _ in said]
        each_TD = zip(readouts_BTD, firsts, labels, strict=True)
        readouts_ND = torch.cat([one_TD[first : first + len(ids)] for one_TD, first, ids in each_TD])
        each = self._each(readouts_ND, [label for ids in labels for label in ids])
        return (tuple(islice(each, len(ids))) for ids in labels)

    def _readouts(self, memory: Memory, input_BT: Tensor) -> Tensor:
        """Return readouts_BTD of all steps in one pass; an answer too long for that is read step by step."""
        model = self.model
        if not isinstance(model, EncoderDecoder) or input_BT.shape[1] * memory.mask_BS.shape[1] <= LOOKS:
            return model.read(memory, input_BT, own=0.0)[0]
        state, readouts = model.initial(memory), []
        for ids_B in input_BT.unbind(1):
            readout_BD, state = model.head.advance(ids_B, state)
            readouts.append(readout_BD)
        return torch.stack(readouts, 1)

    def _each(self, readouts_ND: Tensor, labels: Sequence[int]) -> Iterator[Step]:
        """Yield the step that says each label, from what the logits are linear in."""
        vocabulary, lowest = self.target.vocabulary, 0 if self._ends else self.target.special
        most = min(self.alternatives, len(vocabulary) - lowest)
        chunk = max(CHUNK // len(vocabulary), 1)
        for first in range(0, len(labels), chunk):
            logits_CV = self.model.head.logits(readouts_ND[first : first + chunk]).double()
            logits_CV[:, :lowest] = -torch.inf  # what is no answer, as in the search
            likely_CV = logits_CV.softmax(1)
            best_CK, ids_CK = likely_CV.topk(most, 1)
            said = labels[first : first + chunk]
            own_C = likely_CV[torch.arange(len(said)), said]
            for label, own, best, ids in zip(said, own_C.tolist(), best_CK.tolist(), ids_CK.tolist(), strict=True):
                yield Step(vocabulary[label], own, tuple((vocabulary[i], p) for i, p in zip(ids, best, strict=True)))


def _passes(said: Sequence[tuple[Items, list[int]]]) -> Iterator[list[int]]:
    """Yield the places of answers of like length, few enough for one pass."""
    chosen: list[int] = []
    longest = 0
    for i in sorted(range(len(said)), key=lambda i: (len(said[i][1]), len(said[i][0]))):
        row, ids = said[i]
        longest = max(longest, len(row))
        if chosen and (len(chosen) + 1) * (len(ids) + 1) * longest > LOOKS:
            yield chosen
            chosen, longest = [], len(row)
        chosen.append(i)
    if chosen:
        yield chosen


def _joined(parts: Sequence[str | list[Stepped]], truncated: bool) -> list[Stepped]:
    """Return the answers to a text from those to its sentences, as `predictor.joined` does, with their steps."""
    whole = joined(cast("Sequence[str | list[Prediction]]", parts), truncated)
    if len(parts) == 1 and not isinstance(parts[0], str):
        return cast(list[Stepped], whole)
    answers = [part for part in parts if not isinstance(part, str)]
    steps: dict[str, tuple[Step, ...]] = {}
    for rank in range(max(map(len, answers), default=1)):
        chosen = [part if isinstance(part, str) else part[min(rank, len(part) - 1)] for part in parts]
        said = [step for one in chosen if isinstance(one, Stepped) for step in one.steps]
        steps.setdefault("".join(map(str, chosen)), tuple(said))
    return [Stepped(**vars(one), steps=steps[one.text]) for one in whole]
