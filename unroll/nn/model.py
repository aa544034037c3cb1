"""The whole model, built from the names in a pipeline file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from unroll.data.batches import Batch
from unroll.errors import ParamsError
from unroll.nn.attention import ATTENTIONS, CONTEXTS, Memory, Policy
from unroll.nn.cells import CELLS, State
from unroll.nn.decoders import Decoder, DecoderState, Forecaster
from unroll.nn.encoders import ENCODERS, SequenceEncoder, VectorEncoder
from unroll.nn.heads import Classifier, Numbers, Regressor, Tagger
from unroll.nn.layers import Frames, OneHot, Scaled, ScaledFrames, Table
from unroll.nn.losses import linear_cross_entropy
from unroll.params.model import (
    ClassifierParams,
    Model,
    RegressorParams,
    SequenceEncoderParams,
    SpeakingParams,
)
from unroll.params.pipeline import Recipe
from unroll.params.tokenize import Vectors


@dataclass  # not frozen: under mixed precision Fabric casts its fields
class Candidates:
    """The part of a vocabulary over which a sampled softmax runs.

    Attributes:
        ids_C: sorted, each once; all labels are among them.
        offsets_C: added to their logits. A candidate that was drawn represents many that were not: with log of how
            many, the sum of exp(logit) is on average that of the whole vocabulary (Bengio and Senecal 2003).
    """

    ids_C: Tensor
    offsets_C: Tensor


@dataclass(frozen=True)
class Reading:
    """What a model makes of a batch at its real output positions, before the softmax.

    Attributes:
        readouts_ND: what the logits are linear in.
        weight_VD, bias_V: of the output layer, or of the candidates of a sampled softmax alone.
        labels_N: what should have been answered, counted as the logits are.
        policy: hard attention's choices, each tensor of N positions; None with every other attention.
        final: the encoder's last states, from which a batch that continues this one reads on.
    """

    readouts_ND: Tensor
    weight_VD: Tensor
    bias_V: Tensor
    labels_N: Tensor
    policy: tuple[Tensor, Tensor] | None
    final: tuple[State, ...]

    @property
    def logits_NV(self) -> Tensor:
        """Return the logits, all at once."""
        return nn.functional.linear(self.readouts_ND, self.weight_VD, self.bias_V)


@dataclass  # not frozen, as Candidates
class Outcome:
    """How well a model answers a batch.

    Attributes:
        loss: mean nats over the real output positions, label smoothing and class weights included: what training makes
            small.
        nats_N: -log p of each label there, without it; of numbers, what their loss makes of them.
        policy, final: as in `Reading`.
    """

    loss: Tensor
    nats_N: Tensor
    policy: tuple[Tensor, Tensor] | None
    final: tuple[State, ...]


class Network(nn.Module):
    """An encoder and a head: one-to-one, n-to-one and n-to-n."""

    def __init__(self, encoder: VectorEncoder | SequenceEncoder, head: Classifier | Tagger | Decoder) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def encode(self, source_BS: Tensor, lengths_B: Tensor, start: tuple[State, ...] | None = None) -> Memory:
        """Return the memory of a batch of sources, read on from `start` if they continue others."""
        return self.encoder(source_BS, lengths_B, start)

    def read(self, memory: Memory, input_BT: Tensor, own: float) -> tuple[Tensor, Policy | None]:
        """Return (readouts_BTD, hard attention's choices), from which the logits are a linear map."""
        return self.head(memory), None

    def forward(
        self,
        batch: Batch,
        candidates: Candidates | None = None,
        own: float = 0.0,
        start: tuple[State, ...] | None = None,
        smoothing: float = 0.0,
        class_weights_V: Tensor | None = None,
    ) -> Outcome:
        """Return how well a batch is answered; the arguments are those of `reading` and `cross_entropy`."""
        at = self.reading(batch, candidates, own, start)
        loss, nats_N = linear_cross_entropy(
            at.readouts_ND, at.weight_VD, at.bias_V, at.labels_N, smoothing, class_weights_V
        )
        return Outcome(loss, nats_N, at.policy, at.final)

    def reading(
        self,
        batch: Batch,
        candidates: Candidates | None = None,
        own: float = 0.0,
        start: tuple[State, ...] | None = None,
    ) -> Reading:
        """Return what the model makes of a batch's real output positions.

        Args:
            candidates: logits are over them alone, and labels count in them: the sampled softmax.
            own: the share of a decoder's inputs that are its own last tokens instead of the target's.
            start: the encoder's states, where the batch continues another.
        """
        with self._together(batch, candidates):
            return self._reading(batch, candidates, own, start)

    def _together(self, batch: Batch, candidates: Candidates | None) -> AbstractContextManager[None]:
        """Return a context in which what is looked up in one table is looked up at once."""
        table = self.encoder.embedding
        if not isinstance(table, Table):
            return nullcontext()
        several = [batch.source_BS]
        if table is getattr(self.head, "embedding", None):
            several.append(batch.input_BT)
        if candidates is not None and table.weight is self.head.logits.weight:
            several.append(candidates.ids_C)
        return table.together(*several) if len(several) > 1 else nullcontext()

    def _reading(
        self, batch: Batch, candidates: Candidates | None, own: float, start: tuple[State, ...] | None
    ) -> Reading:
        memory = self.encode(batch.source_BS, batch.source_lengths_B, start)
        readouts_BTD, policy = self.read(memory, batch.input_BT, own)
        mask_BT, output = batch.mask_BT, self.head.logits
        readouts_ND, labels_N = readouts_BTD[mask_BT], batch.output_BT[mask_BT]
        chosen = (policy.log_probs_BT[mask_BT], policy.baselines_BT[mask_BT]) if policy else None
        if candidates is None:
            return Reading(readouts_ND, output.weight, output.bias, labels_N, chosen, memory.final)
        tied = output.weight is getattr(self.encoder.embedding, "weight", None)
        weight_CD = self.encoder.embedding(candidates.ids_C) if tied else output.weight[candidates.ids_C]
        bias_C = output.bias[candidates.ids_C] + candidates.offsets_C
        labels_N = torch.searchsorted(candidates.ids_C, labels_N)
        return Reading(readouts_ND, weight_CD, bias_C, labels_N, chosen, memory.final)


class Regression(Network):
    """One-to-one, n-to-one and n-to-n where what is answered is numbers: there is no vocabulary, and no softmax."""

    head: Any  # has no logits

    @property
    def numbers(self) -> Numbers:
        """What makes numbers of readouts."""
        return cast(Regressor, self.head)

    def forward(
        self,
        batch: Batch,
        candidates: Candidates | None = None,
        own: float = 0.0,
        start: tuple[State, ...] | None = None,
        smoothing: float = 0.0,
        class_weights_V: Tensor | None = None,
    ) -> Outcome:
        """Return how well a batch is answered; candidates, smoothing and weights are of labels, which are none here."""
        memory = self.encode(batch.source_BS, batch.source_lengths_B)
        mask_BT = batch.mask_BT
        readouts_BTD, wanted_BTW, policy = self.told(memory, batch, own)
        losses_N = self.numbers.losses(readouts_BTD[mask_BT], wanted_BTW[mask_BT])
        chosen = (policy.log_probs_BT[mask_BT], policy.baselines_BT[mask_BT]) if policy else None
        return Outcome(losses_N.mean(), losses_N.detach(), chosen, memory.final)

    def told(self, memory: Memory, batch: Batch, own: float) -> tuple[Tensor, Tensor, Policy | None]:
        """Return (readouts_BTD, the numbers that are to be made of them, B x T x W, hard attention's choices)."""
        return self.head(memory), batch.output_BT, None


class Forecast(Regression):
    """n-to-m where what is answered is numbers, each step of it on the one before."""

    head: Forecaster

    @property
    def numbers(self) -> Numbers:
        return self.head.numbers

    def told(self, memory: Memory, batch: Batch, own: float) -> tuple[Tensor, Tensor, Policy | None]:
        """As `Regression.told`. Who is not in training hears its own answers, as when it is asked."""
        own = own if self.training else 1.0
        before_BTN = self.head.lags(batch.source_BS, batch.source_lengths_B, batch.output_BT.shape[1])
        wanted_BTW = batch.output_BT - self.head.base(before_BTN)
        readouts_BTD, policy = self.head.read(wanted_BTW, before_BTN, self.head.initial(memory), own)
        return readouts_BTD, wanted_BTW, policy

    def forecast(self, source_BSW: Tensor, lengths_B: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Return (numbers_BTWQ that follow sources, as the targets are; where each step looked, weights_BTS)."""
        before_BTN = self.head.lags(source_BSW, lengths_B, steps)
        return self.head.forecast(before_BTN, self.head.initial(self.encode(source_BSW, lengths_B)))


class EncoderDecoder(Network):
    """One-to-n and n-to-m: a decoder that looks back at what the encoder leaves (Sutskever 2014, Bahdanau 2015)."""

    head: Decoder

    def read(self, memory: Memory, input_BT: Tensor, own: float) -> tuple[Tensor, Policy | None]:
        return self.head.read(input_BT, self.head.initial(memory), own)

    def initial(self, memory: Memory, beams: int = 1) -> DecoderState:
        """Return the decoder's state before the first token, with `beams` rows for each sentence."""
        return self.head.initial(memory, beams)

    def step(self, ids_B: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return (logits_BV, state) after one more token."""
        return self.head.step(ids_B, state)


@dataclass(frozen=True)
class ReaderState:
    """The state of a language model: that of each layer, a row for each text; it looks nowhere."""

    layers: tuple[State, ...]
    weights_BS: Tensor
    scored_B: Tensor

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> ReaderState:
        """Return the state of some rows, in a new order."""
        layers = tuple(tuple(part[rows] for part in state) for state in self.layers)
        return ReaderState(layers, self.weights_BS[rows], self.scored_B[rows])


class LanguageModel(Network):
    """n-to-n where each position says the next token, so that it can read on from what it said (Char RNN)."""

    encoder: SequenceEncoder
    head: Tagger

    def initial(self, memory: Memory, beams: int = 1) -> ReaderState:
        """Return the state after what was read, with `beams` rows for each text."""
        rows = torch.arange(len(memory.mask_BS), device=memory.mask_BS.device).repeat_interleave(beams)
        nothing_BS = memory.states_BSH.new_zeros(len(memory.mask_BS), 0)
        return ReaderState(memory.final, nothing_BS, nothing_BS.long().sum(1)).select(rows)

    def step(self, ids_B: Tensor, state: ReaderState) -> tuple[Tensor, ReaderState]:
        """Return (logits_BV, state) after one more token."""
        output_BH, layers = self.encoder.step(ids_B, state.layers)
        return self.head.logits(output_BH), replace(state, layers=layers)


HEADS: dict[str, type[Classifier | Tagger | Regressor | Decoder | Forecaster]] = {
    "classifier": Classifier,
    "tagger": Tagger,
    "language_model": Tagger,
    "regressor": Regressor,
    "decoder": Decoder,
    "forecaster": Forecaster,
}


NETWORKS: dict[str, type[Network]] = {
    "decoder": EncoderDecoder,
    "language_model": LanguageModel,
    "regressor": Regression,
    "forecaster": Forecast,
}
"""{head: how it goes with an encoder}; the others answer from the memory alone"""


def check(recipe: Recipe) -> None:
    """Refuse what cannot be built, before anything is learnt.

    Raises:
        ParamsError: a part has an unknown name, or parts do not fit each other.
    """
    encoder, head = recipe.model.encoder, recipe.model.head
    named: list[tuple[str, str, Mapping[str, object]]] = [("head.kind", head.kind, HEADS)]
    if isinstance(encoder, SequenceEncoderParams):
        named.append(("encoder.cell", encoder.cell, CELLS))
    if isinstance(head, ClassifierParams | SpeakingParams | RegressorParams) and head.context:
        named.append(("head.context", head.context, CONTEXTS))
    if isinstance(head, SpeakingParams):
        named += [("head.cell", head.cell, CELLS), ("head.attention", head.attention, ATTENTIONS)]
    for place, name, known in named:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"
            raise ParamsError(f"model.{place}: '{name}' is not known; {fix}")
    if isinstance(head, SpeakingParams):
        _check_attention(head, recipe.model)


def _check_attention(head: SpeakingParams, model: Model) -> None:
    kind = ATTENTIONS[head.attention]
    for name, value in (("window", head.window), ("positions", head.positions)):
        if (kind.bounded_by == name) != (value is not None):
            fix = "set the number of positions" if kind.bounded_by == name else "set null"
            raise ParamsError(f"model.head.{name}: {value} does not go with attention '{head.attention}'; {fix}")
    if kind.equal_sizes and model.encoder.hidden != head.hidden:
        raise ParamsError(
            f"model.head.attention: '{head.attention}' compares states of one size, but the encoder has "
            f"{model.encoder.hidden} and the decoder {head.hidden}; make them equal, or take 'general'"
        )


def build(recipe: Recipe, sizes: Mapping[str, int], vectors: Mapping[str, np.ndarray]) -> Network:
    """Return a model whose embeddings start from `vectors`, V x D for `source` and `target` where they have any.

    With one vocabulary for both sides they share one embedding, the target's. Every other weight is drawn from torch's
    global generator: seed it first.

    Args:
        sizes: the vocabulary of each side; of vectors their width is known.
    Raises:
        ParamsError: as `check`.
    """
    check(recipe)
    target = recipe.tokenize.target
    sizes = {**sizes, "target": target.width} if isinstance(target, Vectors) else sizes
    embeddings = {side: _embedding(recipe, side, sizes[side], vectors.get(side)) for side in ("source", "target")}
    source = embeddings["target" if recipe.tokenize.joint else "source"]
    settings = recipe.model
    # Each kind of part has the section of its own kind, which the schema has seen to.
    encoder: Any = ENCODERS[settings.encoder.kind](source, cast(Any, settings.encoder), settings.dropout)
    head: Any = HEADS[settings.head.kind](
        embeddings["target"], sizes["target"], encoder.memory_size, cast(Any, settings.head), settings.dropout,
        settings.tied,
    )  # fmt: skip
    return NETWORKS.get(settings.head.family, Network)(encoder, head)


def _embedding(recipe: Recipe, side: str, size: int, vectors: np.ndarray | None) -> nn.Module:
    if isinstance(reads := getattr(recipe.tokenize, side), Vectors):
        return ScaledFrames(reads.width) if reads.scale else Frames(reads.width)
    if recipe.embed.kind == "one_hot":
        return OneHot(size)
    table = np.zeros((size, recipe.embed.dimensions)) if vectors is None else vectors
    return Table.from_pretrained(torch.tensor(table, dtype=torch.float32), freeze=recipe.embed.frozen)


def scaled(model: Network, recipe: Recipe) -> dict[str, Scaled]:
    """Return {side: the part of a model that is to take the scale of its training vectors}."""
    said = model.numbers if isinstance(model, Regression) else None
    parts = {"source": model.encoder.embedding, "target": said}
    kinds = {"source": recipe.tokenize.source, "target": recipe.tokenize.target}
    return {side: cast(Scaled, parts[side]) for side, kind in kinds.items() if isinstance(kind, Vectors) and kind.scale}


def parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters, shared ones counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
