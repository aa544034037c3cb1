"""The name of a model -> the folder where it lies."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from unroll.errors import IntegrityError, ParamsError
from unroll.params.explaining import suggest
from unroll.registry import held
from unroll.registry.tracking import asking, where

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

Found = TypeVar("Found")
CHAMPION = "champion"
"""The alias of the best version so far."""


def resolve(model: str) -> Path:
    """Return the checkpoint folder that a name stands for: a path, `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    A version in a local store is used where it lies; one on a server is fetched once. Beside the folder of a registered
    model lies `search.json`, the search that it was scored with.

    Raises:
        ParamsError: there is no such model.
        IntegrityError: its model or its search is not what the version was registered with, or is lost.
        ResourceError: the store cannot be reached.
    """
    if not model.startswith("models:"):
        return Path(model)
    version, folder = version_of(model)
    held.check(version, folder)
    return folder


def version_of(model: str) -> tuple[ModelVersion, Path]:
    """Return the version that a registered name stands for, and its checkpoint folder, which is not looked into.

    Raises:
        ParamsError: there is no such model.
        IntegrityError: the version does not say which model it is.
        ResourceError: the store cannot be reached.
    """
    match = re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/(\d+))", model)
    if not match:
        raise ParamsError(f"{model}: not a model; write models:/NAME@{CHAMPION}, models:/NAME/VERSION or a folder")
    name, alias, number = match.groups()
    with asking() as client:
        version = by_alias(client, name, alias) if alias else or_none(lambda: client.get_model_version(name, number))
        if version is None:
            raise ParamsError(f"{model}: no such model in the {where()}; {_known(client, name, alias)}")
        if held.MODEL not in version.tags:
            raise IntegrityError(
                f"{model}: version {version.version} has no record of its model; make register makes one that has, and "
                f"unroll promote makes it {CHAMPION}"
            )
        return version, _locate(client, version)


def registered(client: MlflowClient) -> str:
    """Say which models are registered."""
    names = sorted(model.name for model in client.search_registered_models())
    return f"registered: {', '.join(names) or 'none yet'}"


def _known(client: MlflowClient, name: str, alias: str | None) -> str:
    """Return by which aliases a model is known, or else which models are."""
    found = or_none(lambda: client.get_registered_model(name))
    if not found:
        return registered(client)
    if alias:
        return f"no version of {name} is called {alias}{suggest(alias, sorted(found.aliases))}; unroll versions {name}"
    return f"unroll versions {name} shows those of {name}"


def lost(client: MlflowClient, version: ModelVersion) -> bool:
    """Return whether the files of a version in a local store are gone."""
    place = _local(client, version)
    return place is not None and not place.is_dir()


def _locate(client: MlflowClient, version: ModelVersion) -> Path:
    """Return a version's checkpoint folder: where it lies, or in the cache, filled from the server if need be."""
    import mlflow

    if local := _local(client, version):
        return local
    model_id, uri = _place(client, version)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unroll"
    folder = home / model_id
    if not folder.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as aside:
            found = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=aside)
            os.replace(found, folder)
    return folder / "model"


def _local(client: MlflowClient, version: ModelVersion) -> Path | None:
    parts = urlsplit(_place(client, version)[1])
    return Path(unquote(parts.path)) / "model" if parts.scheme in ("", "file") else None


def _place(client: MlflowClient, version: ModelVersion) -> tuple[str, str]:
    """Return (the id of a version's logged model, where its artifacts are)."""
    model_id = str(version.source).removeprefix("models:/")
    return model_id, f"{client.get_logged_model(model_id).artifact_location}/artifacts"


def by_alias(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    """Return the version that carries an alias, or None."""
    return or_none(lambda: client.get_model_version_by_alias(name, alias))


def or_none(ask: Callable[[], Found]) -> Found | None:
    """Return an answer of the registry, or None where it knows no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
