"""Embeddings learnt from rows: what keeps company comes out near, in the same bytes each time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from tests.recipes import embed as settings
from unroll.data import embeddings, pretraining
from unroll.data.ids import Ids, write_ids
from unroll.data.pretraining import Sentences, pretrain
from unroll.data.tokenizers import Tokenizer, WordTokenizer
from unroll.evaluate.neighbours import neighbours
from unroll.params.tokenize import Pieces

ROOT = Path(__file__).parents[3]
GROUPS = (("milk", "water", "tea", "wine"), ("red", "green", "blue", "black"))
WORDS = Pieces(kind="word", vocab_size=60, lowercase=False)


def sentences() -> list[str]:
    random = np.random.default_rng(3)
    frames = ("I drink {} in the morning", "the wall was painted {} by Tom")
    return [frames[i % 2].format(random.choice(GROUPS[i % 2])) for i in range(600)]


@pytest.fixture
def words(tmp_path: Path) -> tuple[Tokenizer, Ids]:
    tokenizer = WordTokenizer.train(iter(sentences()), WORDS)
    write_ids(tmp_path, "train", "source", tokenizer, sentences())
    return tokenizer, Ids(tmp_path, "train", "source")


@pytest.mark.parametrize("chunk", [1, 7, 600, 10_000])
def test_gensim_reads_the_rows_of_both_sides_in_order(
    words: tuple[Tokenizer, Ids], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretraining, "CHUNK", chunk)
    rows = [list(map(str, words[1][row])) for row in range(600)]
    with tqdm(disable=True) as bar:
        read = Sentences([words[1], words[1]], bar)
        assert list(read) == list(read) == rows + rows


@pytest.mark.parametrize("kind", ["skipgram", "cbow", "fasttext"])
def test_words_that_keep_the_same_company_are_neighbours(words: tuple[Tokenizer, Ids], kind: str) -> None:
    tokenizer, rows = words
    learnt = embeddings.table(len(tokenizer), pretrain([rows], settings(kind)), settings(kind))
    for group in GROUPS:
        for word, found in neighbours(group, tokenizer, learnt, 99).items():
            ranked = [name for name, _ in found if name in {*GROUPS[0], *GROUPS[1]}]
            assert {word, *ranked[:3]} == set(group)


def test_two_processes_learn_the_same_bytes() -> None:
    program = (
        "import tempfile; from pathlib import Path; from tests.unroll.data.test_pretraining import *; "
        "folder = Path(tempfile.mkdtemp()); tokenizer = WordTokenizer.train(iter(sentences()), WORDS); "
        "write_ids(folder, 'train', 'source', tokenizer, sentences()); "
        "found = pretrain([Ids(folder, 'train', 'source')], settings(epochs=2)); "
        "print(embeddings.table(len(tokenizer), found, settings()).tobytes().hex())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(said[0]) > 1000
    assert said[0] == said[1]
