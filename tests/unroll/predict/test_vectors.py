"""What an encoder makes of texts is written so that numpy and JSON read the very numbers again, without pickle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from unroll.errors import ParamsError
from unroll.predict.predictor import Encoding
from unroll.predict.vectors import lines, save_lines, save_npy

RNG = np.random.default_rng(1)
STATES = [RNG.normal(size=(n, 4)).astype(np.float32) for n in (3, 0, 1, 5)]
FOUND = [Encoding([f"t{i}" for i in range(len(one))], one, False) for one in STATES]
LONE = [one._replace(vectors=RNG.normal(size=4).astype(np.float32)) for one in FOUND]


def test_a_line_holds_the_numbers_to_the_bit() -> None:
    rows = [json.loads(line) for line in lines(LONE, states=False)]
    assert [row["input"] for row in rows] == [0, 1, 2, 3]
    for row, one in zip(rows, LONE, strict=True):
        assert (np.array(row["vector"], np.float32) == one.vectors).all()
    assert len(str(rows[0]["vector"][0])) < 13  # no digits that float32 has not


def test_a_line_of_states_has_a_state_for_each_token(tmp_path: Path) -> None:
    assert save_lines(tmp_path / "a.jsonl", iter(FOUND), states=True) == f"{tmp_path / 'a.jsonl'}\t4 lines"
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    for row, one in zip(rows, FOUND, strict=True):
        assert row["tokens"] == one.tokens
        assert (np.array(row["states"], np.float32).reshape(-1, 4) == one.vectors).all()


def test_an_array_has_a_row_for_each_text(tmp_path: Path) -> None:
    assert save_npy(tmp_path / "a.npy", iter(LONE), states=False, width=4) == f"{tmp_path / 'a.npy'}\t4 x 4"
    found = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert found.dtype == np.float32
    assert (found == np.stack([one.vectors for one in LONE])).all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_states_lie_one_behind_the_other_with_their_offsets(tmp_path: Path) -> None:
    save_npy(tmp_path / "a.npy", iter(FOUND), states=True, width=4)
    rows, offsets = (np.load(tmp_path / name, allow_pickle=False) for name in ("a.npy", "a.offsets.npy"))
    assert offsets.tolist() == [0, 3, 3, 4, 9]
    for part, one in zip(np.split(rows, offsets[1:-1]), STATES, strict=True):
        assert (part == one).all()


def test_of_no_text_an_array_has_no_row(tmp_path: Path) -> None:
    save_npy(tmp_path / "a.npy", iter([]), states=False, width=4)
    assert np.load(tmp_path / "a.npy").shape == (0, 4)


def test_what_fails_half_way_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    def failing() -> Iterator[Encoding]:
        yield LONE[0]
        raise ValueError("no more")

    (tmp_path / "a.npy").write_text("before")
    with pytest.raises(ValueError, match="no more"):
        save_npy(tmp_path / "a.npy", failing(), states=False, width=4)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.npy": "before"}


def test_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "a folder; name a file"), (tmp_path / "no/a", "its folder is not there")):
        with pytest.raises(ParamsError, match=f"--output {path}: {message}"):
            save_lines(path, iter(FOUND), states=True)
