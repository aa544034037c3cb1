"""The whole pipeline under real DVC, on a corpus of one's own: two line-aligned files and a pipeline file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from tests import recipes
from tests.grammar import PAIRS
from tests.stages.conftest import SMALL
from unroll.params.pipeline import Pipeline

ROOT = Path(__file__).parents[1]
MINE = SMALL | {
    "fetch": {"kind": "files", "members": {"mine.en": "mine.en", "mine.es": "mine.es"}},
    "prepare.corpus": {"format": "aligned", "source_file": "mine.en", "target_file": "mine.es"},
    "register.name": "mine",
}


class Repository:
    """A clone of this project, in an environment of its own."""

    def __init__(self, folder: Path, outside: Path) -> None:
        self.folder = folder
        dropped = ("MLFLOW_", "DVC_", "GIT_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        git = {f"GIT_{who}_{what}": "me@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        dvc = {f"DVC_{name}_DIR": str(outside) for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")}
        path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}
        self.environment = kept | git | dvc | path | {"DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}

    def run(self, *command: str, asked: str | None = None) -> str:
        """Run a command that must succeed, with something to read; return what it said."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, input=asked
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def reproduce(self, *flags: str) -> set[str]:
        """Run `dvc repro`; return the stages that ran."""
        return set(re.findall(r"Running stage '(\w+)@\w+'", self.run("dvc", "repro", *flags)))

    def contents(self, *folders: str) -> Mapping[str, bytes]:
        """Return every file below some folders."""
        paths = (path for folder in folders for path in sorted((self.folder / folder).rglob("*")) if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}


STAGES = {"fetch", "prepare", "tokenize", "embed", "train", "evaluate", "register"}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where DVC keeps what belongs to a machine, and the shared remote."""
    return tmp_path_factory.mktemp("outside")


@pytest.fixture(scope="module")
def cloned(
    make_params: Callable[..., Pipeline],
    tmp_path_factory: pytest.TempPathFactory,
    outside: Path,
    blank_store: Path,
) -> Repository:
    """A repository with a corpus of its own, nothing run yet."""
    folder = tmp_path_factory.mktemp("mine")
    for name in ("stages", "unroll", ".dvc/config", ".dvcignore", ".gitignore", "dvc.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    recipes.write_project(folder, "mine", recipes.section(make_params(**MINE)))
    (folder / "data/sources").mkdir(parents=True)
    for column, language in enumerate(("en", "es")):
        lines = "".join(f"{pair[column]}\n" for pair in PAIRS)
        (folder / f"data/sources/mine.{language}").write_text(lines, encoding="utf-8", newline="")
    shutil.copy(blank_store, folder / "mlflow.db")
    repository = Repository(folder, outside)
    for command in (["init", "-q"], ["add", "-A"], ["add", "-f", "data/sources"], ["commit", "-qm", "mine"]):
        repository.run("git", *command)
    return repository


@pytest.fixture(scope="module")
def reproduced(cloned: Repository, tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Repository:
    """The same, reproduced, and committed with its results."""
    twin = tmp_path_factory.mktemp("twin") / "mine"
    shutil.copytree(cloned.folder, twin)
    repository = Repository(twin, outside)
    assert repository.reproduce() == STAGES
    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-qm", "results")
    return repository


@pytest.fixture
def copied(reproduced: Repository, tmp_path: Path, outside: Path) -> Repository:
    """A copy of the reproduced repository, to be changed."""
    return Repository(Path(shutil.copytree(reproduced.folder, tmp_path / "copied")), outside)


def remark(*paths: Path) -> None:
    for path in paths:
        with path.open("a", encoding="utf-8") as file:
            file.write("# a remark\n")


def test_a_pipeline_file_is_all_that_a_corpus_needs(reproduced: Repository) -> None:
    said = reproduced.run("unroll", "translate", "--model", "models:/mine@champion", *(source for source, _ in PAIRS))
    right = [answer == target for answer, (_, target) in zip(said.splitlines(), PAIRS, strict=True)]
    assert sum(right) > 0.6 * len(right)
    assert json.loads((reproduced.folder / "reports/mine/evaluate.json").read_text())["bleu"] > 20
    tree = reproduced.run("unroll", "lineage", "models:/mine@champion")
    assert "mine.en" in tree
    assert "bleu" in reproduced.run("dvc", "metrics", "show")


def test_nothing_changed_nothing_runs(reproduced: Repository) -> None:
    assert reproduced.reproduce() == set()


def test_another_folder_gives_the_same_bytes(cloned: Repository, reproduced: Repository) -> None:
    assert cloned.reproduce() == STAGES
    assert (cloned.folder / "dvc.lock").read_bytes() == (reproduced.folder / "dvc.lock").read_bytes()
    mine = cloned.contents("data", "reports")
    assert "data/mine/model/model.safetensors" in mine
    assert mine == reproduced.contents("data", "reports")


def test_a_comment_reruns_its_stage_and_nothing_downstream(copied: Repository) -> None:
    remark(copied.folder / "stages/tokenize.py")
    assert copied.reproduce() == {"tokenize"}


def test_a_clone_pulls_all_and_its_run_is_made_from_files(
    reproduced: Repository, tmp_path: Path, outside: Path, blank_store: Path
) -> None:
    reproduced.run("dvc", "remote", "add", "--local", "--default", "shared", str(outside / "remote"))
    reproduced.run("dvc", "push", "--run-cache")
    reproduced.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone", outside)
    shutil.copy(blank_store, clone.folder / "mlflow.db")
    clone.run("dvc", "remote", "add", "--local", "--default", "shared", str(outside / "remote"))
    assert clone.reproduce("--pull") == set()
    assert clone.contents("data/mine") == reproduced.contents("data/mine")
    assert "mine version 1 (challenger, champion), new" in clone.run("python", "-m", "stages.register", "mine")


# What is stale, as DVC says: `STALE` prints it after a remark in each of some files, which it then takes out again.

STALE = """
import json, sys
from pathlib import Path
from dvc.repo import Repo

with Repo() as repo:
    def status():
        return repo.status(targets=["train@mine"])

    found = {"": status()}
    for name in json.load(sys.stdin):
        path = Path(name)
        before = path.read_bytes()
        path.write_bytes(before + b"# a remark\\n")
        found[name] = status()
        path.write_bytes(before)
    print(json.dumps(found))
"""


def test_a_remark_makes_training_stale_in_the_modules_it_depends_on_and_in_no_other(copied: Repository) -> None:
    lock = yaml.safe_load((copied.folder / "dvc.lock").read_text(encoding="utf-8"))
    deps = {dep["path"] for dep in lock["stages"]["train@mine"]["deps"] if dep["path"].endswith(".py")}
    modules = {
        path.relative_to(copied.folder).as_posix()
        for top in ("unroll", "stages")
        for path in (copied.folder / top).rglob("*.py")
    }
    assert {"unroll/nn/cells.py", "stages/train.py", "unroll/parts.py"} < deps < modules
    others = modules - deps
    assert {"unroll/cli/asking.py", "stages/tokenize.py", "unroll/training/planning.py", "unroll/__init__.py"} < others
    remark(*(copied.folder / name for name in others))
    found = json.loads(copied.run(sys.executable, "-c", STALE, asked=json.dumps(sorted(deps))))
    assert found.pop("") == {}
    modified = {name: {"train@mine": [{"changed deps": {name: "modified"}}]} for name in deps}
    assert found == modified


def test_another_value_on_the_command_line_changes_one_line_of_a_pipeline_file(copied: Repository) -> None:
    shipped = [f"pipelines/{path.name}" for path in sorted((ROOT / "pipelines").glob("*.yaml"))]
    for name in shipped:
        shutil.copy(ROOT / name, copied.folder / name)
    copied.run("git", "add", "-A")
    copied.run("git", "commit", "-qm", "those that are shipped")
    values = [f"--set-param={name}:train.updates=987" for name in ("pipelines/mine.yaml", *shipped)]
    copied.run("dvc", "exp", "run", *values, "fetch@mine")
    changed = copied.run("git", "diff", "--numstat", "HEAD", "--", "params.yaml", *shipped)
    assert changed.splitlines() == [f"1\t1\t{name}" for name in shipped]
    stale = json.loads(copied.run("dvc", "status", "--json"))
    assert stale == {"train@mine": [{"changed deps": {"pipelines/mine.yaml": {"train": "modified"}}}]}


CELL = """
import torch
from torch import nn

from unroll.nn.cells import CELLS, Cell


class Mine(Cell):
    def __init__(self, input_size, hidden):
        super().__init__(input_size, hidden)
        self.gate = nn.Linear(input_size + hidden, hidden)
        self.new = nn.Linear(input_size + hidden, hidden)

    def step(self, x_BD, state):
        (h,) = state
        f = torch.sigmoid(self.gate(torch.cat([x_BD, h], 1)))
        return ((1 - f) * h + f * torch.tanh(self.new(torch.cat([x_BD, f * h], 1))),)


CELLS["mine"] = Mine
"""


def test_a_pipeline_with_a_cell_of_its_own_is_trained_asked_and_watched(copied: Repository) -> None:
    (copied.folder / "pipelines/own.py").write_text(CELL, encoding="utf-8")
    own = {"parts": "pipelines/own.py", "model.encoder.cell": "mine", "model.head.cell": "mine", "register.name": "own"}
    section = recipes.section(recipes.make(**MINE | own))
    (copied.folder / "pipelines/own.yaml").write_text(yaml.safe_dump(section), encoding="utf-8")
    grid = yaml.safe_load((copied.folder / "params.yaml").read_text(encoding="utf-8"))
    grid["pipelines"]["own"] = {"parts": "pipelines/own.py", "start": "unroll/starts.py"}
    (copied.folder / "params.yaml").write_text(yaml.safe_dump(grid), encoding="utf-8")

    said = copied.run("dvc", "repro")
    assert set(re.findall(r"Running stage '(\w+@\w+)'", said)) == {f"{stage}@own" for stage in STAGES}
    answers = copied.run("unroll", "translate", "--model", "models:/own@champion", *(source for source, _ in PAIRS))
    right = [answer == target for answer, (_, target) in zip(answers.splitlines(), PAIRS, strict=True)]
    assert sum(right) > 0.6 * len(right)

    remark(copied.folder / "pipelines/own.py")
    stale = json.loads(copied.run("dvc", "status", "--json"))
    watched = {
        stage for stage, changes in stale.items() if {"changed deps": {"pipelines/own.py": "modified"}} in changes
    }
    assert watched == stale.keys() == {f"{stage}@own" for stage in ("prepare", "train", "evaluate", "register")}
