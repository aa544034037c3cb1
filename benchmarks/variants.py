"""What a parameter is worth: a pipeline as it is beside itself changed, seed by seed: `python -m benchmarks.variants`.

Without options `stories` answers with attention over the story and from the last state alone, and `scene`, whose memory
is one state, speaks with that C at each step and with C as its first state alone. Of any other pipeline:

    python -m benchmarks.variants --pipeline films --change model.head.context=max
    python -m benchmarks.variants --pipeline translate --change 'model.head.cell=gru model.dropout=0.2' --seeds 2

Each --change is a variant of its own, with what it names changed and all else equal: rows, updates, seeds. Stages run
in a folder that goes again, each again only where something that it reads has changed.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer
import yaml

from benchmarks.answers import REPORTS, answers_of
from benchmarks.common import ROOT, STAGES, Row, differences, make_project, run, stages_after, tell, write_pipeline
from unroll.errors import ParamsError, one_line
from unroll.evaluate.scores import LESS_IS_BETTER
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline
from unroll.params.reading import changed

PAIRS = {"stories": ["model.head.context=last"], "scene": ["model.head.attention=none"]}
"""{pipeline: what it is compared with}"""
AS_IT_IS = "as it is"
LESS = LESS_IS_BETTER | {"nats", "rmse", "mase", "smape_percent", "edits_percent", "interval_width"}
Figures = dict[str, list[float]]
"""{figure: its value with each seed}"""


def main(
    pipeline: Annotated[str | None, typer.Option(help="Of the project; none: the two pairs above.")] = None,
    change: Annotated[list[str] | None, typer.Option(help="PARAMETER=VALUE, or several of them in quotes.")] = None,
    figure: Annotated[list[str] | None, typer.Option(help="Of evaluate.json, beside the one that leads.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each: train.seed is 1, 2, ...")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
) -> None:
    """Print for each figure its mean and spread over seeds, as it is and changed, and which is better."""
    with one_line():
        if change and not pipeline:
            raise ParamsError(f"--change {change[0]}: of which pipeline? --pipeline NAME")
        for name in [pipeline] if pipeline else PAIRS:
            if not (changes := change or PAIRS.get(name)):
                raise ParamsError(f"{name}: compared with what? --change PARAMETER=VALUE")
            compare(ROOT, name, changes, figure or [], seeds, threads)


def compare(
    project: Path, pipeline: str, changes: Sequence[str], named: Sequence[str], seeds: int, threads: int
) -> list[Row]:
    """Train and judge a pipeline of a project as it is and with each of some changes; tell, and return, the rows.

    Raises:
        ParamsError: a change is none, or what it makes is no pipeline, or a figure is not in evaluate.json.
    """
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        now = made = make_project(root, pipeline, threads, project)
        variants = {AS_IT_IS: now} | {text: variant(now, text) for text in changes}
        found: dict[str, Figures] = {}
        for text, settings in variants.items():
            for seed in range(1, seeds + 1):
                wanted = changed(settings, {"train.seed": seed})
                write_pipeline(root, pipeline, wanted)
                run(root, pipeline, stages_after(differences(made, wanted)) if found else STAGES)
                made = wanted
                for name, value in figures(Folders(root, pipeline), named).items():
                    found.setdefault(text, {}).setdefault(name, []).append(value)
                print(f"{pipeline}, {text}, seed {seed}: {found[text]}", flush=True)
    rows = list(chain.from_iterable(beside(found[AS_IT_IS], text, found[text]) for text in changes))
    tell(f"variants-{pipeline}", rows, seeds=seeds, updates=now.train.updates, threads=threads)
    return rows


def variant(pipeline: Pipeline, text: str) -> Pipeline:
    """Return a pipeline with other values of the parameters that are named, as YAML has them: "a.b=1 a.c=null".

    Raises:
        ParamsError: that is no assignment, of no parameter, or nothing that a stage up to evaluate reads.
    """
    assigned: dict[str, Any] = {}
    try:
        for assignment in shlex.split(text):
            name, equals, value = assignment.partition("=")
            if not equals:
                raise ValueError(f"'{assignment}' has no =")
            assigned[name] = yaml.safe_load(value)
    except (ValueError, yaml.YAMLError) as error:
        raise ParamsError(f"--change {text}: {error}; write PARAMETER=VALUE: model.dropout=0.2") from None
    found = changed(pipeline, assigned)
    if "train.seed" in assigned:
        raise ParamsError(f"--change {text}: all are trained with the same seeds; --seeds says how many")
    if not stages_after(differences(pipeline, found)):
        raise ParamsError(f"--change {text}: the pipeline is so already, or nothing before register reads it")
    return found


def figures(folders: Folders, named: Sequence[str]) -> dict[str, float]:
    """Return what evaluate says of a model: the figure that leads, those named, and what `benchmarks.answers` adds.

    Raises:
        ParamsError: a figure is not there.
    """
    report = json.loads((folders.reports / "evaluate.json").read_text(encoding="utf-8"))
    there = {name: value for name, value in report.items() if isinstance(value, (int, float))}
    for name in named:
        if name not in there:
            raise ParamsError(f"--figure {name}: not in evaluate.json; there are {', '.join(sorted(there))}")
    found = {name: float(there[name]) for name in (report["main"], *named)}
    if of_answers := REPORTS.get(folders.pipeline):
        found |= of_answers(answers_of(folders), folders.prepared, False)
    return found


def beside(plain: Mapping[str, Sequence[float]], text: str, other: Mapping[str, Sequence[float]]) -> list[Row]:
    """Return a row for each figure: means and spreads, from the lowest seed to the highest, and which is better."""
    rows: list[Row] = []
    for name, first in plain.items():
        if (second := other.get(name)) is None:
            continue
        row: Row = {"figure": name, "change": text}
        row |= {AS_IT_IS: fmean(first), "spread": spread(first), "changed": fmean(second), "its spread": spread(second)}
        rows.append(row | {"better": better(name, first, second), "beyond the spread": apart(first, second)})
    return rows


def spread(values: Sequence[float]) -> str:
    """Return the lowest and the highest of some values.

    >>> spread([2.5, 1, 2])
    '1.00 to 2.50'
    """
    return f"{min(values):.2f} to {max(values):.2f}"


def better(figure: str, first: Sequence[float], second: Sequence[float]) -> str:
    """Return which of two has the better mean of a figure.

    >>> better("accuracy", [1.0], [2.0]), better("mae", [1.0], [2.0]), better("mae", [1.0], [1.0])
    ('changed', 'as it is', 'neither')
    """
    gain = fmean(second) - fmean(first)
    if figure.rpartition(".")[2] in LESS or figure.startswith("wer"):
        gain = -gain
    return "changed" if gain > 0 else AS_IT_IS if gain < 0 else "neither"


def apart(first: Sequence[float], second: Sequence[float]) -> str:
    """Return whether every seed of one is on the same side of every seed of the other.

    Where a change does nothing that happens by chance to one in three with two seeds each, to one in ten with three.

    >>> apart([1, 2], [3, 2.5]), apart([1, 2], [2, 3]), apart([1], [2])
    ('yes', 'no', 'one seed tells nothing')
    """
    if min(len(first), len(second)) < 2:
        return "one seed tells nothing"
    return "yes" if max(first) < min(second) or max(second) < min(first) else "no"


if __name__ == "__main__":
    typer.run(main)
