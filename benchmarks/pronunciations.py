"""Phonetisaurus on the rows of `pronounce`: `python -m benchmarks.pronunciations`.

After `make repro PIPELINE=pronounce`, of which it takes the prepared rows.

It aligns letters with sounds by expectation and maximisation, counts n-grams of the pairs that come of it, and answers
by the likeliest path (Novak, Minematsu and Hirose 2012): the kind of model that networks are held against.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.peers.base import BENCH, Peer
from unroll.data.rows import read_rows, references
from unroll.evaluate import metrics
from unroll.folders import Folders

PEER = Peer("Phonetisaurus", "", venv="phonetisaurus", requirements=("phonetisaurus==0.3.0",))


def run(*arguments: str | Path, words: Iterable[str] = ()) -> str:
    """Return what a command of the peer says, asked about some words."""
    command = [PEER.python, "-m", "phonetisaurus", *map(str, arguments)]
    text = "".join(f"{word}\n" for word in words)
    return subprocess.run(command, input=text, check=True, text=True, stdout=subprocess.PIPE).stdout


def answers(model: Path, words: Sequence[str]) -> list[str]:
    """Return how each word sounds, and nothing of those that have a letter which training had not."""
    said = dict(line.split(maxsplit=1) for line in run("predict", "--model", model, words=words).splitlines())
    return [said.get(word, "") for word in words]


def main() -> None:
    """Print word and phoneme error on validation and test, as a Markdown table."""
    prepared, away = Folders(Path(), "pronounce").prepared, BENCH / "pronunciations"
    away.mkdir(parents=True, exist_ok=True)
    PEER.install()
    lexicon, model = away / "train.dict", away / "train.fst"
    lexicon.write_text("".join(f"{row.source} {row.target}\n" for row in read_rows(prepared / "train.tsv")))
    begun = time.perf_counter()
    run("train", "--model", model, lexicon)
    print(f"learnt in {time.perf_counter() - begun:.0f} seconds\n")
    print("| | words | word error, % | phoneme error, % |\n|---|---|---|---|")
    for split in ("valid", "test"):
        pairs = references(prepared / f"{split}.tsv")
        said, wanted = answers(model, list(pairs)), list(pairs.values())
        edits, sounds = zip(*map(metrics.edits, said, wanted), strict=True)
        wrong = 100 - metrics.exact(said, wanted)
        print(f"| {split} | {len(pairs):,} | {wrong:.1f} | {100 * sum(edits) / sum(sounds):.1f} |")


if __name__ == "__main__":
    main()
