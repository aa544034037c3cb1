"""`evaluate`: how a model is asked, and what its score is held against."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from unroll.params.sections import Count, Section


class Beam(Section):
    """The likeliest answer that a beam search finds."""

    kind: Literal["beam"]
    beam: Count
    length_penalty: Annotated[float, Field(ge=0)]
    """a hypothesis of n tokens scores log p / n ** length_penalty"""
    max_length_ratio: Annotated[float, Field(gt=0)]
    """an answer has at most this many tokens for each source token, and ten more"""
    int8: bool
    """multiply integers of eight bits: faster on a processor, and nearly as good"""
    shortlist: Annotated[int, Field(ge=0)]
    """say only words that are frequent, or among so many that a source token likely becomes; 0 leaves them all"""
    batch_sentences: Count


class Sample(Section):
    """Answers drawn at random."""

    kind: Literal["sample"]
    temperature: Annotated[float, Field(gt=0)]
    """logits are divided by it: below 1 likely tokens become likelier"""
    top_k: Annotated[int, Field(ge=0)]
    """draw from so many of the likeliest tokens; 0 from all"""
    top_p: Annotated[float, Field(gt=0, le=1)]
    """draw from the fewest tokens that together are this likely (Holtzman 2020)"""
    max_tokens: Count
    seed: int
    batch_sentences: Count


class Rank(Section):
    """Classes in the order of their probability."""

    kind: Literal["rank"]
    batch_sentences: Count


class Tag(Section):
    """The likeliest label at each position."""

    kind: Literal["tag"]
    batch_sentences: Count


class Estimate(Section):
    """Real numbers, and the interval of a head that has learnt quantiles."""

    kind: Literal["estimate"]
    batch_sentences: Count


Search = Annotated[Beam | Sample | Rank | Tag | Estimate, Field(discriminator="kind")]
"""How a model answers."""


class Evaluate(Section):
    """How the model is scored, and how it answers once it is registered."""

    search: Search
    baseline: (
        Literal[
            "bigram",
            "trigram",
            "fourgram",
            "naive_bayes",
            "majority",
            "most_frequent_tag",
            "logistic",
            "xz",
            "median",
            "ridge",
            "seasonal_naive",
        ]
        | None
    )
    """a closed-form model of the same rows, to hold the score against"""
    pictures: Annotated[int, Field(ge=0)]
    """attention heat maps drawn"""
    stress: Count | None
    """so many test rows are asked again with the slips of those who type; null: none"""
