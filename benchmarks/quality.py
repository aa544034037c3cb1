"""Scores what each of us has learnt in the same minutes: `python -m benchmarks.quality --minutes 8`.

Everybody reads the same tokens and is scored on the same test split, with all references. Peers train in batches of 48
sentences at twice their usual rate (the Transformer at its usual one, the small models at ours), which falls on the
way: what did best here in so short a time. A short training tells how many updates fit into the minutes; nobody
validates.
"""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks import corpus
from benchmarks.common import BENCH, ROOT, Row, folder_of, measure, tell
from benchmarks.peers import PEERS
from benchmarks.peers.base import Decoding, Training

WHO = "joey joey_small joey_transformer opennmt opennmt_small unroll_recipe unroll_recipe_bf16"
BATCH, LEARNING_RATE = 48, {"joey_small": 4e-3, "joey_transformer": 1e-3, "opennmt_small": 4e-3}
PROBE, WARMUP = 120, 20
"""updates of the short training, and those of them that do not count"""


def main(
    who: Annotated[str, typer.Option(help="Names of peers.")] = WHO,
    minutes: Annotated[float, typer.Option(help="Minutes of training.")] = 8.0,
    sentences: Annotated[int, typer.Option(help="Sources of the test split that are scored, at most.")] = 5000,
    threads: Annotated[int, typer.Option(help="Threads of each.")] = 2,
) -> None:
    """Print the BLEU of everybody after the same minutes, by a beam of 5."""
    corpus.write(ROOT)
    rows: list[Row] = []
    for name in who.split():
        model, output = folder_of(f"{name}.{minutes:g}"), (BENCH / f"{name}.said").absolute()
        settings = {"warmup": WARMUP, "batch": BATCH, "learning_rate": LEARNING_RATE.get(name, 2e-3), "decay": True}
        probe = measure(name, Training(str(ROOT), model, PROBE, **settings), threads)
        spent = 60 * minutes - probe.get("pretraining", 0.0)
        updates = int(spent * probe["updates"] / probe["seconds"])
        took = measure(name, Training(str(ROOT), model, updates, **settings), threads)
        measure(name, Decoding(str(ROOT), model, str(output), 5, 64, sentences), threads)
        seconds = took["seconds"] * updates / took["updates"] + took.get("pretraining", 0.0)
        score = corpus.bleu(ROOT, output)
        rows.append({"quality": PEERS[name].label, "updates": updates, "minutes": seconds / 60, "BLEU": score})
        print(rows[-1], flush=True)
    tell(f"quality-{minutes:g}", rows, minutes=minutes, threads=threads, sentences=sentences)


if __name__ == "__main__":
    typer.run(main)
