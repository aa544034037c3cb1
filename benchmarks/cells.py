"""Times the training of every cell beside the fused LSTM: `python benchmarks/cells.py`."""

from __future__ import annotations

import os
import time
from statistics import median
from typing import Annotated

from unroll.processes import WAITING

os.environ.update(WAITING | os.environ)  # before torch is loaded

import torch
import typer

from unroll.nn.cells import CELLS, Cell


def train(cell: Cell, x_BTD: torch.Tensor, lengths_B: torch.Tensor) -> float:
    """Return the seconds that one batch takes forwards and backwards."""
    began = time.perf_counter()
    outputs_BTH, _ = cell.unroll(x_BTD, lengths_B, cell.initial(len(x_BTD)))
    outputs_BTH.sum().backward()
    return time.perf_counter() - began


def main(
    width: Annotated[int, typer.Option(help="Width of an input.")] = 256,
    hidden: Annotated[int, typer.Option(help="Width of a state.")] = 256,
    batch: Annotated[int, typer.Option(help="Rows in a batch.")] = 64,
    steps: Annotated[int, typer.Option(help="Length of the longest row.")] = 25,
    ragged: Annotated[bool, typer.Option(help="Rows of 1 to --steps steps, or all as long as the longest.")] = False,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    repeats: Annotated[int, typer.Option(help="Batches for each cell, of which the median counts.")] = 20,
) -> None:
    """Print for every cell the milliseconds per batch, forwards and backwards, and their ratio to the fused LSTM's."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x_BTD = torch.randn(batch, steps, width, requires_grad=True)
    lengths_B = torch.randint(1, steps + 1, (batch,)) if ragged else torch.full((batch,), steps)
    lengths_B[0] = steps
    cells = {name: cell(width, hidden) for name, cell in CELLS.items()}
    for cell in cells.values():
        train(cell, x_BTD, lengths_B)
    # Round after round, so that whatever else the machine does meets all cells alike.
    rounds = [{name: train(cell, x_BTD, lengths_B) for name, cell in cells.items()} for _ in range(repeats)]
    seconds = {name: median(each[name] for each in rounds) for name in cells}
    print(f"D={width} H={hidden} B={batch} T={steps} {'ragged' if ragged else 'equal'} threads={threads}")
    print(f"{'cell':26} {'ms':>8} {'ratio':>6}")
    for name in cells:
        print(f"{name:26} {1000 * seconds[name]:8.2f} {seconds[name] / seconds['lstm']:6.2f}")


if __name__ == "__main__":
    typer.run(main)
