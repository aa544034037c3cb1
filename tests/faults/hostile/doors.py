"""Where something comes in: a command, a stage, a reader; and what is put in its way."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.hostile.running import Door
from unroll.errors import one_line

ROOT = Path(__file__).parents[3]
ESC, TITLE, BIDI = "\x1b[2J", "\x1b]0;mine\x07", "\u202e"


def unroll(*words: str, stdin: bytes | None = None) -> Door:
    """Return what types a command."""

    def door() -> None:
        from unroll.cli.main import main

        sys.argv = ["unroll", *words]
        if stdin is not None:
            sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
        main()

    return door


def stages(*names: str, pipeline: str = "mine") -> Door:
    """Return what runs stages, as DVC does."""

    def door() -> None:
        from stages import fetch, main, prepare

        for name in names:
            sys.argv = [f"stages/{name}.py", pipeline]
            main({"fetch": fetch, "prepare": prepare}[name].run)

    return door


def reader(read: Callable[[], Any]) -> Door:
    """Return what reads a file to its end."""

    def door() -> None:
        with one_line():
            for _ in read():
                pass

    return door


def in_place(name: str, put: Callable[[Path], Any]) -> Callable[[Path], None]:
    """Return what puts something else in the place of a file."""

    def forge(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        put(folder / name)

    return forge


def listening(path: Path) -> None:
    """Make a socket."""
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path has at most 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def hole(size: int) -> Callable[[Path], None]:
    """Return what makes a file of zeros that takes no room."""

    def put(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return put


def text(content: str | bytes) -> Callable[[Path], Any]:
    """Return what writes a file."""
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)
