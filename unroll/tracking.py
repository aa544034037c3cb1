"""Runs and the registry: with `served.py` the only file that imports mlflow.

Files are the record; MLflow mirrors them. A trained model has one run, found by the tag `model.sha256`: `live` opens it
while the model learns, `record` completes it, or makes it anew, from the files that the stages wrote. `register` turns
the model into a version of the registry, and says whether it beats the champion.
"""

from __future__ import annotations

import csv
import hashlib
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
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import BaseModel

from unroll import artifacts, metrics, params
from unroll.errors import DataError, IntegrityError, ParamsError, ResourceError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

LIVE_TIMEOUT, TIMEOUT = 3, 30
"""Seconds that a call may wait for a tracking server: while a model learns, and otherwise."""
FLUSH_SECONDS = 2.0
BATCH = 1000
"""Metrics that MLflow takes in one call."""
SHOWN = ("bleu", "chrf", "bleu_greedy")
"""Scores that stand first: they keep their short names, others are grouped under the stage that measured them."""
SAMPLES = 8
CODE = ("unroll", "stages", "pipelines", "params.yaml", "dvc.yaml", "constraints.txt")
REQUIREMENTS = ("mlflow", "numpy", "pandas", "pydantic", "pyyaml", "safetensors", "sentencepiece", "torch")
CHAMPION, CHALLENGER = "champion", "challenger"


class Folders(Protocol):
    """The folders of one pipeline that a run mirrors: `stages.Folders` is one."""

    @property
    def pipeline(self) -> str:
        """The pipeline's name, which is the experiment's too."""

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
    """Return the folder that holds the store: this one, or the repository in which DVC runs an experiment aside."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def store() -> str:
    """Return the tracking URI: of MLFLOW_TRACKING_URI, or an SQLite file in the repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


def _client(timeout: int) -> MlflowClient:
    """Return a client of the store, quiet, sending no telemetry and loading no pickles."""
    os.environ |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
    }
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(timeout))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    mlflow.set_tracking_uri(store())
    return mlflow.MlflowClient()


@contextmanager
def _reaching() -> Iterator[MlflowClient]:
    """Yield a client; whatever the store refuses becomes one line."""
    client = _client(TIMEOUT)
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield client
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise ResourceError(f"{_where()}: {_first_line(error)}; start it, or point MLFLOW_TRACKING_URI elsewhere") from None


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
        served = store().startswith("http")  # a server keeps artifacts where it pleases
        return client.create_experiment(pipeline, None if served else (root() / "mlartifacts" / pipeline).as_uri())
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def _find(client: MlflowClient, experiment: str, tag: str, value: str) -> list[Run]:
    """Return the runs that carry a tag, the latest first."""
    return list(client.search_runs([experiment], f"tags.`{tag}` = '{value}'", order_by=["attributes.start_time DESC"]))


# While a model learns


class LiveRun:
    """The run of a model that is learning. If the store fails it says so once, and training goes on without it."""

    def __init__(self, pipeline: str, settings: params.Pipeline, fingerprint: str) -> None:
        self.settings = settings
        self.lost = False
        self._model: str | None = None
        self._points: list[tuple[str, float, int, int]] = []
        self._sent = time.monotonic()
        self._client: MlflowClient | None = None
        self._run = ""
        with self._forgiving():
            client = _client(LIVE_TIMEOUT)
            self._experiment = _experiment(client, pipeline)
            self._run = _open(client, self._experiment, settings, fingerprint)
            self._client = client

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Note metrics of an update; they are sent together, every few seconds. Values that are not finite are left out."""
        now = round(time.time() * 1000)
        self._points += [(name, float(value), now, step) for name, value in values.items() if math.isfinite(value)]
        if time.monotonic() - self._sent > FLUSH_SECONDS:
            self._flush()

    def adopt(self, model_sha256: str) -> None:
        """Say which model came out: the tag by which the run is found from then on."""
        self._model = model_sha256

    def close(self, status: str) -> None:
        """End the run. Where the same model has one already, that one stays and this one goes."""
        self._flush()
        with self._forgiving():
            if not self._client:
                return
            if self._model and _find(self._client, self._experiment, "model.sha256", self._model):
                self._client.delete_run(self._run)
                return
            if self._model:
                self._client.set_tag(self._run, "model.sha256", self._model)
                self._client.update_run(self._run, name=_run_name(self.settings, self._model))
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
def live(pipeline: str, settings: params.Pipeline, fingerprint: str) -> Iterator[LiveRun]:
    """Open the run of a model that is about to learn, or go on with the one that was cut off.

    Args:
        fingerprint: what training depends on; an unfinished run with the same one is continued.
    """
    run = LiveRun(pipeline, settings, fingerprint)
    try:
        yield run
    except BaseException as error:
        run.close("KILLED" if isinstance(error, (KeyboardInterrupt, SystemExit)) else "FAILED")
        raise
    run.close("FINISHED")


def _open(client: MlflowClient, experiment: str, settings: params.Pipeline, fingerprint: str) -> str:
    cut_off = [run for run in _find(client, experiment, "fingerprint", fingerprint) if run.info.status != "FINISHED"]
    if cut_off:
        client.update_run(cut_off[0].info.run_id, status="RUNNING")
        return cut_off[0].info.run_id
    tags = {"fingerprint": fingerprint} | _origin()
    run = client.create_run(experiment, tags=tags, run_name=_run_name(settings))
    _log_params(client, run, settings)
    return run.info.run_id


def _run_name(settings: params.Pipeline, model_sha256: str = "") -> str:
    parts = [f"{settings.model.cell} {settings.model.hidden}", settings.model.attention,
             f"{settings.tokenize.kind} {settings.tokenize.vocab_size}", model_sha256[:8]]
    experiment = os.environ.get("DVC_EXP_NAME")
    return " · ".join(part for part in [experiment, *parts] if part)


def _origin() -> dict[str, str]:
    """Return tags that say where the code stood: the commit, whether it was edited since, the stage, the experiment."""
    tags = {"mlflow.source.name": "dvc repro", "mlflow.source.type": "PROJECT"}
    names = {"DVC_STAGE": "dvc.stage", "DVC_EXP_NAME": "dvc.experiment"}
    tags |= {tag: os.environ[name] for name, tag in names.items() if os.environ.get(name)}
    with suppress(OSError, subprocess.CalledProcessError):
        commit = _git("rev-parse", "HEAD")
        present = [path for path in CODE if Path(path).exists()]
        dirty = bool(_git("status", "--porcelain", "--", *present))
        tags |= {"git.commit": commit, "git.dirty": str(dirty).lower(), "mlflow.source.git.commit": commit}
    return tags


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def _log_params(client: MlflowClient, run: Run, settings: params.Pipeline) -> None:
    """Log what made the model, where it is not there yet; how it is scored may change later, so that goes into tags."""
    from mlflow.entities import Param, RunTag

    sections = ("fetch", "prepare", "tokenize", "embed", "model", "train")
    flat = [pair for name in sections for pair in flatten(name, getattr(settings, name))]
    missing = [Param(name, value) for name, value in flat if name not in run.data.params]
    tags = [RunTag(name, value) for name, value in flatten("evaluate", settings.evaluate)]
    for first in range(0, len(missing), 100):
        client.log_batch(run.info.run_id, params=missing[first : first + 100])
    client.log_batch(run.info.run_id, tags=tags)


def flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield ('section.parameter', text) for every parameter of a section."""
    if isinstance(value, BaseModel):
        for field, inner in value:
            yield from flatten(f"{name}.{field}", inner)
    elif isinstance(value, (dict, tuple)):
        yield name, json.dumps(value, ensure_ascii=False)
    else:
        yield name, "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _log_points(client: MlflowClient, run: str, points: list[tuple[str, float, int, int]]) -> None:
    from mlflow.entities import Metric

    for first in range(0, len(points), BATCH):
        client.log_batch(run, metrics=[Metric(*point) for point in points[first : first + BATCH]])


# From files to a run


def hashes(evaluation: artifacts.Manifest) -> dict[str, str]:
    """Return the SHA-256 of every link between a corpus and its scores, from the manifest of an evaluation."""
    found = {"evaluation": artifacts.identity(evaluation)}
    names = {"raw": "corpus", "prepared": "prepared", "tokenized": "tokenizers", "embedded": "embeddings", "model": "model"}
    pending = list(evaluation["inputs"].values())
    while pending:
        manifest = pending.pop()
        pending += manifest["inputs"].values()
        if manifest["kind"] in names:
            found[names[manifest["kind"]]] = artifacts.identity(manifest)
    found["weights"] = evaluation["inputs"]["model"]["files"]["model.safetensors"]
    found["test"] = evaluation["inputs"]["prepared"]["files"]["test.tsv"]
    return dict(sorted(found.items()))


def verify(folders: Folders) -> dict[str, str]:
    """Return the hashes of a model and its evaluation after checking both folders.

    Raises:
        IntegrityError: a file was altered, or the evaluation is of another model.
    """
    model = artifacts.verify(folders.model, "model")
    evaluation = artifacts.verify(folders.evaluation, "evaluation")
    if evaluation["inputs"].get("model") != model:
        raise IntegrityError(f"{folders.evaluation}: scores another model than {folders.model}; "
                             f"make it anew with dvc repro evaluate@{folders.pipeline}")
    return hashes(evaluation)


def record(settings: params.Pipeline, folders: Folders) -> str:
    """Mirror the files of a trained and evaluated model into its run, and return the run's id.

    The run is made anew where it is missing, as after `dvc pull`; doing it twice changes nothing.

    Raises:
        IntegrityError: as `verify`.
        ResourceError: the store cannot be reached.
    """
    digests = verify(folders)
    trained = params.parse(json.loads((folders.model / "params.json").read_text(encoding="utf-8")), str(folders.model))
    curves, scores, texts = _curves(folders.reports / "curves.csv"), *_scores(folders.reports)
    with _reaching() as client:
        run = _run_of(client, _experiment(client, folders.pipeline), digests["model"], trained)
        _log_params(client, run, trained.model_copy(update={"evaluate": settings.evaluate}))
        _log_missing(client, run, curves, scores)
        _log_tags(client, run, texts | {f"{name}.sha256": digest for name, digest in digests.items()} | {
            "code.sha256": code_sha256(folders.pipeline),
            "mlflow.note.content": _description(settings, folders, scores, digests),
        })
        _log_files(client, run.info.run_id, folders, digests)
        if run.info.status != "FINISHED":
            client.set_terminated(run.info.run_id, "FINISHED")
        return run.info.run_id


def _run_of(client: MlflowClient, experiment: str, model_sha256: str, settings: params.Pipeline) -> Run:
    found = _find(client, experiment, "model.sha256", model_sha256)
    if found:
        return found[0]
    tags = {"model.sha256": model_sha256, "recreated": "from files"} | _origin()
    return client.create_run(experiment, tags=tags, run_name=_run_name(settings, model_sha256))


def _curves(path: Path) -> dict[str, dict[int, float]]:
    """Return {metric: {update: value}}; an empty cell is no point.

    Raises:
        DataError: a cell is no number.
    """
    curves: dict[str, dict[int, float]] = {}
    if not path.exists():
        return curves
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                update = int(row.pop("update"))
                points = {name: float(cell) for name, cell in row.items() if cell}
            except (KeyError, ValueError, TypeError) as error:
                raise DataError(f"{path}:{number}: not a row of numbers after `update` ({error}); dvc repro train") from None
            for name, value in points.items():
                if math.isfinite(value):
                    curves.setdefault(name, {})[update] = value
    return curves


def _scores(reports: Path) -> tuple[dict[str, float], dict[str, str]]:
    """Return the metrics of every stage's report, and the texts that stand among them."""
    scores: dict[str, float] = {}
    texts: dict[str, str] = {}
    for path in sorted(reports.glob("*.json")):
        if path.stem == "register":
            continue
        for name, value in json.loads(path.read_text(encoding="utf-8")).items():
            short = path.stem == "evaluate" and name in SHOWN
            if isinstance(value, str):
                texts[f"{path.stem}.{name}"] = value
            elif value is not None and math.isfinite(value):
                scores[name if short else f"{path.stem}/{name}"] = float(value)
    return scores, texts


def _log_missing(client: MlflowClient, run: Run, curves: dict[str, dict[int, float]], scores: dict[str, float]) -> None:
    now = round(time.time() * 1000)
    points = [(name, value, now, 0) for name, value in scores.items() if run.data.metrics.get(name) != value]
    for name, curve in curves.items():
        there = {point.step for point in client.get_metric_history(run.info.run_id, name)} if run.data.metrics else set()
        points += [(name, value, now, update) for update, value in curve.items() if update not in there]
    _log_points(client, run.info.run_id, points)


def _log_tags(client: MlflowClient, run: Run, tags: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    changed = [RunTag(name, value) for name, value in tags.items() if run.data.tags.get(name) != value]
    client.log_batch(run.info.run_id, tags=changed)


def _log_files(client: MlflowClient, run: str, folders: Folders, digests: Mapping[str, str]) -> None:
    for picture in sorted(folders.reports.glob("*.png")):
        client.log_artifact(run, str(picture), "pictures")
    # A model that is scored anew keeps its earlier scores: a version in the registry may stand on them.
    for path in sorted(path for path in folders.evaluation.iterdir() if path.is_file()):
        client.log_artifact(run, str(path), _evaluation_path(digests["evaluation"]))
    client.log_text(run, lineage(folders.model), "lineage.txt")
    client.log_text(run, artifacts.dump_json(dict(digests)), "lineage.json")


def _evaluation_path(sha256: str) -> str:
    return f"evaluation/{sha256[:12]}"


def code_sha256(pipeline: str) -> str:
    """Return a hash over the .py files that made a pipeline's artifacts, as dvc.lock lists them; else over those here."""
    lock = Path("dvc.lock")
    stages = (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages", {}) if lock.exists() else {}
    used: dict[str, Any] = {
        name: {dep["path"]: dep["md5"] for dep in stage.get("deps", []) if dep["path"].endswith(".py")}
        for name, stage in stages.items()
        if name.endswith(f"@{pipeline}") and not name.startswith("register@")
    }
    if not used:
        folders = (Path(name) for name in ("unroll", "stages", "pipelines"))
        used = {path.as_posix(): artifacts.sha256(path) for folder in folders for path in sorted(folder.glob("*.py"))}
    return hashlib.sha256(artifacts.dump_json(used).encode()).hexdigest()


def lineage(folder: Path) -> str:
    """Return the ancestry of a checkpoint folder as a tree, and below it what the model is.

    Raises:
        IntegrityError: a file is not the one that the manifest names.
    """
    manifest = artifacts.verify(folder, "model")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    settings = params.parse(json.loads((folder / "params.json").read_text(encoding="utf-8")), str(folder / "params.json"))
    sections = ("tokenize", "embed", "model", "train")
    lines = [f"{name:9} " + ", ".join(f"{key} {value}" for key, value in getattr(settings, name)) for name in sections]
    return f"{artifacts.tree(manifest)}\n\nbytes     {size:,}\nshape     {settings.shape}\n" + "\n".join(lines) + "\n"


# What a person reads in the UI


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of an evaluation's test.jsonl: source, references, hypothesis, …"""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def _cell(text: str) -> str:
    # Text of a corpus stays text: neither a table's border nor markup.
    return re.sub(r"([\\|`*_<>\[\]#~])", r"\\\1", " ".join(text.split()))[:200]


def _table(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])


def _main_scores(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: scores[name] for name in SHOWN if name in scores}


def _description(settings: params.Pipeline, folders: Folders, scores: Mapping[str, float], digests: Mapping[str, str]) -> str:
    """Return the run's page in Markdown: its scores, samples of what it says, and how to use it."""
    rows = _rows(folders.evaluation / "test.jsonl")
    chosen = rows[:: max(1, len(rows) // SAMPLES)][:SAMPLES]
    samples = [[_cell(row["source"]), _cell(row["hypothesis"]), _cell(row["references"][0])] for row in chosen]
    shown = _main_scores(scores)
    name = settings.register_.name
    return "\n\n".join([
        f"### {folders.pipeline}: {_run_name(settings)}",
        _table(list(shown), [[f"**{value:.2f}**" for value in shown.values()]]) if shown else "",
        f"On {len(rows):,} test sentences; beam {settings.evaluate.beam}, unless a score says greedy.",
        "#### Samples",
        _table(["source", "model", "reference"], samples),
        "#### Use",
        f"```\nunroll translate --model models:/{name}@{CHAMPION}\n"
        f"mlflow models serve -m models:/{name}@{CHAMPION} --env-manager local -h 127.0.0.1 -p 5001\n```",
        f"Model `{digests['model'][:12]}`, weights `{digests['weights'][:12]}`, corpus `{digests['corpus'][:12]}`: "
        "`lineage.txt` among the artifacts draws the whole ancestry.",
    ])


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


def register(settings: params.Pipeline, folders: Folders, run: str) -> Registration:
    """Register a recorded model as code that anyone may load without a pickle; return its version and its verdict.

    The same model with the same evaluation keeps its version. A new version becomes the challenger, and the champion
    where there is none or where it is significantly better on the same test set.

    Args:
        run: the run's id, from `record`.
    Raises:
        IntegrityError: as `verify`.
        ResourceError: the store cannot be reached.
    """
    digests, name = verify(folders), settings.register_.name
    scores = _main_scores(_scores(folders.reports)[0])
    with _reaching() as client:
        version = _version_of(client, name, digests)
        created = version is None
        if version is None:
            tags = {f"{key}.sha256": digest for key, digest in digests.items()} | {"code.sha256": code_sha256(folders.pipeline)}
            tags |= {key: f"{value:.2f}" for key, value in scores.items()}
            version = _create_version(client, settings, folders, run, tags)
        verdict = version.tags.get("verdict")
        if verdict is None:
            verdict = _judge(client, settings.register_, version, _rows(folders.evaluation / "test.jsonl"))
        aliases = sorted(client.get_model_version(name, version.version).aliases)
        return Registration(name, str(version.version), created, aliases, verdict, scores)


def _version_of(client: MlflowClient, name: str, digests: Mapping[str, str]) -> ModelVersion | None:
    """Return the version that holds this model with this evaluation, if there is one."""
    wanted = {f"{key}.sha256": digests[key] for key in ("model", "evaluation")}
    for version in client.search_model_versions(f"name = '{name}'"):
        if wanted.items() <= version.tags.items():
            return client.get_model_version(name, version.version)
    return None


def _create_version(client: MlflowClient, settings: params.Pipeline, folders: Folders, run: str,
                    tags: dict[str, str]) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    name = settings.register_.name
    ended = client.get_run(run).info.end_time
    uri, model_id = _log_model(settings, folders, run)
    client.set_terminated(run, "FINISHED", ended)  # the run lasted as long as training, whenever it is registered
    with suppress(MlflowException):  # it is there already
        client.create_registered_model(name, description=f"Versions of the pipeline `{folders.pipeline}`: the alias "
                                       f"`{CHAMPION}` is the best one so far, `{CHALLENGER}` the latest.")
    scores = ", ".join(f"{key} **{tags[key]}**" for key in SHOWN if key in tags)
    description = f"{_run_name(settings, tags['model.sha256'])}\n\n{scores}"
    return client.create_model_version(name, uri, run, tags, description=description, model_id=model_id)


def _log_model(settings: params.Pipeline, folders: Folders, run: str) -> tuple[str, str]:
    """Log the checkpoint with the code that reads it, and return (URI, id). Nothing in it is a pickle."""
    import mlflow
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    package = Path(__file__).parent
    answer = {"input": "long", "rank": "long", "text": "string", "score": "double", "truncated": "boolean"}
    example = _rows(folders.evaluation / "test.jsonl")[0]["source"]
    signature = ModelSignature(
        Schema([ColSpec("string", "text")]),
        Schema([ColSpec(kind, name) for name, kind in answer.items()]),
        ParamSchema([ParamSpec("beam", "long", settings.evaluate.beam), ParamSpec("n_best", "long", 1)]),
    )
    with mlflow.start_run(run_id=run):
        info = mlflow.pyfunc.log_model(
            name=settings.register_.name,
            python_model=str(package / "served.py"),
            artifacts={"model": str(folders.model)},
            code_paths=[str(package)],
            signature=signature,
            input_example=pd.DataFrame({"text": [example]}),
            pip_requirements=[f"{name}=={_installed(name)}" for name in REQUIREMENTS],
        )
    return info.model_uri, info.model_id


def _installed(package: str) -> str:
    """Return the version at work here, without a local mark like +cpu: constraints.txt holds it to one."""
    return importlib.metadata.version(package).split("+")[0]


def _judge(client: MlflowClient, settings: params.Register, version: ModelVersion, rows: list[dict[str, Any]]) -> str:
    """Compare a version with the champion, move the aliases, write the verdict into its tags, and return it."""
    champion = _champion(client, settings.name)
    if champion is None or champion.version == version.version:
        promoted, tags = True, {"verdict": "first"}
    elif champion.tags.get("test.sha256") != version.tags["test.sha256"]:
        promoted, tags = False, {"verdict": "test sets differ: not comparable"}
    else:
        promoted, tags = _compare(settings, _champion_rows(client, champion), rows, f"version {champion.version}")
    if champion and champion.version != version.version:
        tags["verdict.against"] = str(champion.version)
    for alias in [CHALLENGER, *[CHAMPION] * promoted]:
        client.set_registered_model_alias(version.name, alias, str(version.version))
    for tag in sorted(tags, reverse=True):  # `verdict` last: a version without one is judged again
        client.set_model_version_tag(version.name, str(version.version), tag, tags[tag])
    return tags["verdict"]


def _compare(settings: params.Register, before: list[dict[str, Any]], after: list[dict[str, Any]],
             champion: str) -> tuple[bool, dict[str, str]]:
    """Return (whether `after` is significantly better, the tags that say so), by a paired bootstrap (Koehn 2004)."""
    if [row["source"] for row in before] != [row["source"] for row in after]:
        return False, {"verdict": f"the hypotheses of {champion} are missing: not comparable"}
    found = metrics.paired_bootstrap(
        [row["references"] for row in after], [row["hypothesis"] for row in before], [row["hypothesis"] for row in after],
        settings.resamples, settings.seed)
    better = found.delta > 0 and found.p_value < settings.p_value
    verdict = (f"{'better' if better else 'not better'} than {champion}: {found.delta:+.2f} BLEU, "
               f"p = {found.p_value:.3f} over {settings.resamples} resamples")
    numbers = {"delta": f"{found.delta:.4f}", "p_value": f"{found.p_value:.4f}", "resamples": str(settings.resamples)}
    return better, {"verdict": verdict} | {f"verdict.{name}": value for name, value in numbers.items()}


def _champion(client: MlflowClient, name: str) -> ModelVersion | None:
    from mlflow.exceptions import MlflowException

    with suppress(MlflowException):
        return client.get_model_version_by_alias(name, CHAMPION)
    return None


def _champion_rows(client: MlflowClient, champion: ModelVersion) -> list[dict[str, Any]]:
    """Return the champion's own hypotheses from its run, or nothing where they are gone or altered."""
    from mlflow.exceptions import MlflowException

    sha256 = champion.tags["evaluation.sha256"]
    with tempfile.TemporaryDirectory() as aside, suppress(MlflowException, OSError, IntegrityError):
        folder = Path(client.download_artifacts(champion.run_id, _evaluation_path(sha256), aside))
        if artifacts.identity(artifacts.verify(folder, "evaluation")) == sha256:
            return _rows(folder / "test.jsonl")
    return []


def resolve(model: str) -> Path:
    """Return the checkpoint folder that a name stands for: a path, `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    A version in a local store is used where it lies; one on a server is fetched once.

    Raises:
        ParamsError: there is no such model.
        ResourceError: the store cannot be reached.
    """
    if not model.startswith("models:"):
        return Path(model)
    match = re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/(\d+))", model)
    if not match:
        raise ParamsError(f"{model}: not a model; write models:/NAME@{CHAMPION}, models:/NAME/VERSION or a folder")
    with _reaching() as client:
        version = _get_version(client, *match.groups())
        if version is None or "model.sha256" not in version.tags or not version.model_id:
            known = ", ".join(sorted(found.name for found in client.search_registered_models())) or "none yet"
            raise ParamsError(f"{model}: no such model in the {_where()}; registered: {known}")
        location = urlsplit(client.get_logged_model(version.model_id).artifact_location)
        if location.scheme in ("", "file"):
            return Path(unquote(location.path)) / "artifacts" / "model"
        return _fetch(version)


def _get_version(client: MlflowClient, name: str, alias: str | None, number: str | None) -> ModelVersion | None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode

    absent = {ErrorCode.Name(code) for code in (INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST)}
    try:
        return client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, str(number))
    except MlflowException as error:
        if error.error_code in absent:
            return None
        raise


def _fetch(version: ModelVersion) -> Path:
    """Return a version's checkpoint folder from the cache, filled from the server where it is not there yet."""
    import mlflow

    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "unroll"
    folder = home / version.tags["model.sha256"]
    if not folder.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as aside:
            uri = f"models:/{version.model_id}/artifacts/model"
            found = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=aside)
            with suppress(OSError):  # another process was first
                os.replace(found, folder)
    return folder


# The UI


def ui(port: int) -> None:
    """Serve the MLflow UI on this machine until interrupted, and print the links that open on the charts of the runs.

    Raises:
        ResourceError: the port is taken, or the server does not start.
    """
    if store().startswith("http"):
        _print_links(store().rstrip("/"))
        return
    address = f"http://127.0.0.1:{port}"
    if _taken(port):
        raise ResourceError(f"port {port} is taken: stop what listens there, or choose another: unroll ui --port {port + 1}")
    with _reaching() as client:
        client.search_experiments(max_results=1)  # lays the store out before the server does
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
               "--backend-store-uri", store(), "--artifacts-destination", (root() / "mlartifacts").as_uri()]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(command, env=environment, start_new_session=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(server, f"{address}/health")
        _print_links(address)
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


def _await(server: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(600):
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise ResourceError(f"the MLflow server did not start on {url.removesuffix('/health')}; try another port, or run it by hand: "
                        f"mlflow server --backend-store-uri {store()}")


def _print_links(address: str) -> None:
    with _reaching() as client:
        for experiment in reversed(client.search_experiments()):
            if experiment.name != "Default":
                link = f"{address}/#/experiments/{experiment.experiment_id}/runs"
                print(f"{experiment.name:12} {link}?workflowType=machine_learning&compareRunsMode=CHART")
        for model in client.search_registered_models():
            print(f"{'registered':12} {address}/#/models/{model.name}")
