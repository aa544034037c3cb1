"""Embeddings learnt from the training rows before the model is: word2vec and fastText."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from tqdm import tqdm

from unroll.data.ids import CHUNK, ID_DTYPE, Ids
from unroll.data.tables import Table
from unroll.params.embed import Embed

Known = Mapping[int, Table]
"""id -> its vector"""


class Sentences:
    """Rows of ids as gensim wants them, lists of strings, read again from the memory-mapped arrays at each pass.

    The same id is the same string each time, whose hash gensim's look-ups then need not make again.
    """

    def __init__(self, sides: Sequence[Ids], bar: tqdm[Any]) -> None:
        self.sides, self.bar = sides, bar
        self.words = np.array([str(index) for index in range(np.iinfo(ID_DTYPE).max + 1)], object)

    def __iter__(self) -> Iterator[list[str]]:
        for ids in self.sides:
            for first in range(0, len(ids), CHUNK):
                ends = ids.offsets[first : first + CHUNK + 1]
                words = self.words[ids.ids[ends[0] : ends[-1]]].tolist()
                for begin, end in pairwise((ends - ends[0]).tolist()):
                    yield words[begin:end]
                    self.bar.update()


def pretrain(sides: Sequence[Ids], params: Embed) -> Known:
    """Learn vectors from the rows of one side, or of both if they share a vocabulary.

    `skipgram` and `cbow` are Mikolov (2013), `fasttext` is Bojanowski (2017) over whole ids, each with negative
    sampling. One worker: with more, gensim's result depends on the order in which threads meet.
    """
    from gensim.models import FastText, Word2Vec

    kinds = {"skipgram": (Word2Vec, 1), "cbow": (Word2Vec, 0), "fasttext": (FastText, 1)}
    kind, skipgram = kinds[params.kind]
    passes = 1 + params.epochs  # the first one counts words
    with tqdm(total=passes * sum(map(len, sides)), desc="embed", unit=" rows", disable=None) as bar:
        learnt = kind(
            sentences=Sentences(sides, bar), vector_size=params.dimensions, epochs=params.epochs, window=params.window,
            negative=params.negatives, sg=skipgram, seed=params.seed, min_count=1, workers=1,
        )  # fmt: skip
    return {int(word): learnt.wv[word] for word in learnt.wv.index_to_key}
