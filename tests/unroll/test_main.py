"""`unroll` and `python -m unroll` are one command line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from unroll import __version__

ROOT = Path(__file__).parents[2]
WAYS = [["-m", "unroll"], ["-c", "from unroll.__main__ import main; main()"]]


@pytest.mark.parametrize("command", WAYS, ids=["python -m unroll", "unroll"])
def test_the_version_is_printed_and_torch_is_not_loaded_for_it(command: list[str]) -> None:
    said = subprocess.run(
        [sys.executable, "-X", "importtime", *command, "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert (said.returncode, said.stdout) == (0, f"unroll {__version__}\n")
    assert not re.search(r"\b(torch|mlflow)\b", said.stderr)
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


@pytest.mark.parametrize("command", WAYS, ids=["python -m unroll", "unroll"])
def test_a_failure_is_one_line_and_a_code(command: list[str], tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, *command, "translate", "--model", str(tmp_path / "none"), "tea"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert said.stderr.startswith("unroll: --model ")
