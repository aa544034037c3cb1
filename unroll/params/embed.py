"""`embed`: where the embeddings start from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from unroll.params.sections import Count, RelativePath, Section, Seed, Size


class Embed(Section):
    """Where the embeddings start from."""

    kind: Literal["skipgram", "cbow", "fasttext", "imported", "random", "one_hot"]
    """one_hot: no embeddings; the first layer reads vectors of the vocabulary's length, all zeros but for a one"""
    frozen: bool
    """embeddings stay as they start"""
    dimensions: Size
    row_length: Annotated[float, Field(gt=0)]
    """root mean square length of a row at the start: shorter ones make tied output layers slow to start, longer ones
    slow to change"""
    epochs: Count
    window: Count
    negatives: Count
    seed: Seed
    neighbours_of: tuple[str, ...]
    """words whose nearest neighbours are reported and drawn"""
    source_vectors: RelativePath | None
    target_vectors: RelativePath | None
    """with `imported`: text in word2vec or GloVe form under data/<pipeline>/raw; null draws that side at random"""

    @model_validator(mode="after")
    def _imports_something(self) -> Embed:
        if (self.kind == "imported") != bool(self.source_vectors or self.target_vectors):
            raise ValueError("source_vectors and target_vectors belong to kind 'imported', which needs one of them")
        return self
