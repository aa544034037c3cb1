"""What a run shows: scores, curves and samples, read from the reports and written as a page of Markdown."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unroll.errors import DataError

SHOWN = ("bleu", "chrf", "bleu_greedy")
"""Scores that stand first, under short names."""
MEASURED = ("train", "evaluate")
"""Stages whose reports hold metrics of the model. What the others report is settled before it learns: parameters."""
SAMPLES = 8

Row = dict[str, Any]


def curves(path: Path) -> dict[str, dict[int, float]]:
    """Return {metric: {update: value}} from a table whose first column is `update`; an empty cell is no point.

    Raises:
        DataError: a cell is no number.
    """
    found: dict[str, dict[int, float]] = {}
    if not path.exists():
        return found
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                update = int(row.pop("update"))
                points = {name: float(cell) for name, cell in row.items() if cell}
            except (KeyError, ValueError, TypeError) as error:
                raise DataError(f"{path}:{number}: not a row of numbers ({error}); make it anew: dvc repro") from None
            for name, value in points.items():
                if math.isfinite(value):
                    found.setdefault(name, {})[update] = value
    return found


def scores(reports: Path) -> dict[str, float]:
    """Return the measures of a model, not counts: the main ones as they are, the others as `stage.name`."""
    return {
        name if stage == "evaluate" and name in SHOWN else f"{stage}.{name}": float(value)
        for stage, name, value in _entries(reports)
        if _is_score(stage, value)
    }


def facts(reports: Path) -> dict[str, str]:
    """Return what the stages counted on the way to a model, as `stage.name`: rows, vocabularies and so on."""
    return {
        f"{stage}.{name}": str(value)
        for stage, name, value in _entries(reports)
        if stage not in MEASURED or isinstance(value, int)
    }


def remarks(reports: Path) -> dict[str, str]:
    """Return the texts that stand among the scores, such as their signature."""
    entries = _entries(reports)
    return {f"{stage}.{name}": value for stage, name, value in entries if stage in MEASURED and isinstance(value, str)}


def _is_score(stage: str, value: Any) -> bool:
    return stage in MEASURED and isinstance(value, float) and math.isfinite(value)


def _entries(reports: Path) -> list[tuple[str, str, Any]]:
    """Return (stage, name, value) of every report."""
    paths = sorted(reports.glob("*.json"))
    entries = [(path.stem, *entry) for path in paths for entry in json.loads(path.read_text(encoding="utf-8")).items()]
    return [(stage, re.sub(r"[^\w.-]", "_", name), value) for stage, name, value in entries]  # MLflow takes no others


def main_scores(found: Mapping[str, float]) -> dict[str, float]:
    """Return the scores that stand first, in their order."""
    return {name: found[name] for name in SHOWN if name in found}


def rows(evaluation: Path) -> list[Row]:
    """Return the rows of an evaluation: source, references, hypothesis and more."""
    text = (evaluation / "test.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def page(title: str, beam: int, uri: str, found: Mapping[str, float], test: Sequence[Row]) -> str:
    """Return a run's page: its scores, samples of what the model says, and how to use it.

    Args:
        title: the model's, in a few words.
        beam: with which it was scored.
        uri: the name it is registered under.
        found: from `scores`.
        test: from `rows`.
    """
    chosen = test[:: max(1, len(test) // SAMPLES)][:SAMPLES]
    samples = [(row["source"], row["hypothesis"], row["references"][0]) for row in chosen]
    return "\n\n".join(
        [
            f"### {headline(found)}",
            f"{title}, on {len(test):,} test sentences; beam {beam} unless a score says greedy.",
            "#### Samples: source, model, reference",
            "\n".join(
                f"- {_plain(source)}\n  - **{_plain(said)}**\n  - {_plain(right)}" for source, said, right in samples
            ),
            "#### Use",
            f"```\nunroll translate --model {uri}\n"
            f"mlflow models serve -m {uri} --env-manager local -h 127.0.0.1 -p 5001\n```",
            "Among the artifacts: `lineage.txt` draws where the model comes from, `pictures` shows what it learnt.",
        ]
    )


def headline(found: Mapping[str, float]) -> str:
    """Return the scores that stand first, in a line."""
    return " · ".join(f"{name} **{value:.2f}**" for name, value in main_scores(found).items())


def _plain(text: str) -> str:
    # The text of a corpus stays text: no markup.
    return re.sub(r"([\\|`*_<>\[\]#~&])", r"\\\1", " ".join(text.split()))[:200] or "…"
