"""Parameter files, and names in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import recipes
from tests.faults.hostile.doors import BIDI, ESC, ROOT, in_place, stages
from tests.faults.hostile.running import Case, Door


def yaml_file(content: str | bytes, says: str, name: str = "pipelines/mine.yaml") -> Case:
    """Return a project with another parameter file."""

    def make(folder: Path) -> Door:
        project(folder)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return stages("fetch")

    return Case(make, 2, says)


def project(folder: Path, **changes: Any) -> None:
    """Write a project of one pipeline with a corpus of its own."""
    document = recipes.document("translate", {path.replace("__", "."): value for path, value in changes.items()})
    document["fetch"] = changes.get("fetch", {"kind": "files", "members": {"spa.tsv": "spa.tsv"}})
    recipes.write_project(folder, "mine", document)
    shutil.copy(ROOT / "dvc.yaml", folder)
    (folder / "data/sources").mkdir(parents=True)
    for name in ("spa.tsv", "two.tsv"):
        (folder / "data/sources" / name).write_text("I drink milk.\tBebo leche.\tme\n" * 30)


def changed(path: str, value: Any, says: str) -> Case:
    """Return a project with another value."""

    def make(folder: Path) -> Door:
        project(folder, **{path.replace(".", "__"): value})
        return stages("fetch")

    return Case(make, 2, says)


def named(name: str) -> Case:
    """Return a pipeline's name."""

    def make(folder: Path) -> Door:
        project(folder)
        return stages("fetch", pipeline=name)

    return Case(make, 2, "is no name for a pipeline")


def replaced(name: str, put: Callable[[Path], Any], says: str) -> Case:
    """Return a project with something else in the place of a file."""

    def make(folder: Path) -> Door:
        project(folder)
        in_place(name, put)(folder)
        return stages("fetch")

    return Case(make, 2, says)


LIST_BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
MAP_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{{', '.join(f'k{k}: *a{n - 1}' for k in range(10))}}}\n" for n in range(1, 30)
)
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 30)
)
PARAMETERS: dict[str, Case] = {
    "a bomb of lists": yaml_file(LIST_BOMB, "stand for too much"),
    "a bomb of sections": yaml_file(MAP_BOMB, "stand for too much"),
    "a bomb of merges": yaml_file(MERGE_BOMB, "stand for too much"),
    "a bomb in the grid": yaml_file(MAP_BOMB, "stand for too much", "params.yaml"),
    "sections without end": yaml_file("{a: " * 15_000, "nested too deeply"),
    "lists without end": yaml_file("[" * 30_000 + "]" * 30_000, "nested too deeply"),
    "a section that holds itself": yaml_file("&mine {shape: n_to_m, train: *mine}\n", "refers to itself"),
    "twenty megabytes": yaml_file("a: 1\n" * 4_000_000, "larger than"),
    "six thousand keys": yaml_file("".join(f"k{n}: 1\n" for n in range(6000)), "mine.yaml"),
    "a key twice": yaml_file("shape: n_to_m\nshape: n_to_n\n", "stands there twice"),
    "a list for a key": yaml_file("? [a, b]\n: 1\n", "for a key"),
    "a key that clears the screen": yaml_file(f'"{ESC}": 1\n'.replace("\x1b", "\\e"), "mine.yaml"),
    "code": yaml_file("mine: !!python/object/apply:os.system [ls]\n", "cannot be read"),
    "a number of 60,000 digits": yaml_file(f"shape: {'9' * 60_000}\n", "cannot be read"),
    "a pipe": replaced("pipelines/mine.yaml", os.mkfifo, "a pipe"),
    "a pipe for the grid": replaced("params.yaml", os.mkfifo, "a pipe"),
    "an endless device": replaced("params.yaml", lambda path: path.symlink_to("/dev/zero"), "a device"),
    "a rate of 1e400": changed("train.learning_rate", float("inf"), "train.learning_rate"),
    "a thousand layers": changed("model.encoder.layers", 1000, "model.encoder.layers"),
    "a seed below zero": changed("train.seed", -1, "train.seed"),
    "no, where a word is meant": changed(
        "prepare.corpus", {"format": "labelled", "files": {"Norwegian": False}, "label": "target"}, "put it in quotes"
    ),
    "a day, where a word is meant": yaml_file("shape: 2026-01-01\n", "shape"),
    **{
        f"the name {name[:12]!r}": named(name)
        for name in (
            "..",
            "a/b",
            "a b",
            "sources",
            "a" * 300,
            "x; touch P #",
            "a\0b",
            f"a{ESC}",
            f"{BIDI}mine",
            "tr\u0430nslate",
            "-x",
            "",
        )
    },
    **{
        f"the member {name[:20]!r}": changed("fetch", {"kind": "files", "members": {"spa.tsv": name}}, says)
        for name, says in (
            ("./manifest.json", "a plain path"),
            ("a\0b", "cannot be seen"),
            ("a" * 300, "too long"),
            ("a/" * 600 + "a", "too long"),
            ("manifest.json/x", "is taken"),
            ("manifest.json", "is taken"),
            ("../x", "inside the folder"),
            ("/tmp/x", "inside the folder"),
            ("a//b", "a plain path"),
            (f"a{ESC}", "\\x1b[2J"),
            (f"a{BIDI}b", "\\u202e"),
        )
    },
    "half a surrogate for a file": changed("prepare.corpus.file", "a\udc80", "\\udc80"),
    "a member below another": changed(
        "fetch", {"kind": "files", "members": {"spa.tsv": "x", "two.tsv": "x/y"}}, "is below a file"
    ),
    "a password in an address": changed(
        "fetch",
        {"kind": "url", "url": "https://me:SECRET@host/x", "sha256": "0" * 64, "bytes": None, "member": "x"},
        "fetch.url",
    ),
    "an address that is none": changed(
        "fetch",
        {"kind": "url", "url": "gopher://me:SECRET@host/x", "sha256": "0" * 64, "bytes": None, "member": "x"},
        "fetch.url",
    ),
}
