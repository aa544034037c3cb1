"""Classes and labels, against answers and costs that are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scored import Stub, prepare, score, weighted
from unroll.evaluate.scores import MOST_GROUPS

QUESTIONS = [("Who ?", "human"), ("Who sat ?", "human"), ("Whose cat ?", "human"), ("How many ?", "number")]
SAID = {"Who ?": "human", "Who sat ?": "human", "Whose cat ?": "number", "How many ?": "number"}
COSTS = {pair: (cost, 1) for pair, cost in zip(QUESTIONS, (0.5, 0.25, 2.0, 0.25), strict=True)}


def test_a_classifier_is_scored_by_how_often_it_is_right(tmp_path: Path) -> None:
    train = [("who!", "human"), ("HOW many", "number")]  # near enough to be known
    found = score(Stub("classify", SAID, COSTS), prepare(tmp_path, QUESTIONS, train), "classify")
    assert found.report == {
        "main": "accuracy",
        "accuracy": 75.0,
        "rows": 4,
        "macro_recall": round(100 * (2 / 3 + 1) / 2, 4),
        "macro_f1": round(100 * (4 / 5 + 2 / 3) / 2, 4),
        "classes": {
            "human": {"precision": 100.0, "recall": 66.667, "f1": 80.0, "rows": 3},
            "number": {"precision": 50.0, "recall": 100.0, "f1": 66.667, "rows": 1},
        },
        "nats": 0.75,
        "rows_new": 2,
        "accuracy_new": 50.0,
    }
    assert found.groups == {"human": (pytest.approx(200 / 3), 3), "number": (100.0, 1)}
    assert found.unit == "class"
    names, counts = found.confusion
    assert names == ["human", "number"]
    assert counts.tolist() == [[2, 1], [0, 1]]
    assert [(row["source"], row["references"], row["hypothesis"]) for row in found.rows] == [
        (source, [target], SAID[source]) for source, target in QUESTIONS
    ]
    assert 100 * weighted(found) == 75.0
    assert [one.text for one in found.answers] == list(SAID.values())


def test_a_classifier_chosen_by_its_loss_is_scored_by_what_classes_cost(tmp_path: Path) -> None:
    stub = Stub("classify", SAID, COSTS, train__select_by="loss")
    found = score(stub, prepare(tmp_path, QUESTIONS), "classify")
    assert found.report["main"] == "nats"
    assert found.report[found.report["main"]] == 0.75 == -weighted(found)
    assert found.report["accuracy"] == 75.0


def test_letters_cost_nats_and_an_end_can_be_right(tmp_path: Path) -> None:
    test = [("", "K"), ("K", "i"), ("i", ""), ("m", "")]
    costs = {pair: (cost, 1) for pair, cost in zip(test, (1.0, 2.0, 3.0, 4.0), strict=True)}
    stub = Stub("letter", {"": "K", "K": "o", "i": "", "m": "a"}, costs)
    found = score(stub, prepare(tmp_path, test), "letter")
    assert found.report["main"] == "nats_per_letter"
    assert found.report["nats_per_letter"] == 2.5 == -weighted(found)
    assert found.report["accuracy"] == 50.0
    assert found.groups == {"": (50.0, 2), "K": (100.0, 1), "i": (0.0, 1)}


def test_too_many_classes_are_neither_broken_down_nor_confused(tmp_path: Path) -> None:
    test = [(f"q{n}", f"c{n}") for n in range(MOST_GROUPS + 1)]
    stub = Stub("classify", dict(test), dict.fromkeys(test, (1.0, 1)))
    found = score(stub, prepare(tmp_path, test), "classify")
    assert found.report["accuracy"] == 100.0
    assert found.groups == {}
    assert found.confusion is None


def test_where_every_test_row_is_known_none_is_new(tmp_path: Path) -> None:
    found = score(Stub("classify", SAID, COSTS), prepare(tmp_path, QUESTIONS, QUESTIONS), "classify")
    assert found.report["rows_new"] == 0


def test_a_tagger_is_scored_by_its_share_of_right_labels(tmp_path: Path) -> None:
    test = [("1; 2; 3", "a a b"), ("4", "c")]
    found = score(Stub("frames", {"1; 2; 3": "a b b", "4": "c"}), prepare(tmp_path, test), "frames")
    known = {"main": "accuracy", "accuracy": 75.0, "rows": 2, "labels": 4, "rows_right": 50.0}
    known |= {"macro_recall": 83.3333, "macro_f1": 77.7778}
    assert {name: value for name, value in found.report.items() if name != "classes"} == known
    assert found.groups == {"a": (50.0, 2), "b": (100.0, 1), "c": (100.0, 1)}
    assert found.unit == "label"
    names, counts = found.confusion
    assert names == ["a", "b", "c"]
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert 100 * weighted(found) == 75.0


def test_labels_that_were_cut_off_are_not_right(tmp_path: Path) -> None:
    found = score(Stub("frames", {"1; 2; 3; 4": "a a"}), prepare(tmp_path, [("1; 2; 3; 4", "a a b b")]), "frames")
    assert found.report["accuracy"] == 50.0


def test_a_classifier_is_judged_by_what_it_is_selected_by(tmp_path: Path) -> None:
    stub = Stub("classify", SAID, COSTS, train__select_by="macro_f1")
    report = score(stub, prepare(tmp_path, QUESTIONS), "classify").report
    assert report["main"] == "macro_f1"
    assert report["macro_f1"] == pytest.approx(100 * (4 / 5 + 2 / 3) / 2, abs=1e-3)


TAGS = {"tokenize__source": {"kind": "suffix", "vocab_size": 20, "lowercase": False},
        "prepare__corpus": {"format": "tagged", "file": "a.txt", "delimiter": "/"}}  # fmt: skip


def test_words_that_train_has_not_are_scored_apart_and_spans_as_wholes(tmp_path: Path) -> None:
    test = [("Ann Lee ran", "B-PER I-PER O"), ("Bo ran", "B-PER O")]
    said = {"Ann Lee ran": "B-PER I-PER O", "Bo ran": "O O"}
    stub = Stub("frames", said, train__select_by="span_f1", **TAGS)
    report = score(stub, prepare(tmp_path, test, [("Ann ran", "B-PER O")]), "frames").report
    assert report["main"] == "span_f1"
    assert report["span_f1"] == pytest.approx(100 * 2 / 3, abs=1e-3)
    assert (report["labels_unseen"], report["accuracy_unseen"], report["accuracy_seen"]) == (2, 50.0, 100.0)
    assert report["accuracy"] == 80.0


def test_tags_that_mark_no_spans_have_no_f1_of_spans(tmp_path: Path) -> None:
    stub = Stub("frames", {"we run": "P V"}, **TAGS)
    report = score(stub, prepare(tmp_path, [("we run", "P V")], [("we run", "P V")]), "frames").report
    assert "span_f1" not in report
    assert report["labels_unseen"] == 0
