"""Commands that begin a pipeline, look it through, and plan its training."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from unroll.cli.program import app
from unroll.errors import DataError, UnrollError
from unroll.extras import needing


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the pipeline: a letter, then letters, digits, _ and -.")],
    files: Annotated[list[Path], typer.Argument(help="Files, or a folder with a folder or a file for each class.")],
    like: Annotated[str | None, typer.Option(help="Take the settings of this pipeline.")] = None,
    shape: Annotated[
        str | None,
        typer.Option(help="one_to_n: the class is read, and texts of it said; n_to_n: several files are one text."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="The column or key to read: its name, or number from 0.")] = None,
    target: Annotated[str | None, typer.Option(help="The column or key to say.")] = None,
    start_from: Annotated[
        str | None, typer.Option(help="Go on from the model of this pipeline, with its tokenizers and settings.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a pipeline of that name.")] = False,
) -> None:
    """Look at files of your own, say what is in them, and write a whole pipeline for them: pipelines/NAME.yaml."""
    from unroll.begin.looking import Wanted
    from unroll.begin.starting import new as starts

    made = starts(Path(), name, files, Wanted(shape, source, target), like, force, start_from)
    print(*made.said, sep="\n")


@app.command()
def check(
    pipelines: Annotated[
        list[str] | None,
        typer.Argument(help="Files of pipelines/, their rows too. Without any: the grid's files alone."),
    ] = None,
) -> None:
    """Read pipelines, and say all that is wrong with their parameters and data before anything is removed or made."""
    from unroll.begin.checking import check as checks
    from unroll.begin.checking import parameters
    from unroll.params.reading import grid

    wrong: list[UnrollError] = []
    if not pipelines:
        wrong = [error for pipeline in grid(Path()) for error in parameters(Path(), pipeline)]
    for pipeline in pipelines or ():
        found = checks(Path(), pipeline)
        wrong += found.wrong
        for line in found.said:
            print(f"{pipeline}: {line}")
    for error in wrong[:-1]:
        print(f"unroll: {error}", file=sys.stderr)
    if wrong:
        raise type(wrong[0])(str(wrong[-1]))


@app.command()
def plan(
    pipeline: Annotated[str, typer.Argument(help="A file of pipelines/, tokenized and embedded.")] = "translate",
    minutes: Annotated[float, typer.Option(min=0, help="For training; the other stages come on top.")] = 10.0,
) -> None:
    """Measure this machine, and say how many updates with which settings make the best model of the time at hand.

    The number of updates, not the clock, ends a training: so the same plan gives the same model again.
    """
    with needing("train", "a plan"):
        from unroll.training.planning import plan as plans
        from unroll.training.setup import start
    from unroll.folders import PIPELINE_FILES, Folders
    from unroll.params.reading import load

    settings, folders = load(Path(), pipeline), Folders(Path(), pipeline)
    for kind in ("tokenized", "embedded"):
        if not getattr(folders, kind).is_dir():
            raise DataError(f"{getattr(folders, kind)}: not there yet; make it with dvc repro embed@{pipeline}")
    for found in plans(settings, minutes, lambda changed: start(changed.recipe, folders)[1]):
        print(found)
    file = f"{PIPELINE_FILES}/{pipeline}.yaml"
    told = " ".join(f"-S '{file}:{name}={value}'" for name, value in found.changes.items())
    print(f"dvc exp run {told} register@{pipeline}")
