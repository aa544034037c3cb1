"""How a forecaster would have done so far: `python -m benchmarks.backtest`, of `forecast` or another pipeline like it.

Time is cut at some moments. For each a model learns from what lies before the cut, but for the last stretch, which
validates, and is tested on the stretch behind it: rolling origins and a growing past (Tashman 2000, "Out-of-sample
tests of forecasting accuracy"). Beside it seasonal naive forecasts, and ridge regression on lags, of the same rows.
Stages run in a folder that goes again; the table and a picture go to benchmarks/results.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import common
from benchmarks.common import ROOT, STAGES, Row, make_project, run, tell, write_pipeline
from unroll.errors import ParamsError, one_line
from unroll.evaluate import plots
from unroll.evaluate.scores import pairs_of
from unroll.evaluate.scoring import BASELINES
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline
from unroll.params.prepare import OfficialSplit
from unroll.params.reading import changed
from unroll.params.series import Series

BESIDE = {"seasonal naive": "seasonal_naive", "ridge": "ridge"}
"""{as it is told: the baseline of evaluate}"""
FIGURES = {"MAE": "mae", "MASE": "mase", "coverage %": "coverage_percent"}
"""{as it is told: its name in evaluate.json}"""


def main(
    pipeline: Annotated[str, typer.Option(help="A forecast, whose test is a part of the same time.")] = "forecast",
    cuts: Annotated[int, typer.Option(min=1, help="Moments at which time is cut.")] = 4,
    first: Annotated[float, typer.Option(min=0, max=1, help="Share of time before the first cut.")] = 0.6,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
) -> None:
    """Print for each cut what a model of all before it is worth on the stretch behind it, and the mean of these."""
    with one_line():
        draw(backtest(ROOT, pipeline, cuts, first, threads), pipeline)


def backtest(project: Path, pipeline: str, cuts: int, first: float, threads: int) -> list[Row]:
    """Train and judge a model for each cut; tell, and return, a row for each, and their mean.

    Raises:
        ParamsError: as `folds`, or the pipeline is no forecast of that kind.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        now = make_project(root, pipeline, threads, project)
        refuse_other(now, pipeline)
        for cut, shares in folds(cuts, first).items():
            fold = changed(now, shares)
            write_pipeline(root, pipeline, fold)
            run(root, pipeline, STAGES[1:] if rows else STAGES)
            rows.append({"cut": f"{cut:g}"} | judged(Folders(root, pipeline), fold))
            print(rows[-1], flush=True)
    mean: Row = {name: fmean(float(row[name]) for row in rows) for name in rows[0]}
    rows.append(mean | {"cut": "mean"})
    tell(f"backtest-{pipeline}", rows, cuts=cuts, first=first, updates=now.train.updates, threads=threads)
    return rows


def refuse_other(pipeline: Pipeline, name: str) -> None:
    """Do nothing if a pipeline forecasts a channel of its source, and its splits are parts of the same time.

    Raises:
        ParamsError: it does not.
    """
    split, corpus = pipeline.prepare.split, pipeline.prepare.corpus
    parted = isinstance(split, OfficialSplit) and isinstance(split.valid, Series) and isinstance(split.test, Series)
    if not (parted and isinstance(corpus, Series) and corpus.shown):
        raise ParamsError(
            f"{name}: no forecast that can be cut: needed are answer 'ahead', the target among the channels, and a "
            "split of kind 'official' whose valid and test are series too, as in pipelines/forecast.yaml"
        )


def folds(cuts: int, first: float) -> dict[float, dict[str, Any]]:
    """Return {cut: the parameters that make its fold}; cuts are shares of time, as far apart as the last from the end.

    >>> for cut, shares in folds(2, 0.6).items():
    ...     print(cut, *shares.values())
    0.6 [0.0, 0.4] [0.4, 0.6] [0.6, 0.8]
    0.8 [0.0, 0.6] [0.6, 0.8] [0.8, 1.0]

    Raises:
        ParamsError: nothing would be left to learn from.
    """
    width = (1 - first) / cuts
    if not width < first < 1:
        raise ParamsError(
            f"--first {first:g}: with {cuts} cuts the first needs a share above {1 / (cuts + 1):.2f}, below 1"
        )
    # Each edge is one number for what ends and what begins there: one frame.
    edges = [round(float(edge), 6) for edge in np.linspace(first - width, 1, cuts + 2)]
    names = [f"prepare.{name}.part" for name in ("corpus", "split.valid", "split.test")]
    return {
        cut: dict(zip(names, ([0.0, begin], [begin, cut], [cut, end]), strict=True))
        for begin, cut, end in zip(edges, edges[1:], edges[2:], strict=False)
    }


def judged(folders: Folders, fold: Pipeline) -> Row:
    """Return what evaluate says of a fold's model, and what the baselines make of the same rows."""
    report = json.loads((folders.reports / "evaluate.json").read_text(encoding="utf-8"))
    train, test = (pairs_of(folders.prepared / f"{split}.tsv") for split in ("train", "test"))
    row: Row = {"train rows": len(train), "test rows": len(test)}
    row |= {name: report[key] for name, key in FIGURES.items() if key in report}
    for name, key in BESIDE.items():
        found = report["baseline"] if fold.evaluate.baseline == key else BASELINES[key](train, test, fold.recipe)
        row[name] = round(found, 4)
    return row


def draw(rows: Sequence[Row], pipeline: str) -> None:
    """Draw the errors of all over the cuts, beside the table; the last row, their mean, is left out."""
    columns = {pipeline: "MAE"} | {name: name for name in BESIDE}
    points = {name: [(float(row["cut"]), float(row[key])) for row in rows[:-1]] for name, key in columns.items()}
    plots.lines(points, "share of time before the cut", "MAE", common.RESULTS / f"backtest-{pipeline}.png")


if __name__ == "__main__":
    typer.run(main)
