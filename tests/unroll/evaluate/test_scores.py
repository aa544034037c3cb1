"""What all scorers share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scored import Stub, prepare
from unroll.evaluate import scores


def test_the_best_answer_to_each_source_comes_in_order_by_the_beam_that_is_asked() -> None:
    stub = Stub("translate", {"a": "uno", "b": "dos"}, quick={"b": "tres"})
    for beam, wanted in ((None, ["dos", "uno"]), (1, ["tres", "uno"])):
        found = scores.answered(stub, iter(["b", "a"]), "test", beam)  # type: ignore[arg-type]
        assert [one.text for one in found] == wanted


def test_a_beam_is_not_asked_of_another_search() -> None:
    stub = Stub("classify", {"a": "p"})
    assert [one.text for one in scores.answered(stub, ["a"], "test")] == ["p"]  # type: ignore[arg-type]


def test_rows_of_a_prepared_file_are_pairs(tmp_path: Path) -> None:
    pairs = [("I drink", "Bebo"), ("", "x"), ("a line\u2028still", "")]
    assert scores.pairs_of(prepare(tmp_path, pairs) / "test.tsv") == pairs


def test_answers_stand_beside_their_first_references() -> None:
    rows = [{"hypothesis": "a", "references": ["b", "c"]}, {"hypothesis": "d", "references": ["e"]}]
    assert scores.said_and_wanted(rows) == (["a", "d"], ["b", "e"])


def test_sums_follow_a_hand_count() -> None:
    assert scores.mean([(1.0, 1), (5.0, 3)]) == 1.5
    assert scores.share(n > 1 for n in range(4)) == 50.0
    assert list(scores.counted("banana").items()) == [("a", 3), ("b", 1), ("n", 2)]


def test_a_report_has_four_decimals_and_keeps_counts_and_names() -> None:
    found = scores.rounded({"bleu": 12.345678, "rows": 3, "main": "bleu"})
    assert found == {"bleu": 12.3457, "rows": 3, "main": "bleu"}
    assert isinstance(found["rows"], int)


def test_scores_are_empty_where_there_is_nothing_to_draw() -> None:
    found = scores.Scores([], {"main": "bleu"})
    assert (found.groups, found.unit, found.answers, found.confusion) == ({}, "", [], None)
    with pytest.raises(AttributeError):
        found.unit = "class"  # type: ignore[misc]
