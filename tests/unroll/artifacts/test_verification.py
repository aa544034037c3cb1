"""What DVC takes on trust, read byte by byte."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tracked import answers, make_folders
from unroll.artifacts import store, verification
from unroll.cli.main import app
from unroll.errors import IntegrityError, ParamsError


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def kept(home: Path) -> Path:
    """A folder that DVC keeps in its cache and pushed to a remote."""
    make_folders(home, answers(3))
    outs = ", ".join(f"{{data/translate/{kind}: {{persist: true}}}}" for kind in ("raw", "model"))
    (home / "dvc.yaml").write_text(f"stages: {{made: {{cmd: 'true', outs: [{outs}]}}}}\n")
    run("dvc", "init", "--no-scm", "--quiet")
    run("dvc", "config", "core.analytics", "false")
    run("dvc", "remote", "add", "--default", "there", str(home / "remote"))
    run("dvc", "commit", "--force", "--quiet")
    run("dvc", "push", "--quiet")
    return home


KINDS = ("embedded", "evaluation", "lexicon", "model", "prepared", "raw", "tokenized")


def objects(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_is_whole_is_said_to_be(kept: Path) -> None:
    told = CliRunner().invoke(app, ["verify", "--remote"])
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines() == [
        f"whole\tdata/translate/{kind}" + ("\tnot signed" if kind == "model" else "") for kind in KINDS
    ]


@pytest.mark.parametrize(("place", "remote"), [(".dvc/cache", False), ("remote", True)])
def test_every_rotten_object_is_named_with_what_it_is_for(kept: Path, place: str, remote: bool) -> None:
    for path in objects(kept / place / "files"):
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        (line,) = verification.rotten(Path("dvc.lock"), remote)
        path.write_bytes(content)
        assert str(path) in line
        assert " for data/translate/" in line
    assert list(verification.rotten(Path("dvc.lock"), remote)) == []


def test_the_remote_is_read_when_asked(kept: Path) -> None:
    for path in objects(kept / "remote"):
        path.chmod(0o644)
        path.write_bytes(b"")
    assert list(verification.rotten(Path("dvc.lock"), remote=False)) == []
    assert len(list(verification.rotten(Path("dvc.lock"), remote=True))) == 2  # a list of files says nothing of them


def test_what_is_not_there_is_not_rotten(kept: Path) -> None:
    shutil.rmtree(kept / ".dvc" / "cache")
    assert list(verification.rotten(Path("dvc.lock"), remote=False)) == []


def test_a_rotten_file_is_named_and_the_exit_code_says_so(kept: Path) -> None:
    model = Path("data/translate/model/model.safetensors")
    model.chmod(0o644)
    model.write_bytes(model.read_bytes()[:-1])
    told = CliRunner().invoke(app, ["verify", "data/translate"])
    assert isinstance(told.exception, IntegrityError)
    assert "rotten\tdata/translate/model\n" in told.stdout
    assert f"unroll: {model}: SHA-256 differs" in told.stderr


def alter(folder: Path, kind: str) -> None:
    with store.writing(folder / kind, kind, {}) as aside:
        (aside / "other").write_text("x")


@pytest.mark.parametrize(
    ("altered", "names"), [("tokenized", ["embedded", "lexicon", "model"]), ("prepared", ["evaluation", "tokenized"])]
)
def test_what_was_made_from_another_parent_is_told(home: Path, altered: str, names: list[str]) -> None:
    make_folders(home, answers(3))
    alter(home / "data" / "translate", altered)
    wrong = {folder.name: list(verification.wrong(folder)) for folder in verification.folders(home / "data")}
    told = {name for name, lines in wrong.items() if lines}
    assert set(names) <= told
    assert all(f"another '{altered}'" in line for name in names for line in wrong[name])


def test_a_place_without_artifacts_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no artifact here"):
        verification.folders(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "[1]",
        "3",
        "stages: [1]",
        "stages: {a: {outs: [3]}}",
        "a: [",
        "stages: {a: {outs: [{path: a, md5: ../../etc/x}]}}",
    ],
)
def test_a_lock_that_dvc_did_not_write_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(IntegrityError, match=r"dvc\.lock: not what DVC wrote"):
        list(verification.rotten(tmp_path / "dvc.lock", remote=False))


def test_a_project_without_a_lock_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"dvc\.lock: not what DVC wrote.*No such file"):
        list(verification.rotten(tmp_path / "dvc.lock", remote=False))
