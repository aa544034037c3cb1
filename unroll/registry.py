"""The registry: from files to a run, from a run to a version, and whether it beats the champion.

`record` completes the run of a model, or makes it anew, from the files that the stages wrote. `register` turns the
model into a version; `resolve` finds it again by its name.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from unroll import artifacts, card, lineage, metrics, origin, processes
from unroll.errors import IntegrityError, ParamsError
from unroll.params import Recipe, Register, Search, dump
from unroll.tracking import (
    Point,
    artifact_folder,
    experiment_of,
    find,
    flatten,
    log_params,
    log_points,
    log_tags,
    origin_tags,
    reaching,
    recipe_params,
    root,
    run_name,
    title,
    where,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

CHAMPION, CHALLENGER = "champion", "challenger"
REGISTRY_PAGE = (
    f"The alias `{CHAMPION}` is the best version so far, `{CHALLENGER}` the latest. A version's tags hold the hashes "
    "of all it was made from, its scores, and the verdict on it."
)
PICTURES = ("pictures", "embed")
"""Folders of reports/<pipeline> whose pictures a run shows."""
UNITS = {
    "bleu": (1, 2, "BLEU"),
    "accuracy": (100, 2, "accuracy points"),
    "nats_per_letter": (1, 3, "nats per letter"),
    "perplexity": (1, 3, "nats per token"),
    "bits_per_letter": (1, 3, "nats per token"),
}
"""{main score: (what a difference of its rows is multiplied by, its decimals, what it is then)}"""
ROUNDS = 5
"""How often a version that was promoted looks whether another one was at the same time."""
TURN_SECONDS = 600.0
"""How long to wait until others have registered theirs."""
REQUESTS = {
    "beam": ("beam", "n_best"),
    "sample": ("n_best", "temperature", "top_k", "top_p", "max_tokens", "seed"),
    "rank": ("n_best",),
    "tag": (),
}
"""{kind of search: what a request to a registered model may set}"""
REQUIREMENTS = ("mlflow", "numpy", "pandas", "pydantic", "pyyaml", "safetensors", "sentencepiece", "torch")


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
        """Metrics and curves, and folders of pictures."""


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
    tags["code.sha256"] = origin.code_sha256(folders.pipeline)
    uri = f"models:/{register.name}@{CHAMPION}"
    tags["mlflow.note.content"] = card.page(title(recipe), search, uri, scores, card.rows(folders.evaluation))
    with reaching() as client:
        run = _run_of(client, experiment_of(client, folders.pipeline), digests["model"], recipe)
        log_params(client, run, card.facts(folders.reports) | recipe_params(recipe))
        _log_missing(client, run, scores, curves)
        log_tags(client, run.info.run_id, tags)
        _log_files(client, run.info.run_id, folders, digests)
        if run.info.status != "FINISHED":
            client.set_terminated(run.info.run_id, "FINISHED")
        return run.info.run_id


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


def _log_files(client: MlflowClient, run: str, folders: Folders, digests: Mapping[str, str]) -> None:
    for picture in [picture for name in PICTURES for picture in sorted((folders.reports / name).glob("*.png"))]:
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
    where there is none or where it is significantly better on the same test set. Of two that come at once the better
    one ends as champion: a local store takes one at a time, on a server each looks again after it was promoted.

    Args:
        search: how the model was scored, and answers unless a request says otherwise.
        run: the run's id, from `record`.
    Raises:
        IntegrityError: a file was altered, or the evaluation is of another model.
        ResourceError: the store cannot be reached.
    """
    digests = lineage.verify(folders.model, folders.evaluation)
    scores, rows = card.main_scores(card.scores(folders.reports)), card.rows(folders.evaluation)
    turn = processes.alone(root() / ".checkpoints" / "registry.lock", "the registry", TURN_SECONDS)
    with turn if artifact_folder() else nullcontext(), reaching() as client:
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
    tags |= {"code.sha256": origin.code_sha256(folders.pipeline), "pipeline": folders.pipeline}
    tags |= {key: card.shown(value) for key, value in scores.items()} | {"main": card.main_score(folders.reports)}
    description = f"{run_name(lineage.read_recipe(folders.model), digests['model'])}\n\n{card.headline(scores)}"
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

    settings, kinds = {"n_best": 1} | dump(search), {int: "long", float: "double"}
    asked = [ParamSpec(name, kinds[type(settings[name])], settings[name]) for name in REQUESTS[search.kind]]
    answer = {"input": "long", "rank": "long", "text": "string", "score": "double", "truncated": "boolean"}
    return ModelSignature(
        Schema([ColSpec("string", "text")]),
        Schema([ColSpec(kind, name) for name, kind in answer.items()]),
        ParamSchema(asked),
    )


def _installed(package: str) -> str:
    """Return the version at work here, as constraints.txt pins it, without a local mark like +cpu."""
    return importlib.metadata.version(package).split("+")[0]


def _judge(client: MlflowClient, params: Register, version: ModelVersion, rows: list[card.Row]) -> str:
    """Compare a version with the champion, move the aliases, write the verdict into its tags, and return it."""
    client.set_registered_model_alias(version.name, CHALLENGER, str(version.version))
    tags = _contend(client, params, version, rows)
    client.update_model_version(version.name, str(version.version), f"{version.description}\n\n{tags['verdict']}")
    for tag in sorted(tags, reverse=True):  # `verdict` comes last: a version without one is judged again
        client.set_model_version_tag(version.name, str(version.version), tag, tags[tag])
    return tags["verdict"]


def _contend(client: MlflowClient, params: Register, version: ModelVersion, rows: list[card.Row]) -> dict[str, str]:
    """Promote a version if it beats the champion, and whoever else was promoted meanwhile; return the verdict's tags.

    MLflow's aliases know no compare-and-set: the last to write wins, so whoever wrote before looks again.
    """
    tags: dict[str, str] = {}
    for _ in range(ROUNDS):
        champion = _alias(client, params.name, CHAMPION)
        if champion and champion.version == version.version and tags:
            break
        promoted, tags = _meet(client, params, version, champion, rows)
        if not promoted:
            break
        client.set_registered_model_alias(version.name, CHAMPION, str(version.version))
    return tags


def _meet(
    client: MlflowClient, params: Register, version: ModelVersion, champion: ModelVersion | None, rows: list[card.Row]
) -> tuple[bool, dict[str, str]]:
    """Return (whether a version is to be champion, the tags that say why)."""
    if champion is None or champion.version == version.version:
        return True, {"verdict": "first"}
    against = {"verdict.against": str(champion.version)}
    if champion.tags.get("test.sha256") != version.tags["test.sha256"]:
        return False, {"verdict": "test sets differ: not comparable"} | against
    if champion.tags.get("main") != version.tags["main"]:
        return False, {"verdict": "main scores differ: not comparable"} | against
    promoted, tags = _compare(params, _champion_rows(client, champion), rows, champion)
    return promoted, tags | against


def _compare(
    params: Register, before: list[card.Row], after: list[card.Row], champion: ModelVersion
) -> tuple[bool, dict[str, str]]:
    """Return (whether `after` is significantly better than the champion's `before`, the tags that say so)."""
    name, main = f"version {champion.version}", champion.tags["main"]
    if [row["source"] for row in before] != [row["source"] for row in after]:
        return False, {"verdict": f"the hypotheses of {name} are missing: not comparable"}
    if [row.get("weight") for row in before] != [row.get("weight") for row in after]:
        return False, {"verdict": f"{name} counts other tokens: not comparable"}
    found = _difference(params, before, after)
    factor, decimals, unit = UNITS.get(main, (1, 3, main))
    better, delta = found.delta > 0 and found.p_value < params.p_value, factor * found.delta
    verdict = f"{'better' if better else 'not better'} than {name}: {delta:+.{decimals}f} {unit}, "
    verdict += f"p = {found.p_value:.3f} over {params.resamples} resamples"
    numbers = {"delta": f"{delta:.4f}", "p_value": f"{found.p_value:.4f}", "resamples": str(params.resamples)}
    return better, {"verdict": verdict} | {f"verdict.{name}": value for name, value in numbers.items()}


def _difference(params: Register, before: list[card.Row], after: list[card.Row]) -> metrics.Verdict:
    """Return what a paired bootstrap says: of the rows' values, or of BLEU where they have none."""
    name = "value" if "value" in after[0] else "hypothesis"
    old, new = ([row[name] for row in rows] for rows in (before, after))
    if name == "value":
        return metrics.paired_means(old, new, [row["weight"] for row in after], params.resamples, params.seed)
    return metrics.paired_bootstrap([row["references"] for row in after], old, new, params.resamples, params.seed)


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
    with reaching() as client:
        version = _alias(client, name, alias) if alias else _or_none(lambda: client.get_model_version(name, number))
        if version is None or "model.sha256" not in version.tags:
            known = ", ".join(sorted(found.name for found in client.search_registered_models())) or "none yet"
            raise ParamsError(f"{model}: no such model in the {where()}; registered: {known}")
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
