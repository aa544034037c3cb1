"""A decoder's answers, against references that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.scored import Stub, prepare, score, weighted
from unroll.training import validation


def test_a_spelled_answer_is_right_or_wrong_as_a_whole(tmp_path: Path) -> None:
    test = [("1 0", "one"), ("2 0", "two"), ("2 1", "two"), ("3 0", "three")]
    said = {"1 0": "one", "2 0": "two two", "2 1": "two", "3 0": "tree"}
    found = score(Stub("caption", said), prepare(tmp_path, test), "caption")
    assert found.report == {"main": "accuracy", "accuracy": 50.0, "rows": 4}
    assert found.groups == {"one": (100.0, 1), "three": (0.0, 1), "two": (50.0, 2)}
    assert 100 * weighted(found) == 50.0


SPANISH = [
    ("I drink cold milk", "Bebo leche fría hoy"),
    ("I drink cold milk", "Yo bebo leche fría"),
    ("We saw the old house", "Vimos la casa vieja"),
    ("Tom sold his red car today", "Tom vendió su coche rojo"),
]


def test_translations_are_scored_with_all_references_by_beam_and_greedy(tmp_path: Path) -> None:
    said = {
        "I drink cold milk": "Yo bebo leche fría",
        "We saw the old house": "Vimos la casa vieja",
        "Tom sold his red car today": "Tom vendió su coche rojo",
        "Good": "Bueno bueno bueno bueno",
    }
    quick = {"We saw the old house": "Vimos una casa", "Good": "Malo"}
    looks = {
        "I drink cold milk": np.array([[0.5, 0.5, 0, 0], [1.0, 0, 0, 0]]),
        "We saw the old house": np.full((1, 5), 0.2),
        "Tom sold his red car today": np.zeros((1, 6)),
    }
    train, valid = [("We saw the new house", "Vimos la casa nueva")], [("Good", "Bueno bueno bueno bueno")]
    scored = {"I drink cold milk": 3, "We saw the old house": 5}
    stub = Stub("translate", said, quick=quick, looks=looks, scored=scored)
    found = score(stub, prepare(tmp_path, SPANISH, train, valid), "translate")
    report = found.report
    assert report["main"] == "bleu"
    assert (report["bleu"], report["chrf"], report["valid.bleu"]) == (100.0, 100.0, 100.0)
    assert report["valid.bleu_greedy"] == 0.0
    references = [["Bebo leche fría hoy", "Yo bebo leche fría"], ["Vimos la casa vieja"], ["Tom vendió su coche rojo"]]
    hypotheses = ["Yo bebo leche fría", "Vimos una casa", "Tom vendió su coche rojo"]
    assert report["bleu_greedy"] == pytest.approx(validation.bleu(hypotheses, references), abs=1e-4)
    assert report["chrf_greedy"] == pytest.approx(validation.chrf(hypotheses, references), abs=1e-4)
    assert report["bleu_greedy"] < 100
    assert report["bleu_one_reference"] < 100
    # The house is but one word from a train source.
    assert (report["sentences"], report["sentences_far"], report["bleu_far"]) == (3, 2, 100.0)
    assert [row["far"] for row in found.rows] == [True, False, True]
    assert report["positions_scored"] == pytest.approx((3 + 5 + 0) / 3, abs=1e-4)
    assert report["positions"] == pytest.approx((8 + 5 + 6) / 3, abs=1e-4)
    assert found.groups == {"1-4": (pytest.approx(100), 1), "5-6": (pytest.approx(100), 2)}
    assert [row["greedy"] for row in found.rows] == hypotheses
    assert found.rows[0]["references"] == references[0]


def test_where_no_sentence_is_far_there_is_no_score_of_those(tmp_path: Path) -> None:
    stub = Stub("translate", {"We saw": "Vimos", "Good": "Bueno"})
    found = score(stub, prepare(tmp_path, [("We saw", "Vimos")], [("we saw!", "x")], [("Good", "Bueno")]), "translate")
    assert found.report["sentences_far"] == 0
    assert "bleu_far" not in found.report


SOUNDS = [("a", "AH"), ("a", "EY"), ("data", "D AE T AH"), ("data", "D EY T AH"), ("tomatoes", "T AH M EY T OW Z")]


def test_where_it_is_selected_by_being_right_any_reference_is_right(tmp_path: Path) -> None:
    said = {"a": "EY", "data": "D AE T AH", "tomatoes": "T AH M EY T OW", "be": "B IY"}
    stub = Stub("translate", said, quick={"data": "D AH T"}, train__select_by="accuracy")
    found = score(stub, prepare(tmp_path, SOUNDS, valid=[("be", "B IY"), ("be", "B IH")]), "translate")
    report = found.report
    assert (report["main"], report["rows"]) == ("accuracy", 3)
    assert report["accuracy"] == pytest.approx(200 / 3, abs=1e-3) == 100 * weighted(found)
    assert report["accuracy_greedy"] == pytest.approx(100 / 3, abs=1e-3)
    assert report["edits_percent"] == pytest.approx(100 / 12, abs=1e-3), "of the words of the nearest references"
    assert (report["valid.accuracy"], report["valid.accuracy_greedy"]) == (100.0, 100.0)
    assert found.rows[0]["references"] == ["AH", "EY"]
    assert (found.groups, found.unit) == ({"1-4": (100.0, 2), "7-9": (0.0, 1)}, "letters in the source")
