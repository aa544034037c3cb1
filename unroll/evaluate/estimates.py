"""What numbers are worth: how far they are from those wanted, and how often an interval holds these."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np

from unroll.data.ids import Items
from unroll.evaluate.scores import Groups, Report, Row, Scores, answered, pairs_of, rounded
from unroll.predict.predictor import Prediction, Predictor

PARTS = 5
"""into which the test is parted by what is wanted"""


def estimates(predictor: Predictor, prepared: Path) -> Scores:
    """Score a regressor: its mean absolute error, and what else tells how far its numbers are off."""
    pairs = pairs_of(prepared / "test.tsv")
    answers = answered(predictor, [source for source, _ in pairs], "test")
    wanted = predictor.target.encode([target for _, target in pairs])
    rows = [judged(*pair, one, numbers_TW) for pair, one, numbers_TW in zip(pairs, answers, wanted, strict=True)]
    wanted_N = np.concatenate([np.ravel(numbers_TW) for numbers_TW in wanted]).astype(np.float64)
    said_NQ = np.concatenate([_numbers(one).reshape(-1, _numbers(one).shape[-1]) for one in answers])
    report = _report(wanted_N, said_NQ) | {"rows": len(rows)}
    return Scores(rows, rounded(report), by_size(wanted_N, said_NQ), "wanted", answers, numbers=(wanted_N, said_NQ))


def judged(source: str, target: str, answer: Prediction, wanted_TW: Items) -> Row:
    """Return the row of an answer that is the better, the nearer it is."""
    said_TWQ = _numbers(answer)
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
