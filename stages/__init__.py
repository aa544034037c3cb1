"""What is done: one module per DVC stage, each run as `python -m stages.<name> <pipeline>`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from unroll import processes
from unroll.errors import ParamsError, one_line
from unroll.folders import Folders
from unroll.params import reading
from unroll.params.pipeline import Pipeline


def main(run: Callable[[Pipeline, Folders], None]) -> None:
    """Run one stage for the pipeline named on the command line; end with one line and an exit code if it fails."""
    processes.wait_briefly()
    stage = Path(sys.argv[0]).stem
    processes.end_tidily()
    processes.end_with_starter()
    with one_line(), processes.not_alone():
        if len(sys.argv) != 2:
            raise ParamsError(f"usage: python -m stages.{stage} PIPELINE")
        folders = Folders(Path(), sys.argv[1])
        pipeline = reading.load(folders.root, folders.pipeline)
        turn = processes.alone(folders.lock(stage), f"{stage}@{folders.pipeline}")
        with turn if processes.first() else nullcontext():
            run(pipeline, folders)
