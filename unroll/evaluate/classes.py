"""What classes and labels are worth: how often they are right, and what the right ones cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unroll.data.splitting import key
from unroll.evaluate import metrics
from unroll.evaluate.scores import (
    MOST_GROUPS,
    Groups,
    Report,
    Row,
    Scores,
    answered,
    counted,
    mean,
    pairs_of,
    rounded,
    said_and_wanted,
    share,
)
from unroll.params.prepare import Lines
from unroll.params.tokenize import Pieces
from unroll.predict.predictor import Prediction, Predictor
from unroll.training.validation import accuracy, labels_right


def classes(predictor: Predictor, prepared: Path) -> Scores:
    """Score a classifier: how often it is right, and what the right classes cost it."""
    pairs = pairs_of(prepared / "test.tsv")
    answers = answered(predictor, [source for source, _ in pairs], "test")
    rows = [judged(source, target, one) for (source, target), one in zip(pairs, answers, strict=True)]
    report = accuracy_report(rows)
    truth, said = [target for _, target in pairs], [one.text for one in answers]
    report["macro_recall"] = metrics.macro_recall(said, truth)
    nats = predictor.nats(pairs)
    cost = "nats_per_letter" if isinstance(predictor.recipe.prepare.corpus, Lines) else "nats"
    report[cost] = mean(nats)
    if predictor.recipe.train.select_by == "loss":
        report["main"] = cost
        rows = [row | {"value": -paid, "weight": count} for row, (paid, count) in zip(rows, nats, strict=True)]
    if isinstance(predictor.recipe.tokenize.source, Pieces):
        known = {key(source) for source, _ in pairs_of(prepared / "train.tsv")}
        new = [row for row in rows if key(row["source"]) not in known]
        report |= {"rows_new": len(new), "accuracy_new": accuracy(*said_and_wanted(new)) if new else 0.0}
    return Scores(rows, rounded(report), by_target(rows), "class", answers, _confusion(truth, said))


def _confusion(truth: Sequence[str], said: Sequence[str]) -> tuple[list[str], np.ndarray] | None:
    names = sorted(set(truth) | set(said))
    if len(names) > MOST_GROUPS:
        return None
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, ([names.index(name) for name in truth], [names.index(name) for name in said]), 1)
    return names, counts


def labels(predictor: Predictor, prepared: Path) -> Scores:
    """Score a tagger: the share of labels that are right."""
    pairs = pairs_of(prepared / "test.tsv")
    answers = answered(predictor, [source for source, _ in pairs], "test")
    rows = [judged(source, target, one) for (source, target), one in zip(pairs, answers, strict=True)]
    each = [pair for row in rows for pair in zip(row["references"][0].split(), row["hypothesis"].split(), strict=False)]
    report = accuracy_report(rows) | {
        "labels": len(each),
        "rows_right": share(row["value"] == row["weight"] for row in rows),
    }
    groups = {
        name: (100 * float(np.mean([said == name for wanted, said in each if wanted == name])), count)
        for name, count in counted(wanted for wanted, _ in each).items()
    }
    confusion = _confusion([wanted for wanted, _ in each], [said for _, said in each])
    return Scores(rows, rounded(report), groups, "label", answers, confusion)


def judged(source: str, target: str, answer: Prediction) -> Row:
    """Return the row of an answer that is right or wrong, label by label."""
    right, count = labels_right(answer.text, target)
    found = {"source": source, "references": [target], "hypothesis": answer.text, "score": round(answer.score, 5)}
    return found | {"value": right, "weight": count}


def accuracy_report(rows: list[Row]) -> Report:
    """Return the share of labels that are right."""
    return {"main": "accuracy", "accuracy": round(accuracy(*said_and_wanted(rows)), 3), "rows": len(rows)}


def by_target(rows: list[Row]) -> Groups:
    """Return the share of right answers for each target, where there are not too many."""
    counts = counted(row["references"][0] for row in rows)
    if len(counts) > MOST_GROUPS:
        return {}
    return {
        name: (accuracy(*said_and_wanted([row for row in rows if row["references"][0] == name])), count)
        for name, count in counts.items()
    }
