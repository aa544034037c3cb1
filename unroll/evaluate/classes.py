"""What classes and labels are worth: how often they are right, and what the right ones cost."""

from __future__ import annotations

from collections.abc import Container, Sequence
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
from unroll.params.pipeline import Recipe
from unroll.params.prepare import Lines
from unroll.params.tokenize import Pieces
from unroll.predict.predictor import Prediction, Predictor
from unroll.training.spans import marked, span_f1
from unroll.training.validation import accuracy, each_label, macro_f1, macro_recall

MOST_CLASSES = 100
"""of which each has scores of its own in evaluate.json"""


def classes(predictor: Predictor, prepared: Path) -> Scores:
    """Score a classifier: how often it is right, and what the right classes cost it."""
    pairs = pairs_of(prepared / "test.tsv")
    answers = answered(predictor, [source for source, _ in pairs], "test")
    rows = [judged(source, target, one) for (source, target), one in zip(pairs, answers, strict=True)]
    report = accuracy_report(rows)
    truth, said = [target for _, target in pairs], [one.text for one in answers]
    nats, letters = predictor.nats(pairs), isinstance(predictor.recipe.prepare.corpus, Lines)
    report |= _class_report(predictor.recipe, said, truth)
    cost = "nats_per_letter" if letters else "nats"
    report[cost] = mean(nats)
    if predictor.recipe.train.select_by == "loss":
        report["main"] = cost
        rows = [row | {"value": -paid, "weight": count} for row, (paid, count) in zip(rows, nats, strict=True)]
    if isinstance(predictor.recipe.tokenize.source, Pieces):
        known = {key(source) for source, _ in pairs_of(prepared / "train.tsv")}
        new = [row for row in rows if key(row["source"]) not in known]
        report |= {"rows_new": len(new), "accuracy_new": accuracy(*said_and_wanted(new)) if new else 0.0}
    return Scores(rows, rounded(report), by_target(rows), "class", answers, _confusion(truth, said))


def _class_report(recipe: Recipe, said: Sequence[str], truth: Sequence[str]) -> Report:
    """Return the scores in which each class weighs as much as any other, those of each, and which score leads."""
    report: Report = {"macro_f1": macro_f1(said, truth), "macro_recall": macro_recall(said, truth)}
    if recipe.train.select_by in report:
        report["main"] = recipe.train.select_by
    if not isinstance(recipe.prepare.corpus, Lines) and len(set(truth)) <= MOST_CLASSES:
        report["classes"] = metrics.of_each_class(said, truth)
    return report


def _confusion(truth: Sequence[str], said: Sequence[str]) -> tuple[list[str], np.ndarray] | None:
    names = sorted(set(truth) | set(said))
    if len(names) > MOST_GROUPS:
        return None
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, ([names.index(name) for name in truth], [names.index(name) for name in said]), 1)
    return names, counts


def labels(predictor: Predictor, prepared: Path) -> Scores:
    """Score a tagger: the share of labels that are right; of spans, where labels mark such, their F1.

    Words that train has not are scored apart: who knows a word by heart need not read its sentence.
    """
    pairs = pairs_of(prepared / "test.tsv")
    answers = answered(predictor, [source for source, _ in pairs], "test")
    rows = [judged(source, target, one, tags=True) for (source, target), one in zip(pairs, answers, strict=True)]
    texts, targets = said_and_wanted(rows)
    said, truth = each_label(texts, targets, tags=True)
    report = accuracy_report(rows) | {
        "labels": len(truth),
        "rows_right": share(row["value"] == row["weight"] for row in rows),
    }
    report |= _class_report(predictor.recipe, said, truth)
    if marked(truth):
        report["span_f1"] = span_f1(texts, targets)
        if predictor.recipe.train.select_by == "span_f1":
            report["main"] = "span_f1"
    if isinstance(predictor.recipe.tokenize.source, Pieces):
        report |= _by_novelty(rows, {word for source, _ in pairs_of(prepared / "train.tsv") for word in source.split()})
    groups = {
        name: (share(one == name for one, wanted in zip(said, truth, strict=True) if wanted == name), count)
        for name, count in counted(truth).items()
    }
    return Scores(rows, rounded(report), groups, "label", answers, _confusion(truth, said))


def _by_novelty(rows: list[Row], known: Container[str]) -> Report:
    """Return the accuracy of words that train has and of those that it has not, and how many the latter are."""
    right: dict[bool, list[bool]] = {True: [], False: []}
    for row in rows:
        words, wanted, said = (text.split() for text in (row["source"], row["references"][0], row["hypothesis"]))
        if len(words) == len(wanted) == len(said):
            for word, one, other in zip(words, wanted, said, strict=True):
                right[word in known].append(one == other)
    found: Report = {"labels_unseen": len(right[False])}
    return found | {
        f"accuracy_{name}": share(right[seen]) for name, seen in (("seen", True), ("unseen", False)) if right[seen]
    }


def judged(source: str, target: str, answer: Prediction, tags: bool = False) -> Row:
    """Return the row of an answer that is right or wrong, as a whole or, of `tags`, label by label."""
    right = [one == other for one, other in zip(*each_label([answer.text], [target], tags), strict=True)]
    found = {"source": source, "references": [target], "hypothesis": answer.text, "score": round(answer.score, 5)}
    return found | {"value": sum(right), "weight": len(right)}


def accuracy_report(rows: list[Row]) -> Report:
    """Return the share of answers, or of labels within them, that are right."""
    right, count = (sum(row[name] for row in rows) for name in ("value", "weight"))
    return {"main": "accuracy", "accuracy": round(100 * right / count, 3), "rows": len(rows)}


def by_target(rows: list[Row]) -> Groups:
    """Return the share of right answers for each target, where there are not too many."""
    counts = counted(row["references"][0] for row in rows)
    if len(counts) > MOST_GROUPS:
        return {}
    return {
        name: (accuracy(*said_and_wanted([row for row in rows if row["references"][0] == name])), count)
        for name, count in counts.items()
    }
