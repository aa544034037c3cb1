"""A model -> a folder from which its server is built anywhere: Dockerfile, requirements with hashes, code, weights."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import unroll
from unroll.artifacts import signing, store
from unroll.artifacts.manifest import dump_json
from unroll.artifacts.signing import Signatures
from unroll.errors import ParamsError, ResourceError
from unroll.extras import needing
from unroll.params.evaluate import Search
from unroll.params.reading import dump

IMAGE = Path(__file__).parent / "image"
"""What is the same in every folder."""
CODE = ("artifacts", "data", "nn", "params", "predict", "serve")
"""The packages that a server takes; the modules beside them come too."""


def package(model: Path, search: Search, folder: Path, signatures: Signatures | None = None) -> None:
    """Write all that a server of a model takes, and nothing else.

    Args:
        model: a checkpoint folder.
        search: how it answers.
        folder: where all goes; there is none yet.
        signatures: of the model; they go along, with what checks them.
    Raises:
        IntegrityError: a file of the model is not the one that its manifest names.
        ParamsError: the folder is there, or the model has parts of its own, whose code is not the package's.
        ResourceError: what pins the requirements is not there.
    """
    if folder.exists():
        raise ParamsError(f"{folder}: is there already; name another, or move it away")
    store.verify(model, "model")
    if json.loads((model / "params.json").read_text(encoding="utf-8")).get("parts"):
        raise ParamsError(
            f"{model}: has parts of its own, whose code is not in the package; serve it where it was made"
        )
    extras = {"serve", "signing"} if signatures else {"serve"}
    with needing("signing", "a signed model"):
        requirements = "".join(pinned(Path(unroll.__file__).parents[1] / "constraints.txt", extras))
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(IMAGE, aside)
    shutil.copytree(model, aside / "model")
    if (model.parent / "lexicon").is_dir():
        shutil.copytree(model.parent / "lexicon", aside / "lexicon")
    signing.write(aside / "model", signatures or {})
    for source in _code(Path(unroll.__file__).parent):
        place = aside / "unroll" / source.relative_to(Path(unroll.__file__).parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    store.write_file(aside / "search.json", dump_json(dump(search)))
    store.write_file(aside / "requirements.txt", requirements)
    aside.rename(folder)


def _code(package: Path) -> Iterator[Path]:
    yield from package.glob("*.py")
    for name in CODE:
        yield from (package / name).rglob("*.py")


def pinned(constraints: Path, extras: AbstractSet[str] = frozenset({"serve"})) -> Iterator[str]:
    """Yield what a server needs as lines of a requirements file, each version with its hashes.

    Args:
        extras: of unroll, that it needs.
    Raises:
        ResourceError: the file that pins them is not there, or lacks one.
    """
    try:
        text = constraints.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ResourceError(
            f"{constraints} is not there, which pins what a server needs: unroll package works in a clone"
        ) from None
    blocks = {canonicalize_name(found[1]): found[0] for found in re.finditer(r"^([\w.-]+)==.*\n(?: .*\n)*", text, re.M)}
    for name in map(canonicalize_name, sorted(needed("unroll", extras))):
        if name not in blocks:
            raise ResourceError(f"{constraints}: lacks {name}; make lock")
        # The builds of torch without CUDA go by a version of their own.
        yield re.sub(r"^(torch==[\d.]+)", r"\1+cpu", blocks[name])


def needed(distribution: str, extras: AbstractSet[str]) -> set[str]:
    """Return the names of what a distribution with extras depends on, directly or not, on a machine like this."""
    found: set[tuple[str, frozenset[str]]] = set()
    left = [(distribution, frozenset(extras))]
    while left:
        name, wanted = left.pop()
        found.add((name, wanted))
        for asked in map(Requirement, importlib.metadata.requires(name) or ()):
            other = canonicalize_name(asked.name), frozenset(asked.extras)
            marker = asked.marker
            if other not in found and (not marker or any(marker.evaluate({"extra": one}) for one in wanted or {""})):
                left.append(other)
    return {name for name, _ in found} - {distribution}
