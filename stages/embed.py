"""Embeddings to start from.

in   data/<pipeline>/tokenized/   ids of train alone, tokenizers
     data/<pipeline>/raw/         vectors to import, if any
out  data/<pipeline>/embedded/{source,target}.safetensors   of the sides that have tokens; none with one_hot
     reports/<pipeline>/embed.json
     reports/<pipeline>/embed/neighbours.csv, and embeddings.png if there is something to draw
"""

from __future__ import annotations

from stages import main
from unroll import shapes
from unroll.artifacts import store
from unroll.artifacts.manifest import dump_json
from unroll.data import embeddings
from unroll.evaluate import neighbours
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline

NEIGHBOURS = 8


def run(pipeline: Pipeline, folders: Folders) -> None:
    """Write a table for each side that has tokens, say what it covers, and show who is whose neighbour."""
    params, inputs = pipeline.embed, {"tokenized": store.verify(folders.tokenized, "tokenized")}
    if params.kind == "imported":
        inputs["raw"] = store.verify(folders.raw, "raw")
    sides = shapes.sides(pipeline.model.head.family)
    with store.writing(folders.embedded, "embedded", inputs) as folder:
        made = embeddings.embed(params, sides, folders.tokenized, folders.raw, folder)

    report: dict[str, float] = {"dimensions": params.dimensions} if made.tables else {}
    for side, ids in made.ids.items():
        covered = embeddings.coverage(made.tokenizers[side], ids, made.known[side])
        report |= {f"{side}_{name}": value for name, value in covered.items()}
    store.write_file(folders.reports / "embed.json", dump_json(report))
    near: neighbours.Near = {}
    image = folders.reports / "embed" / "embeddings.png"
    image.unlink(missing_ok=True)
    if made.known.get("source"):  # those that are drawn at random have no neighbours worth showing
        tokenizer, table = made.tokenizers["source"], made.tables["source"]
        near = neighbours.neighbours(params.neighbours_of, tokenizer, table, NEIGHBOURS)
        neighbours.picture(near, tokenizer, made.ids["source"], table, image)
    store.write_file(folders.reports / "embed" / "neighbours.csv", neighbours.neighbours_csv(near))


if __name__ == "__main__":
    main(run)
