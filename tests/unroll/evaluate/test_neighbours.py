"""Which words are near each other: by cosine, as a table, and in the plane."""

from __future__ import annotations

import numpy as np
import pytest

from unroll.data.tokenizers import SpaceTokenizer, WordTokenizer
from unroll.evaluate.neighbours import neighbours, neighbours_csv, plane, whole_words


def test_neighbours_are_ranked_by_cosine_and_are_words() -> None:
    tokenizer = WordTokenizer([*WordTokenizer.RESERVED, "up", "down", "left", ",", "￭up"], lowercase=False)
    vectors = np.zeros((len(tokenizer), 2), np.float32)
    first = tokenizer.special
    vectors[first : first + 5] = [[1, 0], [-2, 0], [3, 3], [5, 0], [5, 0]]
    near = neighbours(["up", "unheard"], tokenizer, vectors, 5)
    assert near == {"up": [("left", pytest.approx(2**-0.5)), ("down", pytest.approx(-1))]}


def test_whole_words_are_pieces_of_letters_that_start_a_word() -> None:
    pieces = [*SpaceTokenizer.RESERVED, "▁milk", "ing", "▁a", "▁3rd", "▁tea"]
    assert whole_words(SpaceTokenizer(pieces, lowercase=False)) == {4: "milk", 8: "tea"}
    plain = [*SpaceTokenizer.RESERVED, "milk", "ing", "a", ","]
    assert whole_words(SpaceTokenizer(plain, lowercase=False)) == {4: "milk", 5: "ing"}


def test_neighbours_are_a_row_each() -> None:
    assert neighbours_csv({"up": [("left", 0.70711), ("down", -1.0)], "x": []}) == (
        "word,rank,neighbour,cosine\nup,1,left,0.7071\nup,2,down,-1.0000\n"
    )


def test_the_plane_keeps_clusters_apart() -> None:
    random = np.random.default_rng(1)
    centres = np.repeat(np.eye(8)[:2] * 5, 15, axis=0)
    points = plane((centres + random.normal(0, 0.3, centres.shape)).astype(np.float32))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(1)
    assert ((nearest < 15) == (np.arange(30) < 15)).all()
