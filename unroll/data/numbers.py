"""Numbers that were written as text."""

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
