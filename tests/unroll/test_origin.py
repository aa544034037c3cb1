from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from unroll import origin


def test_code_is_what_the_lock_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def lock(train: str, register: str, other: str) -> str:
        stages = {"train@translate": train, "register@translate": register, "train@other": other}
        lines = [f"  {name}: {{deps: [{{path: a.py, md5: {md5}}}]}}" for name, md5 in stages.items()]
        (tmp_path / "dvc.lock").write_text("\n".join(["stages:", *lines]))
        return origin.code_sha256("translate")

    assert lock("1", "2", "3") == lock("1", "x", "x") != lock("x", "2", "3")


def test_code_is_the_files_without_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unroll").mkdir()
    (tmp_path / "unroll" / "text.py").write_text("a = 1")
    before = origin.code_sha256("translate")
    (tmp_path / "unroll" / "text.py").write_text("a = 2")
    assert origin.code_sha256("translate") != before


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
