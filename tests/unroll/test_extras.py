"""What is not installed is one line that names the extra; what is a defect of ours goes through."""

from __future__ import annotations

import builtins
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unroll.errors import ResourceError
from unroll.extras import needing


def test_a_package_that_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(ResourceError) as caught, needing("serve", "a server"):
        importlib.import_module("no_such_package.inner")
    assert str(caught.value) == "a server needs the package no_such_package: pip install 'unroll[serve]'"
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", ["unroll.nothing", "unroll.serve.nothing"])
def test_a_module_of_ours_that_is_missing_goes_through(name: str) -> None:
    with pytest.raises(ModuleNotFoundError), needing("serve", "a server"):
        importlib.import_module(name)


def test_any_other_failure_goes_through() -> None:
    with pytest.raises(ImportError, match="cannot import name"), needing("serve", "a server"):
        from unroll.errors import Nothing  # noqa: F401
    with pytest.raises(ZeroDivisionError), needing("serve", "a server"):
        raise ZeroDivisionError
    with needing("serve", "a server"):
        importlib.import_module("json")


def test_a_command_without_its_extra_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from unroll.cli.main import main

    imported = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "unroll.serve.ui":
            raise ModuleNotFoundError("No module named 'mlflow'", name="mlflow")
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("sys.argv", ["unroll", "ui"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 5
    assert capsys.readouterr().err == "unroll: MLflow's pages needs the package mlflow: pip install 'unroll[track]'\n"


CORE_ALONE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {extras}:
            raise ModuleNotFoundError(f"No module named '{{name}}'", name=name)

sys.meta_path.insert(0, Absent())
import unroll
predictor = unroll.load({folder!r})
assert str(predictor("I drink tea.")) == str(predictor(["I drink tea."])[0])
sys.argv = ["unroll", "translate", "--model", {folder!r}, "--int8", "--shortlist", "9", "I drink tea."]
from unroll.cli.main import main
main()
"""
"""Answers where no extra is installed: by Python, and by the command line."""
EXTRAS = {
    "gensim", "lightning_fabric", "matplotlib", "psutil", "sacrebleu", "sklearn", "scipy", "tqdm", "starlette",
    "uvicorn", "mlflow", "pandas", "dvc",
}  # fmt: skip


def test_the_core_answers_with_a_model_by_itself(tiny_model_folder: Path) -> None:
    program = CORE_ALONE.format(extras=EXTRAS, folder=str(tiny_model_folder))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tiny_model_folder)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
