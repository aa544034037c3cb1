"""The program: all its commands, and how it ends."""

from __future__ import annotations

from unroll import processes
from unroll.cli import asking, pipelines, registry, serving, trust
from unroll.cli.program import app
from unroll.errors import one_line

COMMANDS = (asking, pipelines, registry, serving, trust)
"""Modules that add theirs to `app` as they are imported."""


def main() -> None:
    """Run the command line; what a person can fix ends in one line and an exit code."""
    processes.wait_briefly()
    with one_line():
        processes.settle()
        app()
