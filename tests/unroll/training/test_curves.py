"""Points of the curves, their table, and the best of them."""

from __future__ import annotations

import pytest

from unroll.training.curves import CURVES, Point, best, point_of, shown, table
from unroll.training.loop import Progress

BETWEEN = Progress(20, 900, 0.5, 3.1234567, 0.001, 0.7654321)
SCORED = Progress(40, 900, 0.5, 2.5, 0.002, 0.5, 0, 2.1234567, 17.1234567)


def test_a_point_has_what_is_known_at_it() -> None:
    assert point_of(BETWEEN) == {
        "update": 20, "train_loss": 3.12346, "learning_rate": 0.001, "gradient_norm": 0.76543,
    }  # fmt: skip
    assert point_of(SCORED) == {
        "update": 40, "train_loss": 2.5, "learning_rate": 0.002, "gradient_norm": 0.5, "valid_loss": 2.12346,
        "valid_score": 17.1235,
    }  # fmt: skip
    assert tuple(point_of(SCORED)) == CURVES


def test_a_table_leaves_cells_empty_where_nothing_was_measured() -> None:
    assert table([point_of(BETWEEN), point_of(SCORED)]) == (
        "update,train_loss,learning_rate,gradient_norm,valid_loss,valid_score\n"
        "20,3.12346,0.001,0.76543,,\n"
        "40,2.5,0.002,0.5,2.12346,17.1235\n"
    )
    assert table([]) == ",".join(CURVES) + "\n"


def test_what_is_shown_is_all_but_the_update() -> None:
    assert shown(point_of(BETWEEN)) == {"train_loss": 3.12346, "learning_rate": 0.001, "gradient_norm": 0.76543}


@pytest.mark.parametrize(("scores", "update"), [([1.0, 3.0, 2.0], 2), ([2.0, 2.0], 1), ([-5.0], 1)])
def test_the_best_is_the_first_of_the_highest_scores(scores: list[float], update: int) -> None:
    points: list[Point] = [{"update": n, "valid_score": score} for n, score in enumerate(scores, start=1)]
    assert best([{"update": 0}, *points, {"update": 99}])["update"] == update
