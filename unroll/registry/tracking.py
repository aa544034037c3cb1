"""The store that runs are kept in, and what is common to all who write to it.

Files are the record; MLflow mirrors them. A trained model has one run, found by the tag `model.sha256`: `live` opens it
while the model learns, and `runs.record` completes it. No package but this one and `serve` imports mlflow.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from unroll import telling
from unroll.artifacts import origin
from unroll.errors import ParamsError, ResourceError, failure
from unroll.params.pipeline import Recipe
from unroll.predict.predictor import title

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

TIMEOUT = 30
"""Seconds that a call may wait for a tracking server, except while a model learns."""
LOCAL = "sqlite:///"
"""How the address of a store begins that is a file."""
MOST_METRICS, MOST_PARAMS = 1000, 100
"""What MLflow takes in one call."""

Point = tuple[str, float, int, int]
"""A metric: name, value, milliseconds, update."""


def root() -> Path:
    """Return the folder that holds the store: this one, or the repository for which DVC runs an experiment aside."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def store() -> str:
    """Return the tracking URI: MLFLOW_TRACKING_URI, or else an SQLite file in the repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{LOCAL}{root() / 'mlflow.db'}"


def artifact_folder() -> Path | None:
    """Return where artifacts lie: beside an SQLite file; a server keeps them where it pleases."""
    path = Path(store().removeprefix(LOCAL))
    return path.resolve().parent / "mlartifacts" if store().startswith(LOCAL) else None


def prepare(timeout: int) -> None:
    """Set what mlflow reads from the environment, before it is imported: no telemetry, no pickle, no chatter."""
    os.environ |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
    }
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(timeout))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("mlflow.store.db", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they log, at each of ten tries, they raise too


def client() -> MlflowClient:
    """Return a client of the store."""
    import mlflow

    mlflow.set_tracking_uri(store())
    return mlflow.MlflowClient()


@contextmanager
def reaching() -> Iterator[MlflowClient]:
    """Yield a client; whatever the store refuses becomes one line."""
    prepare(TIMEOUT)
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield client()
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        if lack := failure(error):
            raise ResourceError(f"{where()}: {lack}") from None
        advice = "check MLFLOW_TRACKING_URI and that the store is up"
        raise ResourceError(f"{where()}: {first_line(error)}; {advice}") from None


@contextmanager
def asking() -> Iterator[MlflowClient]:
    """Yield a client of a store that is there: a local one is not made by asking it.

    Raises:
        ParamsError: there is none.
        ResourceError: as `reaching`.
    """
    if not is_there():
        file = store().removeprefix(LOCAL)
        raise ParamsError(
            f"{file}: no such store of models; ask in the project's folder, or name the store in MLFLOW_TRACKING_URI"
        )
    with reaching() as client:
        yield client


def is_there() -> bool:
    """Return whether the store can be asked without being made: a server's may be, a file has to be there."""
    return not store().startswith(LOCAL) or Path(store().removeprefix(LOCAL)).exists()


def where() -> str:
    """Return the store's name for a message, without a password."""
    return f"tracking store {telling.secretless(store())}"


def first_line(error: Exception) -> str:
    """Return what an error says, in a line, without a password in it."""
    if lack := failure(error):
        return str(lack)
    return telling.line((str(error).splitlines() or [type(error).__name__])[0])[:200]


def experiment_of(client: MlflowClient, pipeline: str) -> str:
    """Return the id of a pipeline's experiment, made or taken out of the bin where need be."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(pipeline)
    if found is None:
        place = artifact_folder()
        try:
            return client.create_experiment(pipeline, (place / pipeline).as_uri() if place else None)
        except MlflowException:
            found = client.get_experiment_by_name(pipeline)
            if found is None:  # another process did not make it meanwhile
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def find(client: MlflowClient, experiment: str, tag: str, value: str) -> list[Run]:
    """Return the runs that carry a tag, the latest first."""
    return list(client.search_runs([experiment], f"tags.`{tag}` = '{value}'", order_by=["attributes.start_time DESC"]))


def log_points(client: MlflowClient, run: str, points: list[Point]) -> None:
    """Log metrics, as many in a call as MLflow takes."""
    from mlflow.entities import Metric

    for first in range(0, len(points), MOST_METRICS):
        client.log_batch(run, metrics=[Metric(*point) for point in points[first : first + MOST_METRICS]])


def log_tags(client: MlflowClient, run: str, tags: Mapping[str, str]) -> None:
    """Set tags, all in one call."""
    from mlflow.entities import RunTag

    client.log_batch(run, tags=[RunTag(name, value) for name, value in tags.items()])


def log_params(client: MlflowClient, run: Run, values: Mapping[str, str]) -> None:
    """Log the parameters that are not there yet; MLflow lets none be changed."""
    from mlflow.entities import Param

    missing = [Param(name, value) for name, value in values.items() if name not in run.data.params]
    for first in range(0, len(missing), MOST_PARAMS):
        client.log_batch(run.info.run_id, params=missing[first : first + MOST_PARAMS])


def log_datasets(client: MlflowClient, run: str, datasets: Sequence[DatasetInput]) -> None:
    """Log the data sets of a run, which other runs may share with it."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import IntegrityError

    try:
        client.log_inputs(run, datasets)
    except (MlflowException, IntegrityError):
        # Two that log a new data set at once both find it missing, and the later one is refused: by now it is there.
        client.log_inputs(run, datasets)


def recipe_params(recipe: Recipe) -> dict[str, str]:
    """Return every parameter that shapes a model, as MLflow keeps them: texts under dotted names."""
    return dict(pair for name in Recipe.model_fields for pair in flatten(name, getattr(recipe, name)))


def flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield ('section.parameter', text) for every parameter of a section."""
    if isinstance(value, BaseModel):
        for field, inner in value:
            yield from flatten(f"{name}.{field}", inner)
    elif isinstance(value, str):
        yield name, value
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def run_name(recipe: Recipe, model_sha256: str = "") -> str:
    """Return a run's name: DVC's experiment, what the model is, and the first digits of its hash."""
    parts = [os.environ.get("DVC_EXP_NAME"), title(recipe), model_sha256[:8]]
    return " · ".join(part for part in parts if part)


def origin_tags() -> dict[str, str]:
    """Return the tags that tell which code a run came from, under our names and MLflow's own."""
    found = origin.tags()
    source = {"mlflow.source.name": f"dvc repro {found.get('dvc.stage', '')}".strip(), "mlflow.source.type": "PROJECT"}
    return found | source | ({"mlflow.source.git.commit": found["git.commit"]} if "git.commit" in found else {})
