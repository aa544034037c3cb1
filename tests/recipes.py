"""The tests' own recipes: `document("translate")`, `make("translate", **{"train.updates": 9})`."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from unroll.folders import start_folder
from unroll.params.embed import Embed
from unroll.params.pipeline import Pipeline
from unroll.params.reading import NO_PARTS, NO_START, dump, parse

MACHINE = {"accelerator": "cpu", "processes": 1, "threads": 1}
SECTIONS: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
NAMES = tuple(name for name in SECTIONS if name != "shared")


def document(name: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a recipe as a pipeline file would hold it, with other values at dotted paths."""
    found = copy.deepcopy(SECTIONS[name])
    for path, value in (changes or {}).items():
        *owners, last = path.split(".")
        owner = found
        for part in owners:
            owner = owner[part]
        owner[last] = value
    return found


def make(name: str = "translate", /, **changes: Any) -> Pipeline:
    """Return a recipe as a pipeline, with other values; `machine.threads` and its like too."""
    machine = MACHINE | {
        path.removeprefix("machine."): changes.pop(path) for path in list(changes) if "machine." in path
    }
    return parse(Pipeline, document(name, changes) | {"machine": machine}, where=f"tests/recipes.yaml: {name}")


def embed(kind: str = "skipgram", **changes: Any) -> Embed:
    """Return how small embeddings come about, with other values."""
    made = Embed(
        kind="skipgram", frozen=False, dimensions=8, row_length=4.0, epochs=30, window=2, negatives=5, seed=1,
        source_vectors=None, target_vectors=None, neighbours_of=(),
    )  # fmt: skip
    return made.model_copy(update={"kind": kind, **changes})


def section(pipeline: Pipeline) -> dict[str, Any]:
    """Return a pipeline as its file holds it."""
    return {name: value for name, value in dump(pipeline).items() if name != "machine"}


def write_project(folder: Path, name: str, section: dict[str, Any], **machine: Any) -> None:
    """Write params.yaml and the file of one pipeline, as a project of its own has them."""
    train = section.get("train")
    start = train.get("start_from") if isinstance(train, dict) else None
    line = {
        "parts": section.get("parts") or NO_PARTS,
        "start": start_folder(start) if isinstance(start, str) else NO_START,
    }
    grid = {"machine": MACHINE | machine, "pipelines": {name: line}}
    (folder / "pipelines").mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(grid), encoding="utf-8")
    (folder / "pipelines" / f"{name}.yaml").write_text(yaml.safe_dump(section), encoding="utf-8")
