"""The program as a whole."""

from __future__ import annotations

from collections.abc import Callable


def test_help_names_every_command(unroll: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = unroll("--help")
    assert code == 0
    assert all(command in out for command in ("translate", "generate", "classify", "tag", "lineage", "ui"))
