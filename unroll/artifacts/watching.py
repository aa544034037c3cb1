"""What a stage stands on, held against what it stood on when it began: what ran is what is written.

DVC hashes a stage's parameters, code and inputs once it has ended. What was edited meanwhile would be recorded as if it
had run; so each stage looks for itself, before it puts anything in place.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from unroll import plain
from unroll.artifacts import lineage
from unroll.artifacts.manifest import sha256
from unroll.errors import IntegrityError, ParamsError, UnrollError
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline
from unroll.params.reading import dump, read_yaml

ABSENT = "nothing"
LATER = ("unroll/serve/served.py",)
"""Code that no stage runs itself."""


class Ground:
    """What dvc.yaml says that a stage stands on, as it is now; nothing where there is no such file.

    Args:
        root: the project's folder.
        stage: its name in dvc.yaml.
        pipeline: the one it runs for.
    """

    def __init__(self, root: Path, stage: str, pipeline: str) -> None:
        self._root, self._stage, self._pipeline = root, stage, pipeline
        declared = _declared(root, stage, pipeline)
        self._deps: list[str] = declared.get("deps", [])
        self._params = [
            (file, name)
            for entry in declared.get("params", [])
            for file, names in (entry if isinstance(entry, dict) else {"params.yaml": [entry]}).items()
            for name in names
            if file.endswith(".yaml")
        ]
        self.outs = [next(iter(out)) if isinstance(out, dict) else out for out in declared.get("outs", [])]
        self._before = dict(self._now())

    def bring_code(self) -> None:
        """Import all code that the stage stands on, so that none is read later than it was hashed.

        Raises:
            IntegrityError: as `check`.
        """
        code = [path for path in self._deps if path.endswith(".py") and (self._root / path).is_file()]
        for path in code:
            if path not in LATER:
                importlib.import_module(path.removesuffix(".py").replace("/", "."))
        self._compare((path, _digest(self._root / path)) for path in code)

    def check(self, kind: str = "") -> None:
        """Do nothing if all is as it was.

        Args:
            kind: of a folder that is about to be put in place; a snapshot is nobody's output.
        Raises:
            IntegrityError: a parameter, code or an input is not what it was.
        """
        if kind != "snapshot":
            self._compare(self._now())

    def _compare(self, now: Iterable[tuple[str, str]]) -> None:
        for name, value in now:
            if value != (before := self._before[name]):
                told = " from {} to {}".format(*_apart(before, value)) if ": " in name else ""
                raise IntegrityError(
                    f"{name} changed{told} while {self._stage}@{self._pipeline} ran: what it made is of neither, and "
                    "is not put in place; run it again, or set it back first: a training then goes on from its snapshot"
                )

    def _now(self) -> Iterator[tuple[str, str]]:
        for path in self._deps:
            yield path, _digest(self._root / path)
        values: dict[str, Any] = {}
        for file, name in self._params:
            if file not in values:
                values[file] = _yaml(self._root / file)
            yield f"{file}: {name}", json.dumps(_part(values[file], name), sort_keys=True, default=str)


def _apart(before: str, after: str) -> tuple[str, str]:
    """Return two texts about the place at which they differ first."""
    pairs = enumerate(zip(before, after, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), min(len(before), len(after)))
    about = slice(max(place - 60, 0), place + 60)
    return before[about], after[about]


def missing(root: Path, ground: Ground) -> str:
    """Return how to get back what DVC removed before a stage refused its parameters; nothing where nothing is gone."""
    lock = root / "dvc.lock"
    known = lock.read_text(encoding="utf-8") if lock.exists() and "DVC_STAGE" in os.environ else ""
    gone = [out for out in ground.outs if f"path: {out}\n" in known and not (root / out).exists()]
    return f"; DVC has removed {', '.join(gone)}: set it back, and bring them again with: dvc checkout" if gone else ""


def other_recipe(pipeline: Pipeline, folders: Folders) -> str:
    """Return in what a model is of another recipe than its pipeline's file, in a line; nothing where it is of that."""
    try:
        made, written = dump(lineage.read_recipe(folders.model)), dump(pipeline.recipe)
    except (UnrollError, OSError):  # whoever reads the model says so
        return ""
    pairs = ((name, _part(made, name), _part(written, name)) for name in sorted({*_names(made), *_names(written)}))
    found = [f"{name}: {json.dumps(ours)}, not {json.dumps(theirs)}" for name, ours, theirs in pairs if ours != theirs]
    file, stage = f"pipelines/{folders.pipeline}.yaml", f"train@{folders.pipeline}"
    return f"{folders.model} was made with {'; '.join(found)[:500]} as in {file}: dvc repro {stage}" if found else ""


def _declared(root: Path, stage: str, pipeline: str) -> dict[str, Any]:
    declared = _part(_yaml(root / "dvc.yaml"), f"stages.{stage}.do") or {}
    item = _part(_yaml(root / "params.yaml"), f"pipelines.{pipeline}")
    text = json.dumps(declared).replace("${key}", pipeline)
    for name, path in (item if isinstance(item, dict) else {}).items():
        text = text.replace(f"${{item.{name}}}", str(path))
    found: dict[str, Any] = json.loads(text)
    return found


def _yaml(path: Path) -> Any:
    try:
        return read_yaml(path)
    except ParamsError:  # whoever reads it says what is wrong with it
        return None


def _part(values: Any, name: str) -> Any:
    for key in name.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _names(values: dict[str, Any], before: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _names(value, f"{before}{key}.")
        else:
            yield f"{before}{key}"


def _digest(path: Path) -> str:
    """Return a hash of a file, or of all files in a folder."""
    if path.is_file():
        return _hashed(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    if not files:
        return ABSENT
    lines = "".join(f"{file.relative_to(path).as_posix()}\0{_hashed(file)}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _hashed(path: Path) -> str:
    try:
        plain.hold(path)
    except OSError as error:  # whoever reads it says so
        return str(error)
    return sha256(path)
