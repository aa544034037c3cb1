"""What a busy neighbour costs a training of two threads, by how they wait: `python -m benchmarks.company`.

A model of the size of `translate` learns from random ids, alone and beside other busy processes. For each way of
waiting a process of its own makes the updates, and measures all neighbourhoods one after another, once it is warm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import IO, Annotated, cast

import typer

from unroll.processes import WAITING

PIPELINE = "translate"
NEIGHBOURS = (0, 1, 2)
POLICIES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
SETTINGS: dict[str, tuple[int, dict[str, str]]] = {
    "two threads, as libgomp has it": (2, {}),
    "two threads, OMP_WAIT_POLICY=PASSIVE": (2, {"OMP_WAIT_POLICY": "PASSIVE"}),
    "two threads, GOMP_SPINCOUNT=1000, as here": (2, WAITING),
    "one thread": (1, {}),
}
"""{what the table says: (threads, environment)}"""
VOCABULARY, TOKENS, LENGTH, BATCHES = 8000, 450, 10, 20
"""of both sides; tokens of a batch, and of a row on average; batches, over and over again"""
NICE = 5
LOOP = f"import os; os.nice({NICE})\nwhile True: pass"
SETTLED = 0.5
"""seconds that neighbours have to begin"""


def updates_a_second(threads: int, warmup: int, asked: IO[str]) -> Iterator[float]:
    """Yield the updates a second of a training, for each line `updates seconds`: the most updates, the most seconds."""
    import numpy as np
    import torch

    from unroll.data.batches import make_batch
    from unroll.data.ids import SPECIAL
    from unroll.nn.model import build
    from unroll.params.reading import changed, load
    from unroll.shapes import SIDES
    from unroll.training.learner import Learner, learn
    from unroll.training.setup import processes_of

    recipe = changed(load(Path(), PIPELINE), {"machine.threads": threads, "machine.accelerator": "cpu"}).recipe
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.train.seed)
    random = np.random.default_rng(recipe.train.seed)
    network = build(recipe, dict.fromkeys(SIDES, VOCABULARY), {})
    learner = Learner(network, VOCABULARY, recipe.train, processes_of(recipe))

    def rows() -> list[np.ndarray]:
        lengths = random.integers(LENGTH // 2, 3 * LENGTH // 2 + 1, TOKENS // LENGTH)
        return [random.integers(len(SPECIAL), VOCABULARY, length) for length in lengths]

    batches = [make_batch(rows(), rows(), recipe) for _ in range(BATCHES)]
    learn(learner, islice(batches, warmup))
    for line in asked:
        updates, seconds = map(float, line.split())
        made, began, spent = 0, time.perf_counter(), 0.0
        while made < updates and spent < seconds:
            learn(learner, [batches[made % BATCHES]])
            made, spent = made + 1, time.perf_counter() - began
        yield made / spent


class Training:
    """A process that learns when it is told to."""

    def __init__(self, setting: str, warmup: int) -> None:
        threads, told = SETTINGS[setting]
        environment = {name: value for name, value in os.environ.items() if name not in POLICIES} | told
        command = [sys.executable, __file__, str(threads), str(warmup)]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip

    def measure(self, updates: int, seconds: float) -> float:
        """Return the updates a second of so many updates, or of those that so many seconds are enough for."""
        print(updates, seconds, file=self.process.stdin, flush=True)
        return float(json.loads(cast(IO[str], self.process.stdout).readline()))

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


@contextmanager
def busy(count: int, setting: str | None) -> Iterator[None]:
    """Keep so many other processes busy: plain loops that are nice, or trainings with a setting, which are not."""
    learning = [Training(setting, 1) for _ in range(count)] if setting else []
    for other in learning:
        other.measure(1, 1)  # it is warm
        print(10**9, 10**9, file=other.process.stdin, flush=True)
    loops = [subprocess.Popen([sys.executable, "-c", LOOP], text=True) for _ in range(count - len(learning))]
    others = [other.process for other in learning] + loops
    time.sleep(SETTLED if count else 0)
    try:
        yield
    finally:
        for process in others:
            process.kill()
            process.wait()


def main(
    updates: Annotated[int, typer.Option(help="Updates of each measurement.")] = 60,
    warmup: Annotated[int, typer.Option(help="Updates before the first one.")] = 10,
    seconds: Annotated[float, typer.Option(help="A slow measurement ends after so many.")] = 8.0,
    rounds: Annotated[int, typer.Option(help="Rounds of all settings, in alternation; the median counts.")] = 3,
    trainings: Annotated[bool, typer.Option(help="Neighbours are trainings too, alike, not plain loops.")] = False,
    quick: Annotated[bool, typer.Option(help="A look whether it works: one round of five updates.")] = False,
) -> None:
    """Print updates a second by setting and neighbours, as a Markdown table."""
    from importlib.metadata import version

    from benchmarks.common import processor

    if quick:
        updates, warmup, seconds, rounds = 5, 2, 2.0, 1
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for setting in SETTINGS:
            training = Training(setting, warmup)
            try:
                training.measure(1, seconds)  # it is warm
                for count in NEIGHBOURS:
                    with busy(count, setting if trainings else None):
                        found.setdefault((setting, count), []).append(training.measure(updates, seconds))
            finally:
                training.end()
    neighbours = "trainings like it" if trainings else f"plain loops at nice {NICE}"
    print(
        f"{processor()}, {os.cpu_count()} cores, torch {version('torch')}; updates a second, neighbours: {neighbours};"
    )
    print(f"medians of {rounds} rounds of {updates} updates each, or of those made in {seconds:g} s\n")
    print("| threads | alone | beside one | beside two |\n|---|---|---|---|")
    for setting in SETTINGS:
        speeds = [median(found[setting, count]) for count in NEIGHBOURS]
        print(f"| {setting} | {' | '.join(f'{speed:.1f}' for speed in speeds)} |")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1].isdigit():  # one of the processes that are measured
        for speed in updates_a_second(int(sys.argv[1]), int(sys.argv[2]), sys.stdin):
            print(json.dumps(speed), flush=True)
    else:
        typer.run(main)
