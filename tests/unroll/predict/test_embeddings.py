"""Embeddings go out so that gensim and `embed.kind: imported` read the very numbers again, whatever tokens are."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors

from tests import recipes, tiny
from unroll.data.imports import imported, written
from unroll.data.tokenizers import Tokenizer
from unroll.errors import ParamsError
from unroll.predict import loading
from unroll.predict.embeddings import embeddings, save
from unroll.predict.predictor import Predictor

ODD = ["New York", " ", "a\u00a0b", "", "ñ ", "line\nend", "▁x", "12 3", '"', "#", "\u2028", "a\tb"]
LABELS = [(label, f"{n} is said") for n, label in enumerate(ODD)] * 3


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A model that reads labels with spaces and worse in them."""
    settings = tiny.pipeline("name", tokenize__target__vocab_size=300)
    return loading.load(tiny.checkpoint(tmp_path_factory.mktemp("odd"), settings, LABELS))


@pytest.fixture(scope="module")
def subwords(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A model that has pieces at the start of words and inside them."""
    bpe = {"kind": "bpe", "vocab_size": 340, "lowercase": False}
    pairs = [("the other thing", "la otra cosa"), ("then they thought", "luego pensaron")] * 9
    return loading.load(tiny.checkpoint(tmp_path_factory.mktemp("bpe"), tiny.pipeline(tokenize__source=bpe), pairs))


@pytest.mark.parametrize("name", ["a.txt", "a.bin"])
@pytest.mark.parametrize("which", ["odd", "subwords"])
def test_gensim_reads_every_token_and_number(
    tmp_path: Path, which: str, name: str, request: pytest.FixtureRequest
) -> None:
    predictor = request.getfixturevalue(which)
    tokens, vectors = embeddings(predictor, "source")
    save(tmp_path / name, tokens, vectors)
    found = KeyedVectors.load_word2vec_format(str(tmp_path / name), binary=name.endswith(".bin"))
    assert found.index_to_key == tokens
    assert (found.vectors == vectors).all()


@pytest.mark.parametrize("which", ["odd", "subwords"])
def test_imported_embeddings_are_those_that_went_out(
    tmp_path: Path, which: str, request: pytest.FixtureRequest
) -> None:
    predictor = request.getfixturevalue(which)
    tokens, vectors = embeddings(predictor, "source")
    save(tmp_path / "a.txt", tokens, vectors)
    reader = cast(Tokenizer, predictor.source)
    found = imported(tmp_path / "a.txt", reader, recipes.embed("imported", dimensions=vectors.shape[1]))
    weights = predictor.model.encoder.embedding.weight.detach().numpy()
    assert found.keys() == set(range(reader.special, len(reader)))
    for index, piece in enumerate(reader.vocabulary[reader.special :], reader.special):
        first = next(i for i in found if written(reader.vocabulary[i]) == written(piece))
        assert (found[index] == weights[first]).all(), piece


def test_both_sides_go_out(subwords: Predictor, odd: Predictor) -> None:
    assert embeddings(subwords, "source")[0] == embeddings(subwords, "target")[0]
    tokens, vectors = embeddings(odd, "target")
    assert len(tokens) == len(vectors) == len(odd.target) - odd.target.special
    weights = cast(torch.Tensor, odd.model.head.embedding.weight).detach().numpy()  # type: ignore[union-attr]
    assert np.array_equal(vectors, weights[odd.target.special :])


def test_what_has_no_embeddings_says_so(tmp_path: Path) -> None:
    rows = [("0 0 0 0 0 0 0 1;1 0 0 0 0 0 0 0", "3 7"), ("0 0 0 0 0 0 0 1", "3")] * 5
    frames = loading.load(tiny.checkpoint(tmp_path, tiny.pipeline("frames"), rows))
    for side in ("source", "target"):
        with pytest.raises(ParamsError, match=f"--side {side}: the model has no embeddings of its {side}"):
            embeddings(frames, side)
