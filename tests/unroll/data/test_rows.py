"""Prepared rows come back as they were written."""

from __future__ import annotations

from pathlib import Path

from unroll.data.rows import Row, column, read_rows, references


def test_prepared_rows_and_references_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "test.tsv"
    path.write_text("hi\thola\tby A\nbye\tadi\u2028ós\t\nhi\tbuenas\tby B\n", encoding="utf-8", newline="")
    assert list(read_rows(path)) == [
        Row("hi", "hola", "by A"),
        Row("bye", "adi\u2028ós", ""),
        Row("hi", "buenas", "by B"),
    ]
    for side in ("source", "target"):
        assert list(column(path, side)) == [getattr(row, side) for row in read_rows(path)]
    assert references(path) == {"hi": ["hola", "buenas"], "bye": ["adi\u2028ós"]}
    assert list(references(path)) == ["hi", "bye"]
