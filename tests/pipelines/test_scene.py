"""The scenes of pipelines/scene.yaml: what a sentence says is where it says, and those of the test are new."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from unroll import parts
from unroll.data.files import lines
from unroll.data.readers import READERS
from unroll.data.rows import Row

ROOT = Path(__file__).parents[2]
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    digits, folder = load_digits(), tmp_path_factory.mktemp("digits")
    rows = np.column_stack([digits.data, digits.target]).astype(int)
    np.savetxt(folder / "digits.csv", rows, fmt="%d", delimiter=",")
    return folder


def scenes(
    folder: Path, rows: int, *, unseen: bool = False, scans: tuple[int, int] = (0, 300), seed: int = 1
) -> list[Row]:
    parts.bring("pipelines/scene.py", ROOT)
    corpus = SimpleNamespace(file="digits.csv", rows=rows, seed=seed, scans=scans, unseen=unseen)
    return list(READERS["scenes"](corpus, folder))


def test_each_digit_is_where_its_sentence_says(folder: Path) -> None:
    known = {tuple(np.array(line.split(",")[:-1], float) / 16): line for line in lines(folder / "digits.csv")}
    for row in scenes(folder, 50, unseen=False):
        scene = np.array(row.source.split(), float).reshape(16, 16)
        for name, down, across in re.findall(r"(\w+) at the (top|bottom) (left|right)", row.target):
            top, left = 8 * (down == "bottom"), 8 * (across == "right")
            scan = scene[top : top + 8, left : left + 8]
            assert known[tuple(scan.ravel())].rpartition(",")[2] == str(NAMES.index(name))
            scene[top : top + 8, left : left + 8] = 0
        assert not scene.any()


def test_sentences_of_the_test_are_never_in_train(folder: Path) -> None:
    train, test = ({row.target for row in scenes(folder, 6000, unseen=unseen)} for unseen in (False, True))
    assert not train & test
    assert len(train | test) <= 4600
    assert {text.count(" at ") for text in train} == {text.count(" at ") for text in test} == {2, 3}


def test_two_ranges_of_scans_have_none_in_common(folder: Path) -> None:
    def corners(scans: tuple[int, int]) -> set[bytes]:
        scenes_ = (np.array(row.source.split(), float).reshape(16, 16) for row in scenes(folder, 300, scans=scans))
        parts = (scene[top : top + 8, left : left + 8] for scene in scenes_ for top in (0, 8) for left in (0, 8))
        return {part.tobytes() for part in parts if part.any()}

    some, others = corners((0, 20)), corners((20, 40))
    assert (len(some), len(others)) == (20, 20)
    assert not some & others


def test_a_seed_tells_the_scenes(folder: Path) -> None:
    one, same, other = (scenes(folder, 20, unseen=True, seed=seed) for seed in (3, 3, 4))
    assert one == same != other
