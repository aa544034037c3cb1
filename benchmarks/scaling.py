"""How training grows with its corpus, its rows, its batches and its threads: `python -m benchmarks.scaling`.

Corpora are grown from the rows of `translate`: drawn anew as often as needed, or joined and cut to one length. The
model is that of pipelines/translate.yaml. Where pairs grow its batches are, too; elsewhere they have 128 rows, but
where these grow.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from tqdm import tqdm

from benchmarks import corpus
from benchmarks.common import BENCH, ROOT, Row, folder_of, measure, tell
from benchmarks.peers.base import Timing, Training
from unroll.data.ids import ID_DTYPE, OFFSET_DTYPE, Ids
from unroll.folders import Folders
from unroll.shapes import SIDES

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
    for side in SIDES:
        drawn, ends = endless(Ids(here, "train", side)), [0]
        with (there / f"train.{side}.ids").open("wb") as file:
            for _ in range(pairs):
                row = joined(drawn, length) if length else next(drawn)
                file.write(row.astype(ID_DTYPE).tobytes())
                ends.append(ends[-1] + len(row))
        np.array(ends, OFFSET_DTYPE).tofile(there / f"train.{side}.offsets")
    (there / "done").touch()
    return place


def endless(ids: Ids) -> Iterator[np.ndarray]:
    """Yield rows drawn at random; of both sides the same ones."""
    random = np.random.default_rng(1)
    while True:
        yield ids[int(random.integers(len(ids)))]


def joined(rows: Iterator[np.ndarray], length: int) -> np.ndarray:
    """Return the next rows end to end, cut to a length."""
    return np.fromiter(chain.from_iterable(rows), ID_DTYPE, length)


@dataclass(frozen=True)
class Case:
    """One row of the table: which series, where in it, and what trains on what."""

    series: str
    value: int
    root: Path
    threads: int
    peer: str = "unroll_rows"
    batch: int = USUAL

    def train(self, updates: int) -> Timing:
        """Return what a training took."""
        job = Training(str(self.root.absolute()), folder_of(self.peer), updates, 5, self.batch)
        return measure(self.peer, job, self.threads)

    def row(self, timings: Sequence[Timing]) -> Row:
        """Return the medians of trainings."""
        files = Folders(self.root, corpus.PIPELINE).tokenized.glob("train.*")
        return {
            "series": self.series,
            "value": self.value,
            "tokens/s": median(each["tokens"] / each["seconds"] for each in timings),
            "ms an update": median(1000 * each["seconds"] / each["updates"] for each in timings),
            "own memory, MB": median(each["owned"] for each in timings),
            "mapped files, MB": sum(path.stat().st_size for path in files) / 2**20,
        }


def cases(grown: Path, threads: int) -> Iterator[Case]:
    """Yield all of them; corpora are written on the way."""
    usual = grow(grown / f"pairs-{PAIRS[1]}", PAIRS[1])
    for n in PAIRS:
        yield Case("pairs", n, grow(grown / f"pairs-{n}", n), threads, "unroll_stage")
    for length in LENGTHS:
        root = grow(grown / f"length-{length}", ROWS_OF_A_LENGTH, length)
        yield Case("tokens a side", length, root, threads)
    for batch in BATCHES:
        yield Case("rows a batch", batch, usual, threads, batch=batch)
    for count in range(1, threads + 1):
        yield Case("threads", count, usual, count)


def main(
    updates: Annotated[int, typer.Option(help="Updates of each.")] = 60,
    rounds: Annotated[int, typer.Option(help="Trainings of each, in alternation; the median counts.")] = 3,
    threads: Annotated[int, typer.Option(help="Threads, but where they grow.")] = 2,
) -> None:
    """Print for each series tokens a second, the length of an update, and memory."""
    corpus.write(ROOT)
    found: dict[Case, list[Timing]] = {case: [] for case in cases(BENCH / "scaling", threads)}
    for case in tqdm([*found] * rounds, desc="scaling", unit=" trainings"):
        found[case].append(case.train(updates))
    tell("scaling", [case.row(timings) for case, timings in found.items()], updates=updates, rounds=rounds)


if __name__ == "__main__":
    typer.run(main)
