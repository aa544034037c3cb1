"""Scores of answers against hand counts; BLEU and accuracy are tested with the validation score."""

from __future__ import annotations

import pytest

from unroll.evaluate import metrics

REFERENCES = [["the cat sat on the mat today"], ["a dog ran in a park", "one dog ran through a big park"]]


def test_a_perfect_translation_scores_100() -> None:
    hypotheses = ["the cat sat on the mat today", "one dog ran through a big park"]
    assert metrics.sentence_chrf(hypotheses[0], REFERENCES[0]) == pytest.approx(100)


def test_chrf_of_letters_follows_a_hand_count() -> None:
    # Runs of one letter: 3 of 4 said are right, 3 of 5 wanted are said; of two letters 2 of 3 and of 4; of three 1 of
    # 2 and of 3; of four none of 1 and of 2. The mean over the lengths that both have, recall counted twice (beta 2).
    precision, recall = (3 / 4 + 2 / 3 + 1 / 2 + 0) / 4, (3 / 5 + 2 / 4 + 1 / 3 + 0) / 4
    expected = 100 * 5 * precision * recall / (4 * precision + recall)
    assert metrics.sentence_chrf("abcx", ["abcde"]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("K AE T", (0, 3)),
        ("K AE T S", (1, 3)),
        ("AE T", (1, 3)),
        ("K EY T IY", (1, 4)),
        ("", (3, 3)),
        ("T AE K", (2, 3)),
    ],
)
def test_edits_are_counted_to_the_nearest_reference(said: str, expected: tuple[int, int]) -> None:
    assert metrics.edits(said, ["K AE T", "K EY D IY"]) == expected


def test_the_signature_names_the_protocol() -> None:
    found = metrics.signature(["a b c d"], [["a b c d"]], "zh")
    assert "case:mixed" in found
    assert "tok:zh" in found


def test_each_class_follows_a_hand_count() -> None:
    truth, said = ["a", "a", "a", "b", "c", "c"], ["a", "a", "b", "b", "d", "a"]
    assert metrics.of_each_class(said, truth) == {
        "a": {"precision": 66.667, "recall": 66.667, "f1": 66.667, "rows": 3},
        "b": {"precision": 50.0, "recall": 100.0, "f1": 66.667, "rows": 1},
        "c": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 2},
        "d": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 0},
    }
