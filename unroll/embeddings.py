"""Where embeddings start from: pretrained here, imported, or drawn at random.

Every table is V x D, float32. Pretrained and imported vectors are scaled so that a row's root mean square length is
`LENGTH`; rows without a vector are drawn from a normal of the same scale.
"""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from unroll.errors import DataError
from unroll.params import Embed
from unroll.text import CHUNK, ID_DTYPE, JOINER, Ids, Tokenizer, finite

LENGTH = 4.0
"""Shorter rows make tied output layers slow to start, longer ones make them slow to change."""
WORD_START = "▁"
OPENERS: dict[str, Callable[..., Iterable[bytes]]] = {".gz": gzip.open, ".bz2": bz2.open}

Table = npt.NDArray[np.float32]
Vectors = Mapping[int, Table]
"""id -> its vector"""


class Sentences:
    """Rows of ids as gensim wants them, lists of strings, read anew from the memory-mapped arrays at each pass.

    The same id is the same string each time, whose hash gensim's look-ups then need not make again.
    """

    def __init__(self, sides: Sequence[Ids], bar: tqdm) -> None:
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


def pretrain(sides: Sequence[Ids], params: Embed) -> Vectors:
    """Learn vectors from the rows of one side, or of both if they share a vocabulary.

    `skipgram` and `cbow` are Mikolov (2013), `fasttext` is Bojanowski (2017) over whole ids, each with negative
    sampling. One worker: with more, gensim's result hangs on the order in which threads meet.
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


def imported(path: Path, tokenizer: Tokenizer, params: Embed) -> Vectors:
    """Read the vectors of a vocabulary's pieces from text in word2vec's or GloVe's form, plain, .gz or .bz2.

    A piece is looked up as it stands and in lower case, without the mark that tells where a word starts.

    Raises:
        DataError: a line has another number of columns, or something that is not a number.
    """
    wanted: dict[str, list[int]] = {}
    for index, piece in enumerate(tokenizer.vocabulary[tokenizer.special :], tokenizer.special):
        word = piece.removeprefix(WORD_START).removeprefix(JOINER)
        for name in dict.fromkeys((word, word.lower())):
            wanted.setdefault(name, []).append(index)
    found: dict[int, Table] = {}
    exact: set[int] = set()
    for word, vector in read_vectors(path, params.dimensions, wanted.keys()):
        for index in wanted[word]:
            same = tokenizer.vocabulary[index].removeprefix(WORD_START).removeprefix(JOINER) == word
            if same or index not in exact:
                found[index] = vector
            if same:
                exact.add(index)
    return found


def read_vectors(path: Path, dimensions: int, words: Iterable[str]) -> Iterator[tuple[str, Table]]:
    """Yield (word, vector) for the wanted words of a text file; a first line of two numbers is a header.

    Raises:
        DataError: as `imported`.
    """
    wanted = {word.encode() for word in words}
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            for number, line in enumerate(file, 1):
                word, *cells = line.rstrip(b"\r\n ").split(b" ")
                if number == 1 and len(cells) == 1 and word.isdigit() and cells[0].isdigit():
                    cells = [b"0"] * int(cells[0])
                    word = b""
                if len(cells) != dimensions:
                    raise DataError(
                        f"{path}:{number}: {len(cells)} numbers where embed.dimensions is {dimensions}; "
                        "set it to what the file has, or name another file"
                    )
                if word in wanted:
                    yield word.decode(), finite(cells, f"{path}:{number}")
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read: {error}; have fetch.members bring it") from None


def table(vocabulary: int, vectors: Vectors, params: Embed) -> Table:
    """Return the whole table: known vectors scaled to `LENGTH`, the other rows drawn from a normal of that scale."""
    scale = LENGTH / params.dimensions**0.5
    drawn = np.random.default_rng(params.seed).normal(0, scale, (vocabulary, params.dimensions)).astype(np.float32)
    if vectors:
        rows = sorted(vectors)
        known = np.stack([vectors[row] for row in rows]).astype(np.float32)
        drawn[rows] = known * (scale / max(float(known.std()), 1e-12))
    return drawn


def coverage(tokenizer: Tokenizer, ids: Ids, vectors: Vectors) -> dict[str, float]:
    """Return the share of a vocabulary, and of the tokens of its corpus, that has a vector, in percent."""
    counts = np.bincount(ids.ids, minlength=len(tokenizer))
    known = np.isin(np.arange(len(tokenizer)), list(vectors))
    used = counts > 0
    return {
        "vocabulary_percent": round(100 * float(known[used].mean()), 3) if used.any() else 0.0,
        "tokens_percent": round(100 * float(counts[known].sum() / max(counts.sum(), 1)), 3),
    }


def neighbours(
    words: Sequence[str], tokenizer: Tokenizer, vectors: Table, count: int
) -> dict[str, list[tuple[str, float]]]:
    """Return for each word that is one token its nearest whole words, with their cosines, nearest first."""
    names = whole_words(tokenizer)
    rows = np.array(list(names), dtype=np.int64)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    by_name = {name: row for row, name in reversed(list(names.items()))}
    found = {}
    for word in words:
        if (row := by_name.get(word)) is not None:
            cosines = unit[rows] @ unit[row]
            order = [i for i in np.argsort(-cosines, kind="stable") if rows[i] != row][:count]
            found[word] = [(names[int(rows[i])], float(cosines[i])) for i in order]
    return found


def whole_words(tokenizer: Tokenizer) -> dict[int, str]:
    """Return {id: word} for the pieces that can be a word of their own: they start one and have letters only."""
    subwords = any(piece.startswith(WORD_START) for piece in tokenizer.vocabulary)
    pieces = enumerate(tokenizer.vocabulary)
    starts = ((i, p.removeprefix(WORD_START)) for i, p in pieces if p.startswith(WORD_START) == subwords)
    return {i: word for i, word in starts if i >= tokenizer.special and len(word) > 1 and word.isalpha()}


def save(folder: Path, side: str, vectors: Table) -> None:
    """Write a side's table."""
    from safetensors.numpy import save_file

    save_file({"vectors": vectors}, folder / f"{side}.safetensors")


def load(folder: Path, side: str) -> Table:
    """Read a side's table from a folder that was verified."""
    from safetensors.numpy import load_file

    return load_file(folder / f"{side}.safetensors")["vectors"]


def plane(vectors: Table) -> Table:
    """Return vectors laid out in the plane so that near ones stay near: t-SNE (van der Maaten 2008) over cosines."""
    from sklearn.manifold import TSNE

    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    perplexity = min(12.0, (len(unit) - 1) / 3)
    return TSNE(perplexity=perplexity, metric="cosine", init="random", random_state=0, n_jobs=1).fit_transform(unit)
