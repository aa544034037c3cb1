"""What `deploy/mlflow` composes: pinned, without a password in it, and open to its own machine alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
HERE = ROOT / "deploy/mlflow"


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "compose.yaml").read_text())["services"]
    return found


def test_every_version_is_pinned() -> None:
    assert re.fullmatch(r"postgres:\d+\.\d+", services()["database"]["image"])
    dockerfile = (HERE / "Dockerfile").read_text()
    assert all("--require-hashes" in line for line in dockerfile.splitlines() if "pip install" in line)
    assert (HERE / services()["mlflow"]["build"]["context"]).resolve() == ROOT
    constraints = (ROOT / "constraints.txt").read_text()
    assert all(re.search(rf"^{name}==", constraints, re.MULTILINE) for name in ("mlflow", "psycopg", "psycopg-binary"))


def test_no_password_is_written_down() -> None:
    asked = [
        value for service in services().values() for name, value in service["environment"].items() if "PASSWORD" in name
    ]
    assert len(asked) == 2
    assert all(value.startswith("${DATABASE_PASSWORD:?") for value in asked)  # without one nothing starts
    assert "DATABASE_PASSWORD=\n" in (HERE / "env.example").read_text()
    ignored = subprocess.run(["git", "check-ignore", "-q", HERE / ".env"], cwd=ROOT, check=False)
    assert ignored.returncode == 0


def test_only_this_machine_reaches_it() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:5000:5000"]
