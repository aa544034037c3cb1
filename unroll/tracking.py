"""Runs: the store they are kept in, and the run of a model that is learning.

With `registry.py` and `served.py` the only file that imports mlflow. Files are the record; MLflow mirrors them. A
trained model has one run, found by the tag `model.sha256`: `live` opens it while the model learns, and the registry's
`record` completes it.
"""

from __future__ import annotations

import json
import logging
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
from pydantic import BaseModel

from unroll import origin
from unroll.errors import ResourceError
from unroll.params import FIXED, Decoder, Pieces, Recipe, SequenceEncoder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

LIVE_TIMEOUT, TIMEOUT = 3, 30
"""Seconds that a call may wait for a tracking server: while a model learns, and otherwise."""
FLUSH_SECONDS, MOST_SECONDS, CLOSING_SECONDS = 2.0, 60.0, 60.0
"""Between two sendings of points; at most, while the store does not answer; for the last ones, when all is done."""
MOST_METRICS, MOST_PARAMS = 1000, 100
"""What MLflow takes in one call."""

Point = tuple[str, float, int, int]
"""A metric: name, value, milliseconds, update."""


def root() -> Path:
    """Return the folder that holds the store: this one, or the repository for which DVC runs an experiment aside."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def store() -> str:
    """Return the tracking URI: MLFLOW_TRACKING_URI, or else an SQLite file in the repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


def artifact_folder() -> Path | None:
    """Return where artifacts lie: beside an SQLite file; a server keeps them where it pleases."""
    path = Path(store().removeprefix("sqlite:///"))
    return path.resolve().parent / "mlartifacts" if store().startswith("sqlite:///") else None


def _prepare(timeout: int) -> None:
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


def _client() -> MlflowClient:
    import mlflow

    mlflow.set_tracking_uri(store())
    return mlflow.MlflowClient()


@contextmanager
def reaching() -> Iterator[MlflowClient]:
    """Yield a client; whatever the store refuses becomes one line."""
    _prepare(TIMEOUT)
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield _client()
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        mend = "check MLFLOW_TRACKING_URI and that the store is up"
        raise ResourceError(f"{where()}: {_first_line(error)}; {mend}") from None


def where() -> str:
    """Return the store's name for a message, without a password."""
    parts = urlsplit(store())
    return "tracking store " + (f"{parts.scheme}://{parts.hostname}:{parts.port}" if parts.hostname else store())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


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


# While a model learns


class LiveRun:
    """The run of a model that is learning. A thread mirrors it, so that a slow or dead store does not hold up training.

    Points wait until the store has them. After a call that failed, and where a run is continued, the store is asked how
    far it got: no point is lost, none is there twice. What still waits at the end is in the files, from which
    `registry.record` logs it.
    """

    def __init__(self, pipeline: str, recipe: Recipe, fingerprint: str) -> None:
        self.pipeline, self.recipe, self.fingerprint = pipeline, recipe, fingerprint
        self._client: MlflowClient | None = None
        self._experiment = self._run = self._model = ""
        self._waiting: list[Point] = []
        self._reached: dict[str, int] = {}
        self._unsure = self._told = False
        self._closing = threading.Event()
        self.thread = threading.Thread(target=self._mirror, name="mlflow", daemon=True)
        self.thread.start()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Note metrics of an update, to be sent together every few seconds; values that are not finite are left out."""
        now = round(time.time() * 1000)
        self._waiting += [(name, float(value), now, step) for name, value in metrics.items() if math.isfinite(value)]

    def adopt(self, model_sha256: str) -> None:
        """Say which model came out: the tag by which the run is found from then on."""
        self._model = model_sha256

    def close(self, status: str) -> None:
        """End the run. If the model has one already, that one stays, as versions stand on it, and this one goes."""
        self._status = status
        self._closing.set()
        self.thread.join(CLOSING_SECONDS)

    def _mirror(self) -> None:
        pause = FLUSH_SECONDS
        while True:
            pause = FLUSH_SECONDS if self._send() else min(2 * pause, MOST_SECONDS)
            if self._closing.wait(pause):
                break
        self._send()
        with self._forgiving():
            self._finish()

    def _send(self) -> bool:
        """Send what waits; return whether the store has all of it."""
        with self._forgiving():
            self._client = self._client or self._open()
            if self._unsure:
                self._reached, self._unsure = reached(self._client, self._run), False
            points = self._waiting[:]
            log_points(self._client, self._run, [p for p in points if p[3] > self._reached.get(p[0], -1)])
            del self._waiting[: len(points)]  # others may have been added behind them meanwhile
            return True
        self._unsure = True
        return False

    def _open(self) -> MlflowClient:
        """Open a run, or go on with the one that was cut off; end those whose process was killed."""
        _prepare(LIVE_TIMEOUT)
        client = _client()
        self._experiment = experiment_of(client, self.pipeline)
        _end_orphans(client, self._experiment)
        found = find(client, self._experiment, "fingerprint", self.fingerprint)
        cut_off = [run for run in found if run.info.status != "FINISHED"]
        process = {"process": f"{socket.gethostname()} {os.getpid()}"}
        if cut_off:
            self._run, self._unsure = cut_off[0].info.run_id, True
            client.update_run(self._run, status="RUNNING")
            log_tags(client, self._run, process)
        else:
            tags = {"fingerprint": self.fingerprint} | process | origin_tags()
            run = client.create_run(self._experiment, tags=tags, run_name=run_name(self.recipe))
            self._run = run.info.run_id
            log_params(client, run, recipe_params(self.recipe))
        return client

    def _finish(self) -> None:
        if not self._client:
            return
        if self._model and find(self._client, self._experiment, "model.sha256", self._model):
            self._client.delete_run(self._run)
            return
        if self._model:
            self._client.set_tag(self._run, "model.sha256", self._model)
            self._client.update_run(self._run, name=run_name(self.recipe, self._model))
        self._client.set_terminated(self._run, self._status)

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever a store can raise: none of it is worth a model
            if not self._told:
                print(f"unroll: {where()}: {_first_line(error)}; training goes on without it", file=sys.stderr)
            self._told = True


def reached(client: MlflowClient, run: str) -> dict[str, int]:
    """Return the last step of each metric that a run has."""
    names = client.get_run(run).data.metrics
    return {name: max(point.step for point in client.get_metric_history(run, name)) for name in names}


def _end_orphans(client: MlflowClient, experiment: str) -> None:
    """End the runs that say they are running, and whose process on this machine is gone."""
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        host, _, process = run.data.tags.get("process", "").partition(" ")
        if host == socket.gethostname() and not psutil.pid_exists(int(process)):
            client.set_terminated(run.info.run_id, "KILLED")


@contextmanager
def live(pipeline: str, recipe: Recipe, fingerprint: str) -> Iterator[LiveRun]:
    """Open the run of a model that is about to learn, or go on with the one that was cut off.

    Args:
        fingerprint: of all that training depends on; an unfinished run with the same one is continued.
    """
    run = LiveRun(pipeline, recipe, fingerprint)
    try:
        yield run
    except BaseException as error:
        run.close("KILLED" if isinstance(error, (KeyboardInterrupt, SystemExit)) else "FAILED")
        raise
    run.close("FINISHED")


def title(recipe: Recipe) -> str:
    """Return a short name for a model, of the parameters that tell models apart at a glance."""
    encoder, tokenize = recipe.model.encoder, recipe.tokenize
    name = encoder.cell if isinstance(encoder, SequenceEncoder) else encoder.activation
    read = f"{name} {encoder.hidden}" if encoder.layers else "linear"
    pieces = [side for side in (tokenize.source, tokenize.target) if isinstance(side, Pieces)]
    tokens = f"{pieces[0].kind} {pieces[0].vocab_size}" if pieces else tokenize.source.kind
    return f"{read} · {_head(recipe)} · {tokens}"


def _head(recipe: Recipe) -> str:
    head = recipe.model.head
    if not isinstance(head, Decoder):
        return "language model" if recipe.autoregressive else head.kind
    return f"decoder {head.cell} {head.hidden}" if head.attention in FIXED else head.attention


def run_name(recipe: Recipe, model_sha256: str = "") -> str:
    """Return a run's name: DVC's experiment, what the model is, and the first digits of its hash."""
    parts = [os.environ.get("DVC_EXP_NAME"), title(recipe), model_sha256[:8]]
    return " · ".join(part for part in parts if part)


def origin_tags() -> dict[str, str]:
    """Return the tags that tell which code a run came from, under our names and MLflow's own."""
    found = origin.tags()
    source = {"mlflow.source.name": f"dvc repro {found.get('dvc.stage', '')}".strip(), "mlflow.source.type": "PROJECT"}
    return found | source | ({"mlflow.source.git.commit": found["git.commit"]} if "git.commit" in found else {})
