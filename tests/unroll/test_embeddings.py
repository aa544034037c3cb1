"""Embeddings: what keeps company comes out near, in the same bytes each time; files of others are read or refused."""

from __future__ import annotations

import bz2
import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from unroll import embeddings, text
from unroll.errors import DataError
from unroll.params import Embed, Pieces

GROUPS = (("milk", "water", "tea", "wine"), ("red", "green", "blue", "black"))


WORDS = Pieces(kind="word", vocab_size=60, lowercase=False)


def settings(kind: str = "skipgram", **changes: object) -> Embed:
    made = Embed(
        kind="skipgram", frozen=False, dimensions=8, epochs=30, window=2, negatives=5, seed=1, source_vectors=None,
        target_vectors=None, neighbours_of=(),
    )  # fmt: skip
    return made.model_copy(update={"kind": kind, **changes})


def sentences() -> list[str]:
    random = np.random.default_rng(3)
    frames = ("I drink {} in the morning", "the wall was painted {} by Tom")
    return [frames[i % 2].format(random.choice(GROUPS[i % 2])) for i in range(600)]


@pytest.fixture
def words(tmp_path: Path) -> tuple[text.Tokenizer, text.Ids]:
    tokenizer = text.train(iter(sentences()), WORDS)
    text.write_ids(tmp_path, "train", "source", tokenizer, sentences())
    return tokenizer, text.open_ids(tmp_path, "train", "source")


@pytest.mark.parametrize("chunk", [1, 7, 600, 10_000])
def test_gensim_reads_the_rows_of_both_sides_in_order(
    words: tuple[text.Tokenizer, text.Ids], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "CHUNK", chunk)
    rows = [list(map(str, words[1][row])) for row in range(600)]
    with tqdm(disable=True) as bar:
        read = embeddings.Sentences([words[1], words[1]], bar)
        assert list(read) == list(read) == rows + rows


@pytest.mark.parametrize("kind", ["skipgram", "cbow", "fasttext"])
def test_words_that_keep_the_same_company_are_neighbours(words: tuple[text.Tokenizer, text.Ids], kind: str) -> None:
    tokenizer, ids = words
    learnt = embeddings.table(len(tokenizer), embeddings.pretrain([ids], settings(kind)), settings(kind))
    for group in GROUPS:
        for word, found in embeddings.neighbours(group, tokenizer, learnt, 99).items():
            ranked = [name for name, _ in found if name in {*GROUPS[0], *GROUPS[1]}]
            assert {word, *ranked[:3]} == set(group)


def test_two_processes_learn_the_same_bytes() -> None:
    program = (
        "import tempfile; from pathlib import Path; from tests.unroll.test_embeddings import *; "
        "folder = Path(tempfile.mkdtemp()); tokenizer = text.train(iter(sentences()), WORDS); "
        "text.write_ids(folder, 'train', 'source', tokenizer, sentences()); "
        "found = embeddings.pretrain([text.open_ids(folder, 'train', 'source')], settings(epochs=2)); "
        "print(embeddings.table(len(tokenizer), found, settings()).tobytes().hex())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(said[0]) > 1000
    assert said[0] == said[1]


def test_a_table_has_one_scale_and_draws_what_is_not_known() -> None:
    random = np.random.default_rng(0)
    known = {row: random.normal(0.3, 7, 8).astype(np.float32) for row in range(500)}
    made = embeddings.table(1000, known, settings())
    assert made.shape == (1000, 8)
    assert made.dtype == np.float32
    for part, tolerance in ((made[:500], 1e-2), (made[500:], 0.05)):
        assert np.sqrt((part**2).sum(1).mean()) == pytest.approx(embeddings.LENGTH, rel=tolerance)
    assert (made == embeddings.table(1000, known, settings())).all()
    assert (made[500:] != embeddings.table(1000, known, settings(seed=2))[500:]).any()
    np.testing.assert_allclose(made[1] / made[0], known[1] / known[0], rtol=1e-4)


def test_neighbours_are_ranked_by_cosine_and_are_words() -> None:
    tokenizer = text.WordTokenizer([*text.WordTokenizer.RESERVED, "up", "down", "left", ",", "￭up"], lowercase=False)
    vectors = np.zeros((len(tokenizer), 2), np.float32)
    first = tokenizer.special
    vectors[first : first + 5] = [[1, 0], [-2, 0], [3, 3], [5, 0], [5, 0]]
    near = embeddings.neighbours(["up", "unheard"], tokenizer, vectors, 5)
    assert near == {"up": [("left", pytest.approx(2**-0.5)), ("down", pytest.approx(-1))]}


def test_coverage_counts_what_is_used(words: tuple[text.Tokenizer, text.Ids]) -> None:
    tokenizer, ids = words
    used = len(set(ids.ids.tolist()))
    one = int(ids.ids[0])
    found = embeddings.coverage(tokenizer, ids, {one: np.zeros(8, np.float32)})
    assert found["vocabulary_percent"] == pytest.approx(100 / used, abs=1e-3)
    assert found["tokens_percent"] == pytest.approx(100 * float((ids.ids == one).mean()), abs=1e-3)
    assert embeddings.coverage(tokenizer, ids, {}) == {"vocabulary_percent": 0, "tokens_percent": 0}


@pytest.mark.parametrize("header", [b"", b"3 2\n"], ids=["GloVe", "word2vec"])
@pytest.mark.parametrize("packed", [False, True])
def test_vectors_of_others_are_found_as_written_or_in_lower_case(tmp_path: Path, header: bytes, packed: bool) -> None:
    tokenizer = text.WordTokenizer([*text.WordTokenizer.RESERVED, "Milk", "milk", "Tea", "￭tea"], lowercase=False)
    content = header + b"tea 1 2\nmilk 3 4\nMilk 5 6\nunused x y\n"
    path = tmp_path / ("vectors.txt.gz" if packed else "vectors.txt")
    path.write_bytes(gzip.compress(content) if packed else content)
    found = embeddings.imported(path, tokenizer, settings("random", dimensions=2))
    named = {tokenizer.vocabulary[row]: vector.tolist() for row, vector in found.items()}
    assert named == {"Milk": [5, 6], "milk": [3, 4], "Tea": [1, 2], "￭tea": [1, 2]}


def test_vectors_in_lower_case_start_what_stands_between_spaces(tmp_path: Path) -> None:
    spaces = text.train(iter(["Milk , milk"]), Pieces(kind="space", vocab_size=8, lowercase=True))
    (tmp_path / "glove.txt.bz2").write_bytes(bz2.compress(b", 1 2\nmilk 3 4\n"))
    found = embeddings.imported(tmp_path / "glove.txt.bz2", spaces, settings("random", dimensions=2))
    assert {spaces.vocabulary[row]: vector.tolist() for row, vector in found.items()} == {",": [1, 2], "milk": [3, 4]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"milk 1 2\ntea 1\n", r"v\.txt:2: 1 numbers where embed\.dimensions is 2"),
        (b"9 300\nmilk 1 2\n", r"v\.txt:1: 300 numbers where"),
        (b"milk 1 2\ntea 1 two\n", r"v\.txt:2: not a row of finite numbers"),
        (b"tea 1 nan\n", r"v\.txt:1: not a row of finite numbers"),
        (None, r"v\.txt: cannot be read.*fetch\.members"),
    ],
)
def test_a_bad_file_of_vectors_is_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    tokenizer = text.WordTokenizer([*text.WordTokenizer.RESERVED, "milk", "tea"], lowercase=False)
    if content is not None:
        (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        embeddings.imported(tmp_path / "v.txt", tokenizer, settings("random", dimensions=2))


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    made = embeddings.table(20, {}, settings())
    embeddings.save(tmp_path, "source", made)
    assert (embeddings.load(tmp_path, "source") == made).all()


def test_the_plane_keeps_clusters_apart() -> None:
    random = np.random.default_rng(1)
    centres = np.repeat(np.eye(8)[:2] * 5, 15, axis=0)
    points = embeddings.plane((centres + random.normal(0, 0.3, centres.shape)).astype(np.float32))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(1)
    assert ((nearest < 15) == (np.arange(30) < 15)).all()
