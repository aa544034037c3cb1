"""Who is champion, who was before, and how a person changes that.

The alias `champion` says who is. The tag `champions` of the registered model says who was, in their order, so that the
one before can be brought back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from unroll.artifacts import store
from unroll.errors import IntegrityError, ParamsError
from unroll.registry import held
from unroll.registry.names import CHAMPION, by_alias, or_none, registered, version_of
from unroll.registry.tracking import asking, where

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

HISTORY = "champions"
"""The tag of a registered model that holds the versions that were champion: their numbers, the last one is or was."""


class Known(NamedTuple):
    """A version of a registered model, as a person chooses among them."""

    version: str
    aliases: list[str]
    main: str
    verdict: str


def crown(client: MlflowClient, version: ModelVersion) -> None:
    """Make a version champion, and remember who was."""
    number, before = str(version.version), by_alias(client, version.name, CHAMPION)
    history = _history(client, version.name)
    if before and history[-1:] != [str(before.version)]:  # somebody moved the alias by hand
        history.append(str(before.version))
    if history[-1:] != [number]:
        history.append(number)
    client.set_registered_model_alias(version.name, CHAMPION, number)
    client.set_registered_model_tag(version.name, HISTORY, " ".join(history))


def promote(name: str, number: str) -> str | None:
    """Make a version champion by hand; return the number of the one that was.

    Raises:
        ParamsError: there is no such model or version.
        IntegrityError: its folder is not what was registered.
        ResourceError: the store cannot be reached.
    """
    with asking() as client:
        version = _version(client, name, number)
        _check(version)
        before = by_alias(client, name, CHAMPION)
        crown(client, version)
        return str(before.version) if before else None


def rollback(name: str) -> tuple[str, str]:
    """Make the champion before this one champion again; return (the one that was, the one that is).

    Raises:
        ParamsError: there is no such model, or none was champion before.
        IntegrityError: its folder is not what was registered.
        ResourceError: the store cannot be reached.
    """
    with asking() as client:
        known = {one.version for one in _versions(client, name)}
        champion = by_alias(client, name, CHAMPION)
        history = [number for number in _history(client, name) if number in known]
        now = str(champion.version) if champion else ""
        while history and history[-1] == now:
            history.pop()
        if not history:
            raise ParamsError(f"{name}: no other version was champion before; unroll versions {name} shows them")
        version = _version(client, name, history[-1])
        _check(version)
        client.set_registered_model_alias(name, CHAMPION, history[-1])
        client.set_registered_model_tag(name, HISTORY, " ".join(history))
        return now, history[-1]


def versions(name: str) -> list[Known]:
    """Return the versions of a registered model, the latest first.

    Raises:
        ParamsError: there is no such model.
        ResourceError: the store cannot be reached.
    """
    with asking() as client:
        return _versions(client, name)


def known_versions(client: MlflowClient, name: str) -> list[tuple[ModelVersion, list[str]]]:
    """Return the versions of a registered model, the latest first, each with its aliases.

    Raises:
        ParamsError: there is no such model.
    """
    model = or_none(lambda: client.get_registered_model(name))
    if model is None:
        raise ParamsError(f"{name}: no such model in the {where()}; {registered(client)}")
    aliases: dict[str, list[str]] = {}
    for alias, number in model.aliases.items():
        aliases.setdefault(str(number), []).append(alias)
    found = client.search_model_versions(f"name = '{name}'", order_by=["version_number DESC"])
    return [(version, sorted(aliases.get(str(version.version), []))) for version in found]


def _versions(client: MlflowClient, name: str) -> list[Known]:
    return [_known(*found) for found in known_versions(client, name)]


def _known(version: ModelVersion, aliases: list[str]) -> Known:
    main = version.tags.get("main", "")
    score = f"{main} {version.tags.get(main, '')}".strip()
    return Known(str(version.version), aliases, score, version.tags.get("verdict", ""))


def _version(client: MlflowClient, name: str, number: str) -> ModelVersion:
    version = or_none(lambda: client.get_model_version(name, number))
    if version is None:
        known = ", ".join(one.version for one in _versions(client, name)) or "none"
        raise ParamsError(f"{name}: no version {number}; there are: {known}")
    return version


def _check(version: ModelVersion) -> None:
    """Refuse a version whose folder is not the one that was registered."""
    _, place = version_of(f"models:/{version.name}/{version.version}")
    for line in held.wrong(version, place):
        raise IntegrityError(line)
    store.verify(place, "model")


def _history(client: MlflowClient, name: str) -> list[str]:
    return str(client.get_registered_model(name).tags.get(HISTORY, "")).split()
