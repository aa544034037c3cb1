from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import unroll
from unroll.artifacts import origin


def test_code_is_what_the_lock_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def lock(train: str, register: str, other: str) -> str:
        stages = {"train@translate": train, "register@translate": register, "train@other": other}
        lines = [f"  {name}: {{deps: [{{path: a.py, md5: {md5}}}]}}" for name, md5 in stages.items()]
        (tmp_path / "dvc.lock").write_text("\n".join(["stages:", *lines]))
        return origin.code_sha256("translate")

    assert lock("1", "2", "3") == lock("1", "x", "x") != lock("x", "2", "3")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of a few files, which stands for ours."""
    folder = tmp_path / "installed" / "unroll"
    (folder / "nn").mkdir(parents=True)
    for name in ("__init__.py", "text.py", "nn/__init__.py", "nn/cells.py"):
        (folder / name).write_text("a = 1")
    monkeypatch.setattr(unroll, "__file__", str(folder / "__init__.py"))
    return folder


def test_code_is_the_files_without_a_lock(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert origin.code_sha256("translate") == origin.sources_sha256()
    (tmp_path / "dvc.lock").write_text("")
    assert origin.code_sha256("translate") == origin.sources_sha256()


@pytest.mark.parametrize("name", ["text.py", "nn/cells.py", "nn/__init__.py"])
def test_every_file_of_the_library_counts_those_of_its_packages_too(package: Path, name: str) -> None:
    before = origin.sources_sha256()
    (package / name).write_text("a = 2")
    after = origin.sources_sha256()
    (package / name).rename(package / "other.py")
    assert len({before, after, origin.sources_sha256()}) == 3


def test_what_is_no_code_does_not_count(package: Path) -> None:
    before = origin.sources_sha256()
    (package / "nn" / "__pycache__").mkdir()
    (package / "nn" / "__pycache__" / "cells.cpython-311.pyc").write_bytes(b"x")
    (package / "notes.md").write_text("x")
    assert origin.sources_sha256() == before


def test_the_library_is_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = origin.sources_sha256()
    (tmp_path / "unroll").mkdir()
    (tmp_path / "unroll" / "other.py").write_text("a = 1")
    monkeypatch.chdir(tmp_path)
    assert origin.sources_sha256() == here


def test_only_code_and_parameters_make_a_commit_dirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "git.commit" not in origin.tags()
    (tmp_path / "params.yaml").write_text("a: 1")
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm a"):
        subprocess.run(["git", *command.split()], check=True)
    (tmp_path / "notes.txt").write_text("new")
    assert origin.tags()["git.dirty"] == "false"
    (tmp_path / "params.yaml").write_text("a: 2")
    assert origin.tags()["git.dirty"] == "true"
    assert len(origin.tags()["git.commit"]) == 40
