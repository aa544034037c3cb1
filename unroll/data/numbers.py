"""Numbers that were written as text, and numbers to be written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unroll.errors import DataError


def finite(cells: Sequence[str] | Sequence[bytes], where: str) -> np.ndarray:
    """Return numbers that were read as text.

    Raises:
        DataError: one of them is no number, or not finite as a float32.
    """
    try:
        with np.errstate(over="ignore"):
            numbers = np.array(cells, dtype=np.float32)
    except ValueError:
        numbers = np.array([np.nan], np.float32)
    if not np.isfinite(numbers).all():
        raise DataError(f"{where}: not a row of finite numbers; fix or remove it")
    return numbers


def read(text: str) -> np.ndarray:
    """Return the vectors that `written` wrote, or whoever wrote a row that was prepared: T x W, in double precision.

    >>> read("0.5 12; 0.25 1e3").tolist()
    [[0.5, 12.0], [0.25, 1000.0]]
    """
    return np.array([vector.split() for vector in text.split(";")], np.float64)


def written(rows_TW: np.ndarray) -> str:
    """Return vectors as text, to six digits, as a reader of vectors reads them.

    >>> written(np.array([[0.5, 12], [1 / 3, 1e9]]))
    '0.5 12; 0.333333 1e+09'
    """
    return "; ".join(" ".join(f"{number:.6g}" for number in row_W) for row_W in rows_TW)
