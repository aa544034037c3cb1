"""`model`: an encoder and a head."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from unroll.params.sections import Depth, Fraction, Name, Section, Size


class VectorEncoderParams(Section):
    """Each item is read on its own: y = f(W x + b), layer upon layer."""

    kind: Literal["vector"]
    hidden: Size
    layers: Annotated[int, Field(ge=0, le=100)]
    """0 hands the item on as it is"""
    activation: Literal["tanh", "relu"]


class SequenceEncoderParams(Section):
    """A recurrent network over the source."""

    kind: Literal["sequence"]
    cell: Name
    hidden: Size
    """of a position; each of two directions has half of it"""
    layers: Depth
    bidirectional: bool
    residual: bool

    @model_validator(mode="after")
    def _halves(self) -> SequenceEncoderParams:
        if self.bidirectional and self.hidden % 2:
            raise ValueError(f"hidden is {self.hidden}, an odd number: a bidirectional encoder gives half to each side")
        return self


class HeadParams(Section):
    """What all heads have."""

    kind: str

    @property
    def family(self) -> str:
        """The kind of head of the library that it is, or that one's own head is like."""
        return self.kind

    @property
    def each_position(self) -> bool:
        """Whether it answers at each position of the source."""
        return self.family in ("tagger", "language_model")


class ClassifierParams(HeadParams):
    """One answer, from C."""

    kind: Literal["classifier"]
    context: Name
    """C: the last state, a transform of it, or of all states"""


class TaggerParams(HeadParams):
    """An answer at each position of the source."""

    kind: Literal["tagger"]


class LanguageModelParams(HeadParams):
    """The next item at each position: a tagger whose rows are their own targets, and that reads on from its answers."""

    kind: Literal["language_model"]


class SpeakingParams(HeadParams):
    """What heads have that answer step after step, looking back at the memory."""

    context: Name
    """C, from which the first step starts: as in ClassifierParams"""
    cell: Name
    hidden: Size
    layers: Depth
    residual: bool
    attention: Name
    window: Size | None
    """source positions on either side of the centre that local_m and local_p look at; null for the others"""
    positions: Size | None
    """source positions, from the first, that location and hard have weights for; null for the others"""
    query: Literal["before", "after"]
    """the state that looks back: from before the step (Bahdanau) or from after it (Luong)"""
    input_feeding: bool
    """with query after: the last attentional vector is part of the next input"""

    @model_validator(mode="after")
    def _fits(self) -> SpeakingParams:
        if self.input_feeding and self.query == "before":
            raise ValueError("input_feeding goes with query 'after': with 'before' the context is fed anyway")
        return self


class DecoderParams(SpeakingParams):
    """An answer of any length, one token after another."""

    kind: Literal["decoder"]


class NumericParams(HeadParams):
    """What heads have that answer in real numbers, learnt on the scale of train. The target is vectors."""

    loss: Literal["squared", "absolute", "huber"]
    """of a number, in standard deviations of train; huber is squared below 1 and absolute above (Huber 1964)"""
    quantiles: Annotated[tuple[Fraction, ...], Field(min_length=1)] | None
    """learn these shares of the answers that lie below, by the pinball loss (Koenker and Bassett 1978), the middle one
    being the answer and the outer ones its interval; null: one number, by `loss`"""

    @model_validator(mode="after")
    def _in_order(self) -> NumericParams:
        levels = self.quantiles or (0.5,)
        if list(levels) != sorted(set(levels)) or len(levels) % 2 == 0 or not all(0 < level < 1 for level in levels):
            raise ValueError(f"quantiles {list(levels)} must ascend from above 0 and be odd in number: [0.1, 0.5, 0.9]")
        return self


class RegressorParams(NumericParams):
    """Real numbers: from C, or from the state at each position."""

    kind: Literal["regressor"]
    context: Name | None
    """C, as in ClassifierParams; null: an answer at each position of the source"""

    @property
    def each_position(self) -> bool:
        return self.context is None


class ForecasterParams(NumericParams, SpeakingParams):
    """Real numbers one step after another, each step reading what the one before said."""

    kind: Literal["forecaster"]
    horizon: Size
    """steps of an answer"""
    seasons: tuple[Size, ...]
    """what is learnt is how far a number is from that of so many source positions before, the first of these: with 24,
    an hour from that of the day before; a step is told the numbers of all of them; none: the number itself is learnt"""
    channel: Annotated[int, Field(ge=0)]
    """the number of a source vector that shows what is forecast, counted from 0; of no use without a season"""


class OwnHead(HeadParams):
    """A head of one's own; what else stands here is for that head, see `unroll.nn.heads`."""

    model_config = ConfigDict(extra="allow")

    kind: Name
    like: Literal["classifier", "tagger", "language_model"]
    """the head of the library as which it is fed and asked"""

    @property
    def family(self) -> str:
        return self.like


HEADS = {
    "classifier": ClassifierParams,
    "tagger": TaggerParams,
    "language_model": LanguageModelParams,
    "decoder": DecoderParams,
    "regressor": RegressorParams,
    "forecaster": ForecasterParams,
}


def _kind(head: Any) -> str | None:
    name = head.get("kind") if isinstance(head, dict) else getattr(head, "kind", None)
    if not isinstance(name, str):
        return None
    # What says which head it is like is one's own; else the name is a slip, and pydantic lists those that there are.
    return "own" if isinstance(head, (dict, OwnHead)) and name not in HEADS and "like" in dict(head) else name


Head = Annotated[
    Annotated[ClassifierParams, Tag("classifier")]
    | Annotated[TaggerParams, Tag("tagger")]
    | Annotated[LanguageModelParams, Tag("language_model")]
    | Annotated[DecoderParams, Tag("decoder")]
    | Annotated[RegressorParams, Tag("regressor")]
    | Annotated[ForecasterParams, Tag("forecaster")]
    | Annotated[OwnHead, Tag("own")],
    Discriminator(_kind),
]


class Model(Section):
    """An encoder and a head, as the pipeline's shape says."""

    encoder: Annotated[VectorEncoderParams | SequenceEncoderParams, Field(discriminator="kind")]
    head: Head
    reverse_source: bool
    tied: bool
    """the output layer is the target embedding"""
    dropout: Fraction
