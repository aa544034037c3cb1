"""Model 1 finds what tokens become, and small vocabularies hold it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unroll.data import lexicon
from unroll.data.ids import EOS, GO, ID_DTYPE, OFFSET_DTYPE, PAD, SPECIAL, Ids
from unroll.data.lexicon import ALWAYS, KEPT, Lexicon, learn, translations

FIRST = len(SPECIAL)
WORDS = 30


def ids_of(folder: Path, side: str, rows: list[list[int]]) -> Ids:
    """Write rows as the stage does, and map them."""
    ends = np.cumsum([0, *map(len, rows)], dtype=OFFSET_DTYPE)
    ends.tofile(folder / f"train.{side}.offsets")
    np.array([token for row in rows for token in row], ID_DTYPE).tofile(folder / f"train.{side}.ids")
    return Ids(folder, "train", side)


def dictionary(count: int, seed: int = 0) -> tuple[list[list[int]], list[list[int]]]:
    """Return sources, and targets in which word n has become word WORDS - n, in another order."""
    random = np.random.default_rng(seed)
    sources = [(FIRST + random.permutation(WORDS)[: random.integers(2, 7)]).tolist() for _ in range(count)]
    return sources, [random.permutation([said_for(token) for token in row]).tolist() for row in sources]


def said_for(token: int) -> int:
    return FIRST + WORDS - 1 - (token - FIRST)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    folder = tmp_path_factory.mktemp("ids")
    sources, targets = dictionary(300)
    sizes = FIRST + WORDS, FIRST + WORDS
    return learn(ids_of(folder, "source", sources), ids_of(folder, "target", targets), sizes, joint=False)


def test_every_token_becomes_the_one_that_the_dictionary_says(learnt: Lexicon) -> None:
    for token in range(FIRST, FIRST + WORDS):
        assert learnt.likely_SK[token, 0] == said_for(token)
    assert (learnt.likely_SK[:FIRST] == PAD).all()  # marks are in no row


def test_chances_are_those_of_the_formula_after_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "ROUNDS", 1)
    rows = [np.array(row, ID_DTYPE) for row in ([4, 5], [4], [6], [7])]
    source_P, target_P, chance_P = translations(rows[:2], rows[2:], (8, 8))
    # 6 comes from 4, 5 or none, by a third each; 7 from 4 or none, by a half each.
    wanted = {
        (4, 6): (1 / 3) / (5 / 6), (4, 7): (1 / 2) / (5 / 6), (5, 6): 1.0,
        (8, 6): (1 / 3) / (5 / 6), (8, 7): (1 / 2) / (5 / 6),
    }  # fmt: skip
    found = dict(zip(zip(source_P.tolist(), target_P.tolist(), strict=True), chance_P.tolist(), strict=True))
    assert found == pytest.approx(wanted)


def test_chances_of_a_token_add_up_to_one() -> None:
    rows = [[np.array(row, ID_DTYPE) for row in side] for side in dictionary(50)]
    source_P, _, chance_P = translations(*rows, (FIRST + WORDS, FIRST + WORDS))
    sums = np.bincount(source_P, chance_P)
    assert sums[sums > 0] == pytest.approx(1)


def test_a_small_vocabulary_has_the_marks_the_frequent_and_the_likely(learnt: Lexicon) -> None:
    rare = Lexicon(learnt.likely_SK, learnt.always_A[:2])
    row = [FIRST + 3, FIRST + 9, FIRST + 3]
    first, empty = rare.words([row, []], most=1)
    assert first[:2].tolist() == empty[:2].tolist() == [GO, EOS]
    wanted = {said_for(token) for token in row} | set(rare.always_A.tolist())
    assert first[2:].tolist() == sorted(wanted)
    assert empty[2:].tolist() == sorted(rare.always_A.tolist())


def test_of_a_joint_vocabulary_a_token_may_stay_itself(tmp_path: Path) -> None:
    sources, targets = dictionary(20)
    sizes = FIRST + WORDS, FIRST + WORDS
    joint = learn(ids_of(tmp_path, "source", sources), ids_of(tmp_path, "target", targets), sizes, joint=True)
    assert joint.likely_SK[:, 0].tolist() == list(range(FIRST + WORDS))
    assert joint.likely_SK.shape == (FIRST + WORDS, 1 + KEPT)


def test_rows_may_be_empty_on_either_side_or_both(tmp_path: Path) -> None:
    source = ids_of(tmp_path, "source", [[], [5], []])
    target = ids_of(tmp_path, "target", [[6], [], []])
    found = learn(source, target, (9, 9), joint=False)
    assert (found.likely_SK == PAD).all()
    assert found.always_A.tolist() == [6]
    nothing = learn(ids_of(tmp_path, "source", []), ids_of(tmp_path, "target", []), (9, 9), joint=False)
    assert nothing.words([[5]], 3)[0].tolist() == [GO, EOS]


def test_at_most_so_many_are_always_there_the_most_frequent(tmp_path: Path) -> None:
    many = [[FIRST + n] * (1 + n) for n in range(ALWAYS + 20)]
    sources, size = [row[:1] for row in many], FIRST + ALWAYS + 20
    found = learn(ids_of(tmp_path, "source", sources), ids_of(tmp_path, "target", many), (size, size), joint=False)
    assert found.always_A.tolist() == [FIRST + n for n in range(ALWAYS + 19, 19, -1)]


def test_it_comes_back_as_it_was(learnt: Lexicon, tmp_path: Path) -> None:
    assert Lexicon.load(tmp_path) is None
    learnt.save(tmp_path)
    again = Lexicon.load(tmp_path)
    assert again is not None
    assert np.array_equal(again.likely_SK, learnt.likely_SK)
    assert np.array_equal(again.always_A, learnt.always_A)
