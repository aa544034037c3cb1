"""Runs and the registry: with `served.py` the only file that imports mlflow.

Files are the record; MLflow mirrors them. A trained model has one run, found by the tag `model.sha256`: `live` opens it
while the model learns, `record` completes it, or makes it anew, from the files that the stages wrote. `register` turns
the model into a version of the registry and says whether it beats the champion.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from unroll import artifacts, card, lineage, metrics
from unroll.errors import IntegrityError, ParamsError, ResourceError
from unroll.params import Learning, Register, Search, dump

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

CHAMPION, CHALLENGER = "champion", "challenger"
LIVE_TIMEOUT, TIMEOUT = 3, 30
"""Seconds that a call may wait for a tracking server: while a model learns, and otherwise."""
FLUSH_SECONDS = 2.0
MOST_METRICS, MOST_PARAMS = 1000, 100
"""What MLflow takes in one call."""
REGISTRY_PAGE = (
    f"The alias `{CHAMPION}` is the best version so far, `{CHALLENGER}` the latest. A version's tags hold the hashes "
    "of all it was made from, its scores, and the verdict on it."
)
REQUIREMENTS = ("mlflow", "numpy", "pandas", "pydantic", "pyyaml", "safetensors", "sentencepiece", "torch")

Point = tuple[str, float, int, int]
"""A metric: name, value, milliseconds, update."""


class Folders(Protocol):
    """The folders of one pipeline that a run mirrors; `stages.Folders` is one."""

    @property
    def pipeline(self) -> str:
        """The pipeline's name, and the experiment's."""

    @property
    def model(self) -> Path:
        """The checkpoint folder."""

    @property
    def evaluation(self) -> Path:
        """Hypotheses beside their references."""

    @property
    def reports(self) -> Path:
        """Metrics, curves and pictures."""


# The store


def root() -> Path:
    """Return the folder that holds the store: this one, or the repository for which DVC runs an experiment aside."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def store() -> str:
    """Return the tracking URI: MLFLOW_TRACKING_URI, or else an SQLite file in the repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


def _artifacts() -> Path | None:
    """Return where artifacts lie: beside an SQLite file; a server keeps them where it pleases."""
    return Path(store().removeprefix("sqlite:///")).parent / "mlartifacts" if store().startswith("sqlite:///") else None


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
def _reaching() -> Iterator[MlflowClient]:
    """Yield a client; whatever the store refuses becomes one line."""
    _prepare(TIMEOUT)
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield _client()
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        mend = "check MLFLOW_TRACKING_URI and that the store is up"
        raise ResourceError(f"{_where()}: {_first_line(error)}; {mend}") from None


def _where() -> str:
    """Return the store's name for a message, without a password."""
    parts = urlsplit(store())
    return "tracking store " + (f"{parts.scheme}://{parts.hostname}:{parts.port}" if parts.hostname else store())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _experiment(client: MlflowClient, pipeline: str) -> str:
    """Return the id of a pipeline's experiment, made or taken out of the bin where need be."""
    found = client.get_experiment_by_name(pipeline)
    if found is None:
        place = _artifacts()
        return client.create_experiment(pipeline, (place / pipeline).as_uri() if place else None)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def _find(client: MlflowClient, experiment: str, tag: str, value: str) -> list[Run]:
    """Return the runs that carry a tag, the latest first."""
    return list(client.search_runs([experiment], f"tags.`{tag}` = '{value}'", order_by=["attributes.start_time DESC"]))


def _log_points(client: MlflowClient, run: str, points: list[Point]) -> None:
    from mlflow.entities import Metric

    for first in range(0, len(points), MOST_METRICS):
        client.log_batch(run, metrics=[Metric(*point) for point in points[first : first + MOST_METRICS]])


def _log_tags(client: MlflowClient, run: str, tags: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run, tags=[RunTag(name, value) for name, value in tags.items()])


def _log_params(client: MlflowClient, run: Run, values: Mapping[str, str]) -> None:
    """Log the parameters that are not there yet; MLflow lets none be changed."""
    from mlflow.entities import Param

    missing = [Param(name, value) for name, value in values.items() if name not in run.data.params]
    for first in range(0, len(missing), MOST_PARAMS):
        client.log_batch(run.info.run_id, params=missing[first : first + MOST_PARAMS])


def _params(recipe: Learning) -> dict[str, str]:
    return dict(pair for name in Learning.model_fields for pair in flatten(name, getattr(recipe, name)))


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
    """The run of a model that is learning. If the store fails it says so once, and training goes on without it."""

    def __init__(self, pipeline: str, recipe: Learning, fingerprint: str) -> None:
        self.recipe, self.lost = recipe, False
        self._client: MlflowClient | None = None
        self._experiment = self._run = self._model = ""
        self._points: list[Point] = []
        self._sent = time.monotonic()
        with self._forgiving():
            _prepare(LIVE_TIMEOUT)
            client = _client()
            self._experiment = _experiment(client, pipeline)
            self._run = _open(client, self._experiment, recipe, fingerprint)
            self._client = client

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Note metrics of an update, to be sent together every few seconds; values that are not finite are left out."""
        now = round(time.time() * 1000)
        self._points += [(name, float(value), now, step) for name, value in metrics.items() if math.isfinite(value)]
        if time.monotonic() - self._sent > FLUSH_SECONDS:
            self._flush()

    def adopt(self, model_sha256: str) -> None:
        """Say which model came out: the tag by which the run is found from then on."""
        self._model = model_sha256

    def close(self, status: str) -> None:
        """End the run. If the model has one already, that one stays, as versions stand on it, and this one goes."""
        self._flush()
        with self._forgiving():
            if not self._client:
                return
            if self._model and _find(self._client, self._experiment, "model.sha256", self._model):
                self._client.delete_run(self._run)
                return
            if self._model:
                self._client.set_tag(self._run, "model.sha256", self._model)
                self._client.update_run(self._run, name=_run_name(self.recipe, self._model))
            self._client.set_terminated(self._run, status)

    def _flush(self) -> None:
        points, self._points = self._points, []
        if self._client and not self.lost:
            with self._forgiving():
                _log_points(self._client, self._run, points)
        self._sent = time.monotonic()

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever a store can raise: none of it is worth a model
            if not self.lost:
                print(f"unroll: {_where()}: {_first_line(error)}; training goes on without it", file=sys.stderr)
            self.lost = True


@contextmanager
def live(pipeline: str, recipe: Learning, fingerprint: str) -> Iterator[LiveRun]:
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


def _open(client: MlflowClient, experiment: str, recipe: Learning, fingerprint: str) -> str:
    cut_off = [run for run in _find(client, experiment, "fingerprint", fingerprint) if run.info.status != "FINISHED"]
    if cut_off:
        client.update_run(cut_off[0].info.run_id, status="RUNNING")
        return cut_off[0].info.run_id
    run = client.create_run(experiment, tags={"fingerprint": fingerprint} | _origin(), run_name=_run_name(recipe))
    _log_params(client, run, _params(recipe))
    return run.info.run_id


def _run_name(recipe: Learning, model_sha256: str = "") -> str:
    parts = [os.environ.get("DVC_EXP_NAME"), card.title(recipe), model_sha256[:8]]
    return " · ".join(part for part in parts if part)


def _origin() -> dict[str, str]:
    found = lineage.origin()
    source = {"mlflow.source.name": f"dvc repro {found.get('dvc.stage', '')}".strip(), "mlflow.source.type": "PROJECT"}
    return found | source | ({"mlflow.source.git.commit": found["git.commit"]} if "git.commit" in found else {})


# From files to a run


def record(search: Search, register: Register, folders: Folders) -> str:
    """Mirror the files of a trained and evaluated model into its run, and return the run's id.

    The run is made anew where it is missing, as after `dvc pull`; doing it twice changes nothing.

    Raises:
        IntegrityError: a file was altered, or the evaluation is of another model.
        ResourceError: the store cannot be reached.
    """
    digests = lineage.verify(folders.model, folders.evaluation)
    recipe = lineage.read_recipe(folders.model)
    scores, curves = card.scores(folders.reports), card.curves(folders.reports / "curves.csv")
    tags = card.remarks(folders.reports) | dict(flatten("search", search))
    tags |= {f"{name}.sha256": digest for name, digest in digests.items()}
    tags["code.sha256"] = lineage.code_sha256(folders.pipeline)
    uri = f"models:/{register.name}@{CHAMPION}"
    tags["mlflow.note.content"] = card.page(recipe, search.beam, uri, scores, card.rows(folders.evaluation))
    with _reaching() as client:
        run = _run_of(client, _experiment(client, folders.pipeline), digests["model"], recipe)
        _log_params(client, run, card.facts(folders.reports) | _params(recipe))
        _log_missing(client, run, scores, curves)
        _log_tags(client, run.info.run_id, tags)
        _log_files(client, run.info.run_id, folders, digests)
        if run.info.status != "FINISHED":
            client.set_terminated(run.info.run_id, "FINISHED")
        return run.info.run_id


def _run_of(client: MlflowClient, experiment: str, model_sha256: str, recipe: Learning) -> Run:
    found = _find(client, experiment, "model.sha256", model_sha256)
    if found:
        return found[0]
    tags = {"model.sha256": model_sha256, "recreated": "from files"} | _origin()
    return client.create_run(experiment, tags=tags, run_name=_run_name(recipe, model_sha256))


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
    _log_points(client, run.info.run_id, points)


def _log_files(client: MlflowClient, run: str, folders: Folders, digests: Mapping[str, str]) -> None:
    for picture in sorted(folders.reports.glob("*.png")):
        client.log_artifact(run, str(picture), "pictures")
    for path in sorted(path for path in folders.evaluation.iterdir() if path.is_file()):
        client.log_artifact(run, str(path), _evaluation_path(digests["evaluation"]))
    client.log_text(run, lineage.describe(folders.model), "lineage.txt")
    client.log_text(run, artifacts.dump_json(dict(digests)), "lineage.json")


def _evaluation_path(sha256: str) -> str:
    # A model that is scored anew keeps its earlier hypotheses: a version of the registry may stand on them.
    return f"evaluation/{sha256[:12]}"


# The registry


@dataclass(frozen=True)
class Registration:
    """A version of the registry.

    Attributes:
        created: it is new; otherwise the same model with the same evaluation was there before.
        verdict: how it stood against the champion it met.
        scores: its main scores.
    """

    name: str
    version: str
    created: bool
    aliases: list[str]
    verdict: str
    scores: dict[str, float]


def register(search: Search, params: Register, folders: Folders, run: str) -> Registration:
    """Register a recorded model as code that loads without a pickle; return its version and the verdict on it.

    The same model with the same evaluation keeps its version. A new version becomes the challenger, and the champion
    where there is none or where it is significantly better on the same test set.

    Args:
        search: how the model was scored, and answers unless a request says otherwise.
        run: the run's id, from `record`.
    Raises:
        IntegrityError: a file was altered, or the evaluation is of another model.
        ResourceError: the store cannot be reached.
    """
    digests = lineage.verify(folders.model, folders.evaluation)
    scores, rows = card.main_scores(card.scores(folders.reports)), card.rows(folders.evaluation)
    with _reaching() as client:
        before = _version_of(client, params.name, digests)
        version = before or _create_version(
            client, _log_model(client, search, params.name, folders, run), params.name, folders, digests, scores
        )
        verdict = version.tags.get("verdict") or _judge(client, params, version, rows)
        aliases = sorted(client.get_model_version(version.name, str(version.version)).aliases)
        return Registration(version.name, str(version.version), before is None, aliases, verdict, scores)


def _version_of(client: MlflowClient, name: str, digests: Mapping[str, str]) -> ModelVersion | None:
    """Return the version that holds this model with this evaluation, if there is one."""
    wanted = {f"{key}.sha256": digests[key] for key in ("model", "evaluation")}
    found = client.search_model_versions(f"name = '{name}'", order_by=["version_number DESC"])
    return next((version for version in found if wanted.items() <= version.tags.items()), None)


def _create_version(
    client: MlflowClient,
    model: LoggedModel,
    name: str,
    folders: Folders,
    digests: Mapping[str, str],
    scores: Mapping[str, float],
) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    with suppress(MlflowException):  # it is there already
        client.create_registered_model(name, description=REGISTRY_PAGE)
    tags = {f"{key}.sha256": digest for key, digest in digests.items()}
    tags |= {"code.sha256": lineage.code_sha256(folders.pipeline), "pipeline": folders.pipeline}
    tags |= {key: f"{value:.2f}" for key, value in scores.items()}
    description = f"{_run_name(lineage.read_recipe(folders.model), digests['model'])}\n\n{card.headline(scores)}"
    return client.create_model_version(
        name, model.model_uri, model.source_run_id, tags, description=description, model_id=model.model_id
    )


def _log_model(client: MlflowClient, search: Search, name: str, folders: Folders, run: str) -> LoggedModel:
    """Log the checkpoint folder, with the code that reads it, under its run."""
    import mlflow
    import pandas as pd

    package, ended = Path(__file__).parent, client.get_run(run).info.end_time
    with tempfile.TemporaryDirectory() as aside, mlflow.start_run(run_id=run):
        settings = Path(aside) / "search.json"
        artifacts.write_file(settings, artifacts.dump_json(dump(search)))
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(package / "served.py"),
            artifacts={"model": str(folders.model), "search": str(settings)},
            code_paths=[str(package)],
            signature=_signature(search),
            input_example=pd.DataFrame({"text": [card.rows(folders.evaluation)[0]["source"]]}),
            pip_requirements=[f"{name}=={_installed(name)}" for name in REQUIREMENTS],
        )
    client.set_terminated(run, "FINISHED", ended)  # the run lasted as long as training did
    return client.get_logged_model(info.model_id)


def _signature(search: Search) -> ModelSignature:
    """Return what the registered model takes and gives: see `served`."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    answer = {"input": "long", "rank": "long", "text": "string", "score": "double", "truncated": "boolean"}
    return ModelSignature(
        Schema([ColSpec("string", "text")]),
        Schema([ColSpec(kind, name) for name, kind in answer.items()]),
        ParamSchema([ParamSpec("beam", "long", search.beam), ParamSpec("n_best", "long", 1)]),
    )


def _installed(package: str) -> str:
    """Return the version at work here, as constraints.txt pins it, without a local mark like +cpu."""
    return importlib.metadata.version(package).split("+")[0]


def _judge(client: MlflowClient, params: Register, version: ModelVersion, rows: list[card.Row]) -> str:
    """Compare a version with the champion, move the aliases, write the verdict into its tags, and return it."""
    champion = _alias(client, params.name, CHAMPION)
    if champion is None or champion.version == version.version:
        promoted, tags = True, {"verdict": "first"}
    elif champion.tags.get("test.sha256") != version.tags["test.sha256"]:
        promoted, tags = False, {"verdict": "test sets differ: not comparable"}
    else:
        promoted, tags = _compare(params, _champion_rows(client, champion), rows, f"version {champion.version}")
    if champion and champion.version != version.version:
        tags["verdict.against"] = str(champion.version)
    for alias in [CHALLENGER, *[CHAMPION] * promoted]:
        client.set_registered_model_alias(version.name, alias, str(version.version))
    client.update_model_version(version.name, str(version.version), f"{version.description}\n\n{tags['verdict']}")
    for tag in sorted(tags, reverse=True):  # `verdict` comes last: a version without one is judged again
        client.set_model_version_tag(version.name, str(version.version), tag, tags[tag])
    return tags["verdict"]


def _compare(
    params: Register, before: list[card.Row], after: list[card.Row], champion: str
) -> tuple[bool, dict[str, str]]:
    """Return (whether `after` is significantly better, the tags that say so), by a paired bootstrap (Koehn 2004)."""
    if [row["source"] for row in before] != [row["source"] for row in after]:
        return False, {"verdict": f"the hypotheses of {champion} are missing: not comparable"}
    references = [row["references"] for row in after]
    said_before, said_after = ([row["hypothesis"] for row in rows] for rows in (before, after))
    found = metrics.paired_bootstrap(references, said_before, said_after, params.resamples, params.seed)
    better = found.delta > 0 and found.p_value < params.p_value
    verdict = f"{'better' if better else 'not better'} than {champion}: {found.delta:+.2f} BLEU, "
    verdict += f"p = {found.p_value:.3f} over {params.resamples} resamples"
    numbers = {"delta": f"{found.delta:.4f}", "p_value": f"{found.p_value:.4f}", "resamples": str(params.resamples)}
    return better, {"verdict": verdict} | {f"verdict.{name}": value for name, value in numbers.items()}


def _champion_rows(client: MlflowClient, champion: ModelVersion) -> list[card.Row]:
    """Return the hypotheses that the champion was registered with, or nothing where they are gone or altered."""
    from mlflow.exceptions import MlflowException

    sha256 = champion.tags["evaluation.sha256"]
    with tempfile.TemporaryDirectory() as aside, suppress(MlflowException, OSError, IntegrityError):
        folder = Path(client.download_artifacts(str(champion.run_id), _evaluation_path(sha256), aside))
        if artifacts.identity(artifacts.verify(folder, "evaluation")) == sha256:
            return card.rows(folder)
    return []


def _alias(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    return _or_none(lambda: client.get_model_version_by_alias(name, alias))


def _or_none(ask: Callable[[], ModelVersion]) -> ModelVersion | None:
    """Return an answer of the registry, or None where it knows no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def resolve(model: str) -> Path:
    """Return the checkpoint folder that a name stands for: a path, `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    A version in a local store is used where it lies; one on a server is fetched once. Beside the folder of a registered
    model lies `search.json`, the search that it was scored with.

    Raises:
        ParamsError: there is no such model.
        ResourceError: the store cannot be reached.
    """
    if not model.startswith("models:"):
        return Path(model)
    match = re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/(\d+))", model)
    if not match:
        raise ParamsError(f"{model}: not a model; write models:/NAME@{CHAMPION}, models:/NAME/VERSION or a folder")
    name, alias, number = match.groups()
    with _reaching() as client:
        version = _alias(client, name, alias) if alias else _or_none(lambda: client.get_model_version(name, number))
        if version is None or "model.sha256" not in version.tags:
            known = ", ".join(sorted(found.name for found in client.search_registered_models())) or "none yet"
            raise ParamsError(f"{model}: no such model in the {_where()}; registered: {known}")
        return _locate(client, version)


def _locate(client: MlflowClient, version: ModelVersion) -> Path:
    """Return a version's checkpoint folder: where it lies, or in the cache, filled from the server if need be."""
    import mlflow

    model_id = str(version.source).removeprefix("models:/")
    uri = f"{client.get_logged_model(model_id).artifact_location}/artifacts"
    if urlsplit(uri).scheme in ("", "file"):
        return Path(unquote(urlsplit(uri).path)) / "model"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unroll"
    folder = home / model_id
    if not folder.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as aside:
            found = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=aside)
            os.replace(found, folder)
    return folder / "model"


# The UI


def ui(port: int) -> None:
    """Serve MLflow's pages on this machine until interrupted, and print the links that open on the charts of the runs.

    Raises:
        ResourceError: the port is taken, or the server does not start.
    """
    if store().startswith("http"):
        _print_links(store().rstrip("/"))
        return
    if _taken(port):
        raise ResourceError(f"port {port} is taken: stop what listens there, or choose another, such as {port + 1}")
    with _reaching() as client:
        client.search_experiments(max_results=1)  # lays the store out before the server looks for it
    settings = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        "MLFLOW_ENABLE_ASSISTANT_SANDBOX": "true",  # its assistant runs no commands on this machine
        "MLFLOW_BACKEND_STORE_URI": store(),
        "MLFLOW_ARTIFACTS_DESTINATION": (_artifacts() or root() / "mlartifacts").as_uri(),
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(command, env=os.environ | settings, stdout=said, stderr=said, start_new_session=True)
        try:
            _await(server, port)
            _print_links(f"http://127.0.0.1:{port}")
            print("Ctrl-C ends it.", flush=True)
            server.wait()
        except KeyboardInterrupt:
            print()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise ResourceError(
        f"MLflow did not start on port {port}; to see why: mlflow server --backend-store-uri {_where()}"
    )


def _print_links(address: str) -> None:
    with _reaching() as client:
        for experiment in client.search_experiments(order_by=["creation_time ASC"]):
            if experiment.name != "Default":
                link = f"{address}/#/experiments/{experiment.experiment_id}/runs"
                print(f"{experiment.name:12} {link}?workflowType=machine_learning&compareRunsMode=CHART")
        print(f"{'registry':12} {address}/#/models")
