"""Parameters as people write them: one line that names the parameter, exit code 2, and no waiting."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import recipes
from tests.test_bad_input import ROOT, Project

pytestmark = pytest.mark.fault("bad parameter")

SECONDS = 5.0
URL = {"kind": "url", "url": "https://x", "sha256": "0" * 64, "bytes": None, "member": "a"}
VALUES: dict[str, tuple[str, Any, str]] = {
    "a typo": ("train.lerning_rate", 0.1, "did you mean 'learning_rate'?"),
    "a typo in a section": ("trian", {}, "did you mean 'train'?"),
    "a number as text": ("train.learning_rate", "1e-3", "write 0.001"),
    "a number as words": ("train.updates", "many", "train.updates"),
    "a fraction for a count": ("train.updates", 2.5, "train.updates"),
    "a count below one": ("train.updates", 0, "train.updates"),
    "a negative count": ("train.batch_tokens", -1, "train.batch_tokens"),
    "true for a count": ("machine.threads", True, "machine.threads"),
    "nothing for a count": ("train.log_every", None, "train.log_every"),
    "a list for a number": ("train.clip", [1], "train.clip"),
    "a section for a number": ("train.clip", {"norm": 1}, "train.clip"),
    "a number for a section": ("train", 3, "train"),
    "nothing for a section": ("model", None, "model"),
    "infinity": ("train.learning_rate", float("inf"), "train.learning_rate"),
    "not a number": ("train.learning_rate", float("nan"), "train.learning_rate"),
    "a negative rate": ("train.learning_rate", -0.1, "train.learning_rate"),
    "a rate of nothing": ("train.learning_rate", 0, "train.learning_rate"),
    "dropout of all": ("model.dropout", 1.0, "model.dropout"),
    "more than all dropped": ("model.dropout", 1.5, "model.dropout"),
    "an unknown decay": ("train.decay", "exponential", "train.decay"),
    "an unknown precision": ("train.precision", "8-true", "train.precision"),
    "an unknown accelerator": ("machine.accelerator", "abacus", "machine.accelerator"),
    "an unknown shape": ("shape", "n_to_k", "shape"),
    "an unknown encoder": ("model.encoder.kind", "convolution", "model.encoder"),
    "an unknown head": ("model.head.kind", "oracle", "model.head"),
    "an unknown tokenizer": ("tokenize.source.kind", "bpee", "tokenize.source"),
    "an unknown search": ("evaluate.search.kind", "luck", "evaluate.search"),
    "an unknown format": ("prepare.corpus.format", "xlsx", "prepare.corpus"),
    "an unknown normal form": ("prepare.unicode", "NFX", "prepare.unicode"),
    "an unknown split": ("prepare.split.kind", "random", "prepare.split"),
    "a vocabulary of one": ("tokenize.source.vocab_size", 1, "vocab_size"),
    "more held out than there is": ("prepare.split.valid", 1.5, "prepare.split.valid"),
    "a warm-up longer than training": ("train.warmup", 10**6, "train.warmup must be smaller than train.updates"),
    "a beam of none": ("evaluate.search.beam", 0, "evaluate.search.beam"),
    "no dimensions": ("embed.dimensions", 0, "embed.dimensions"),
    "a hash that is none": ("fetch", URL | {"sha256": "abc"}, "sha256"),
    "a password for all to read": ("fetch", URL | {"url": "https://me:SECRET@host/x"}, "a name or a password in it"),
    "a path out of the folder": ("fetch.members", {"spa.tsv": "../spa.tsv"}, "must be a path inside the folder"),
    "an absolute path": ("fetch.members", {"spa.tsv": "/tmp/spa.tsv"}, "must be a path inside the folder"),
    "no files to fetch": ("fetch", {"kind": "files"}, "fetch.members"),
    "odd halves of two directions": ("model.encoder.hidden", 33, "hidden"),
    "nothing to tie": ("embed.kind", "one_hot", "model.tied needs embeddings of the target"),
    "the machine of all in one": ("machine", dict(recipes.MACHINE), "machine: belongs into params.yaml"),
}
FILES: dict[str, tuple[bytes, str]] = {
    "no YAML": (b"train: [", "cannot be read"),
    "a tab for spaces": (b"train:\n\tupdates: 3\n", "cannot be read"),
    "another section alone": (b"other: {}\n", "shape: is missing"),
    "a list": (b"- train\n", "holds no sections"),
    "a word": (b"train\n", "holds no sections"),
    "nothing": (b"", "holds no sections"),
    "Latin-1": ("train: {a: señor}\n".encode("latin-1"), "cannot be read"),
    "NULs": (bytes(100), "cannot be read"),
    "an alias to nothing": (b"train: *other\n", "cannot be read"),
    "a section that holds itself": (b"&mine {shape: n_to_m, train: *mine}\n", "refers to itself"),
    "a day that is none": (b"train: 2020-13-45\n", "cannot be read"),
    "a thousand sections deep": (b"train: " + b"{a: " * 3000, ""),
    "code": (b"train: !!python/object/apply:os.system [ls]\n", "cannot be read"),
    "a key twice": (b"shape: n_to_m\nparts:\nshape: n_to_n\n", "line 3: the key 'shape' stands there twice"),
    "a key twice in a section": (
        b"shape: n_to_m\ntrain:\n  updates: 3\n  updates: 4\n", "line 4: the key 'updates' stands there twice",
    ),
}  # fmt: skip
NAMES = ["..", "a/b", "a b", "x; touch Y #", "sources", "a" * 300]
NOTHING = {"parts": "unroll/parts.py", "start": "unroll/starts.py"}
GRIDS: dict[str, tuple[Any, str]] = {
    "a list": (["mine"], "pipelines: needed: lines such as"),
    "a word": ("mine", "pipelines: needed: lines such as"),
    "nothing": (None, "pipelines: needed: lines such as"),
    "no module": ({"mine": None}, "pipelines: needed: lines such as"),
    "another module": ({"mine": NOTHING | {"parts": "pipelines/mine.py"}}, "write unroll/parts.py there"),
    **{f"the name {name[:20]}": ({name: NOTHING}, "is no name for a pipeline") for name in NAMES},
}


@pytest.fixture
def mine(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def hold(mine: Project, file: str, says: str) -> None:
    began = time.monotonic()
    code, _, told = mine.run("fetch")
    assert time.monotonic() - began < SECONDS
    one_line(code, told, file, says)
    assert not (mine.folder / "data" / "mine").exists()


def one_line(code: int, told: str, file: str, says: str) -> None:
    assert code == 2, told
    (line,) = told.splitlines()
    assert line.startswith(f"unroll: {file}: ")
    assert says in line


@pytest.mark.parametrize("kind", VALUES)
def test_a_value(mine: Project, kind: str) -> None:
    path, value, says = VALUES[kind]
    mine.change(path, value)
    hold(mine, "params.yaml" if path.startswith("machine.") else "pipelines/mine.yaml", says)


@pytest.mark.parametrize("kind", FILES)
def test_a_file(mine: Project, kind: str) -> None:
    mine.parameters, says = FILES[kind]
    hold(mine, "pipelines/mine.yaml", says)


def fetch(folder: Path, name: str) -> tuple[int, str]:
    """Run the stage for a pipeline of that name; return its exit code and what it told."""
    command = [sys.executable, "-m", "stages.fetch", name]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_name(mine: Project, name: str) -> None:
    recipes.write_project(mine.folder, "mine", mine.section)
    before = sorted(mine.folder.parent.rglob("*"))
    one_line(*fetch(mine.folder, name), "pipeline", "is no name for a pipeline")
    assert sorted(mine.folder.parent.rglob("*")) == before


@pytest.mark.parametrize("kind", GRIDS)
def test_a_grid(mine: Project, kind: str) -> None:
    pipelines, says = GRIDS[kind]
    recipes.write_project(mine.folder, "mine", mine.section)
    grid = {"machine": recipes.MACHINE, "pipelines": pipelines}
    (mine.folder / "params.yaml").write_text(yaml.safe_dump(grid), encoding="utf-8")
    one_line(*fetch(mine.folder, "mine"), "params.yaml", says)
    assert not (mine.folder / "data" / "mine").exists()
