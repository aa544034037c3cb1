"""A model is packed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def test_a_packaged_model_says_how_it_is_started(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, tmp_path: Path
) -> None:
    code, out, _ = unroll("package", tmp_path / "out", "--model", folder)
    assert (code, out.splitlines()[-1]) == (
        0, f"cd {tmp_path / 'out'} && pip install -r requirements.txt && python -m unroll serve model",
    )  # fmt: skip
    assert (tmp_path / "out" / "Dockerfile").is_file()
    assert unroll("package", tmp_path / "out", "--model", folder)[0] == 2
