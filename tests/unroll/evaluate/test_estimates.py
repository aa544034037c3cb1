"""Numbers, against errors and intervals that are known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny
from tests.scored import evaluate, prepare, weighted
from unroll.data.numbers import written
from unroll.data.tokenizers import VectorReader
from unroll.evaluate import scoring
from unroll.evaluate.scores import Scores
from unroll.predict.predictor import Prediction


class Teller:
    """Stands in for a Predictor: the quantiles of its one number are told to it."""

    target = VectorReader(1)

    def __init__(self, said: dict[str, list[float]], name: str = "rating") -> None:
        settings = tiny.pipeline(name)
        self.recipe, self.search, self.said = settings.recipe, settings.evaluate.search, said

    def stream(self, texts: Iterable[str], **_: Any) -> Iterator[list[Prediction]]:
        """Yield what was told."""
        for text in texts:
            numbers_TWQ = np.array([[self.said[text]]])
            middle = written(numbers_TWQ[..., numbers_TWQ.shape[-1] // 2])
            yield [Prediction(middle, 0.0, [text], [], np.zeros((0, 1)), 0, False, numbers_TWQ=numbers_TWQ)]


def score(said: dict[str, list[float]], folder: Path, **changes: Any) -> Scores:
    return scoring.score(Teller(said), folder, evaluate("rating", **changes))  # type: ignore[arg-type]


TEST = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "6")]


def test_numbers_are_scored_by_how_far_they_are_off(tmp_path: Path) -> None:
    found = score({"a": [1], "b": [4], "c": [3], "d": [5]}, prepare(tmp_path, TEST))
    assert found.report == {
        "main": "mae",
        "mae": 0.75,
        "rmse": round(1.25**0.5, 4),
        "r2": round(1 - 5 / 14, 4),
        "correlation": round(float(np.corrcoef([1, 2, 3, 6], [1, 4, 3, 5])[0, 1]), 4),
        "rows": 4,
    }
    assert found.report["mae"] == -weighted(found)
    assert [row["hypothesis"] for row in found.rows] == ["1", "4", "3", "5"]
    assert found.groups == {"1 to 1": (0, 1), "2 to 2": (2, 1), "3 to 3": (0, 1), "6 to 6": (1, 1)}


def test_an_interval_is_scored_by_how_often_it_holds_what_is_wanted(tmp_path: Path) -> None:
    said = {"a": [0, 1, 1], "b": [3, 4, 9], "c": [2, 3, 4], "d": [0, 5, 7]}
    report = score(said, prepare(tmp_path, TEST)).report
    assert report["mae"] == 0.75
    assert (report["coverage_percent"], report["interval_width"]) == (75, (1 + 6 + 2 + 7) / 4)


def test_it_stands_beside_the_median_of_train(tmp_path: Path) -> None:
    folder = prepare(tmp_path, TEST, train=[("x", "2"), ("y", "2"), ("z", "9")])
    report = score({"a": [1], "b": [4], "c": [3], "d": [5]}, folder, baseline="median").report
    assert report["baseline"] == pytest.approx((1 + 0 + 1 + 4) / 4)


def test_slips_cost_what_the_numbers_move(tmp_path: Path) -> None:
    test = [("good film.", "2"), ("bad film.", "-2")]
    said = defaultdict(lambda: [0.0], {"good film.": [2.0], "bad film.": [-1.0], "good film": [1.0]})
    report = score(said, prepare(tmp_path, test), stress=2).report
    assert report["mae"] == 0.5
    assert (report["stress.no_end_mark"], report["stress.no_end_mark_lost"]) == (1.5, 1.0)
    assert (report["stress.capitals"], report["stress.capitals_lost"]) == (2.0, 1.5)


class Seer(Teller):
    """Stands in for a Predictor that forecasts: the quantiles of each step are told to it."""

    def stream(self, texts: Iterable[str], **_: Any) -> Iterator[list[Prediction]]:
        """Yield what was told."""
        for text in texts:
            numbers_TWQ = np.array(self.said[text], float)[:, None, :]
            middle = written(numbers_TWQ[..., 1])
            yield [Prediction(middle, 0.0, [text], [], np.zeros((0, 1)), 0, False, numbers_TWQ=numbers_TWQ)]


def test_a_forecast_is_scored_beside_what_was_a_season_before(tmp_path: Path) -> None:
    def row(first: int, change: int) -> tuple[str, str]:
        numbers = [first + place % 8 for place in range(16)]
        return "; ".join(map(str, numbers)), "; ".join(str(number + change) for number in numbers[8:12])

    test, train = [row(10, 2), row(20, -2)], [row(10, 4), row(30, 4)]
    said: Any = {test[0][0]: [[11, 12, 13]] * 4, test[1][0]: [[17, 18, 20], [18, 19, 20], [18, 21, 22], [30, 31, 32]]}
    found = scoring.score(
        Seer(said, "forecast"),  # type: ignore[arg-type]
        prepare(tmp_path, test, train=train),
        evaluate("forecast", baseline="seasonal_naive"),
    )
    # Wanted were 12 13 14 15 and 18 19 20 21.
    off = [0, 1, 2, 3, 0, 0, 1, 10]
    assert found.report["mae"] == np.mean(off) == -weighted(found)
    assert found.report["baseline"] == 2
    assert found.report["mase"] == pytest.approx(np.mean(off) / 4, abs=1e-4)
    assert found.report["coverage_percent"] == 100 * 5 / 8
    wanted, middle = [12, 13, 14, 15, 18, 19, 20, 21], [12, 12, 12, 12, 18, 19, 21, 31]
    smape = np.mean([200 * abs(a - b) / (a + b) for a, b in zip(wanted, middle, strict=True)])
    assert found.report["smape_percent"] == pytest.approx(smape, abs=1e-4)
    assert found.groups == {"1": (0, 2), "2": (0.5, 2), "3": (1.5, 2), "4": (6.5, 2)}
    assert found.unit == "steps ahead"
