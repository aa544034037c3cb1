"""Embeddings to start from.

in   data/<pipeline>/tokenized/   ids of train alone, tokenizers
     data/<pipeline>/raw/         vectors to import, if any
out  data/<pipeline>/embedded/{source,target}.safetensors
     reports/<pipeline>/embed.json, neighbours.csv, embeddings.png
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from stages import Folders, main
from unroll import artifacts, embeddings, plots, text
from unroll.embeddings import Table, Vectors
from unroll.params import Embed, Pipeline

SIDES = ("source", "target")
NEIGHBOURS = 8
BACKGROUND = 250
"""frequent words that the picture shows in grey"""


def run(params: Pipeline, folders: Folders) -> None:
    """Write a table for each side, say what it covers, and show who is whose neighbour."""
    inputs = {"tokenized": artifacts.verify(folders.tokenized, "tokenized")}
    if params.embed.kind == "imported":
        inputs["raw"] = artifacts.verify(folders.raw, "raw")
    tokenizers = {side: text.load(folders.tokenized, side) for side in SIDES}
    ids = {side: text.open_ids(folders.tokenized, "train", side) for side in SIDES}
    vectors = start(params.embed, tokenizers, ids, folders.raw)
    tables = {side: embeddings.table(len(tokenizers[side]), vectors[side], params.embed) for side in SIDES}
    with artifacts.writing(folders.embedded, "embedded", inputs) as folder:
        for side in SIDES:
            embeddings.save(folder, side, tables[side])

    report: dict[str, float] = {"dimensions": params.embed.dimensions}
    for side in SIDES:
        covered = embeddings.coverage(tokenizers[side], ids[side], vectors[side])
        report |= {f"{side}_{name}": value for name, value in covered.items()}
    artifacts.write_file(folders.reports / "embed.json", artifacts.dump_json(report))
    near = embeddings.neighbours(params.embed.neighbours_of, tokenizers["source"], tables["source"], NEIGHBOURS)
    artifacts.write_file(folders.reports / "neighbours.csv", neighbours_csv(near))
    picture(near, tokenizers["source"], ids["source"], tables["source"], folders.reports / "embeddings.png")


def start(
    params: Embed, tokenizers: dict[str, text.Tokenizer], ids: dict[str, text.Ids], raw: Path
) -> dict[str, Vectors]:
    """Return the vectors each side starts from; a vocabulary that both share is learnt from both and has one table."""
    if params.kind == "random":
        return {side: {} for side in SIDES}
    joint = tokenizers["source"].vocabulary == tokenizers["target"].vocabulary
    if params.kind == "imported":
        files = {"source": params.source_vectors, "target": params.target_vectors}
        found = {s: embeddings.imported(raw / f, tokenizers[s], params) if f else {} for s, f in files.items()}
        both = {**found["source"], **found["target"]}
        return {side: both if joint else found[side] for side in SIDES}
    if joint:
        learnt = embeddings.pretrain([ids[side] for side in SIDES], params)
        return dict.fromkeys(SIDES, learnt)
    return {side: embeddings.pretrain([ids[side]], params) for side in SIDES}


def neighbours_csv(near: dict[str, list[tuple[str, float]]]) -> str:
    """Return a row for each neighbour: word, rank, neighbour, cosine."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["word", "rank", "neighbour", "cosine"])
    for word, found in near.items():
        writer.writerows([word, rank, name, f"{cosine:.4f}"] for rank, (name, cosine) in enumerate(found, 1))
    return out.getvalue()


def picture(
    near: dict[str, list[tuple[str, float]]], tokenizer: text.Tokenizer, ids: text.Ids, table: Table, path: Path
) -> None:
    """Draw the chosen words with their neighbours, each group in a colour, among frequent words in grey."""
    rows = {name: row for row, name in reversed(list(embeddings.whole_words(tokenizer).items()))}
    counts = np.bincount(ids.ids, minlength=len(tokenizer))
    group_of = dict.fromkeys(sorted(rows, key=lambda name: (-counts[rows[name]], name))[:BACKGROUND], -1)
    for number, (word, found) in reversed(list(enumerate(near.items()))):
        group_of |= dict.fromkeys([name for name, _ in found] + [word], number)
    for number, word in enumerate(near):
        group_of[word] = number
    if len(group_of) > 10:
        points = embeddings.plane(table[[rows[name] for name in group_of]])
        plots.embeddings(list(group_of), list(group_of.values()), points, list(near), path)


if __name__ == "__main__":
    main(run)
