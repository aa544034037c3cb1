"""What is edited while a stage runs is not written down as what ran; set back, a training goes on where it stood."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests import recipes
from tests.faults.conftest import QUICK, ROOT, Project, clean_environment, until
from tests.grammar import PAIRS
from unroll.artifacts import store
from unroll.params.pipeline import Pipeline

pytestmark = pytest.mark.fault("edit while it runs")


def test_a_training_whose_parameters_were_edited_puts_nothing_in_place(project: Project, undisturbed: Project) -> None:
    shutil.copy(ROOT / "dvc.yaml", project.folder)
    file = project.folder / "pipelines" / "mine.yaml"
    before = file.read_text()
    project.forget("train")
    training = project.start("train", "slow:unroll.training.snapshots.Snapshots.save:0")
    until(
        lambda: (
            training.poll() is not None or len([*project.folder.glob(".unroll/snapshots/mine/*/*/manifest.json")]) > 1
        ),
        60,
    )
    assert training.poll() is None, training.communicate()
    assert "dropout: 0.2\n" in before
    file.write_text(before.replace("dropout: 0.2\n", "dropout: 0.5\n"))
    _, told = training.communicate(timeout=300)
    line = told.splitlines()[-1]
    assert training.returncode == 4
    assert line.startswith("unroll: pipelines/mine.yaml: model")
    assert '"dropout": 0.5' in line
    assert "Traceback" not in told
    assert not (project.folder / "data/mine/model").exists()
    assert project.litter() == []

    file.write_text(before)
    code, told = project.run("train")
    assert code == 0
    assert "going on" in told or "120" in told
    assert project.outs("train") == undisturbed.outs("train")


def test_a_model_of_another_recipe_is_told_asked_and_not_registered(project: Project) -> None:
    file = project.folder / "pipelines" / "mine.yaml"
    file.write_text(file.read_text().replace("dropout: 0.2\n", "dropout: 0.5\n"))
    code, told = project.run("evaluate")
    assert (code, told.count("model.dropout: 0.2, not 0.5 as in pipelines/mine.yaml")) == (0, 1)
    project.forget("register")
    code, told = project.run("register")
    assert (code, told.count("\n")) == (2, 1)
    assert "model.dropout: 0.2, not 0.5 as in pipelines/mine.yaml" in told


def test_a_model_is_not_registered_when_a_parameter_was_edited_meanwhile(project: Project, blank_store: Path) -> None:
    shutil.copy(ROOT / "dvc.yaml", project.folder)
    shutil.copy(blank_store, project.folder / "mlflow.db")
    project.forget("register")
    registering = project.start("register", "wait:unroll.registry.runs.lineage.read_recipe:1")
    until(lambda: registering.poll() is not None or (project.folder / "waiting").exists(), 300)
    file = project.folder / "pipelines" / "mine.yaml"
    before = file.read_text()
    file.write_text(before.replace("resamples: 20", "resamples: 21"))
    (project.folder / "waiting").unlink()
    _, told = registering.communicate(timeout=300)
    assert registering.returncode == 4, told
    assert "register" in told.splitlines()[-1]
    assert versions(project) == 0
    file.write_text(before)
    assert project.run("register")[0] == 0
    assert versions(project) == 1


def versions(project: Project) -> int:
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as known:
        return int(known.execute("select count(*) from model_versions").fetchone()[0])


# All that DVC writes down of a stage


DECLARED = {
    "cmd": f"{sys.executable} -m tests.faults.armed prepare ${{key}} wait:unroll.data.preparing.prepare:1",
    "params": [{"pipelines/${key}.yaml": ["prepare"]}, "machine.threads"],
    "deps": ["data/${key}/raw", "${item.parts}", "code.py"],
    "outs": ["data/${key}/prepared"],
    "metrics": [{"reports/${key}/prepare.json": {"cache": False}}],  # among outs it would switch the run cache off
}


@pytest.fixture(scope="module")
def tracked(make_params: Callable[..., Pipeline], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of git and DVC, with raw rows and a stage of the grid that reads them."""
    folder = tmp_path_factory.mktemp("tracked")
    recipes.write_project(folder, "mine", recipes.section(make_params(**QUICK)) | {"parts": "own.py"})
    (folder / "dvc.yaml").write_text(
        yaml.safe_dump({"stages": {"prepare": {"foreach": "${pipelines}", "do": DECLARED}}})
    )
    for name in ("own.py", "code.py"):
        (folder / name).write_text("NUMBER = 1\n")
    raw(folder, "")
    git(folder, "init -q -b main")
    assert dvc(folder, "init", "--quiet")[0] == 0
    (folder / ".gitignore").write_text("/data\n/reports\n/tmp\n__pycache__\nwaiting\n")
    edit(folder, "code.py", "1", "9")
    git(folder, "add -A", "commit -q -m one", "branch other")
    edit(folder, "code.py", "9", "1")
    git(folder, "commit -q -a -m two")
    return folder


def raw(folder: Path, more: str) -> None:
    with store.writing(folder / "data" / "mine" / "raw", "raw", {}) as aside:
        rows = "".join(f"{source}\t{target}\t\n" for source, target in PAIRS)
        (aside / "spa.tsv").write_text(rows + more, encoding="utf-8", newline="")


def edit(folder: Path, name: str, before: str, after: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8", newline="")


def backdated(folder: Path) -> None:
    stat = (folder / "own.py").stat()
    edit(folder, "own.py", "1", "2")
    os.utime(folder / "own.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))


def stashed(folder: Path) -> None:
    git(folder, "stash")


def git(folder: Path, *commands: str) -> None:
    settings = ["-c", "user.name=me", "-c", "user.email=me@example.com", "-c", "commit.gpgsign=false"]
    for command in commands:
        subprocess.run(["git", *settings, *command.split()], cwd=folder, check=True, capture_output=True)


def dvc(folder: Path, *command: str, meanwhile: Callable[[Path], None] | None = None) -> tuple[int, str]:
    """Run DVC, and do something while the stage that it runs is at work; return its exit code and what was told."""
    settings = clean_environment() | {"DVC_NO_ANALYTICS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", *command], cwd=folder, env=settings, stdout=-1, stderr=-2, text=True
    )
    if meanwhile:
        until(lambda: process.poll() is not None or (folder / "waiting").exists(), 300)
        meanwhile(folder)
        (folder / "waiting").unlink()
    told, _ = process.communicate(timeout=300)
    return process.returncode, told


CHANGES: dict[str, Callable[[Path], None]] = {
    "a parameter": lambda folder: edit(folder, "pipelines/mine.yaml", "largest_component: 50", "largest_component: 5"),
    "one of the machine": lambda folder: edit(folder, "params.yaml", "threads: 1", "threads: 2"),
    "no YAML any more": lambda folder: edit(folder, "pipelines/mine.yaml", "prepare:", "prepare: ["),
    "no pipeline file any more": lambda folder: (folder / "pipelines/mine.yaml").unlink(),
    "code": lambda folder: edit(folder, "code.py", "1", "2"),
    "code that is gone": lambda folder: (folder / "code.py").unlink(),
    "parts of one's own, with the time set back": backdated,
    "a byte of an input": lambda folder: edit(folder, "data/mine/raw/spa.tsv", "milk", "silk"),
    "another input, whole in itself": lambda folder: raw(folder, "tea\tté\t\n"),
    "an input that is gone": lambda folder: shutil.rmtree(folder / "data/mine/raw"),
    "a file more in an input": lambda folder: (folder / "data/mine/raw/more").touch(),
    "git checkout": lambda folder: git(folder, "checkout -q other"),
    "git stash": stashed,
}
NO_CHANGES: dict[str, Callable[[Path], None]] = {
    "a new time": lambda folder: (folder / "code.py").touch(),
    "edited and set back": lambda folder: [edit(folder, "code.py", "1", "2"), edit(folder, "code.py", "2", "1")],
    "the same input once more": lambda folder: raw(folder, ""),
    "a parameter of another stage": lambda folder: edit(folder, "pipelines/mine.yaml", "updates: 120", "updates: 9"),
    "dvc.yaml": lambda folder: edit(folder, "dvc.yaml", "- code.py", "- code.py\n      - params.yaml"),
}  # type: ignore[dict-item]


@pytest.mark.parametrize("change", [*CHANGES, *NO_CHANGES])
def test_dvc_writes_down_what_ran_and_nothing_else(tracked: Path, tmp_path: Path, change: str) -> None:
    folder = Path(shutil.copytree(tracked, tmp_path / "project"))
    if change == "git stash":  # what was not committed is what the stage begins with
        edit(folder, "own.py", "1", "3")
    code, told = dvc(folder, "repro", meanwhile=(CHANGES | NO_CHANGES)[change])
    made = [(folder / name).exists() for name in ("dvc.lock", "data/mine/prepared", "reports/mine/prepare.json")]
    runs = list((folder / ".dvc" / "cache" / "runs").rglob("*"))
    if change in NO_CHANGES:
        assert (code, made) == (0, [True] * 3), told
        assert runs
        return
    assert code, told
    assert made == [False] * 3
    assert runs == []
    assert "Traceback" not in told
    [line] = [line for line in told.splitlines() if line.startswith("unroll: ")]
    if change != "an input that is gone":  # which its reader may miss first
        assert "changed" in line
        assert line.endswith("a training then goes on from its snapshot")
