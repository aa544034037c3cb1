"""What numbers are worth: how far they are from those wanted, and how often an interval holds these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from unroll.data.ids import Items
from unroll.evaluate.baselines import seasonal_naive
from unroll.evaluate.scores import Groups, Report, Row, Scores, answered, pairs_of, rounded
from unroll.params.model import ForecasterParams
from unroll.params.pipeline import Recipe
from unroll.params.series import Series
from unroll.predict.predictor import Prediction, Predictor

PARTS = 5
"""into which the test is parted by what is wanted"""
STEPS = 8
"""parts of a horizon"""


def estimates(predictor: Predictor, prepared: Path) -> Scores:
    """Score a regressor or a forecaster: its mean absolute error, and what else tells how far its numbers are off."""
    pairs, recipe = pairs_of(prepared / "test.tsv"), predictor.recipe
    answers = answered(predictor, [source for source, _ in pairs], "test")
    wanted = predictor.target.encode([target for _, target in pairs])
    rows = [judged(*pair, one, numbers_TW) for pair, one, numbers_TW in zip(pairs, answers, wanted, strict=True)]
    wanted_N = np.concatenate([np.ravel(numbers_TW) for numbers_TW in wanted]).astype(np.float64)
    said = [_numbers(one)[: len(numbers_TW)] for one, numbers_TW in zip(answers, wanted, strict=True)]
    said_NQ = np.concatenate([said_TWQ.reshape(-1, said_TWQ.shape[-1]) for said_TWQ in said])
    report = _report(wanted_N, said_NQ) | {"rows": len(rows)}
    groups, unit = by_size(wanted_N, said_NQ), "wanted"
    if isinstance(recipe.model.head, ForecasterParams):
        report["smape_percent"] = _smape(wanted_N, said_NQ[:, said_NQ.shape[1] // 2])
        groups, unit = by_step(wanted, said), "steps ahead"
        if found := seasonal(recipe):
            naive = seasonal_naive(pairs_of(prepared / "train.tsv"), *found)
            report["mase"] = float(report["mae"]) / naive if naive else 0.0
    return Scores(rows, rounded(report), groups, unit, answers, numbers=(wanted_N, said_NQ))


def seasonal(recipe: Recipe) -> tuple[int, int] | None:
    """Return (the channel that shows what is to be forecast, its season or 1), where a channel does."""
    corpus = recipe.prepare.corpus
    return corpus.shown if isinstance(corpus, Series) else None


def by_step(wanted: Sequence[Items], said: Sequence[np.ndarray]) -> Groups:
    """Return the mean absolute error of each step ahead; of many in some `STEPS` parts, named by their first."""
    errors = [np.abs(one[..., one.shape[-1] // 2] - np.asarray(numbers_TW, np.float64)).mean(1)
              for one, numbers_TW in zip(said, wanted, strict=True)]  # fmt: skip
    longest = max(map(len, errors))
    width = -(-longest // STEPS)
    found = {}
    for first in range(0, longest, width):
        part = np.concatenate([error_T[first : first + width] for error_T in errors])
        last = min(first + width, longest)
        found[f"{first + 1}" if last == first + 1 else f"{first + 1} to {last}"] = float(part.mean()), len(part)
    return found


def judged(source: str, target: str, answer: Prediction, wanted_TW: Items) -> Row:
    """Return the row of an answer that is the better, the nearer it is."""
    said_TWQ = _numbers(answer)[: len(wanted_TW)]
    error = np.abs(said_TWQ[..., said_TWQ.shape[-1] // 2] - np.asarray(wanted_TW, np.float64))
    found = {"source": source, "references": [target], "hypothesis": answer.text}
    return found | {"value": -float(error.sum()), "weight": error.size}


def by_size(wanted_N: np.ndarray, said_NQ: np.ndarray) -> Groups:
    """Return the mean absolute error of each fifth of the numbers, from those where the least is wanted."""
    error_N = np.abs(said_NQ[:, said_NQ.shape[1] // 2] - wanted_N)
    parts = np.array_split(np.argsort(wanted_N, kind="stable"), PARTS)
    return {
        f"{wanted_N[part[0]]:.3g} to {wanted_N[part[-1]]:.3g}": (float(error_N[part].mean()), len(part))
        for part in parts
        if len(part)
    }


def _numbers(answer: Prediction) -> np.ndarray:
    return cast(np.ndarray, answer.numbers_TWQ).astype(np.float64)


def _smape(wanted_N: np.ndarray, said_N: np.ndarray) -> float:
    """Return the symmetric mean absolute percentage error, 0 to 200, as the M4 competition has it (2020)."""
    sizes_N = np.abs(wanted_N) + np.abs(said_N)
    return 200 * float((np.abs(said_N - wanted_N) / np.where(sizes_N > 0, sizes_N, 1.0)).mean())


def _report(wanted_N: np.ndarray, said_NQ: np.ndarray) -> Report:
    said_N = said_NQ[:, said_NQ.shape[1] // 2]
    error_N = said_N - wanted_N
    report: Report = {"main": "mae", "mae": float(np.abs(error_N).mean()), "rmse": float(np.sqrt((error_N**2).mean()))}
    if np.ptp(wanted_N):  # else there is nothing to explain
        report["r2"] = 1 - float((error_N**2).mean() / wanted_N.var())
        report["correlation"] = float(np.corrcoef(wanted_N, said_N)[0, 1]) if np.ptp(said_N) else 0.0
    if said_NQ.shape[1] > 1:
        inside_N = (said_NQ[:, 0] <= wanted_N) & (wanted_N <= said_NQ[:, -1])
        report["coverage_percent"] = 100 * float(inside_N.mean())
        report["interval_width"] = float((said_NQ[:, -1] - said_NQ[:, 0]).mean())
    return report
