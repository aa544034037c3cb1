"""Read `dvc plots diff --json` on stdin; write its charts as Mermaid on stdout: all that a job's summary can show."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]


def charts(plots: Mapping[str, list[Row]]) -> Iterator[str]:
    """Yield the charts that have data, each revision a line or a bar in one of them; pictures are left out."""
    for path, shown in sorted(plots.items()):
        for plot in shown:
            if plot["type"] == "vega":
                yield from chart(path, plot["content"])


def chart(path: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Yield one Vega-Lite chart in Mermaid, at the places where every revision has a point."""
    x, y = axis(content, "x"), axis(content, "y")
    bars = y["type"] == "nominal"  # they lie on their side
    across, up = (y["field"], x["field"]) if bars else (x["field"], y["field"])
    rows = [row for row in content["data"]["values"] if row.get(up) not in (None, "")]
    series: dict[str, dict[str, float]] = {}
    for row in rows:
        series.setdefault(row["rev"], {})[str(row[across])] = float(row[up])
    places = [place for place in next(iter(series.values()), {}) if all(place in points for points in series.values())]
    if places:
        labels = ", ".join(json.dumps(place) for place in places)
        yield f"### {path}: {up} over {across}\n\nIn this order: {', '.join(series)}\n"
        yield f'```mermaid\nxychart-beta\n    x-axis "{across}" [{labels}]\n    y-axis "{up}"'
        for points in series.values():
            yield f"    {'bar' if bars else 'line'} [{', '.join(f'{points[place]:g}' for place in places)}]"
        yield "```\n"


def axis(content: Mapping[str, Any], name: str) -> Row:
    """Return what an axis shows: said for the whole chart, or in the first of its layers that says so."""
    if name in content.get("encoding", {}):
        return content["encoding"][name]
    return next((found for layer in content.get("layer", []) if (found := axis(layer, name))), {})


if __name__ == "__main__":
    print("\n".join(charts(json.load(sys.stdin)["data"])))
