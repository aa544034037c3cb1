"""Recordings of exercises as pipelines/activity.py reads them, out of numbers that say whose they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LABELS = ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
RATE, SECONDS = 50, 24


def write(path: Path, subjects: int) -> None:
    """Write recordings of both arms of some subjects; a number is ten times the subject, and the exercise."""
    every = [(subject, side, kind) for subject in range(1, subjects + 1) for side in (0, 1) for kind in range(7)]
    held = {
        "X": [np.full((RATE * SECONDS, 6), 10.0 * subject + kind) for subject, _, kind in every],
        "y": np.array([kind for *_, kind in every]),
        "subject": np.array([subject for subject, *_ in every]),
        "side": np.array([float(side) for _, side, _ in every]),
        "y_labels": LABELS,
    }
    np.save(path, np.array(held, dtype=object), allow_pickle=True)
