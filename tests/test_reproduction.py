"""The whole pipeline under real DVC, on a corpus of one's own: two line-aligned files and a section of params.yaml."""

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

from tests.grammar import PAIRS
from tests.stages.conftest import SMALL
from unroll import params

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

    def run(self, *command: str) -> str:
        """Run a command that must succeed; return what it said."""
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def reproduce(self, *flags: str) -> set[str]:
        """Run `dvc repro`; return the stages that ran."""
        return set(re.findall(r"Running stage '(\w+)@mine'", self.run("dvc", "repro", *flags)))

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
    make_params: Callable[..., params.Pipeline],
    tmp_path_factory: pytest.TempPathFactory,
    outside: Path,
    blank_store: Path,
) -> Repository:
    """A repository with a corpus of its own, nothing run yet."""
    folder = tmp_path_factory.mktemp("mine")
    for name in ("pipelines", "stages", "unroll", ".dvc/config", ".dvcignore", ".gitignore", "dvc.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    section = params.dump(make_params(**MINE))
    (folder / "params.yaml").write_text(yaml.safe_dump({"pipelines": ["mine"], "mine": section}), encoding="utf-8")
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


def test_a_section_of_parameters_is_all_that_a_corpus_needs(reproduced: Repository) -> None:
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


def test_a_comment_reruns_its_stage_and_nothing_downstream(
    reproduced: Repository, tmp_path: Path, outside: Path
) -> None:
    commented = Repository(shutil.copytree(reproduced.folder, tmp_path / "commented"), outside)
    with (commented.folder / "stages/tokenize.py").open("a") as file:
        file.write("# a remark\n")
    assert commented.reproduce() == {"tokenize"}


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
