"""Times tokenization and embedding pretraining beside the libraries that do the work: `python benchmarks/libraries.py`.

The libraries get what suits them best: texts and tokens as lists in memory, all threads. Ours stream from the prepared
file and to the files of the stage, and give the same bytes every time.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Annotated

from unroll.processes import WAITING

os.environ.update(WAITING | os.environ)  # before torch is loaded

import numpy as np
import typer
from gensim.models import Word2Vec
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from unroll.data import pretraining, tokenizers
from unroll.data.ids import Ids, write_ids
from unroll.data.rows import column
from unroll.folders import Folders
from unroll.params.embed import Embed
from unroll.params.reading import load
from unroll.params.tokenize import Pieces
from unroll.shapes import SIDES

Job = Callable[[], object]


def tokenizing(params: Pieces, folders: Folders, away: Path, threads: int) -> dict[str, Job]:
    """Return the jobs: learn joint pieces, then turn both sides of train into ids on the disk."""
    train = folders.prepared / "train.tsv"
    sides = [list(column(train, side)) for side in SIDES]
    lines = away / "lines"
    lines.write_text("".join(f"{line}\n" for side in sides for line in side))

    def library() -> None:
        SentencePieceTrainer.train(
            input=str(lines), model_prefix=str(away / "pieces"), model_type=params.kind, vocab_size=params.vocab_size,
            byte_fallback=True, normalization_rule_name="identity", num_threads=threads, minloglevel=2,
        )  # fmt: skip
        processor = SentencePieceProcessor(model_file=str(away / "pieces.model"))
        for side in sides:
            rows = processor.encode(side, num_threads=threads)
            np.fromiter(chain.from_iterable(rows), np.uint16).tofile(away / "ids")

    def ours() -> None:
        tokenizer = tokenizers.train(chain.from_iterable(column(train, side) for side in SIDES), params)
        for side in SIDES:
            write_ids(away, "train", side, tokenizer, column(train, side))

    return {f"sentencepiece, {threads} threads": library, "Unroll": ours}


def embedding(params: Embed, folders: Folders, threads: int) -> dict[str, Job]:
    """Return the jobs: learn vectors from both sides of train."""
    ids = [Ids(folders.tokenized, "train", side) for side in SIDES]
    tokens = [side[row].astype(str).tolist() for side in ids for row in range(len(side))]

    def library(workers: int) -> None:
        Word2Vec(
            tokens, vector_size=params.dimensions, epochs=params.epochs, window=params.window, seed=params.seed,
            negative=params.negatives, sg=int(params.kind == "skipgram"), min_count=1, workers=workers,
        )  # fmt: skip

    jobs: dict[str, Job] = {f"gensim, workers {n}": lambda n=n: library(n) for n in sorted({1, threads})}  # type: ignore[misc]
    return jobs | {"Unroll": lambda: pretraining.pretrain(ids, params)}


def compare(title: str, jobs: dict[str, Job], rounds: int) -> None:
    """Print the median seconds of each job, done in alternation, and what the last one takes of each other's."""
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            begun = time.perf_counter()
            job()
            found[name].append(time.perf_counter() - begun)
    ours = median(found["Unroll"])
    for name, seconds in found.items():
        print(f"{title:14} {name:26} {median(seconds):7.2f} s   Unroll takes {ours / median(seconds):.2f} of it")


def main(
    pipeline: Annotated[str, typer.Option(help="A pipeline, tokenized jointly.")] = "translate",
    rounds: Annotated[int, typer.Option(help="Rounds of each, in alternation, of which the median counts.")] = 3,
    threads: Annotated[int, typer.Option(help="Threads of the libraries.")] = 2,
) -> None:
    """Print seconds of each and the ratios."""
    params, folders = load(Path(), pipeline), Folders(Path(), pipeline)
    assert isinstance(params.tokenize.source, Pieces), "a pipeline with pieces"
    with tempfile.TemporaryDirectory() as away:
        compare("tokenization", tokenizing(params.tokenize.source, folders, Path(away), threads), rounds)
    compare("embeddings", embedding(params.embed, folders, threads), rounds)


if __name__ == "__main__":
    typer.run(main)
