"""`tokenize`: what the items of a sequence are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from unroll.params.sections import Section, Size
from unroll.shapes import SIDES


class Pieces(Section):
    """Text <-> ids, with a vocabulary learnt from train."""

    kind: Literal["word", "space", "suffix", "treebank", "bpe", "unigram", "char"]
    vocab_size: Annotated[int, Field(ge=8, le=50_000)]
    lowercase: bool

    @model_validator(mode="after")
    def _holds_the_bytes(self) -> Pieces:
        if self.kind in ("bpe", "unigram", "char") and self.vocab_size < 300:
            raise ValueError(
                f"vocab_size must be at least 300 with kind '{self.kind}': the 256 bytes are among the pieces"
            )
        return self


class Labels(Section):
    """A whole text is one token, and every text of train has its own."""

    kind: Literal["label"]


class Vectors(Section):
    """No tokens: numbers parted by spaces are a vector, semicolons part vectors; a number alone is a vector of one."""

    kind: Literal["vectors"]
    width: Size
    """numbers in a vector"""
    scale: Literal["standard"] | None
    """standard: a model learns how many standard deviations of train a number is from its mean there, and is asked, and
    answers, in raw numbers; null: numbers as they are"""


class Typed(Section):
    """How what people type is turned into the sentences that the training rows are made of, and back."""

    sentences: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None
    """the language by whose rules a text is parted into sentences: en, de, ...; null: a text is one"""
    case: bool
    """capitals become marks, so that a word is one word however it is written; what has no case gets its usual one"""
    copied: bool
    """numbers, addresses, codes and names that training did not show travel as placeholders, letter by letter"""


class Tokenize(Section):
    """Text <-> ids, or <-> vectors, for each side."""

    source: Annotated[Pieces | Labels | Vectors, Field(discriminator="kind")]
    target: Annotated[Pieces | Labels | Vectors, Field(discriminator="kind")] | None
    """null: one vocabulary for both sides, learnt from both"""
    from_start: Literal["source", "target", "both"] | None
    """the sides whose tokenizer is that of the model that `train.start_from` names; null: all are learnt here"""
    typed: Typed | None
    """null: a text is read as it is typed"""

    @property
    def joint(self) -> bool:
        """One vocabulary serves both sides."""
        return self.target is None

    @property
    def reused(self) -> tuple[str, ...]:
        """The sides whose tokenizer another model has learnt."""
        return SIDES if self.from_start == "both" else (self.from_start,) if self.from_start else ()

    def of(self, side: str) -> Pieces | Labels | Vectors:
        """Return what the items of a side are."""
        return self.source if side == "source" or self.target is None else self.target

    @model_validator(mode="after")
    def _reuses_pieces(self) -> Tokenize:
        if self.reused and self.joint and self.from_start != "both":
            raise ValueError(f"from_start is '{self.from_start}', but one vocabulary serves both sides: set both")
        if other := [side for side in self.reused if not isinstance(self.of(side), Pieces)]:
            raise ValueError(f"from_start is for pieces, and the {other[0]} is {self.of(other[0]).kind}: leave it out")
        return self

    @model_validator(mode="after")
    def _targets_have_tokens(self) -> Tokenize:
        if self.joint and self.source.kind == "vectors":
            raise ValueError("target must be given where the source is vectors: say what the answer is made of")
        return self
