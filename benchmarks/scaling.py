"""How training grows with its corpus, its rows, its batches and its threads: `python -m benchmarks.scaling`.

Corpora are grown from the rows of `translate`: drawn anew as often as needed, or joined and cut to one length. The
model is that of params.yaml; 128 rows a batch but where batches grow.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks import corpus
from benchmarks.common import BENCH, ROOT, Row, folder_of, measure, tell
from benchmarks.peers.base import Training
from stages import Folders
from unroll import text

NAME = "unroll_rows"
PAIRS, LENGTHS, BATCHES = (10_000, 100_000, 1_000_000), (10, 20, 40, 80), (16, 32, 64, 128, 256)
USUAL, ROWS_OF_A_LENGTH = 128, 10_000


def grow(place: Path, pairs: int, length: int | None = None) -> Path:
    """Write a corpus of so many pairs, each side of so many tokens if that is set; return its root."""
    here, there = Folders(ROOT, corpus.PIPELINE).tokenized, Folders(place, corpus.PIPELINE).tokenized
    if (there / "done").is_file():
        return place
    there.mkdir(parents=True, exist_ok=True)
    for path in chain(here.glob("*.json"), here.glob("*.model")):
        shutil.copy(path, there)
    for side in corpus.SIDES:
        drawn, ends = endless(text.open_ids(here, "train", side)), [0]
        with (there / f"train.{side}.ids").open("wb") as file:
            for _ in range(pairs):
                row = joined(drawn, length) if length else next(drawn)
                file.write(row.astype(text.ID_DTYPE).tobytes())
                ends.append(ends[-1] + len(row))
        np.array(ends, text.OFFSET_DTYPE).tofile(there / f"train.{side}.offsets")
    (there / "done").touch()
    return place


def endless(ids: text.Ids) -> Iterator[np.ndarray]:
    """Yield rows drawn at random; of both sides the same ones."""
    random = np.random.default_rng(1)
    while True:
        yield ids[int(random.integers(len(ids)))]


def joined(rows: Iterator[np.ndarray], length: int) -> np.ndarray:
    """Return the next rows end to end, cut to a length."""
    return np.fromiter(chain.from_iterable(rows), text.ID_DTYPE, length)


def row(series: str, value: int, root: Path, updates: int, batch: int, threads: int) -> Row:
    """Train, and return what it took."""
    timing = measure(NAME, Training(str(root.absolute()), folder_of(NAME), updates, 5, batch), threads)
    mapped = sum(path.stat().st_size for path in Folders(root, corpus.PIPELINE).tokenized.glob("train.*")) / 2**20
    found: Row = {
        "series": series,
        "value": value,
        "tokens/s": timing["tokens"] / timing["seconds"],
        "ms an update": 1000 * timing["seconds"] / timing["updates"],
        "own memory, MB": timing["owned"],
        "mapped files, MB": mapped,
    }
    print(found, flush=True)
    return found


def main(
    updates: Annotated[int, typer.Option(help="Updates of each.")] = 60,
    threads: Annotated[int, typer.Option(help="Threads, but where they grow.")] = 2,
) -> None:
    """Print for each series tokens a second, the length of an update, and memory."""
    corpus.write(ROOT)
    grown = BENCH / "scaling"
    usual = grow(grown / f"pairs-{PAIRS[1]}", PAIRS[1])
    rows = [row("pairs", n, grow(grown / f"pairs-{n}", n), updates, USUAL, threads) for n in PAIRS]
    for length in LENGTHS:
        root = grow(grown / f"length-{length}", ROWS_OF_A_LENGTH, length)
        rows.append(row("tokens a side", length, root, updates, USUAL, threads))
    rows += [row("rows a batch", batch, usual, updates, batch, threads) for batch in BATCHES]
    rows += [row("threads", count, usual, updates, USUAL, count) for count in range(1, threads + 1)]
    tell("scaling", rows, updates=updates)


if __name__ == "__main__":
    typer.run(main)
