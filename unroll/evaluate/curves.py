"""The curves of a training, read from the table that it wrote."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from unroll.errors import DataError


def read_curves(path: Path) -> dict[str, dict[int, float]]:
    """Return {metric: {update: value}} from a table whose first column is `update`; an empty cell is no point.

    Raises:
        DataError: a cell is no number.
    """
    found: dict[str, dict[int, float]] = {}
    if not path.exists():
        return found
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                update = int(row.pop("update"))
                points = {name: float(cell) for name, cell in row.items() if cell}
            except (KeyError, ValueError, TypeError) as error:
                raise DataError(f"{path}:{number}: not a row of numbers ({error}); make it again: dvc repro") from None
            for name, value in points.items():
                if math.isfinite(value):
                    found.setdefault(name, {})[update] = value
    return found
