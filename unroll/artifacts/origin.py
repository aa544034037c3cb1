"""Which code is at work: its commit, whether it was edited since, and the hash of what made a pipeline's folders."""

from __future__ import annotations

import hashlib
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

import unroll
from unroll.artifacts.manifest import dump_json, sha256

CODE = ("unroll", "stages", "pipelines", "params.yaml", "dvc.yaml", "constraints.txt")
"""What of a repository shapes a model."""


def code_sha256(pipeline: str) -> str:
    """Return a hash over the .py files that made a pipeline's folders, as dvc.lock lists them; else over those here."""
    lock = Path("dvc.lock")
    stages = (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages", {}) if lock.exists() else {}
    used: dict[str, Any] = {
        name: {file["path"]: file["md5"] for file in stage.get("deps", []) if file["path"].endswith(".py")}
        for name, stage in stages.items()
        if name.endswith(f"@{pipeline}") and not name.startswith("register@")
    }
    return hashlib.sha256(dump_json(used).encode()).hexdigest() if used else sources_sha256()


def sources_sha256(package: Path | None = None) -> str:
    """Return a hash over the .py files of the library, those of its packages too, or over those of a copy of it."""
    package = package or Path(unroll.__file__).parent
    used = {path.relative_to(package).as_posix(): sha256(path) for path in sorted(package.rglob("*.py"))}
    return hashlib.sha256(dump_json(used).encode()).hexdigest()


def tags() -> dict[str, str]:
    """Return where the code stands: the commit, whether it was edited since, DVC's stage and experiment."""
    names = {"dvc.stage": "DVC_STAGE", "dvc.experiment": "DVC_EXP_NAME"}
    found = {name: os.environ[variable] for name, variable in names.items() if os.environ.get(variable)}
    with suppress(OSError, subprocess.CalledProcessError):
        found["git.commit"] = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--", *(path for path in CODE if Path(path).exists()))
        found["git.dirty"] = str(bool(changed)).lower()
    return found


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()
