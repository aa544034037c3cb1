"""What a person looks at: which rows, which pictures, and tables that hold them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import recipes
from tests.unroll.params.test_misfits import BY_GROUP, SERIES
from unroll.evaluate import reports
from unroll.evaluate.scores import Scores
from unroll.predict.predictor import Prediction


def row(number: int, **more: Any) -> dict[str, Any]:
    """A row that is worth its number."""
    return {"source": f"s{number}", "references": [f"r{number}"], "hypothesis": f"h{number}", "chrf": number, **more}


def looked(words: int, source: int = 3, weight: float = 0.5) -> Prediction:
    """An answer of so many words, each of which looked at every source word alike."""
    return Prediction("", 0.0, ["s"] * source, ["t"] * words, np.full((words, source), weight), 0, False)


def test_the_worst_the_median_and_the_best_rows_are_chosen_of_those_that_were_answered() -> None:
    rows = [row(number) for number in range(99, -1, -1)] + [row(-1, hypothesis="")]
    found: dict[str, list[int]] = {}
    for name, one in reports.chosen(rows):
        found.setdefault(name, []).append(one["chrf"])
    assert found == {"worst": [*range(10)], "median": [*range(45, 55)], "best": [*range(90, 100)]}


def test_a_few_rows_are_chosen_as_they_are() -> None:
    assert [one["chrf"] for _, one in reports.chosen([row(2), row(1)])] == [1, 2] * 3


def test_a_row_is_worth_its_value_by_its_weight_or_its_chrf() -> None:
    assert reports.worth({"value": 3, "weight": 4, "chrf": 9}) == 0.75
    assert reports.worth({"chrf": 9}) == 9.0


def test_examples_are_written_as_a_table_for_programs_and_one_for_people(tmp_path: Path) -> None:
    rows = [row(1, source="a|b", hypothesis="one, two"), row(2, references=["x", "y"])]
    reports.write(tmp_path, Scores(rows, {}, stress={"lower": [row(3)]}))
    assert json.loads((tmp_path / "stress.jsonl").read_text(encoding="utf-8")) == row(3) | {"slip": "lower"}
    lines = (tmp_path / "test.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    with (tmp_path / "examples.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(line["rank"], line["hypothesis"], line["reference"]) for line in table[:2]] == [
        ("worst", "one, two", "r1"), ("worst", "h2", "x"),
    ]  # fmt: skip
    text = (tmp_path / "examples.md").read_text(encoding="utf-8")
    assert "| worst | 1.00 | a\\|b | one, two | r1 |\n" in text
    assert "| best | 2.00 | s2 | h2 | x |\n" in text
    assert {path.name for path in tmp_path.iterdir()} == {"test.jsonl", "stress.jsonl", "examples.csv", "examples.md"}


def test_a_breakdown_has_a_line_for_each_group() -> None:
    found = list(csv.reader(io.StringIO(reports.breakdown_csv({"1-4": (43.71884, 9), "a, b": (0.0, 1)}))))
    assert found == [["group", "score", "count"], ["1-4", "43.719", "9"], ["a, b", "0.000", "1"]]


def test_looks_are_shown_of_answers_of_middling_length_spread_over_the_test() -> None:
    answers = [looked(4), looked(13), looked(5, source=1), looked(6, weight=0.0), *[looked(8) for _ in range(10)]]
    shown = reports.maps(answers, 2)
    assert [weights_TS.shape for _, _, weights_TS in shown] == [(8, 3)] * 2
    assert shown[1][2] is answers[4 + 5].weights_TS
    assert len(reports.maps(answers, 99)) == 10
    assert reports.maps(answers, 0) == []
    assert reports.maps([looked(6, weight=0.0)], 2) == []


@pytest.mark.parametrize(
    ("source", "shape"), [("1 2 3 4", (2, 2)), ("1 2 3", (1, 3)), ("1 2; 3 4; 5 6", (3, 2)), ("1 2; 3 4", (2, 2))]
)
def test_a_lone_vector_is_a_square_where_it_can_be(source: str, shape: tuple[int, int]) -> None:
    assert reports.scan(source).shape == shape
    assert reports.scan(source).flat[1] == 2


def test_runs_of_equal_labels_are_said_once() -> None:
    assert reports.runs("3 3 3 1 1 3") == "3 1 3"
    assert reports.runs("") == ""


@pytest.mark.parametrize(
    ("width", "scale", "lines"), [(6, "standard", True), (72, "standard", False), (8, None, False)]
)
def test_few_numbers_of_a_scale_each_are_lines(width: int, scale: str | None, lines: bool, tmp_path: Path) -> None:
    source = {"kind": "vectors", "width": width, "scale": scale}
    corpus = {"prepare.corpus.columns": [100, 100 + width], "prepare.corpus.frame": width}
    pipeline = recipes.make("frames", **{"tokenize.source": source} | corpus)
    (tmp_path / "curves.csv").write_text("update,train_loss,valid_score\n1,2.5,\n2,2.0,9\n")
    frames = "; ".join([" ".join(["1"] * width)] * 2)
    found = Scores([row(1, source=frames, references=["a b"], hypothesis="a a")], {"main": "accuracy"}, unit="class")
    reports.draw(found, pipeline.recipe, pipeline.evaluate, tmp_path)
    assert (tmp_path / "pictures" / "series.png").exists() is lines
    assert (tmp_path / "pictures" / "scans.png").exists() is not lines


def test_scores_under_stress_stand_beside_those_without() -> None:
    report: dict[str, Any] = {"stress.lower": 8.5, "stress.lower_lost": 0.5, "stress.copied_names": 90.0}
    for main, before in (("bleu", 9.0), ("mae", 8.0)):
        found = Scores([], report | {"main": main}, stress={"lower": []})
        assert reports.stressed(found) == (["lower"], [8.5], [before])


CONFUSION = (["a", "b"], np.array([[1, 0], [1, 2]]))


@pytest.mark.parametrize(
    ("recipe", "scores", "drawn"),
    [
        ("translate", {}, set()),
        ("translate", {"answers": [looked(8)]}, {"attention.png"}),
        ("classify", {"groups": {"a": (50.0, 2)}, "confusion": CONFUSION}, {"breakdown.png", "confusion.png"}),
        ("rows", {"rows": [row(1, source="1 2; 3 4")]}, {"scans.png"}),
        ("series", {"rows": [row(1, source="1 2; 3 4"), row(2, source="1 2")]}, {"series.png"}),
        ("rating", {"numbers": (np.arange(3.0), np.ones((3, 1)))}, {"estimates.png"}),
        (
            "forecast",
            {
                "rows": [row(1, source="1; 2", references=["3; 4"])],
                "answers": [
                    Prediction("3; 4", 0.0, [], [], np.zeros((4, 2)), 0, False, numbers_TWQ=np.ones((4, 1, 3)))
                ],
            },
            {"forecasts.png"},
        ),
        ("translate", {"stress": {"lower": [row(1)]}}, {"stress.png"}),
        ("language", {"stress": {"lower": [row(1)]}}, set()),
    ],
)
def test_what_there_is_to_see_is_drawn_and_nothing_else(
    tmp_path: Path, recipe: str, scores: dict[str, Any], drawn: set[str]
) -> None:
    series = BY_GROUP | {"prepare.corpus": SERIES}
    pipeline = recipes.make("rows", **series) if recipe == "series" else recipes.make(recipe)
    (tmp_path / "curves.csv").write_text("update,train_loss,valid_score\n1,2.5,\n2,2.0,9\n")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "old.png").write_bytes(b"of another model")
    found = Scores(**{"rows": [row(1)], "report": {"main": "accuracy"}, "unit": "class"} | scores)
    reports.draw(found, pipeline.recipe, pipeline.evaluate, tmp_path)
    pictures = {path.name: path.read_bytes()[:4] for path in (tmp_path / "pictures").iterdir()}
    assert pictures == dict.fromkeys(drawn | {"curves.png"}, b"\x89PNG")
