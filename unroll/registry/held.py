"""The registry held to its own word: a version's files are those that its tags name.

Whoever asks a version through unroll runs none of its code; the model and the search are checked each time. The code
that MLflow would run is checked by `unroll verify`, and before a version is promoted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.artifacts import origin, store
from unroll.artifacts.manifest import identity, sha256
from unroll.errors import IntegrityError
from unroll.params.evaluate import Search
from unroll.params.reading import dump

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

MODEL, SEARCH, CODE = "model.sha256", "search.sha256", "served.sha256"
"""Tags of a version; those of before lack the last two."""
AGAIN = "make register makes what is lost again"


def tags(search: Search) -> dict[str, str]:
    """Return what a version says of its search and of its code."""
    return {SEARCH: identity(dump(search)), CODE: origin.sources_sha256()}


def check(version: ModelVersion, folder: Path) -> None:
    """Refuse the folder of a model, and the search beside it, if they are not what the version was registered with.

    Raises:
        IntegrityError: they are not, or are lost.
    """
    for line in _of_answers(version, folder):
        raise IntegrityError(line)


def wrong(version: ModelVersion, folder: Path) -> Iterator[str]:
    """Yield what of a version's search and code, and which model, is not what was registered.

    Of a version on a server the code is not fetched, and so not looked at.
    """
    yield from _of_answers(version, folder)
    name, package = _name(version), folder.parents[1] / "code" / "unroll"
    if not package.is_dir():
        return
    if version.tags.get(CODE) not in (None, origin.sources_sha256(package)):
        yield f"{package}: is not the code that {name} was registered with"
    entry = folder.parents[1] / "served.py"
    if not entry.is_file() or sha256(entry) != sha256(package / "serve" / "served.py"):
        yield f"{entry}: is not the code that {name} was registered with"


def _of_answers(version: ModelVersion, folder: Path) -> Iterator[str]:
    name, search = _name(version), folder.parent / "search.json"
    if not folder.is_dir() or not search.is_file():
        yield f"{name}: its files are lost ({folder}); {AGAIN}"
        return
    if identity(store.read_manifest(folder)) != version.tags[MODEL]:
        yield f"{folder}: is not the model that {name} was registered with"
    if version.tags.get(SEARCH) not in (None, sha256(search)):
        yield f"{search}: is not the search that {name} was registered with"


def _name(version: ModelVersion) -> str:
    return f"version {version.version} of {version.name}"
