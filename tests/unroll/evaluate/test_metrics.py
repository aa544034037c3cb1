"""Scores of answers against hand counts; BLEU and accuracy are tested with the validation score."""

from __future__ import annotations

import pytest

from unroll.evaluate import metrics

REFERENCES = [["the cat sat on the mat today"], ["a dog ran in a park", "one dog ran through a big park"]]


def test_a_perfect_translation_scores_100() -> None:
    hypotheses = ["the cat sat on the mat today", "one dog ran through a big park"]
    assert metrics.chrf(hypotheses, REFERENCES) == pytest.approx(100)
    assert metrics.sentence_chrf(hypotheses[0], REFERENCES[0]) == pytest.approx(100)


def test_chrf_of_letters_follows_a_hand_count() -> None:
    # Runs of one letter: 3 of 4 said are right, 3 of 5 wanted are said; of two letters 2 of 3 and of 4; of three 1 of
    # 2 and of 3; of four none of 1 and of 2. The mean over the lengths that both have, recall counted twice (beta 2).
    precision, recall = (3 / 4 + 2 / 3 + 1 / 2 + 0) / 4, (3 / 5 + 2 / 4 + 1 / 3 + 0) / 4
    expected = 100 * 5 * precision * recall / (4 * precision + recall)
    assert metrics.sentence_chrf("abcx", ["abcde"]) == pytest.approx(expected)


def test_a_second_reference_can_only_help() -> None:
    hypotheses = ["the cat sat on a mat today", "one dog ran through a park"]
    assert metrics.chrf(hypotheses, REFERENCES) > metrics.chrf(hypotheses, [refs[:1] for refs in REFERENCES])


def test_the_signature_names_the_protocol() -> None:
    found = metrics.signature(["a b c d"], [["a b c d"]])
    assert "case:mixed" in found
    assert "tok:13a" in found


def test_recall_follows_a_hand_count() -> None:
    truth, said = ["a", "a", "a", "b", "c", "c"], ["a", "a", "b", "b", "d", "a"]
    assert metrics.macro_recall(said, truth) == pytest.approx(100 * (2 / 3 + 1 + 0) / 3)
    assert metrics.macro_recall(["a"] * 6, truth) == pytest.approx(100 / 3)
