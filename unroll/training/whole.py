"""Rows in memory -> a trained model: what the stages do to files, one after another, without DVC and MLflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from unroll import parts, starts
from unroll.artifacts import store
from unroll.data import embeddings, preparing, tokenizing
from unroll.data.rows import Row
from unroll.errors import DataError, ParamsError
from unroll.folders import Folders
from unroll.nn import arithmetic, model
from unroll.params.pipeline import Pipeline
from unroll.params.prepare import GroupedSplit
from unroll.predict import checkpoints
from unroll.training import following, setup, starting
from unroll.training.snapshots import Snapshots


def train(pipeline: Pipeline, rows: Iterable[tuple[str, str]] | Iterable[str], aside: Path, folder: Path) -> None:
    """Train a model as a pipeline says and write its checkpoint.

    Args:
        rows: pairs of source and target; texts for a language model.
        aside: a folder for what is made on the way.
        folder: where the checkpoint goes.
    Raises:
        ParamsError: the split is official: its rows are in files; or as `starting.begin`.
        DataError: as `preparing.divide` and `starts.find`.
    """
    arithmetic.settle(pipeline.machine.threads)
    folders, inherited = Folders(aside, "own"), parts.bring(pipeline.parts, Path())
    model.check(pipeline)
    prepare(pipeline, rows, folders)
    prepared = {"prepared": store.verify(folders.prepared, "prepared")}
    start = starts.find(pipeline.train.start_from, Path())
    reused = start if pipeline.tokenize.from_start else None
    with store.writing(folders.tokenized, "tokenized", prepared | starts.inherited_tokenizers(reused)) as part:
        tokenizing.tokenize(pipeline.tokenize, pipeline.noise, pipeline.sides, folders.prepared, part, reused)
    tokenized = {"tokenized": store.verify(folders.tokenized, "tokenized")}
    with store.writing(folders.embedded, "embedded", tokenized) as part:
        embeddings.embed(pipeline.embed, pipeline.sides, folders.tokenized, folders.raw, part)
    inputs = inherited | prepared | tokenized | {"embedded": store.verify(folders.embedded, "embedded")}
    inputs |= starts.inherited(start)
    recipe = pipeline.recipe
    network, training = setup.start(recipe, folders)
    if start:
        starting.begin(network, recipe, folders.tokenized, start.folder)
    following.lead(
        training, Snapshots(folders.snapshots, setup.fingerprint(inputs, recipe)), lambda metrics, update: None
    )
    checkpoints.save(folder, network, recipe, folders.tokenized, inputs)


def prepare(pipeline: Pipeline, rows: Iterable[tuple[str, str]] | Iterable[str], folders: Folders) -> None:
    """Write rows, cleaned and split, as the prepare stage does.

    Raises:
        ParamsError, DataError: as `train`.
    """
    if not isinstance(pipeline.prepare.split, GroupedSplit):
        raise ParamsError("prepare.split.kind: 'official' names files; for rows of your own set 'grouped'")
    with store.writing(folders.prepared, "prepared", {}) as part:
        _, keys = preparing.divide(pipeline.prepare, _rows(rows), Path("rows"), part)
        preparing.refuse_leakage(keys)


def _rows(rows: Iterable[tuple[str, str]] | Iterable[str]) -> Iterator[Row]:
    for number, row in enumerate(rows, start=1):
        if isinstance(row, str):
            yield Row(row, "", "")
        elif isinstance(row, Sequence) and len(row) == 2 and all(isinstance(side, str) for side in row):
            yield Row(row[0], row[1], "")
        else:
            raise DataError(f"rows: row {number} is neither a text nor a pair of texts: {str(row)[:80]}")
