"""A trained model.

in   data/<pipeline>/tokenized/           ids and tokenizers
     data/<pipeline>/embedded/            what the embeddings start from
     data/<pipeline>/prepared/valid.tsv   what the validation score is measured on
     a model to go on from, where train.start_from names one
out  data/<pipeline>/model/               the checkpoint
     reports/<pipeline>/train.json, curves.csv
     a run in MLflow, which follows the curves as they grow

A training that was killed goes on where it stood, and ends in the same bytes. Of several processes
(`machine.processes`, or as torchrun started them) each learns from its rows of every batch; the first one
alone tells and writes.
"""

from __future__ import annotations

from stages import main
from unroll import parts, starts
from unroll.artifacts import store
from unroll.artifacts.manifest import dump_json, identity
from unroll.folders import Folders
from unroll.nn import arithmetic
from unroll.params.pipeline import Pipeline

INPUTS = ("prepared", "tokenized", "embedded")


def run(pipeline: Pipeline, folders: Folders) -> None:
    """Train the model of a pipeline; write its checkpoint, its curves and its best validation score."""
    arithmetic.settle(pipeline.machine.threads)
    from unroll.nn import model
    from unroll.predict import checkpoints
    from unroll.registry.live import live
    from unroll.training import curves, following, setup, starting
    from unroll.training.snapshots import Snapshots

    inputs = parts.bring(pipeline.parts, folders.root)
    recipe = pipeline.recipe
    model.check(recipe)
    inputs |= {kind: store.verify(getattr(folders, kind), kind) for kind in INPUTS}
    start = starts.find(pipeline.train.start_from, folders.root)
    inputs |= starts.inherited(start)
    fingerprint = setup.fingerprint(inputs, recipe)
    network, training = setup.start(recipe, folders)
    taken = starting.begin(network, recipe, folders.tokenized, start.folder) if start else None
    snapshots = Snapshots(folders.snapshots, fingerprint)
    if not training.fabric.is_global_zero:
        following.follow(training)
        return
    if taken:
        print(taken)
    with live(folders.pipeline, recipe, fingerprint) as mirror:
        points = following.lead(training, snapshots, mirror.log)
        manifest = checkpoints.save(folders.model, network, recipe, folders.tokenized, inputs)
        mirror.adopt(identity(manifest))

    best = curves.best(points)
    report = {
        "parameters": model.parameters(network),
        "updates": int(points[-1]["update"]),
        **{f"best_{name}": best[name] for name in ("update", "valid_score", "valid_loss")},
    } | (taken.report if taken else {})
    store.write_file(folders.reports / "train.json", dump_json(report))
    store.write_file(folders.reports / "curves.csv", curves.table(points))
    snapshots.done()


if __name__ == "__main__":
    main(run)
