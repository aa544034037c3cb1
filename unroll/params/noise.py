"""`noise`: training rows as people would have typed them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unroll.params.sections import Count, Section, Seed

Share = Annotated[float, Field(ge=0, le=1)]


class Noise(Section):
    """Copies of the training rows, and the shares of rows that are changed in each of them; of others never a row."""

    copies: Count
    """training reads all of them before it reads one again"""
    seed: Seed
    joined: Share
    """a row stands behind the one before, as sentences follow each other"""
    words: Share
    """a word, or a list of a few, and what they become"""
    names: Share
    """a name is hidden as if nobody ever saw it; see `tokenize.typed.copied`"""
    no_end_mark: Share
    """the final mark is missing, where there is a target on both sides"""
    lower: Share
    capitals: Share
    title: Share
    """Every Word Has A Capital"""
    no_accents: Share
    typos: Share
    """a slip of the pen in one word"""
    spaces: Share
    """one too many, or one too few"""
    quotes: Share
    """typographic ones"""
