"""Scenes of two or three scanned digits and what is to be seen: the corpus of pipelines/scene.yaml.

A scene is 16 x 16 grey values, with scans of 8 x 8 in two or three of its four corners; its sentence names them in the
order in which one reads: "three at the top left and seven at the bottom right". There are 4,600 sentences. A fifth of
them, chosen by their hash, are never in train: whoever says one has put it together from parts that it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from unroll.data.files import lines
from unroll.data.readers import READERS
from unroll.data.rows import Row

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CORNERS = ("top left", "top right", "bottom left", "bottom right")
SIDE, MOST = 8, 16.0
"""Of a scan: pixels on a side, and its brightest grey."""
PLACES = tuple(places for count in (2, 3) for places in combinations(range(len(CORNERS)), count))
"""The corners that are not empty, in reading order."""


def sentence(digits: Sequence[int], places: Sequence[int]) -> str:
    """Return what is to be said of digits, and where they are.

    >>> sentence((3, 7), (0, 3))
    'three at the top left and seven at the bottom right'
    """
    seen = zip(digits, places, strict=True)
    return " and ".join(f"{NAMES[digit]} at the {CORNERS[place]}" for digit, place in seen)


def is_unseen(text: str) -> bool:
    """Return whether a sentence is one of the fifth that train never has."""
    return crc32(text.encode()) % 5 == 0


def read(corpus: Any, folder: Path) -> Iterator[Row]:
    """Yield `rows` scenes, the same for a `seed`, of the `scans` from one to before another, in the order of a hash.

    `unseen` says which sentences: false for those of train, true for the others.
    """
    scans, labels = _scans(folder / corpus.file, *corpus.scans)
    chance, made = np.random.default_rng(corpus.seed), 0
    while made < corpus.rows:
        places = PLACES[chance.integers(len(PLACES))]
        chosen = chance.integers(len(scans), size=len(places))
        text = sentence([labels[scan] for scan in chosen], places)
        if is_unseen(text) == corpus.unseen:
            made += 1
            yield Row(_written(scans[chosen], places), text, "")


def _scans(path: Path, first: int, end: int) -> tuple[np.ndarray, list[int]]:
    """Return (scans N x 8 x 8, the digit of each)."""
    # The file is in the order of those who wrote: by their hash, each writer has scans on every side.
    rows = sorted(lines(path), key=lambda line: (crc32(line.encode()), line))
    cells = np.array([line.split(",") for line in rows[first:end]], float)
    return cells[:, :-1].reshape(-1, SIDE, SIDE), cells[:, -1].astype(int).tolist()


def _written(scans: np.ndarray, places: Sequence[int]) -> str:
    scene = np.zeros((2 * SIDE, 2 * SIDE))
    for scan, place in zip(scans, places, strict=True):
        top, left = SIDE * (place // 2), SIDE * (place % 2)
        scene[top : top + SIDE, left : left + SIDE] = scan
    return " ".join(f"{grey / MOST:.4g}" for grey in scene.ravel())


READERS["scenes"] = read
