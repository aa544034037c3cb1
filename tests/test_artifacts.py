"""The models that dvc.yaml declares, fetched by name from a repository with DVC's own commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests import tiny
from unroll.artifacts import store

ROOT = Path(__file__).parents[1]


def test_a_model_is_fetched_by_its_name_and_version(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    model = tiny.checkpoint(theirs / "data" / "translate")
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text())["artifacts"]
    (theirs / "dvc.yaml").write_text(yaml.safe_dump({"artifacts": {"translate": declared["translate"]}}))
    ours.mkdir()
    dvc = [sys.executable, "-m", "dvc"]
    run(theirs, "git", "init", "-q")
    run(theirs, *dvc, "init", "-q")
    run(theirs, *dvc, "add", "-q", "data/translate/model")
    run(theirs, "git", "add", "dvc.yaml", ".dvc", "data/translate/model.dvc", "data/translate/.gitignore")
    run(theirs, "git", "commit", "-qm", "a model")
    run(theirs, "git", "tag", "-a", "translate@v1.0.0", "-m", "the first")
    run(ours, *dvc, "artifacts", "get", str(theirs), "translate", "--rev", "v1.0.0", "--out", "fetched")
    assert store.verify(ours / "fetched", "model") == store.verify(model, "model")


def run(folder: Path, *command: str) -> None:
    who = {f"GIT_{role}_{what}": "me@here" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    quiet = {"DVC_SITE_CACHE_DIR": str(folder.parent / "cache"), "DVC_NO_ANALYTICS": "true"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    done = subprocess.run(command, cwd=folder, env=clean | who | quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
