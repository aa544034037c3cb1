"""Times the training of model M by us and by our peers: `python -m benchmarks.training`.

Model M: embeddings of 256, a bidirectional LSTM of 256 each way, an LSTM decoder of 512 with attention, the joint
pieces of `translate`, 128 sentences a batch, Adam at 1e-3, clipping at 1, dropout 0.2.
"""

from __future__ import annotations

from statistics import median
from typing import Annotated

import typer

from benchmarks import corpus
from benchmarks.common import ROOT, Row, folder_of, measure, tell
from benchmarks.peers import PEERS
from benchmarks.peers.base import Timing, Training

OURS = "unroll unroll_bf16 unroll_general unroll_general_bf16 unroll_fast unroll_fast_bf16"
WHO = f"tutorial joey opennmt opennmt_general {OURS}"


def main(
    who: Annotated[str, typer.Option(help="Names of peers.")] = WHO,
    rounds: Annotated[int, typer.Option(help="Trainings of each, in alternation; the median counts.")] = 3,
    updates: Annotated[int, typer.Option(help="Updates of each; of the tutorial's loop a quarter.")] = 40,
    warmup: Annotated[int, typer.Option(help="Updates before the clock starts.")] = 5,
    threads: Annotated[int, typer.Option(help="Threads of each.")] = 2,
) -> None:
    """Print source and target tokens a second, peak memory, and how many times those of the peers."""
    corpus.write(ROOT)
    found: dict[str, list[Timing]] = {name: [] for name in who.split()}
    for _ in range(rounds):
        for name, timings in found.items():
            count = updates // 4 if name == "tutorial" else updates
            timings.append(measure(name, Training(str(ROOT), folder_of(name), count, warmup), threads))
    speeds = {name: median(each["tokens"] / each["seconds"] for each in timings) for name, timings in found.items()}
    rows: list[Row] = [
        {
            "training": PEERS[name].label,
            "tokens/s": speeds[name],
            **{f"x {peer}": speeds[name] / speeds[peer] for peer in ("opennmt", "joey", "tutorial") if peer in speeds},
            "memory, MB": median(each["memory"] for each in timings),
        }
        for name, timings in found.items()
    ]
    tell("training", rows, threads=threads, rounds=rounds, updates=updates)


if __name__ == "__main__":
    typer.run(main)
