"""Times teacher forcing with every attention at growing lengths: `python benchmarks/attention.py`."""

from __future__ import annotations

import os
import time
from statistics import median
from typing import Annotated

from unroll.processes import WAITING

os.environ.update(WAITING | os.environ)  # before torch is loaded

import torch
import typer
from torch import Tensor, nn

from unroll.nn.attention import ATTENTIONS, Memory
from unroll.nn.decoders import Decoder
from unroll.params.model import DecoderParams
from unroll.params.reading import parse

LENGTHS = (10, 25, 50, 100)
POSITIONS = 128
"""that location and hard have weights for"""


def decoder(attention: str, hidden: int, window: int, vocabulary: int) -> Decoder:
    """Return a decoder of one LSTM layer that looks back after its step."""
    bounds = {"window": window, "positions": POSITIONS}
    section = {name: bound if ATTENTIONS[attention].bounded_by == name else None for name, bound in bounds.items()}
    section |= {
        "kind": "decoder",
        "context": "last",
        "cell": "lstm",
        "hidden": hidden,
        "layers": 1,
        "residual": False,
        "attention": attention,
        "query": "after",
        "input_feeding": False,
    }
    settings = parse(DecoderParams, section, "model.head")
    return Decoder(nn.Embedding(vocabulary, hidden), vocabulary, hidden, settings, 0.0, False)


def source(hidden: int, batch: int, length: int) -> Memory:
    """Return a memory of sentences that are all of one length."""
    states_BSH = torch.randn(batch, length, hidden, requires_grad=True)
    last_BH = states_BSH[:, -1]
    return Memory(states_BSH, torch.ones(batch, length, dtype=torch.bool), ((last_BH,),), last_BH)


def train(model: Decoder, ids_BT: Tensor, memory: Memory) -> float:
    """Return the seconds that one batch takes forwards and backwards, up to the readouts."""
    began = time.perf_counter()
    readouts_BTD, policy = model.read(ids_BT, model.initial(memory), 0.0)
    loss = readouts_BTD.sum() + (policy.log_probs_BT.sum() if policy else 0.0)
    loss.backward()
    return time.perf_counter() - began


def looks(model: Decoder, memory: Memory, length: int) -> int:
    """Return how many positions are scored in one sentence."""
    query_BTH = torch.zeros(len(memory.mask_BS), length, memory.states_BSH.shape[2])
    seen = model.attention.attend(query_BTH, model.attention.prepare(memory), memory, torch.arange(length))
    return int(seen.scored_BT[0].sum())


def main(
    hidden: Annotated[int, typer.Option(help="Width of a state, a memory state and an embedding.")] = 256,
    batch: Annotated[int, typer.Option(help="Sentences in a batch.")] = 32,
    window: Annotated[int, typer.Option(help="Positions on either side of a local attention's centre.")] = 5,
    vocabulary: Annotated[int, typer.Option(help="Tokens in the vocabulary.")] = 1000,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    repeats: Annotated[int, typer.Option(help="Batches for each attention and length; their median counts.")] = 10,
) -> None:
    """Print for every attention the milliseconds per batch and the positions scored per sentence."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    models = {name: decoder(name, hidden, window, vocabulary) for name in ATTENTIONS}
    print(f"H={hidden} B={batch} window={window} threads={threads}; ms per batch | positions scored per sentence")
    print(f"{'source, target length':24}" + "".join(f"{length:17}" for length in LENGTHS))
    cells: dict[str, list[str]] = {name: [] for name in models}
    for length in LENGTHS:
        memory, ids_BT = source(hidden, batch, length), torch.randint(vocabulary, (batch, length))
        for model in models.values():
            train(model, ids_BT, memory)
        # Round after round, so that whatever else the machine does meets all attentions alike.
        rounds = [{name: train(model, ids_BT, memory) for name, model in models.items()} for _ in range(repeats)]
        for name, model in models.items():
            seconds = median(each[name] for each in rounds)
            cells[name].append(f"{1000 * seconds:8.1f} |{looks(model, memory, length):7}")
    for name, row in cells.items():
        print(f"{name:24}" + "".join(row))


if __name__ == "__main__":
    typer.run(main)
