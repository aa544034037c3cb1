"""A bar with rate and time left; nothing depends on it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from unroll.training.loop import Progress


@contextmanager
def progress_bar(updates: int, done: int) -> Iterator[Callable[[Progress], None]]:
    """Show updates done, time left, tokens a second and losses."""
    with tqdm(total=updates, initial=done, desc="train", unit=" updates", smoothing=0.05, dynamic_ncols=True) as bar:
        values: dict[str, str] = {}

        def advance(progress: Progress) -> None:
            values.update(tokens=f"{progress.tokens / progress.seconds:,.0f}/s", loss=f"{progress.train_loss:.3f}")
            if progress.valid_score is not None:
                values.update(valid=f"{progress.valid_loss:.3f}", score=f"{progress.valid_score:.2f}")
            if progress.skipped:
                bar.write(
                    f"train: {progress.skipped} updates to {progress.update} skipped: gradients not finite", sys.stderr
                )
            bar.set_postfix(values, refresh=False)
            bar.update(progress.update - bar.n)

        yield advance
