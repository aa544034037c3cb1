"""The outcome of an evaluation, and what all scorers share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from unroll.data.rows import read_rows
from unroll.predict.predictor import Prediction, Predictor

Row = dict[str, Any]
"""source, references, hypothesis; and value and weight, of which the score is sum(value) / sum(weight)"""
Report = dict[str, Any]
"""{name: a number, a text; or of each class a report of its own}"""
Groups = dict[str, tuple[float, int]]
"""{group: (score, rows)}"""
LESS_IS_BETTER = {"nats_per_letter", "perplexity", "bits_per_letter", "mae"}
"""main scores"""
MOST_GROUPS = 30
"""A test with no more distinct targets than this is broken down by target, otherwise by length."""
Nats = Sequence[tuple[float, int]]
"""(-log p of a row's target, tokens that are counted)"""


@dataclass(frozen=True)
class Scores:
    """The outcome of an evaluation.

    Attributes:
        rows: one for each test row, or for each distinct source where one has several references.
        report: the figures; `main` names the one that leads.
        groups: the score broken down.
        unit: what the groups are.
        answers: the predictions behind the rows, where something of them can be drawn.
        confusion: (classes, how often the row's class was taken for the column's), of classifiers alone.
        stress: {what was done to sources: a row for each, as in `rows`}.
        numbers: (those wanted, N; those said, N x quantiles), of regressors alone.
    """

    rows: list[Row]
    report: Report
    groups: Groups = field(default_factory=dict)
    unit: str = ""
    answers: list[Prediction] = field(default_factory=list)
    confusion: tuple[list[str], np.ndarray] | None = None
    stress: dict[str, list[Row]] = field(default_factory=dict)
    numbers: tuple[np.ndarray, np.ndarray] | None = None


def answered(predictor: Predictor, sources: Iterable[str], what: str, beam: int | None = None) -> list[Prediction]:
    """Return the best answer to each source, behind a progress bar; `beam` overrides that of a beam search."""
    sources = list(sources)
    search = predictor.search.model_copy(update={"beam": beam}) if beam else predictor.search
    stream = predictor.stream(sources, search=search, strict=False)
    return [best for best, *_ in tqdm(stream, what, len(sources), unit=" rows", dynamic_ncols=True)]


def pairs_of(path: Path) -> list[tuple[str, str]]:
    """Return (source, target) of every row of a prepared file."""
    return [(row.source, row.target) for row in read_rows(path)]


def said_and_wanted(rows: list[Row]) -> tuple[list[str], list[str]]:
    """Return the answers of rows and their first references."""
    return [row["hypothesis"] for row in rows], [row["references"][0] for row in rows]


def mean(nats: Nats) -> float:
    """Return the mean nats per token."""
    return sum(cost for cost, _ in nats) / sum(count for _, count in nats)


def share(found: Iterable[bool]) -> float:
    """Return how often something is so, in percent."""
    return 100 * float(np.mean(list(found)))


def counted(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name occurs, in alphabetical order."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def rounded(report: Report) -> Report:
    """Return a report with four decimals."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in report.items()}
