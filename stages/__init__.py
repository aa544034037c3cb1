"""What is done: one module per DVC stage, each run as `python -m stages.<name> <pipeline>`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from unroll import processes
from unroll.artifacts import store
from unroll.artifacts.watching import Ground, missing, other_recipe
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
        ground = Ground(folders.root, stage, folders.pipeline)
        try:
            pipeline = reading.load(folders.root, folders.pipeline)
        except ParamsError as error:
            raise ParamsError(f"{error}{missing(folders.root, ground)}") from None
        turn = processes.alone(folders.lock(stage), f"{stage}@{folders.pipeline}")
        with turn if processes.first() else nullcontext(), store.checking(ground.check):
            ground.bring_code()
            _say_other_recipe(stage, pipeline, folders)
            run(pipeline, folders)
            ground.check()


def _say_other_recipe(stage: str, pipeline: Pipeline, folders: Folders) -> None:
    """Say where a model is not what its file says; whoever asks it may, but it is not registered.

    Raises:
        ParamsError: it was to be registered.
    """
    said = other_recipe(pipeline, folders) if stage in ("evaluate", "register") else ""
    if said and stage == "register":
        raise ParamsError(said)
    if said:
        print(f"unroll: {said}", file=sys.stderr)
