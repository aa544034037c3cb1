"""What a watch on the wrist feels while its wearer does exercises: the corpus of pipelines/activity.yaml.

Burns et al. 2018, "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a
smartwatch": seven exercises of ten people with either arm, 140 recordings of 19 to 52 seconds, 50 frames a second of
acceleration and turning along three axes. A recording has one exercise. So sessions are put together: a stretch of
each of an arm's exercises, in an order that is drawn. What is in a stretch is real; how one follows another is not.
"""

from __future__ import annotations

import _codecs
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unroll.data.numbers import written
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.errors import DataError

RATE = 50
"""frames of a recording in a second"""
EXERCISES = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "elevation",
    "IR": "inward",
    "ER": "outward",
    "TRAP": "extension",
    "ROW": "row",
}
PLAIN = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _codecs.encode,
}
"""What arrays are pickled with, by the names that they have in the package's file."""


class Recording(NamedTuple):
    """An exercise, as one arm did it."""

    subject: int
    side: int
    exercise: str
    frames_TW: np.ndarray


class ArraysAlone(pickle.Unpickler):
    """Reads arrays, and refuses all else that a pickle could bring or run."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what an array is made with."""
        known = module.replace("numpy._core", "numpy.core"), name  # as numpy 2 calls it
        if known not in PLAIN:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")
        return PLAIN[known]


def recordings(path: Path) -> list[Recording]:
    """Return what is in the file: a dictionary of arrays, which numpy has pickled.

    Raises:
        DataError: it is another file.
    """
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            held = ArraysAlone(file).load().item()
        names = [EXERCISES[held["y_labels"][int(number)]] for number in held["y"]]
        return [
            Recording(int(subject), int(side), name, np.asarray(frames_TW, np.float32))
            for subject, side, name, frames_TW in zip(held["subject"], held["side"], names, held["X"], strict=True)
        ]
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: no recordings of exercises ({error}); fetch them again: dvc repro --force") from None


def read(corpus: Any, folder: Path) -> Iterator[Row]:
    """Yield the windows of `sessions` sessions of each arm of some `subjects`, the same for a `seed`.

    A stretch takes a number of seconds between the two of `stretch`; a row has `rate` frames a second, each the mean of
    those that the watch has in that time, and at most `window` of them, none of which another row of a session has.
    """
    held = recordings(folder / corpus.file)
    chance = np.random.default_rng(corpus.seed)
    for subject, side in sorted({(one.subject, one.side) for one in held if one.subject in corpus.subjects}):
        arm = [one for one in held if (one.subject, one.side) == (subject, side)]
        for _ in range(corpus.sessions):
            frames_TW, names = session(arm, corpus.stretch, corpus.rate, chance)
            for first in range(0, len(names), corpus.window):
                window = slice(first, first + corpus.window)
                yield Row(written(frames_TW[window]), " ".join(names[window]), "", f"subject {subject}")


def session(
    arm: list[Recording], stretch: tuple[float, float], rate: int, chance: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """Return the frames (T x 6) of a session, and the exercise of each."""
    each = RATE // rate
    parts: list[np.ndarray] = []
    names: list[str] = []
    for place in chance.permutation(len(arm)):
        one = arm[place]
        whole = len(one.frames_TW) // each
        count = min(round(chance.uniform(*stretch) * rate), whole)
        first = int(chance.integers(whole - count + 1)) * each
        parts.append(one.frames_TW[first : first + count * each].reshape(count, each, -1).mean(1))
        names += [one.exercise] * count
    return np.concatenate(parts), names


READERS["exercises"] = read
