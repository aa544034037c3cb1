"""Numbers written as text are finite, or refused in one line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.data.numbers import finite, written
from unroll.data.tokenizers import VectorReader
from unroll.errors import DataError

numbers = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=9)


@given(numbers)
def test_numbers_come_back_as_they_were_written(wanted: list[float]) -> None:
    for cells in ([repr(number) for number in wanted], [repr(number).encode() for number in wanted]):
        found = finite(cells, "here")
        assert found.dtype == np.float32
        assert found.tolist() == wanted


@pytest.mark.parametrize("cell", ["x", "", "nan", "inf", "-inf", "1e39", "1,5", "0x1"])
def test_what_is_no_finite_number_is_refused_with_its_place(cell: str) -> None:
    with pytest.raises(DataError, match=r"^v\.txt:3: not a row of finite numbers; fix or remove it$"):
        finite(["1", cell], "v.txt:3")


@given(
    st.lists(st.lists(st.floats(width=16, allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1)
)
def test_what_is_written_is_read_again(rows: list[list[float]]) -> None:
    [found] = VectorReader(2).encode([written(np.array(rows))])
    np.testing.assert_allclose(found, rows, rtol=1e-5)
