"""CONTRIBUTING.md, block by block: what it says of parts, pipelines and stages of one's own is true."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import recipes, test_house, tiny
from unroll import parts
from unroll.params.reading import NO_START

ROOT = Path(__file__).parents[1]
ENDINGS = {"food": ["acre", "ine"], "tool": ["ork", "ulp"]}
SMALL = {
    "fetch": {"kind": "files", "members": {"names.txt": "names.txt"}}, "model.encoder.cell": "mgu",
    "model.encoder.hidden": 16, "model.encoder.bidirectional": False, "train.updates": 120, "train.warmup": 10,
    "train.validate_every": 60, "evaluate.pictures": 0, "register.resamples": 20, "register.name": "mine",
}  # fmt: skip


def blocks(path: str) -> list[str]:
    """The blocks of CONTRIBUTING.md that begin with a file's name, without that line."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(rf"```\w+\n# {re.escape(path)}\n(.*?)```", text, re.DOTALL)


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """One mapping with the values of another, section by section; a head or a corpus is taken whole."""
    whole = ("head", "corpus")
    return one | {
        name: merged(one[name], value) if isinstance(value, dict) and name in one and name not in whole else value
        for name, value in other.items()
    }


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory, blank_store: Path) -> Path:
    """A project as the page describes it, nothing run."""
    folder = tmp_path_factory.mktemp("mine")
    section = recipes.document("nationality", SMALL)
    for block in blocks("pipelines/mine.yaml"):
        section = merged(section, yaml.safe_load(block))
    recipes.write_project(folder, "mine", section)
    assert yaml.safe_load(blocks("params.yaml")[0])["pipelines"] == {
        "mine": {"parts": section["parts"], "start": NO_START}
    }
    (folder / "pipelines/mine.py").write_text("\n\n".join(blocks("pipelines/mine.py")), encoding="utf-8")
    shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "stages/count.py").write_text(blocks("stages/count.py")[0], encoding="utf-8")
    random.seed(1)
    words = {
        f"{a}{b}{end}": kind for kind, ends in ENDINGS.items() for end in ends for a in "bdfglmnprt" for b in "aeiou"
    }
    lines = [f"{word} = {kind}\n" for word, kind in sorted(words.items(), key=lambda _: random.random())]
    (folder / "data/sources").mkdir(parents=True)
    (folder / "data/sources/names.txt").write_text("".join(lines), encoding="utf-8")
    shutil.copy(blank_store, folder / "mlflow.db")
    return folder


def run(folder: Path, *command: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DVC_"))}
    environment = kept | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_reader_a_cell_and_a_head_of_ones_own_go_through_every_stage(mine: Path) -> None:
    for stage in ("fetch", "prepare", "count", "tokenize", "embed", "train", "evaluate", "register"):
        run(mine, f"stages.{stage}", "mine")
    assert json.loads((mine / "reports/mine/count.json").read_text())["words"] > 100
    said = run(mine, "unroll", "classify", "--model", "models:/mine@champion", "sorine", "zukork").split()
    assert said == ["food", "tool"]


def test_an_attention_of_ones_own_learns(mine: Path, tmp_path: Path) -> None:
    parts.bring("pipelines/mine.py", mine)
    pairs = [(f"I drink {n}", f"Bebo {n}") for n in ("milk", "water", "tea", "wine", "it")] * 8
    settings = tiny.pipeline(model__head__attention="cosine", model__encoder__cell="mgu", train__updates=150)
    _, _, right = tiny.train(tmp_path, settings, pairs)
    assert right == 1


def test_the_stage_keeps_the_rules_of_the_house(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "unroll", tmp_path / "unroll", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "stages/count.py").write_text(blocks("stages/count.py")[0], encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text(blocks("dvc.yaml")[0], encoding="utf-8")
    for rule in (test_house.wrong_imports, test_house.wrong_dependencies, test_house.wrong_parameters):
        assert list(rule(tmp_path)) == []
