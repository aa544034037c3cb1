"""The reviews of pipelines/films.yaml, of which neighbours stay together, and the cell that reads them."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from unroll import parts
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.errors import DataError
from unroll.nn.cells import CELLS, Cell

ROOT = Path(__file__).parents[2]
KINDS = [("imdb", "0", 40), ("imdb", "1", 60), ("rotten_tomatoes", "1", 10), ("rotten_tomatoes", "0", 20)]


def write(folder: Path, rows: list[tuple[str, ...]]) -> None:
    with (folder / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("text", "label", "source"), *rows])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(
        tmp_path,
        [(f'{source} {label}, "{n}"<br />', label, source) for source, label, count in KINDS for n in range(count)],
    )
    return tmp_path


def reviews(folder: Path, *part: float, sources: tuple[str, ...] = ("imdb",)) -> list[Row]:
    parts.bring("pipelines/films.py", ROOT)
    return list(READERS["films"](SimpleNamespace(file="reviews.csv", sources=sources, part=part), folder))


def test_a_part_is_a_stretch_of_each_label(folder: Path) -> None:
    assert [row.source for row in reviews(folder, 0.8, 0.9)] == [
        *(f'imdb 0, "{n}"<br />' for n in range(32, 36)),
        *(f'imdb 1, "{n}"<br />' for n in range(48, 54)),
    ]


def test_every_review_is_in_one_part(folder: Path) -> None:
    both = ("imdb", "rotten_tomatoes")
    found = [row for part in ((0.0, 0.8), (0.8, 0.9), (0.9, 1.0)) for row in reviews(folder, *part, sources=both)]
    assert len(found) == len({row.source for row in found}) == 130


def test_a_review_has_its_label_and_source(folder: Path) -> None:
    rows = reviews(folder, 0.0, 1.0, sources=("rotten_tomatoes",))
    assert [row.target for row in rows] == ["positive"] * 10 + ["negative"] * 20
    assert {row.attribution for row in rows} == {"rotten_tomatoes"}


def test_a_row_of_other_cells_is_refused_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, [("good", "1", "imdb"), ("bad", "0")])
    with pytest.raises(DataError, match=r"reviews\.csv:3: 2 cells"):
        reviews(tmp_path, 0.0, 1.0)
    write(tmp_path, [("good", "5", "imdb")])
    with pytest.raises(DataError, match=r"reviews\.csv:2: '5'"):
        reviews(tmp_path, 0.0, 1.0)


def test_padding_is_read_and_changes_nothing() -> None:
    parts.bring("pipelines/films.py", ROOT)
    torch.manual_seed(1)
    cell, lengths_B = CELLS["gru_padded"](3, 5), torch.tensor([6, 1, 4])
    x_BTD, state = torch.randn(3, 6, 3), (torch.randn(3, 5),)
    found = []
    for unroll in (cell.unroll, lambda *given: Cell.unroll(cell, *given)):
        cell.zero_grad()
        outputs_BTH, (last_BH,) = unroll(x_BTD, lengths_B, state)
        (outputs_BTH.square().sum() + last_BH.sum()).backward()
        found.append([outputs_BTH, last_BH, *(weight.grad for weight in cell.parameters())])
    for fast, plain in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain)
