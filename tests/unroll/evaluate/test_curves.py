from __future__ import annotations

from pathlib import Path

import pytest

from unroll.errors import DataError
from unroll.evaluate.curves import read_curves


def write(folder: Path, text: str) -> Path:
    (folder / "curves.csv").write_text(text)
    return folder / "curves.csv"


def test_curves_have_a_point_for_every_cell_that_is_a_finite_number(tmp_path: Path) -> None:
    path = write(tmp_path, "update,loss,bleu\n10,2.5,\n20,inf,7\n30,nan,\n")
    assert read_curves(path) == {"loss": {10: 2.5}, "bleu": {20: 7.0}}


def test_no_curves_without_a_file(tmp_path: Path) -> None:
    assert read_curves(tmp_path / "curves.csv") == {}


@pytest.mark.parametrize("row", ["10,two", "ten,2", "10,2,3"])
def test_a_cell_that_is_no_number_is_named(tmp_path: Path, row: str) -> None:
    path = write(tmp_path, f"update,loss\n5,1\n{row}\n")
    with pytest.raises(DataError, match=r"curves\.csv:3: "):
        read_curves(path)
