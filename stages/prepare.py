"""Clean rows, split without leakage.

in   data/<pipeline>/raw
out  data/<pipeline>/prepared/{train,valid,test}.tsv   source, target, attribution, in normal form
                                                       a lone line has no target
     reports/<pipeline>/prepare.json
"""

from __future__ import annotations

from stages import main
from unroll import parts
from unroll.artifacts import store
from unroll.artifacts.manifest import dump_json
from unroll.data import preparing
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline


def run(pipeline: Pipeline, folders: Folders) -> None:
    """Turn raw rows into train, valid and test, and report what became of each row."""
    parts.bring(pipeline.parts, folders.root)
    raw = store.verify(folders.raw, "raw")
    with store.writing(folders.prepared, "prepared", {"raw": raw}) as folder:
        tags = preparing.tags_words(pipeline.model.head.family, pipeline.tokenize.source.kind)
        report = preparing.prepare(pipeline.prepare, folders.raw, folder, tags)
    store.write_file(folders.reports / "prepare.json", dump_json(report))
    print(preparing.summary(report))


if __name__ == "__main__":
    main(run)
