"""Times decoding by us and by our peers: `python -m benchmarks.decoding`, with the models of benchmarks.training.

Every answer is made as long as every other, whoever makes it, so that nobody gains by saying less.
"""

from __future__ import annotations

from statistics import median
from typing import Annotated

import typer

from benchmarks import corpus
from benchmarks.common import BENCH, ROOT, Row, folder_of, measure, tell
from benchmarks.peers import PEERS
from benchmarks.peers.base import Decoding

WHO = (
    "joey opennmt opennmt_int8 opennmt_general opennmt_general_int8 "
    "unroll unroll_int8 unroll_general unroll_general_int8 unroll_fast unroll_fast_int8"
)
SETTINGS = [(1, 64), (5, 64), (1, 1), (5, 1)]


def main(
    who: Annotated[str, typer.Option(help="Names of peers.")] = WHO,
    rounds: Annotated[int, typer.Option(help="Decodings of each, in alternation; the median counts.")] = 3,
    sentences: Annotated[int, typer.Option(help="Sources of the test split.")] = 640,
    alone: Annotated[int, typer.Option(help="So many where they are decoded one by one.")] = 100,
    steps: Annotated[int, typer.Option(help="Tokens of every answer, its end mark counted.")] = 14,
    threads: Annotated[int, typer.Option(help="Threads of each.")] = 2,
) -> None:
    """Print sentences a second: greedy and with a beam of 5, in batches of 64 and one by one."""
    corpus.write(ROOT)
    speeds: dict[tuple[str, int, int], list[float]] = {}
    for _ in range(rounds):
        for beam, batch in SETTINGS:
            for name in who.split():
                output, count = str((BENCH / f"{name}.said").absolute()), sentences if batch > 1 else alone
                job = Decoding(str(ROOT), folder_of(PEERS[name].trained_as or name), output, beam, batch, count, steps)
                timing = measure(name, job, threads)
                speeds.setdefault((name, beam, batch), []).append(timing["sentences"] / timing["seconds"])
    rows: list[Row] = [
        {"decoding": PEERS[name].label}
        | {f"beam {beam}, batch {batch}": median(speeds[name, beam, batch]) for beam, batch in SETTINGS}
        for name in who.split()
    ]
    tell("decoding", rows, threads=threads, rounds=rounds, sentences=sentences, alone=alone, steps=steps)


if __name__ == "__main__":
    typer.run(main)
