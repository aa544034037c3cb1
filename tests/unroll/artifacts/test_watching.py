"""Whatever a stage stands on, changed in whichever way while it runs, is noticed before anything is put in place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.tracked import answers, make_folders, settings
from unroll.artifacts import store, watching
from unroll.artifacts.watching import Ground
from unroll.errors import IntegrityError
from unroll.params import reading

DVC = {
    "stages": {
        "train": {
            "foreach": "${pipelines}",
            "do": {
                "cmd": "python -m stages.train '${key}'",
                "params": [
                    "machine.threads",
                    {"pipelines/${key}.yaml": ["train", "model.head.kind"], "code.py": ["FORMAT"]},
                ],
                "deps": ["data/${key}/tokenized", "${item.parts}", "code.py"],
                "outs": ["data/${key}/model", {"reports/${key}/train.json": {"cache": False}}],
            },
        }
    }
}
FILE = {"train": {"dropout": 0.21, "updates": 300}, "model": {"head": {"kind": "decoder"}}, "evaluate": {"beam": 5}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose stage `train` stands on a file of each kind."""
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(DVC))
    (tmp_path / "params.yaml").write_text("machine:\n  threads: 2\npipelines:\n  mine:\n    parts: own.py\n")
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "mine.yaml").write_text(yaml.safe_dump(FILE))
    (tmp_path / "code.py").write_text("FORMAT = 1\n")
    (tmp_path / "own.py").write_text("MINE = 1\n")
    with store.writing(tmp_path / "data" / "mine" / "tokenized", "tokenized", {}) as folder:
        (folder / "ids").write_bytes(b"\1\2\3")
    return tmp_path


def edit(root: Path, name: str, before: str, after: str) -> None:
    path = root / name
    text = path.read_bytes()
    assert before.encode() in text
    path.write_bytes(text.replace(before.encode(), after.encode()))


def backdate(root: Path) -> None:
    """Edit a file, and give it back its time and its size."""
    path = root / "own.py"
    stat = path.stat()
    edit(root, "own.py", "1", "2")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def replace(root: Path) -> None:
    """Put another folder, whole in itself, in the place of an input."""
    with store.writing(root / "data" / "mine" / "tokenized", "tokenized", {}) as folder:
        (folder / "ids").write_bytes(b"\1\2\4")


def git(root: Path, *commands: str) -> None:
    settings = ["-c", "user.name=me", "-c", "user.email=me@example.com", "-c", "commit.gpgsign=false"]
    for command in commands:
        subprocess.run(["git", *settings, *command.split()], cwd=root, check=True, capture_output=True)


WAYS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a parameter": (lambda root: edit(root, "pipelines/mine.yaml", "0.21", "0.55"), "pipelines/mine.yaml: train"),
    "one of the machine": (lambda root: edit(root, "params.yaml", "2", "1"), "params.yaml: machine.threads"),
    "a nested one": (lambda root: edit(root, "pipelines/mine.yaml", "decoder", "tagger"), "model.head.kind"),
    "one more": (lambda root: edit(root, "pipelines/mine.yaml", "updates", "warmup: 1\n  updates"), "mine.yaml: train"),
    "no file any more": (lambda root: (root / "pipelines/mine.yaml").unlink(), "mine.yaml: train"),
    "no YAML any more": (lambda root: edit(root, "pipelines/mine.yaml", "train:", "train: ["), "mine.yaml: train"),
    "code": (lambda root: edit(root, "code.py", "1", "2"), "code.py"),
    "a remark": (lambda root: edit(root, "code.py", "1", "1  # one"), "code.py"),
    "parts of one's own, with the time set back": (backdate, "own.py"),
    "code that is gone": (lambda root: (root / "code.py").unlink(), "code.py"),
    "a byte of an input": (lambda root: edit(root, "data/mine/tokenized/ids", "\2", "\3"), "data/mine/tokenized"),
    "another input": (replace, "data/mine/tokenized"),
    "an input that is gone": (lambda root: shutil.rmtree(root / "data/mine/tokenized"), "data/mine/tokenized"),
    "a file more": (lambda root: (root / "data/mine/tokenized/more").touch(), "data/mine/tokenized"),
    "another commit": (lambda root: git(root, "checkout -q other"), "code.py"),
    "a stash": (lambda root: git(root, "stash"), "own.py"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_changing_it_is_noticed_and_nothing_put_in_place(root: Path, way: str) -> None:
    change, named = WAYS[way]
    git(root, "init -q -b main", "add -A", "commit -q -m one", "checkout -q -b other")
    edit(root, "code.py", "1", "9")
    git(root, "commit -q -a -m two", "checkout -q main")
    edit(root, "own.py", "1", "3" if way == "a stash" else "1")
    ground, model = Ground(root, "train", "mine"), root / "data" / "mine" / "model"
    ground.check()
    with pytest.raises(IntegrityError, match="is not put in place") as refused:
        learn(root, model, ground, lambda: change(root))
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
    assert (root / "snapshot").is_dir()
    assert not model.exists()


def learn(root: Path, model: Path, ground: Ground, change: Callable[[], None]) -> None:
    """Do as a training does in which something changes."""
    with store.checking(ground.check):
        with store.writing(root / "snapshot", "snapshot", {}):
            change()
        with store.writing(model, "model", {}) as aside:
            (aside / "weights").write_text("half of this, half of that")


@pytest.mark.parametrize("name", ["pipelines/mine.yaml", "params.yaml", "README.md"])
def test_what_the_stage_does_not_stand_on_may_change(root: Path, name: str) -> None:
    ground = Ground(root, "train", "mine")
    path = root / name
    path.write_text(path.read_text() + "\n# a remark\n" if path.exists() else "new")
    if name == "pipelines/mine.yaml":
        edit(root, name, "beam: 5", "beam: 1")
    ground.check()


def test_what_was_set_back_is_as_it_was(root: Path) -> None:
    ground = Ground(root, "train", "mine")
    edit(root, "pipelines/mine.yaml", "0.21", "0.55")
    with pytest.raises(IntegrityError, match=r'from .*"dropout": 0.21.* to .*"dropout": 0.55'):
        ground.check("model")
    edit(root, "pipelines/mine.yaml", "0.55", "0.21")
    ground.check("model")


def test_a_parameter_at_the_end_of_a_long_section_counts_as_any_other(root: Path) -> None:
    section = {f"parameter_{number:03}": number for number in range(200)} | {"warmup": 10}
    (root / "pipelines" / "mine.yaml").write_text(yaml.safe_dump(FILE | {"train": section}))
    ground = Ground(root, "train", "mine")
    edit(root, "pipelines/mine.yaml", "warmup: 10", "warmup: 90")
    with pytest.raises(IntegrityError, match=r'"warmup": 10.* to .*"warmup": 90') as refused:
        ground.check()
    assert len(str(refused.value)) < 500


def test_without_dvc_there_is_nothing_to_watch(tmp_path: Path) -> None:
    Ground(tmp_path, "train", "mine").check()


def test_what_dvc_removed_before_a_refusal_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = Ground(root, "train", "mine")
    (root / "dvc.lock").write_text("outs:\n- path: data/mine/model\n  md5: 1\n")
    assert not watching.missing(root, ground)  # not run by dvc
    monkeypatch.setenv("DVC_STAGE", "train@mine")
    assert watching.missing(root, ground).endswith(
        "data/mine/model: set it back, and bring them again with: dvc checkout"
    )
    (root / "data" / "mine" / "model").mkdir()
    assert not watching.missing(root, ground)


def test_a_model_of_another_recipe_than_the_file_is_told(tmp_path: Path) -> None:
    folders = make_folders(tmp_path, answers(3))
    assert not watching.other_recipe(settings(), folders)
    other = reading.changed(settings(), {"model.dropout": 0.55, "evaluate.stress": 9})
    said = watching.other_recipe(other, folders)
    assert re.search(r"made with model\.dropout: [\d.]+, not 0\.55 as in pipelines/translate\.yaml: dvc repro", said)
