"""A model into the registry.

in   data/<pipeline>/model/
     data/<pipeline>/lexicon/
     data/<pipeline>/prepared/test.tsv   for a champion that had other test rows
     data/<pipeline>/evaluation/
     reports/<pipeline>/*.json, curves.csv, pictures/, embed/
out  data/<pipeline>/registered.json   what was registered, by hash
     a run and a version in MLflow, which mirror the files above
"""

from __future__ import annotations

from stages import main
from unroll.artifacts import lineage, store
from unroll.artifacts.manifest import dump_json
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline
from unroll.registry import runs, versions


def run(pipeline: Pipeline, folders: Folders) -> None:
    """Verify a model and its evaluation, mirror them into their run, register them, and say how it went."""
    digests = lineage.verify(folders.model, folders.evaluation)
    evaluate, register = pipeline.evaluate, pipeline.register_
    tracked = runs.record(evaluate.search, register, folders)
    store.ask("version")  # what was edited meanwhile is not registered
    print(versions.summary(versions.register(evaluate, register, folders, tracked), evaluate.search))
    store.write_file(folders.registered, dump_json(digests))


if __name__ == "__main__":
    main(run)
