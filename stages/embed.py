"""Embeddings to start from.

in   data/<pipeline>/tokenized/   ids of train alone, tokenizers
     data/<pipeline>/raw/         vectors to import, if any
out  data/<pipeline>/embedded/{source,target}.safetensors   of the sides that have tokens; none with one_hot
     reports/<pipeline>/embed.json
     reports/<pipeline>/embed/neighbours.csv, and embeddings.png if there is something to draw
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
Near = dict[str, list[tuple[str, float]]]
"""{word: its neighbours and their cosines}"""


def run(params: Pipeline, folders: Folders) -> None:
    """Write a table for each side that has tokens, say what it covers, and show who is whose neighbour."""
    inputs = {"tokenized": artifacts.verify(folders.tokenized, "tokenized")}
    if params.embed.kind == "imported":
        inputs["raw"] = artifacts.verify(folders.raw, "raw")
    tokenizers = {side: text.load(folders.tokenized, side) for side in SIDES}
    wanted = [side for side in SIDES if len(tokenizers[side]) and params.embed.kind != "one_hot"]
    written = SIDES[:1] if params.autoregressive else SIDES
    ids = {side: text.open_ids(folders.tokenized, "train", side) for side in wanted if side in written}
    vectors = start(params.embed, {side: tokenizers[side] for side in wanted}, ids, folders.raw)
    tables = {side: embeddings.table(len(tokenizers[side]), vectors[side], params.embed) for side in wanted}
    with artifacts.writing(folders.embedded, "embedded", inputs) as folder:
        for side, table in tables.items():
            embeddings.save(folder, side, table)

    report: dict[str, float] = {"dimensions": params.embed.dimensions} if tables else {}
    for side in ids:
        covered = embeddings.coverage(tokenizers[side], ids[side], vectors[side])
        report |= {f"{side}_{name}": value for name, value in covered.items()}
    artifacts.write_file(folders.reports / "embed.json", artifacts.dump_json(report))
    near: Near = {}
    image = folders.reports / "embed" / "embeddings.png"
    image.unlink(missing_ok=True)
    if vectors.get("source"):  # those that are drawn at random keep no company
        near = embeddings.neighbours(params.embed.neighbours_of, tokenizers["source"], tables["source"], NEIGHBOURS)
        picture(near, tokenizers["source"], ids["source"], tables["source"], image)
    artifacts.write_file(folders.reports / "embed" / "neighbours.csv", neighbours_csv(near))


def start(
    params: Embed, tokenizers: dict[str, text.Tokenizer], ids: dict[str, text.Ids], raw: Path
) -> dict[str, Vectors]:
    """Return the vectors each side starts from; a vocabulary that both share is learnt from both and has one table.

    Labels keep no company that could be learnt from: what is not imported for them is drawn.
    """
    found: dict[str, Vectors] = {side: {} for side in tokenizers}
    joint = len({tuple(tokenizer.vocabulary) for tokenizer in tokenizers.values()}) < len(tokenizers)
    if params.kind == "imported":
        files = {"source": params.source_vectors, "target": params.target_vectors}
        for side, tokenizer in tokenizers.items():
            if file := files[side]:
                found[side] = embeddings.imported(raw / file, tokenizer, params)
        return {side: {**found["source"], **found["target"]} for side in SIDES} if joint else found
    if params.kind == "random":
        return found
    spoken = [side for side in tokenizers if not isinstance(tokenizers[side], text.LabelTokenizer)]
    if joint and spoken:
        return dict.fromkeys(SIDES, embeddings.pretrain(list(ids.values()), params))
    return found | {side: embeddings.pretrain([ids[side]], params) for side in spoken}


def neighbours_csv(near: Near) -> str:
    """Return a row for each neighbour: word, rank, neighbour, cosine."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["word", "rank", "neighbour", "cosine"])
    for word, found in near.items():
        writer.writerows([word, rank, name, f"{cosine:.4f}"] for rank, (name, cosine) in enumerate(found, 1))
    return out.getvalue()


def picture(near: Near, tokenizer: text.Tokenizer, ids: text.Ids, table: Table, path: Path) -> None:
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
