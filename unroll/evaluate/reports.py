"""Scores -> what a person looks at: tables, examples and pictures."""

from __future__ import annotations

import csv
import io
import itertools
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from unroll.data.numbers import read
from unroll.evaluate import plots
from unroll.evaluate.curves import read_curves
from unroll.evaluate.escaping import cell, markdown
from unroll.evaluate.estimates import seasonal
from unroll.evaluate.scores import LESS_IS_BETTER, Groups, Row, Scores
from unroll.params.evaluate import Evaluate
from unroll.params.pipeline import Recipe
from unroll.params.series import Series, Ts
from unroll.params.tokenize import Vectors
from unroll.predict.predictor import Prediction

EXAMPLES, SHOWN = 10, 200
"""Rows of each kind; characters of a text in a table to read."""
DRAWN = range(5, 13)
"""target tokens of the answers whose attention is drawn"""
MOST_LINES = 16
"""numbers of a frame that are drawn as a line each"""
SCORES = {
    "bleu": "BLEU of greedy answers", "chrf": "chrF of greedy answers", "accuracy": "accuracy, %",
    "macro_f1": "macro F1, %", "macro_recall": "macro recall, %", "span_f1": "F1 of spans, %",
    "loss": "- nats per token",
}  # fmt: skip
"""{what validation selects by: the name of its axis}"""


def draw(scores: Scores, recipe: Recipe, params: Evaluate, reports: Path) -> None:
    """Draw the curves, and whatever else these scores have to show."""
    folder = reports / "pictures"
    shutil.rmtree(folder, ignore_errors=True)
    numbers = scores.numbers is not None
    plots.curves(
        read_curves(reports / "curves.csv"),
        "- loss" if numbers else SCORES[recipe.train.select_by],
        "loss of a number" if numbers else "nats per target token",
        folder / "curves.png",
    )
    if scores.groups:
        plots.bars(scores.groups, str(scores.report["main"]).replace("_", " "), scores.unit, folder / "breakdown.png")
    if scores.stress and not recipe.reads_on:
        plots.stress(*stressed(scores), str(scores.report["main"]).replace("_", " "), folder / "stress.png")
    if scores.numbers:
        plots.estimates(*scores.numbers, folder / "estimates.png")
    if scores.confusion:
        plots.confusion(*scores.confusion, folder / "confusion.png")
    spread = slice(None, None, max(len(scores.rows) // max(params.pictures, 1), 1))
    if (known := seasonal(recipe)) and params.pictures:
        shown = zip(scores.rows[spread], scores.answers[spread], strict=True)
        plots.forecasts([_forecast(*one, *known) for one in shown][: params.pictures], folder / "forecasts.png")
    elif isinstance(recipe.tokenize.source, Vectors):
        chosen = scores.rows[spread][: params.pictures]
        said = [row["hypothesis"] for row in chosen]
        if isinstance(recipe.prepare.corpus, Series | Ts) or _are_lines(recipe.tokenize.source):
            pairs = [(row["references"][0].split(), row["hypothesis"].split()) for row in chosen]
            labels = pairs if recipe.model.head.kind == "tagger" else []
            rows = [read(row["source"]) for row in chosen]
            plots.series(rows, list(map(runs, said)), folder / "series.png", labels)
        else:
            plots.scans([scan(row["source"]) for row in chosen], said, folder / "scans.png")
    if looks := maps(scores.answers, params.pictures):
        plots.attention(looks, folder / "attention.png")


def stressed(scores: Scores) -> tuple[list[str], list[float], list[float]]:
    """Return (slips, the score under each, the score of the same rows without it)."""
    names = [name for name in scores.stress if f"stress.{name}" in scores.report]
    under = [float(scores.report[f"stress.{name}"]) for name in names]
    lost = [float(scores.report[f"stress.{name}_lost"]) for name in names]
    sign = -1 if scores.report["main"] in LESS_IS_BETTER else 1
    return [name.replace("_", " ") for name in names], under, [a + sign * b for a, b in zip(under, lost, strict=True)]


def _forecast(row: Row, answer: Prediction, channel: int, season: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (what was for a season and two horizons, what came, what was said of it with its quantiles)."""
    before_S, came_T = read(row["source"])[:, channel], read(row["references"][0])[:, 0]
    said_TQ = cast(np.ndarray, answer.numbers_TWQ)[: len(came_T), 0]
    return before_S[-season - 2 * len(came_T) :], came_T, said_TQ


def _are_lines(source: Vectors) -> bool:
    """Return whether vectors are few numbers, each of its own scale: no greys of a picture, nor bands of a sound."""
    return source.scale is not None and source.width <= MOST_LINES


def scan(source: str) -> np.ndarray:
    """Return a picture of vectors: a square of a lone vector, else one vector a line."""
    frames = read(source)
    side = round(frames.size**0.5)
    return frames.reshape(side, side) if len(frames) == 1 and side**2 == frames.size else frames


def runs(labels: str) -> str:
    """Return labels with each run of equal ones said once: 3 3 3 1 1 as 3 1."""
    return " ".join(label for label, _ in itertools.groupby(labels.split()))


def maps(answers: Sequence[Prediction], most: int) -> list[plots.Map]:
    """Return where the model looked in a few answers of middling length, spread evenly over the test."""
    fitting = [a for a in answers if len(a.target_tokens) in DRAWN and len(a.source_tokens) > 1 and a.weights_TS.any()]
    step = max(len(fitting) // max(most, 1), 1)
    return [(a.source_tokens, a.target_tokens, a.weights_TS) for a in fitting[::step][:most]]


def worth(row: Row) -> float:
    """Return how good an answer is, comparable within one evaluation."""
    return float(row["value"] / row["weight"] if "value" in row else row["chrf"])


def chosen(rows: list[Row]) -> Iterator[tuple[str, Row]]:
    """Yield the worst, the median and the best rows, each with its name."""
    ranked = sorted((row for row in rows if row["hypothesis"]), key=lambda row: (worth(row), row["source"]))
    middle = max((len(ranked) - EXAMPLES) // 2, 0)
    for name, first in (("worst", 0), ("median", middle), ("best", max(len(ranked) - EXAMPLES, 0))):
        yield from ((name, row) for row in ranked[first : first + EXAMPLES])


def breakdown_csv(groups: Groups) -> str:
    """Return the score of each group as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["group", "score", "count"])
    writer.writerows([cell(group), f"{score:.3f}", count] for group, (score, count) in groups.items())
    return out.getvalue()


def examples_csv(rows: list[Row]) -> str:
    """Return the chosen rows as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["rank", "worth", "source", "hypothesis", "reference"])
    for name, row in chosen(rows):
        writer.writerow([name, round(worth(row), 3), *map(cell, _texts(row))])
    return out.getvalue()


def examples_markdown(rows: list[Row]) -> str:
    """Return the chosen rows as a table to read."""
    lines = ["| | worth | source | hypothesis | a reference |", "|---|---|---|---|---|"]
    for name, row in chosen(rows):
        cells = (markdown(text, SHOWN) for text in _texts(row))
        lines.append(f"| {name} | {worth(row):.2f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _texts(row: Row) -> tuple[str, str, str]:
    return row["source"], row["hypothesis"], row["references"][0]


def json_lines(rows: Sequence[Row]) -> str:
    """Return rows as JSON, one a line."""
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)


def write(folder: Path, scores: Scores) -> None:
    """Write each test row with its hypothesis and references, the worst, median and best, and those under stress."""
    rows = scores.rows
    slipped = [row | {"slip": name} for name, under in scores.stress.items() for row in under]
    for name, text in (
        ("test.jsonl", json_lines(rows)),
        ("stress.jsonl", json_lines(slipped)),
        ("examples.csv", examples_csv(rows)),
        ("examples.md", examples_markdown(rows)),
    ):
        (folder / name).write_text(text, encoding="utf-8", newline="")
