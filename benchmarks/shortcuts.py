"""Translates the test split with integers of 8 bits and shortlists, and without: `python benchmarks/shortcuts.py`.

After `make repro`, whose model and search settings it takes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated, cast

from unroll.processes import WAITING

os.environ.update(WAITING | os.environ)  # before torch is loaded

import typer

from unroll.data.rows import references
from unroll.folders import Folders
from unroll.params.evaluate import Beam
from unroll.params.reading import load
from unroll.predict import loading
from unroll.predict.predictor import Predictor
from unroll.training import validation


def timed(predictor: Predictor, sources: Sequence[str], search: Beam) -> tuple[list[str], float]:
    """Return (the answers, sentences a second)."""
    begun = time.perf_counter()
    said = [best.text for best, *_ in predictor.predict(sources, search=search)]
    return said, len(sources) / (time.perf_counter() - begun)


def main(
    pipeline: Annotated[str, typer.Option(help="A pipeline, trained.")] = "translate",
    shortlists: Annotated[str, typer.Option(help="Words for each source token; 0 is the whole vocabulary.")] = "0 50",
    rounds: Annotated[int, typer.Option(help="Rounds of each, in alternation, of which the median counts.")] = 3,
    alone: Annotated[int, typer.Option(help="So many where they are translated one by one.")] = 200,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
) -> None:
    """Print BLEU and sentences a second, in batches and one by one, with beam 5 and greedy, as a Markdown table."""
    folders = Folders(Path(), pipeline)
    usual = cast(Beam, load(Path(), pipeline).evaluate.search)
    predictor = loading.load(folders.model, usual, threads)
    pairs = references(folders.prepared / "test.tsv")
    sources = list(pairs)
    ways = [
        usual.model_copy(update={"beam": beam, "int8": int8, "shortlist": shortlist})
        for beam, int8, shortlist in product((5, 1), (False, True), map(int, shortlists.split()))
    ]
    for search in ways:
        predictor.predict(sources[:64], search=search)  # the first weights are packed, the first memory is asked for
    scores: dict[int, float] = {}
    speeds: dict[int, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for way, search in enumerate(ways):
            said, together = timed(predictor, sources, search)
            _, one_by_one = timed(predictor, sources[:alone], search.model_copy(update={"batch_sentences": 1}))
            scores[way] = validation.bleu(said, list(pairs.values()))
            speeds.setdefault(way, []).append((together, one_by_one))
    print("| beam | int8 | shortlist | BLEU | batch 64 | one by one |\n|---|---|---|---|---|---|")
    for way, search in enumerate(ways):
        together, one_by_one = (median(figures) for figures in zip(*speeds[way], strict=True))
        shown = f"{search.beam} | {'yes' if search.int8 else ''} | {search.shortlist or ''}"
        print(f"| {shown} | {scores[way]:.2f} | {together:,.0f} | {one_by_one:,.0f} |")


if __name__ == "__main__":
    typer.run(main)
