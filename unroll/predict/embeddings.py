"""The embeddings that a model has learnt, in word2vec's form, which gensim and `embed.kind: imported` read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unroll.data.imports import written
from unroll.data.tokenizers import Tokenizer
from unroll.errors import ParamsError
from unroll.nn.layers import Table
from unroll.predict.predictor import Predictor
from unroll.predict.vectors import placing


def embeddings(predictor: Predictor, side: str) -> tuple[list[str], np.ndarray]:
    """Return (tokens as a file has them, their vectors: tokens x D, float32) of a side, without marks such as `<pad>`.

    A token that is written as an earlier one is left out: such a file has no other way to write a space than a mark.

    Args:
        side: source or target; they are the same where both have one vocabulary.
    Raises:
        ParamsError: the model has no embeddings of that side.
    """
    model = predictor.model
    reader = predictor.source if side == "source" else predictor.target
    owner = model.encoder if side == "source" or predictor.recipe.tokenize.joint else model.head
    table = getattr(owner, "embedding", None)
    if not isinstance(reader, Tokenizer) or not isinstance(table, Table):
        raise ParamsError(f"--side {side}: the model has no embeddings of its {side}")
    vectors = table.weight.detach().float().cpu().numpy()
    places: dict[str, int] = {}
    for index, piece in enumerate(reader.vocabulary[reader.special :], reader.special):
        places.setdefault(written(piece), index)
    return list(places), vectors[list(places.values())]


def save(path: Path, tokens: list[str], vectors: np.ndarray) -> None:
    """Write tokens and their vectors as word2vec does, as text; as its binary form where the name ends in .bin.

    Raises:
        ParamsError: there is no such folder.
    """
    from gensim.models import KeyedVectors

    found = KeyedVectors(vectors.shape[1])
    found.add_vectors(tokens, vectors)
    with placing(path) as aside:
        found.save_word2vec_format(str(aside), binary=path.suffix == ".bin")
