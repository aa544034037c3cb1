"""The curves of a training: a point for each of its reports."""

from __future__ import annotations

import csv
import io

from unroll.training.loop import Progress

CURVES = ("update", "train_loss", "learning_rate", "gradient_norm", "valid_loss", "valid_score")
Point = dict[str, float]
"""One row of the curves."""


def shown(point: Point) -> dict[str, float]:
    """Return the metrics of a point, without the update they belong to."""
    return {name: value for name, value in point.items() if name != "update"}


def point_of(progress: Progress) -> Point:
    """Return one row of the curves; validation columns only where there was one."""
    found = {
        "update": progress.update,
        "train_loss": round(progress.train_loss, 5),
        "learning_rate": progress.learning_rate,
        "gradient_norm": round(progress.gradient_norm, 5),
    }
    if progress.valid_loss is not None and progress.valid_score is not None:
        found |= {"valid_loss": round(progress.valid_loss, 5), "valid_score": round(progress.valid_score, 4)}
    return found


def table(points: list[Point]) -> str:
    """Return the curves as CSV, cells empty where there is no point."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CURVES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(points)
    return text.getvalue()


def best(points: list[Point]) -> Point:
    """Return the point with the best validation score, the first of equal ones."""
    return max((point for point in points if "valid_score" in point), key=lambda point: point["valid_score"])
