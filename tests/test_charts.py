"""The charts in the summary of a pull request."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CHARTS = Path(__file__).parents[1] / ".github" / "charts.py"


def drawn(**plots: list[dict[str, Any]]) -> str:
    done = subprocess.run(
        [sys.executable, str(CHARTS)], input=json.dumps({"data": plots}), capture_output=True, text=True, check=True
    )
    return done.stdout


def rows(**series: dict[str, str]) -> list[dict[str, str]]:
    return [{"at": at, "score": score, "rev": rev} for rev, points in series.items() for at, score in points.items()]


def test_each_revision_is_a_line_over_the_places_that_all_have() -> None:
    values = rows(base={"10": "1.5", "20": "", "30": "2"}, head={"10": "1", "30": "2.5", "40": "9"})
    layer = {"layer": [{"encoding": {"y": {"field": "score", "type": "quantitative"}}}]}
    content = {"data": {"values": values}, "encoding": {"x": {"field": "at"}}, "layer": [layer]}
    told = drawn(curves=[{"type": "vega", "content": content}], picture=[{"type": "image"}])
    assert told.startswith("### curves: score over at\n\nIn this order: base, head\n")
    assert 'x-axis "at" ["10", "30"]\n    y-axis "score"\n    line [1.5, 2]\n    line [1, 2.5]\n```' in told


def test_a_chart_that_lies_on_its_side_is_set_upright() -> None:
    encoding = {"x": {"field": "score", "type": "quantitative"}, "y": {"field": "at", "type": "nominal"}}
    content = {"data": {"values": rows(base={"1-4": "40"}, head={"1-4": "41"})}, "encoding": encoding}
    assert '["1-4"]\n    y-axis "score"\n    bar [40]\n    bar [41]\n' in drawn(
        bars=[{"type": "vega", "content": content}]
    )


def test_nothing_in_common_is_no_chart() -> None:
    content = {
        "data": {"values": rows(base={"1": "4"}, head={"2": "5"})},
        "encoding": {"x": {"field": "at"}, "y": {"field": "score", "type": "quantitative"}},
    }
    assert drawn(curves=[{"type": "vega", "content": content}]).strip() == ""
