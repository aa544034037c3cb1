"""What benchmarks/answers.py tells of answers: known ones; and the examples in what it stands on."""

from __future__ import annotations

import doctest
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import answers
from benchmarks.answers import by_voice, most_alike, of_scenes, of_stories, warped
from pipelines import play, spoken, stories, tunes
from unroll.data.rows import Row


@pytest.mark.parametrize("module", [answers, play, spoken, tunes], ids=lambda module: module.__name__)
def test_the_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_what_is_said_more_slowly_is_no_further_away() -> None:
    rng = np.random.default_rng(1)
    said, other = rng.normal(size=(5, 3)), rng.normal(size=(7, 3))
    slowly = np.repeat(said, 2, axis=0)
    known_NTW, lengths_N = np.zeros((3, 10, 3), np.float32), np.array([5, 10, 7])
    for place, frames in enumerate((said, slowly, other)):
        known_NTW[place, : len(frames)] = frames
    far_N = warped(said, known_NTW, lengths_N)
    assert far_N[:2] == pytest.approx([0, 0], abs=1e-2)
    assert far_N[2] > 0.5


def test_paths_cost_what_they_do_by_hand() -> None:
    # 0 1 beside 0 2: both steps at once, 2 * 0, then 2 * 1; over both lengths
    assert warped(np.array([[0.0], [1.0]]), np.array([[[0.0], [2.0]]], np.float32), np.array([2])) == pytest.approx(
        [0.5]
    )


def test_the_nearest_row_lends_its_words_and_voices_are_told_apart() -> None:
    train = [Row("0 0; 1 1", "two cups", "en+m1"), Row("5 5; 9 9", "red boats", "en+m2")]
    asked = [Row("0 0; 1 1; 1 1", "two cups", "en+m1"), Row("5 5; 8 8", "red coats", "en+f3")]
    said = most_alike(train, asked)
    assert said == ["two cups", "red boats"]
    assert by_voice(asked, said, "") == {"wer_all": 25.0, "wer_seen_voices": 0.0, "wer_unseen_voices": 50.0}


@pytest.mark.parametrize("facts", [1, 2, 3])
def test_a_question_tells_how_many_facts_it_needs(facts: int) -> None:
    rows = list(stories.read(SimpleNamespace(rows=50, seed=1, facts=[facts]), Path()))
    assert {answers.facts_of(row.source) for row in rows} == {facts}


def test_answers_are_counted_by_the_facts_and_the_scans_that_they_need() -> None:
    def answer(source: str, wanted: str, said: str) -> dict[str, object]:
        return {"source": source, "references": [wanted], "hypothesis": said}

    asked = [
        answer("Mary went to the office. Where is Mary?", "office", "office"),
        answer("Mary got the milk. Where is the milk?", "office", "kitchen"),
        answer("John got the milk. Where is the milk?", "kitchen", "kitchen"),
    ]
    assert of_stories(asked, Path(), False) == {"facts_1": 100.0, "facts_2": 50.0}
    two, three = "one at the top left and two at the top right", "one at the top left and two at the top right and six"
    three += " at the bottom left"
    assert of_scenes([answer("", two, two), answer("", three, three)], Path(), False) == {
        "bleu": 100.0, "scans_2": 100.0, "scans_3": 100.0,
    }  # fmt: skip
    found = of_scenes([answer("", two, two), answer("", three, two)], Path(), False)
    assert (found["scans_2"], found["scans_3"]) == (100.0, 0.0)
    assert found["bleu"] < 100
