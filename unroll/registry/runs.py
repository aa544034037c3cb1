"""From files to a run: `record` completes the run of a model, or makes a new one, from what the stages wrote."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from unroll.artifacts import lineage, origin, store
from unroll.artifacts.manifest import dump_json
from unroll.evaluate.curves import read_curves
from unroll.folders import Folders
from unroll.params.evaluate import Search
from unroll.params.pipeline import Recipe
from unroll.params.register import Register
from unroll.predict.predictor import title
from unroll.registry import card
from unroll.registry.names import CHAMPION
from unroll.registry.tracking import (
    Point,
    experiment_of,
    find,
    flatten,
    log_datasets,
    log_params,
    log_points,
    log_tags,
    origin_tags,
    reaching,
    recipe_params,
    run_name,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

PICTURES = ("pictures", "embed")
"""Folders of reports/<pipeline> whose pictures a run shows."""
CONTEXTS = {"train": "training", "valid": "validation", "test": "test"}
"""{split: what MLflow calls it}"""
DIGITS = 36
"""Of a hash, as many as MLflow keeps for a dataset."""


def record(search: Search, register: Register, folders: Folders) -> str:
    """Mirror the files of a trained and evaluated model into its run, and return the run's id.

    A new run is made where it is missing, as after `dvc pull`; doing it twice changes nothing.

    Raises:
        IntegrityError: a file was altered, or the evaluation is of another model.
        ResourceError: the store cannot be reached.
    """
    digests = lineage.verify(folders.model, folders.evaluation)
    recipe = lineage.read_recipe(folders.model)
    scores, curves = card.scores(folders.reports), read_curves(folders.reports / "curves.csv")
    tags = card.remarks(folders.reports) | dict(flatten("search", search))
    tags |= {f"{name}.sha256": digest for name, digest in digests.items()}
    tags["code.sha256"] = origin.code_sha256(folders.pipeline)
    uri = f"models:/{register.name}@{CHAMPION}"
    tags["mlflow.note.content"] = card.page(
        title(recipe), search, uri, scores, card.rows(folders.evaluation), card.stress_scores(folders.reports)
    )
    with reaching() as client:
        run = _run_of(client, experiment_of(client, folders.pipeline), digests["model"], recipe)
        log_params(client, run, card.facts(folders.reports) | recipe_params(recipe))
        _log_missing(client, run, scores, curves)
        log_datasets(client, run.info.run_id, _datasets(folders))
        log_tags(client, run.info.run_id, tags)
        _log_files(client, run.info.run_id, folders, digests)
        if run.info.status != "FINISHED":
            client.set_terminated(run.info.run_id, "FINISHED")
        return str(run.info.run_id)


def _run_of(client: MlflowClient, experiment: str, model_sha256: str, recipe: Recipe) -> Run:
    found = find(client, experiment, "model.sha256", model_sha256)
    if found:
        return found[0]
    tags = {"model.sha256": model_sha256, "recreated": "from files"} | origin_tags()
    return client.create_run(experiment, tags=tags, run_name=run_name(recipe, model_sha256))


def _log_missing(
    client: MlflowClient, run: Run, scores: Mapping[str, float], curves: Mapping[str, Mapping[int, float]]
) -> None:
    """Log the scores that changed and the points of the curves that are not there."""
    now = round(time.time() * 1000)
    points: list[Point] = [
        (name, value, now, 0) for name, value in scores.items() if run.data.metrics.get(name) != value
    ]
    for name, curve in curves.items():
        there = {point.step for point in client.get_metric_history(run.info.run_id, name)}
        points += [(name, value, now, update) for update, value in curve.items() if update not in there]
    log_points(client, run.info.run_id, points)


def _datasets(folders: Folders) -> list[DatasetInput]:
    """Return the splits that a model learnt from and was scored on, told apart by the hash of their files."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    files = store.read_manifest(folders.evaluation)["inputs"]["prepared"]["files"]
    rows, found = card.facts(folders.reports), []
    for split, context in CONTEXTS.items():
        source = {"uri": f"data/{folders.pipeline}/prepared/{split}.tsv", "sha256": files[f"{split}.tsv"]}
        profile = {"num_rows": int(rows[f"prepare.{split}_rows"])} if f"prepare.{split}_rows" in rows else {}
        dataset = Dataset(
            f"{folders.pipeline} {split}", files[f"{split}.tsv"][:DIGITS], "local", json.dumps(source),
            profile=json.dumps(profile),
        )  # fmt: skip
        found.append(DatasetInput(dataset, [InputTag("mlflow.data.context", context)]))
    return found


def _log_files(client: MlflowClient, run: str, folders: Folders, digests: Mapping[str, str]) -> None:
    for picture in [picture for name in PICTURES for picture in sorted((folders.reports / name).glob("*.png"))]:
        client.log_artifact(run, str(picture), "pictures")
    for path in sorted(path for path in folders.evaluation.iterdir() if path.is_file()):
        client.log_artifact(run, str(path), evaluation_path(digests["evaluation"]))
    client.log_text(run, lineage.describe(folders.model), "lineage.txt")
    client.log_text(run, dump_json(dict(digests)), "lineage.json")


def evaluation_path(sha256: str) -> str:
    """Return where a run keeps an evaluation among its artifacts."""
    # A model that is scored again keeps its earlier hypotheses: a version of the registry may depend on them.
    return f"evaluation/{sha256[:12]}"
