"""Times training beside training whose run MLflow follows: `python benchmarks/tracking.py`, after `make repro`."""

from __future__ import annotations

import os
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated

from unroll.processes import WAITING

os.environ.update(WAITING | os.environ)  # before torch is loaded

import psutil
import typer

from unroll.folders import Folders
from unroll.params.reading import load
from unroll.registry import live
from unroll.training.curves import point_of, shown
from unroll.training.loop import fit
from unroll.training.setup import start


def spent(run: live.LiveRun) -> float:
    """Return the seconds of a core that the thread of a run has had."""
    return sum(t.user_time + t.system_time for t in psutil.Process().threads() if t.id == run.thread.native_id)


def main(
    pipeline: Annotated[str, typer.Option(help="A pipeline, tokenized and embedded.")] = "translate",
    updates: Annotated[int, typer.Option(help="Updates of a round.")] = 400,
    rounds: Annotated[int, typer.Option(help="Rounds with a run and as many without, of which the median counts.")] = 5,
) -> None:
    """Print the milliseconds per update with a run and without one, and their ratio."""
    recipe = load(Path(), pipeline).recipe
    _, training = start(recipe, Folders(Path(), pipeline))
    stream, each = fit(training), updates // recipe.train.log_every
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as store:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{store}/mlflow.db"
        with live.live(pipeline, recipe, "benchmark") as run:
            for number in range(2 * rounds + 1):
                began, logged = time.perf_counter(), number % 2 == 1
                for progress in islice(stream, each):
                    if logged:
                        run.log(shown(point_of(progress)) | {"tokens_per_second": 1.0}, progress.update)
                if number:  # the first one warms up, and the store is laid out meanwhile
                    seconds[logged].append((time.perf_counter() - began) / updates)
                time.sleep(live.FLUSH_SECONDS)  # the last points are not sent in the next round
                if not number:
                    opening = spent(run)
            sending = spent(run) - opening
    with_run, without = median(seconds[True]), median(seconds[False])
    print(f"{pipeline}, {recipe.machine.threads} threads, {rounds} rounds of {updates} updates each")
    print(f"with a run  {1000 * with_run:7.2f} ms per update")
    print(f"without     {1000 * without:7.2f} ms per update")
    print(f"ratio       {with_run / without:7.4f}, where the machine has nothing else to do")
    share = sending / (updates * sum(seconds[True]))
    print(f"the thread that sends took {opening:.1f} s of a core to open the run, then {100 * share:.2f} % of one")


if __name__ == "__main__":
    typer.run(main)
