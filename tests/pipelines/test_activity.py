"""The sessions of pipelines/activity.yaml: what is said of a frame is what was done, and nobody is in two splits."""

from __future__ import annotations

import os
import pickle
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from tests.pipelines import watch
from unroll import parts
from unroll.data import numbers
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.errors import DataError
from unroll.params.reading import load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def activity() -> ModuleType:
    parts.bring("pipelines/activity.py", ROOT)
    from pipelines import activity

    return activity


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the package has it, of four people."""
    folder = tmp_path_factory.mktemp("watch")
    watch.write(folder / "watch.npy", 4)
    return folder


def sessions(folder: Path, seed: int = 1, subjects: tuple[int, ...] = (1, 2)) -> list[Row]:
    parts.bring("pipelines/activity.py", ROOT)
    corpus = SimpleNamespace(
        file="watch.npy", subjects=subjects, sessions=3, stretch=(2.0, 9.0), rate=10, window=100, seed=seed
    )
    return list(READERS["exercises"](corpus, folder))


def test_each_frame_is_labelled_with_what_was_done(folder: Path, activity: ModuleType) -> None:
    rows = sessions(folder)
    for row in rows:
        frames_TW, labels = numbers.read(row.source), row.target.split()
        subject = int(row.kin.split()[-1])
        assert len(frames_TW) == len(labels) <= 100
        done = [activity.EXERCISES[watch.LABELS[round(first - 10 * subject)]] for first in frames_TW[:, 0]]
        assert labels == done
    assert {label for row in rows for label in row.target.split()} == set(activity.EXERCISES.values())


def test_a_session_has_each_exercise_once_for_as_long_as_was_said(activity: ModuleType) -> None:
    arm = [activity.Recording(1, 0, name, np.zeros((50 * 5, 6))) for name in activity.EXERCISES.values()]
    frames_TW, labels = activity.session(arm, (2.0, 9.0), 10, np.random.default_rng(1))
    counts = [labels.count(name) for name in activity.EXERCISES.values()]
    assert frames_TW.shape == (sum(counts), 6)
    assert all(20 <= count <= 50 for count in counts)  # 50: all that there is
    assert sum(one != other for one, other in pairwise(labels)) == len(counts) - 1


def test_a_frame_is_the_mean_of_those_of_its_time(activity: ModuleType) -> None:
    arm = [activity.Recording(1, 0, "row", np.arange(100.0)[:, None])]
    frames_TW, _ = activity.session(arm, (2.0, 2.0), 10, np.random.default_rng(1))
    assert frames_TW[:, 0].tolist() == [5.0 * number + 2 for number in range(20)]


def test_a_seed_tells_the_sessions(folder: Path) -> None:
    one, same, other = (sessions(folder, seed) for seed in (3, 3, 4))
    assert one == same != other
    assert {row.kin for row in one} == {"subject 1", "subject 2"}


def test_nobody_is_in_two_splits() -> None:
    prepare = load(ROOT, "activity").prepare
    people = [set(corpus.subjects) for corpus in (prepare.corpus, prepare.split.valid, prepare.split.test)]
    assert sum(map(len, people)) == len(set.union(*people)) == 10


class Harmful:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch harm",)


@pytest.mark.parametrize("held", [Harmful(), {"X": [Harmful()]}, {"X": []}, 3], ids=range(4))
def test_what_is_no_recordings_is_told_and_never_run(
    held: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "watch.npy", np.array(held, dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"watch\.npy: no recordings of exercises"):
        sessions(tmp_path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00", pickle.dumps(3)], ids=range(4))
def test_a_damaged_file_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "watch.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"watch\.npy: no recordings of exercises"):
        sessions(tmp_path)
