"""Times one-hot vectors beside embeddings, the lecture's inefficient baseline: `python benchmarks/embeddings.py`."""

from __future__ import annotations

import os
import time
from statistics import median
from typing import Annotated

from unroll.processes import WAITING

os.environ.update(WAITING | os.environ)  # before torch is loaded

import torch
import typer
from torch import nn

from unroll.nn.cells import LSTM
from unroll.nn.layers import OneHot

SIZES = [1000, 5000, 20_000, 50_000]


def train(words: nn.Module, cell: LSTM, ids_BT: torch.Tensor) -> float:
    """Return the seconds that one batch takes, from ids through the first layer and back."""
    began = time.perf_counter()
    lengths_B = torch.full((len(ids_BT),), ids_BT.shape[1])
    outputs_BTH, _ = cell.unroll(words(ids_BT), lengths_B, cell.initial(len(ids_BT)))
    outputs_BTH.sum().backward()
    return time.perf_counter() - began


def main(
    dimensions: Annotated[int, typer.Option(help="Width of an embedding.")] = 150,
    hidden: Annotated[int, typer.Option(help="Width of a state.")] = 256,
    batch: Annotated[int, typer.Option(help="Rows in a batch.")] = 32,
    steps: Annotated[int, typer.Option(help="Words in a row.")] = 10,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    repeats: Annotated[int, typer.Option(help="Batches for each, of which the median counts.")] = 5,
) -> None:
    """Print for each vocabulary the milliseconds a batch takes with either, and the first layer's weights."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    print(f"D={dimensions} H={hidden} B={batch} T={steps} threads={threads}; ms per batch, million weights")
    print(f"{'words':>8} {'embedding':>10} {'one-hot':>10} {'ratio':>7} {'embedding':>10} {'one-hot':>10}")
    for size in SIZES:
        ids_BT = torch.randint(size, (batch, steps))
        both = (
            (nn.Embedding(size, dimensions, sparse=True), LSTM(dimensions, hidden)),
            (OneHot(size), LSTM(size, hidden)),
        )
        rounds = [[train(words, cell, ids_BT) for words, cell in both] for _ in range(repeats + 1)]
        dense, sparse = (1000 * median(times) for times in zip(*rounds[1:], strict=True))
        weights = [sum(p.numel() for part in pair for p in part.parameters()) / 1e6 for pair in both]
        print(f"{size:8} {dense:10.1f} {sparse:10.1f} {sparse / dense:7.1f} {weights[0]:10.1f} {weights[1]:10.1f}")


if __name__ == "__main__":
    typer.run(main)
