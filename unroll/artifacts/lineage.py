"""Where a model comes from: the hashes of everything between a corpus and its scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Any

from unroll.artifacts import store
from unroll.artifacts.manifest import Manifest, identity
from unroll.errors import IntegrityError
from unroll.params.pipeline import Recipe
from unroll.params.reading import dump, load_recipe
from unroll.telling import harmless

NAMES = {
    "parts": "parts",
    "raw": "corpus",
    "prepared": "prepared",
    "tokenized": "tokenizers",
    "embedded": "embeddings",
    "model": "model",
    "start": "start",
}
START = "start"
"""What a folder calls the model that it goes on from, among its inputs: its ancestors are of another pipeline."""
NAMED = 3
"""A folder of more files than this is drawn with their number."""


def verify(model: Path, evaluation: Path) -> dict[str, str]:
    """Return the hashes of a model and its evaluation after checking both folders.

    Raises:
        IntegrityError: a file was altered, or the evaluation is of another model.
    """
    trained = store.verify(model, "model")
    scored = store.verify(evaluation, "evaluation")
    if scored["inputs"].get("model") != trained:
        raise IntegrityError(f"{evaluation}: scores another model than {model}; make it again with dvc repro")
    return hashes(scored)


def hashes(evaluation: Manifest) -> dict[str, str]:
    """Return the SHA-256 of every link of the chain that ends in an evaluation, from its manifest."""
    found = {NAMES[kind]: identity(manifest) for kind, manifest in _ancestors(evaluation)}
    found["weights"] = evaluation["inputs"]["model"]["files"]["model.safetensors"]
    found["test"] = evaluation["inputs"]["prepared"]["files"]["test.tsv"]
    return found | {"evaluation": identity(evaluation)}


def _ancestors(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Yield what a folder was made from, by kind; the model's own start comes last, behind that of its tokenizers."""
    for kind, parent in sorted(manifest["inputs"].items(), key=lambda entry: entry[0] == START):
        if kind != START:
            yield from _ancestors(parent)
        yield kind, parent


def describe(folder: Path) -> str:
    """Return the ancestry of a checkpoint folder as a tree, and below it what the model is.

    Raises:
        IntegrityError: a file is not the one that the manifest names.
    """
    manifest = store.verify(folder, "model")
    settings = dump(read_recipe(folder))
    sizes = "\n".join(f"    {name:24} {(folder / name).stat().st_size:>12,} bytes" for name in manifest["files"])
    told = [line for name in ("tokenize", "embed", "model", "train") for line in _lines(name, settings[name])]
    drawn = "\n".join(fill(f"    {name:16} {text}", 100, subsequent_indent=21 * " ") for name, text in told)
    return harmless(f"{tree(manifest)}\n\nfiles\n{sizes}\n\n{settings['shape']}\n{drawn}\n")


def read_recipe(folder: Path) -> Recipe:
    """Return the parameters that a model was trained with, from its checkpoint folder."""
    return load_recipe(folder / "params.json")


def _lines(name: str, section: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, parameters) of a section's parts, each with its dotted name, and of what it says itself."""
    for part, value in section.items():
        if isinstance(value, dict):
            yield from _lines(f"{name}.{part}", value)
    plain = [f"{part} {_text(value)}" for part, value in section.items() if isinstance(value, str | int | float)]
    if plain:
        yield name, ", ".join(plain)


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def tree(manifest: Manifest) -> str:
    """Return a folder's ancestry, drawn: kinds, the first digits of their identities, and their files."""
    return "\n".join(_branches(manifest["kind"], manifest, set()))


def _branches(name: str, manifest: Manifest, seen: set[str]) -> Iterator[str]:
    digest, names = identity(manifest), sorted(manifest["files"])
    known = digest in seen
    seen.add(digest)
    shown = ", ".join(names) if len(names) <= NAMED else f"{len(names)} files"
    kind = manifest["kind"] if name == manifest["kind"] else f"{name}: {manifest['kind']}"
    yield f"{kind} {digest[:12]}  {'as above' if known else shown}"
    parents = [] if known else sorted(manifest["inputs"].items())
    for i, (called, parent) in enumerate(parents):
        first, *rest = _branches(called, parent, seen)
        joint, stem = ("└── ", "    ") if i + 1 == len(parents) else ("├── ", "│   ")
        yield joint + first
        yield from (stem + line for line in rest)
