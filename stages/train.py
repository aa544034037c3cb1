"""Recipe.

in   data/<pipeline>/tokenized/           ids and tokenizers
     data/<pipeline>/embedded/            what the embeddings start from
     data/<pipeline>/prepared/valid.tsv   what the validation score is measured on
out  data/<pipeline>/model/               the checkpoint
     reports/<pipeline>/train.json, curves.csv
     a run in MLflow, which follows the curves as they grow

A training that was killed goes on where it stood, and ends in the same bytes. Of several processes (`train.processes`,
or as torchrun started them) each learns from its rows of every batch; the first one alone tells and writes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipelines import SHAPES
from stages import Folders, main
from unroll import artifacts, corpus, origin
from unroll.errors import ParamsError, ResourceError
from unroll.params import Pipeline, Recipe, Train, dump

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from unroll.batches import Epochs
    from unroll.model import Network
    from unroll.snapshots import Snapshots
    from unroll.tracking import LiveRun
    from unroll.training import Progress, Training

CURVES = ("update", "train_loss", "learning_rate", "gradient_norm", "valid_loss", "valid_score")
INPUTS = ("prepared", "tokenized", "embedded")
Point = dict[str, float]
"""One row of the curves."""


def run(params: Pipeline, folders: Folders) -> None:
    """Train the model of a pipeline; write its checkpoint, its curves and its best validation score."""
    import torch

    from unroll import checkpoints, model, tracking
    from unroll.snapshots import Snapshots

    recipe = declared(params)
    model.check(recipe)
    inputs = {kind: artifacts.verify(getattr(folders, kind), kind) for kind in INPUTS}
    code = [origin.sources_sha256(), torch.__version__]
    fingerprint = hashlib.sha256(artifacts.dump_json([inputs, dump(recipe), code]).encode()).hexdigest()
    network, training = start(recipe, folders)
    snapshots = Snapshots(folders.snapshots, fingerprint)
    if not training.fabric.is_global_zero:
        follow(training)
        return
    with tracking.live(folders.pipeline, params, fingerprint) as live:
        points = learn(training, snapshots, live)
        manifest = checkpoints.save(folders.model, network, recipe, folders.tokenized, inputs)
        live.adopt(artifacts.identity(manifest))

    best = max((p for p in points if "valid_score" in p), key=lambda p: p["valid_score"])
    report = {
        "parameters": model.parameters(network),
        "updates": int(points[-1]["update"]),
        **{f"best_{name}": best[name] for name in ("update", "valid_score", "valid_loss")},
    }
    artifacts.write_file(folders.reports / "train.json", artifacts.dump_json(report))
    artifacts.write_file(folders.reports / "curves.csv", table(points))
    snapshots.clear()


def learn(training: Training, snapshots: Snapshots, live: LiveRun) -> list[Point]:
    """Train a model in place, from where an earlier process was killed if one was; return the points of its curves."""
    from unroll.training import fit

    points: list[Point] = []
    if found := training.fabric.broadcast(snapshots.latest()):
        state, points = found
        training.restore(state)
        for point in points:  # of which the store may not have heard
            live.log(shown(point), int(point["update"]))
    updates = training.params.updates
    with progress_bar(updates, training.learner.updates) as advance:
        for progress in fit(training):
            advance(progress)
            points.append(point_of(progress))
            live.log(shown(points[-1]) | {"tokens_per_second": progress.tokens / progress.seconds}, progress.update)
            if training.fabric.broadcast(snapshots.due() and progress.update < updates):
                snapshots.save(training.state(), points)
    return points


def follow(training: Training) -> None:
    """Learn beside the first process, which runs `learn`."""
    from unroll.training import fit

    if found := training.fabric.broadcast(None):
        training.restore(found[0])
    for _ in fit(training):
        if training.fabric.broadcast(False):
            training.state()


def declared(params: Pipeline) -> Recipe:
    """Return what a checkpoint of a pipeline is to remember, its parts held to what its shape declares.

    Raises:
        ParamsError: the shape has other parts.
    """
    shape = SHAPES[params.shape]
    for part, found, wanted in (
        ("encoder", params.model.encoder.kind, shape.ENCODER),
        ("head", params.model.head.kind, shape.HEAD),
    ):
        if found != wanted:
            raise ParamsError(f"model.{part}.kind: '{found}' is not of the shape {params.shape}; set '{wanted}'")
    return Recipe(
        shape=params.shape,
        prepare=params.prepare,
        tokenize=params.tokenize,
        embed=params.embed,
        model=params.model,
        train=params.train,
    )


def start(recipe: Recipe, folders: Folders) -> tuple[Network, Training]:
    """Return a model and its training before the first update, in each of the processes that share it.

    Raises:
        ParamsError, ResourceError: as `processes_of`.
    """
    import torch

    fabric = processes_of(recipe.train)
    torch.set_num_threads(recipe.train.threads)
    torch.manual_seed(recipe.train.seed)
    network = first_model(recipe, folders)
    if not fabric.is_global_zero:
        torch.manual_seed(recipe.train.seed + fabric.global_rank)  # the same weights, but not the same dropout
    return network, set_up(network, recipe, folders, fabric)


def first_model(recipe: Recipe, folders: Folders) -> Network:
    """Return the model before its first update."""
    from unroll import embeddings, model, text

    sizes = {side: len(text.load(folders.tokenized, side)) for side in ("source", "target")}
    found = {side: folders.embedded / f"{side}.safetensors" for side in ("source", "target")}
    vectors = {side: embeddings.load(folders.embedded, side) for side, path in found.items() if path.exists()}
    return model.build(recipe, sizes, vectors)


def set_up(network: Network, recipe: Recipe, folders: Folders, fabric: Fabric) -> Training:
    """Return a training that scores a model's quickest answers to distinct validation sources, or its loss alone."""
    from unroll import scoring, text
    from unroll.batches import batches
    from unroll.predictor import Predictor
    from unroll.training import Training

    settings = recipe.train
    sides = ("source",) if recipe.autoregressive else ("source", "target")

    def rows(split: str, most: int | None) -> Epochs:
        ids = [text.open_ids(folders.tokenized, split, side) for side in sides]
        return batches(recipe, ids[0], ids[-1], most)

    train, valid = rows("train", None), rows("valid", settings.validation_rows)
    tokenizers = {side: text.load(folders.tokenized, side) for side in ("source", "target")}
    predictor = Predictor(network, tokenizers, recipe)
    pairs = spread(corpus.references(folders.prepared / "valid.tsv"), settings.validation_rows)

    def score(loss: float) -> float:
        return -loss if settings.select_by == "loss" else scoring.validation(predictor, pairs)

    return Training(network, len(tokenizers["target"]), train, valid, score, settings, fabric)


def processes_of(params: Train) -> Fabric:
    """Return what the model is to learn on, after starting the other processes unless torchrun did.

    Raises:
        ParamsError: torchrun started another number of processes.
        ResourceError: this machine has no such accelerator, or too few of them.
    """
    from lightning_fabric import Fabric

    count = params.processes
    started = int(os.environ.get("WORLD_SIZE", count))
    if started != count:
        raise ParamsError(f"train.processes is {count}, but {started} were started; make the two equal")
    try:
        strategy = "ddp" if count > 1 else "auto"
        fabric = Fabric(accelerator=params.accelerator, devices=count, strategy=strategy, precision=params.precision)
    except RuntimeError as error:
        raise ResourceError(f"train.accelerator: {params.accelerator} cannot be used here ({error}); set cpu") from None
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric.launch()
    return fabric


def spread(pairs: dict[str, list[str]], most: int) -> dict[str, list[str]]:
    """Return at most so many pairs, evenly from the whole: a corpus may be sorted, by length for one."""
    step = max(-(-len(pairs) // most), 1)
    return dict(list(pairs.items())[::step])


@contextmanager
def progress_bar(updates: int, done: int) -> Iterator[Callable[[Progress], None]]:
    """Show updates done, time left, tokens a second and losses."""
    from tqdm import tqdm

    with tqdm(total=updates, initial=done, desc="train", unit=" updates", smoothing=0.05, dynamic_ncols=True) as bar:
        told: dict[str, str] = {}

        def advance(progress: Progress) -> None:
            told.update(tokens=f"{progress.tokens / progress.seconds:,.0f}/s", loss=f"{progress.train_loss:.3f}")
            if progress.valid_score is not None:
                told.update(valid=f"{progress.valid_loss:.3f}", score=f"{progress.valid_score:.2f}")
            if progress.skipped:
                bar.write(
                    f"train: {progress.skipped} updates to {progress.update} skipped: gradients not finite", sys.stderr
                )
            bar.set_postfix(told, refresh=False)
            bar.update(progress.update - bar.n)

        yield advance


def shown(point: Point) -> dict[str, float]:
    """Return the metrics of a point, without the update they belong to."""
    return {name: value for name, value in point.items() if name != "update"}


def point_of(progress: Progress) -> Point:
    """Return one row of the curves; validation columns only where there was one."""
    found = {
        "update": progress.update,
        "train_loss": round(progress.train_loss, 5),
        "learning_rate": progress.learning_rate,
        "gradient_norm": round(progress.gradient_norm, 5),
    }
    if progress.valid_loss is not None and progress.valid_score is not None:
        found |= {"valid_loss": round(progress.valid_loss, 5), "valid_score": round(progress.valid_score, 4)}
    return found


def table(points: list[Point]) -> str:
    """Return the curves as CSV, cells empty where there is no point."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CURVES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(points)
    return text.getvalue()


if __name__ == "__main__":
    main(run)
