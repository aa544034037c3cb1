"""What is done: one module per DVC stage, each run as `python -m stages.<name> <pipeline>`."""

from __future__ import annotations

import sys

from unroll import errors, processes

if sys.argv[0] == "-m":  # as Python says while it looks for the module that it is to run: nothing large is loaded yet
    processes.guard()
    errors.one_line_from_here()

import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from unroll.artifacts import store
from unroll.artifacts.watching import Ground, missing, other_recipe
from unroll.errors import ParamsError, one_line
from unroll.folders import DONE, Folders
from unroll.nn import arithmetic
from unroll.params import reading
from unroll.params.pipeline import Pipeline


def main(run: Callable[[Pipeline, Folders], None]) -> None:
    """Run one stage for the pipeline named on the command line; end with one line and an exit code if it fails."""
    processes.wait_briefly()
    stage = Path(sys.argv[0]).stem
    processes.end_tidily()
    with one_line(), processes.not_alone():
        processes.settle()
        processes.end_with_starter()
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
            processes.mind_interruptions()
            _say_what_differs(stage, pipeline, folders)
            run(pipeline, folders)
            ground.check()
        if stage == "evaluate" and "DVC_STAGE" in os.environ:
            _forget_done(folders)


def _say_what_differs(stage: str, pipeline: Pipeline, folders: Folders) -> None:
    """Say what makes other bytes than its file and this machine would, but for whoever registers: that is refused.

    Raises:
        ParamsError: a model of another recipe than its file's was to be registered.
    """
    if stage not in ("train", "evaluate", "register"):
        return
    for name, value in arithmetic.preset().items():
        print(f"unroll: {name}={value} is set: numbers are added up otherwise than without it", file=sys.stderr)
    said = other_recipe(pipeline, folders) if stage != "train" else ""
    if said and stage == "register":
        raise ParamsError(said)
    if said:
        print(f"unroll: {said}", file=sys.stderr)


def _forget_done(folders: Folders) -> None:
    """Remove the snapshot of a training that is done: DVC, which got as far as this stage, has its model."""
    for mark in folders.snapshots.glob(f"*/{DONE}"):
        shutil.rmtree(mark.parent, ignore_errors=True)
