"""Shows where the time of an update goes, and what its matrix products alone would take: `python benchmarks/step.py`.

python benchmarks/step.py --set model.head.hidden=512 --set model.encoder.hidden=512 --set train.batch_tokens=1100
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

from unroll.processes import WAITING

os.environ.update(WAITING | os.environ)  # before torch is loaded

import torch
import typer
import yaml
from torch.profiler import ProfilerActivity, profile

from unroll.data.batches import Batch
from unroll.folders import Folders
from unroll.nn.model import Candidates
from unroll.params.pipeline import Recipe
from unroll.params.reading import changed, load
from unroll.training.learner import learn
from unroll.training.loop import Training
from unroll.training.setup import start

PARTS: dict[str, tuple[str, ...]] = {
    "recurrent layers": ("rnn", "lstm", "gru", "thnn"),
    "optimiser, clipping": ("adam", "foreach", "linalg_vector_norm", "stack"),
    "softmax and loss": ("log_softmax", "nll_loss", "searchsorted"),
    "embeddings": ("embedding",),
    "attention": ("bmm", "softmax", "masked_fill"),
    "other products": ("mm",),
}
"""{part: what the names of its operations hold}; the first part that fits has an operation"""
OUTPUT, REST = "output layer", "the rest"


def part_of(name: str, shapes: list[list[int]], widths: set[int]) -> str:
    """Return the part of an update that an operation belongs to; `widths` are those of the output layer."""
    if "mm" in name and any(widths & set(shape) for shape in shapes):
        return OUTPUT
    return next((part for part, words in PARTS.items() if any(word in name for word in words)), REST)


def shares(training: Training, updates: int) -> dict[str, float]:
    """Return the milliseconds of an update that each part has to itself."""
    learner, stream, widths = training.learner, iter(training.feed), {training.learner.vocabulary}
    candidates = learner.candidates

    def noted(batch: Batch) -> Candidates | None:
        found = candidates(batch)
        widths.add(len(found.ids_C) if found else learner.vocabulary)
        return found

    learner.candidates = noted  # type: ignore[method-assign]
    learn(learner, islice(stream, 5))
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiled:
        learn(learner, islice(stream, updates))
    found: dict[str, float] = {}
    for event in profiled.key_averages(group_by_input_shape=True):
        part = part_of(event.key, event.input_shapes, widths)
        found[part] = found.get(part, 0.0) + event.self_cpu_time_total / 1000 / updates
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


def products(recipe: Recipe, batch: Batch, width: int) -> list[tuple[int, int, int]]:
    """Return (rows, inner, columns) of every matrix product of the forward pass of an LSTM encoder and decoder.

    Inputs are multiplied all at once, states step by step; input feeding makes all of the decoder's go step by step.
    """
    model, embedded = recipe.model, recipe.embed.dimensions
    rows, source, target = len(batch.source_BS), batch.source_BS.shape[1], batch.input_BT.shape[1]
    H, D = int(model.encoder.hidden), int(model.head.hidden)
    readout = embedded if model.tied else D
    each = H // 2 if model.encoder.bidirectional else H
    found = 2 * [(rows * source, embedded, 4 * each)] + 2 * source * [(rows, each, 4 * each)]
    found += [(rows * target, embedded, 4 * D)] + target * [(rows, D, 4 * D)]
    found += [(rows * target, D, H), (rows * target, D + H, readout), (int(batch.mask_BT.sum()), readout, width)]
    return found


def timed(action: Callable[[], Any], repeats: int) -> float:
    """Return the median milliseconds of an action."""
    action()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds)


def bare(shapes: list[tuple[int, int, int]]) -> float:
    """Return the milliseconds of these products alone, and of the two that each one's gradient takes."""
    pairs = {shape: (torch.randn(shape[0], shape[1]), torch.randn(shape[1], shape[2])) for shape in set(shapes)}

    def multiply(a: torch.Tensor, b: torch.Tensor) -> None:
        out = a @ b
        out @ b.T
        a.T @ out

    return sum(timed(lambda pair=pairs[shape]: multiply(*pair), 5) * shapes.count(shape) for shape in pairs)


def main(
    pipeline: Annotated[str, typer.Option(help="A pipeline, tokenized and embedded.")] = "translate",
    changes: Annotated[list[str] | None, typer.Option("--set", help="Another value: name=value.")] = None,
    updates: Annotated[int, typer.Option(help="Updates that are profiled.")] = 40,
) -> None:
    """Print the share of each part of an update, its length, and that of its matrix products alone."""
    pairs = [change.split("=", 1) for change in changes or ()]
    values = {name: yaml.safe_load(value) for name, value in pairs}
    recipe = changed(load(Path(), pipeline), values).recipe
    _, training = start(recipe, Folders(Path(), pipeline))
    learner = training.learner
    batch = next(iter(training.feed))
    candidates = learner.candidates(batch)
    width = len(candidates.ids_C) if candidates else learner.vocabulary
    parts = shares(training, updates)
    whole = timed(lambda: learn(learner, [batch]), 20)
    alone = bare(products(recipe, batch, width))
    print(f"{pipeline}, {recipe.machine.threads} threads, {len(batch.source_BS)} rows, {batch.tokens} tokens")
    for part, milliseconds in parts.items():
        print(f"{part:20} {milliseconds:7.1f} ms {100 * milliseconds / sum(parts.values()):5.1f} %")
    print(f"{'an update':20} {whole:7.1f} ms, {1000 * batch.tokens / whole:,.0f} tokens/s")
    print(f"{'its products alone':20} {alone:7.1f} ms, {100 * alone / whole:.0f} % of it")


if __name__ == "__main__":
    typer.run(main)
