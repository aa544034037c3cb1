"""What a run shows: scores and samples, read from the reports and written as a page of Markdown."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from unroll.asking import ASKINGS
from unroll.evaluate.escaping import markdown
from unroll.params.evaluate import Search

SHOWN = (
    "chrf", "bleu_greedy", "accuracy", "macro_f1", "macro_recall", "span_f1", "accuracy_unseen",
    "perplexity", "nats_per_letter", "bits_per_letter",
    "novelty_percent", "baseline",
)  # fmt: skip
"""Scores that stand first, behind the main one, under short names."""
MEASURED = ("train", "evaluate")
"""Stages whose reports hold metrics of the model. What the others report is settled before it learns: parameters."""
SAMPLES, LONGEST = 8, 200
"""Rows that a page shows, and letters of each text."""
Row = dict[str, Any]


def main_score(reports: Path) -> str:
    """Return the name of the score that leads, or nothing where there is none."""
    return next((str(value) for stage, name, value in _entries(reports) if (stage, name) == ("evaluate", "main")), "")


def scores(reports: Path) -> dict[str, float]:
    """Return the measures of a model, not counts: the main ones first and as they are, others as `stage.name`."""
    found = {(stage, name): float(value) for stage, name, value in _entries(reports) if _is_score(stage, value)}
    first = dict.fromkeys([("evaluate", name) for name in (main_score(reports), *SHOWN)])
    short = {name: found.pop((stage, name)) for stage, name in first if (stage, name) in found}
    return short | {f"{stage}.{name}": value for (stage, name), value in found.items()}


def stress_scores(reports: Path) -> dict[str, float]:
    """Return {slip: the score under it, slip_lost: how much less that is}."""
    entries = _entries(reports)
    return {
        name.removeprefix("stress."): float(value)
        for stage, name, value in entries
        if stage == "evaluate" and name.startswith("stress.")
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
    return {name: value for name, value in found.items() if "." not in name}


class Answers(NamedTuple):
    """What a model answered in an evaluation.

    Attributes:
        rows: to the test rows: source, references, hypothesis and more.
        stress: {slip: to the rows with it}.
        bleu_tokenizer: by which BLEU parts them, should they be compared by it.
        tags: whether each is several labels, parted by spaces.
        block: rows in succession that are drawn together when chance is asked.
    """

    rows: list[Row]
    stress: dict[str, list[Row]]
    bleu_tokenizer: str = "13a"
    tags: bool = False
    block: int = 1


def answers(evaluation: Path) -> Answers:
    """Return the answers in an evaluation; those of an earlier version were not put under stress."""
    stress: dict[str, list[Row]] = {}
    for row in _json_lines(evaluation / "stress.jsonl") if (evaluation / "stress.jsonl").exists() else []:
        stress.setdefault(row.pop("slip"), []).append(row)
    return Answers(rows(evaluation), stress)


def rows(evaluation: Path) -> list[Row]:
    """Return the rows of an evaluation: source, references, hypothesis and more."""
    return _json_lines(evaluation / "test.jsonl")


def _json_lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def page(
    title: str, search: Search, uri: str, found: Mapping[str, float], test: Sequence[Row], stress: Mapping[str, float]
) -> str:
    """Return a run's page: its scores, samples of what the model says, and how to use it.

    Args:
        title: the model's, in a few words.
        search: with which it was scored.
        uri: the name it is registered under.
        found: from `scores`.
        test: from `rows`.
        stress: from `stress_scores`.
    """
    answered = [row for row in test if row["hypothesis"]] or test
    chosen = answered[:: max(1, len(answered) // SAMPLES)][:SAMPLES]
    samples = [(row["source"], row["hypothesis"], *row["references"][:1]) for row in chosen]
    asked = ASKINGS[search.kind].remark.format(**search.model_dump())
    return "\n\n".join(
        [
            f"### {headline(found)}",
            f"{title}, on {len(test):,} test rows{asked}.",
            *_stress(stress),
            "#### Samples: source, model, reference",
            "\n".join(
                f"- {markdown(source, LONGEST)}\n  - **{markdown(said, LONGEST)}**"
                + "".join(f"\n  - {markdown(text, LONGEST)}" for text in right)
                for source, said, *right in samples
            ),
            "#### Use",
            f"```\n{command(search, uri)}\nmlflow models serve -m {uri} --env-manager local -h 127.0.0.1 -p 5001\n```",
            "Among the artifacts: `lineage.txt` draws where the model comes from, `pictures` shows what it learnt.",
        ]
    )


def _stress(found: Mapping[str, float]) -> list[str]:
    """Return the parts of a page that say what becomes of a score under stress."""
    if not found:
        return []
    lines = [
        f"| {name.replace('_', ' ')} | {value:.1f} | {_lost(found, name)} |"
        for name, value in found.items()
        if not name.endswith("_lost")
    ]
    return ["#### As people type", "\n".join(["| | score | lost by it |", "|---|---|---|", *lines])]


def _lost(found: Mapping[str, float], name: str) -> str:
    return f"{found[f'{name}_lost']:.1f}" if f"{name}_lost" in found else ""


def command(search: Search, uri: str) -> str:
    """Return the command that asks a registered model."""
    return f"unroll {ASKINGS[search.kind].command} --model {uri}"


def headline(found: Mapping[str, float]) -> str:
    """Return the scores that stand first, in a line."""
    return " · ".join(f"{name} **{shown(value)}**" for name, value in main_scores(found).items())


def shown(score: float) -> str:
    """Return a score as a person reads it: 43.71 BLEU, 1.382 nats."""
    return f"{score:.{2 if abs(score) >= 10 else 3}f}"
