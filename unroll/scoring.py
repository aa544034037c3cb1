"""What a model's answers are worth: a scorer for each way of asking, all of them through the Predictor.

A scorer reads the prepared test rows and returns `Scores`: a row for each test row, the figures, and what to draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from unroll import baselines, corpus, metrics
from unroll.params import Beam, Evaluate, Lines, Pieces, Recipe
from unroll.predictor import Prediction, Predictor

Row = dict[str, Any]
"""source, references, hypothesis; and value and weight, of which the score is sum(value) / sum(weight)"""
Report = dict[str, float | str]
Groups = dict[str, tuple[float, int]]
"""{group: (score, rows)}"""

LENGTHS = ((1, 4), (5, 6), (7, 9), (10, 14), (15, None))
"""words in the source, from and to"""
MOST_GROUPS = 30
"""A test with no more distinct targets than this is broken down by target, otherwise by length."""
PROMPT = 5
"""words of a test row from which a language model reads on"""
SHOWN = 8
"""rows from which it does, spread evenly over the test"""


@dataclass(frozen=True)
class Scores:
    """The outcome of an evaluation.

    Attributes:
        rows: one for each test row, or for each distinct source where one has several references.
        report: the figures; `main` names the one that leads.
        groups: the score broken down.
        unit: what the groups are.
        answers: the predictions behind the rows, where something of them can be drawn.
        confusion: (classes, how often the row's class was taken for the column's), of classifiers alone.
    """

    rows: list[Row]
    report: Report
    groups: Groups = field(default_factory=dict)
    unit: str = ""
    answers: list[Prediction] = field(default_factory=list)
    confusion: tuple[list[str], np.ndarray] | None = None


def score(predictor: Predictor, prepared: Path, params: Evaluate) -> Scores:
    """Score a model on the test rows of a prepared folder, beside its baseline."""
    kind = "running" if predictor.params.autoregressive else params.search.kind
    found = SCORERS[kind](predictor, prepared)
    if params.baseline:
        train, test = (_pairs(prepared / f"{split}.tsv") for split in ("train", "test"))
        found.report["baseline"] = round(BASELINES[params.baseline](train, test, predictor.params), 3)
    return found


def validation(predictor: Predictor, pairs: dict[str, list[str]]) -> float:
    """Return the score of the quickest answers to {source: references}: larger is better, as `select_by` says."""
    search = predictor.search
    quick = search.model_copy(update={"beam": 1}) if isinstance(search, Beam) else search
    said = [best.text for best, *_ in predictor.stream(pairs, search=quick, strict=False)]
    return VALIDATIONS[predictor.params.train.select_by](said, list(pairs.values()))


VALIDATIONS: dict[str, Callable[[Sequence[str], Sequence[Sequence[str]]], float]] = {
    "bleu": metrics.bleu,
    "accuracy": lambda said, references: metrics.accuracy(said, [found[0] for found in references]),
}


# Sentences


def sentences(predictor: Predictor, prepared: Path) -> Scores:
    """Score the answers of a beam search, beside the greedy ones, for each distinct source and all its references."""
    pairs = corpus.references(prepared / "test.tsv")
    best, greedy = (answered(predictor, pairs, f"test, {name}", beam) for name, beam in (("beam", None), ("greedy", 1)))
    if not isinstance(predictor.params.tokenize.source, Pieces):
        return _spelled(pairs, best)
    far = corpus.far_from((source for source, _ in _pairs(prepared / "train.tsv")), pairs)
    rows: list[Row] = [
        {
            "source": source,
            "references": references,
            "hypothesis": one.text,
            "greedy": other.text,
            "score": round(one.score, 5),
            "chrf": round(metrics.sentence_chrf(one.text, references), 2),
            "far": source in far,
        }
        for (source, references), one, other in zip(pairs.items(), best, greedy, strict=True)
    ]
    valid = corpus.references(prepared / "valid.tsv")
    report = {"main": "bleu"} | _translation_report(rows) | looked(best)
    for name, beam in (("valid.bleu", None), ("valid.bleu_greedy", 1)):
        said = answered(predictor, valid, f"valid, {'greedy' if beam else 'beam'}", beam)
        report[name] = metrics.bleu([one.text for one in said], list(valid.values()))
    return Scores(rows, _rounded(report), dict(by_length(rows)), "words in the source", best)


def _translation_report(rows: list[Row]) -> Report:
    """Return the test scores: of beam and greedy search, with one reference, without near neighbours."""
    references = [row["references"] for row in rows]
    hypotheses, greedy = ([row[name] for row in rows] for name in ("hypothesis", "greedy"))
    report: Report = {
        "bleu": metrics.bleu(hypotheses, references),
        "chrf": metrics.chrf(hypotheses, references),
        "bleu_greedy": metrics.bleu(greedy, references),
        "chrf_greedy": metrics.chrf(greedy, references),
        "bleu_one_reference": metrics.bleu(hypotheses, [found[:1] for found in references]),
        "sentences": len(rows),
        "signature": metrics.signature(hypotheses, references),
    }
    if far := [row for row in rows if row["far"]]:
        report["bleu_far"] = metrics.bleu([row["hypothesis"] for row in far], [row["references"] for row in far])
    return report | {"sentences_far": len(far)}


def looked(answers: Sequence[Prediction]) -> Report:
    """Return the source positions that attention scored for an answer, on average, beside those that there were.

    Scoring all of them for every token is the lecture's cost: 50 words to 50 words are 2,500.
    """
    scored = [np.count_nonzero(one.weights_TS) for one in answers]
    return {
        "positions_scored": float(np.mean(scored)),
        "positions": float(np.mean([one.weights_TS.size for one in answers])),
    }


def by_length(rows: list[Row]) -> Iterator[tuple[str, tuple[float, int]]]:
    """Yield (label, (BLEU, sentences)) for each bucket of source lengths that has a sentence."""
    for first, last in LENGTHS:
        inside = [row for row in rows if first <= len(row["source"].split()) <= (last or 10**9)]
        if inside:
            bleu = metrics.bleu([row["hypothesis"] for row in inside], [row["references"] for row in inside])
            yield (f"{first}-{last}" if last else f"{first}+"), (bleu, len(inside))


def _spelled(pairs: dict[str, list[str]], answers: list[Prediction]) -> Scores:
    """Score answers that are right or wrong, as the spelled names of digits."""
    rows = [_judged(source, refs[0], one) for (source, refs), one in zip(pairs.items(), answers, strict=True)]
    return Scores(rows, _accuracy_report(rows), by_target(rows), "what is right", answers)


# Classes and labels


def classes(predictor: Predictor, prepared: Path) -> Scores:
    """Score a classifier: how often it is right, and what the right classes cost it."""
    pairs = _pairs(prepared / "test.tsv")
    answers = answered(predictor, [source for source, _ in pairs], "test")
    rows = [_judged(source, target, one) for (source, target), one in zip(pairs, answers, strict=True)]
    report = _accuracy_report(rows)
    truth, said = [target for _, target in pairs], [one.text for one in answers]
    report["macro_recall"] = metrics.macro_recall(said, truth)
    nats = predictor.nats(pairs)
    cost = "nats_per_letter" if isinstance(predictor.params.prepare.corpus, Lines) else "nats"
    report[cost] = _mean(nats)
    if predictor.params.train.select_by == "loss":
        report["main"] = cost
        rows = [row | {"value": -paid, "weight": count} for row, (paid, count) in zip(rows, nats, strict=True)]
    if isinstance(predictor.params.tokenize.source, Pieces):
        known = {corpus.key(source) for source, _ in _pairs(prepared / "train.tsv")}
        new = [row for row in rows if corpus.key(row["source"]) not in known]
        report |= {"rows_new": len(new), "accuracy_new": metrics.accuracy(*_said_and_wanted(new)) if new else 0.0}
    return Scores(rows, _rounded(report), by_target(rows), "class", answers, _confusion(truth, said))


def _confusion(truth: Sequence[str], said: Sequence[str]) -> tuple[list[str], np.ndarray] | None:
    names = sorted(set(truth) | set(said))
    if len(names) > MOST_GROUPS:
        return None
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, ([names.index(name) for name in truth], [names.index(name) for name in said]), 1)
    return names, counts


def labels(predictor: Predictor, prepared: Path) -> Scores:
    """Score a tagger: the share of labels that are right."""
    pairs = _pairs(prepared / "test.tsv")
    answers = answered(predictor, [source for source, _ in pairs], "test")
    rows = [_judged(source, target, one) for (source, target), one in zip(pairs, answers, strict=True)]
    each = [pair for row in rows for pair in zip(row["references"][0].split(), row["hypothesis"].split(), strict=False)]
    report = _accuracy_report(rows) | {
        "labels": len(each),
        "rows_right": _share(row["value"] == row["weight"] for row in rows),
    }
    groups = {
        name: (100 * float(np.mean([said == name for wanted, said in each if wanted == name])), count)
        for name, count in _counted(wanted for wanted, _ in each).items()
    }
    confusion = _confusion([wanted for wanted, _ in each], [said for _, said in each])
    return Scores(rows, _rounded(report), groups, "label", answers, confusion)


def _judged(source: str, target: str, answer: Prediction) -> Row:
    right, count = metrics.labels_right(answer.text, target)
    found = {"source": source, "references": [target], "hypothesis": answer.text, "score": round(answer.score, 5)}
    return found | {"value": right, "weight": count}


def _accuracy_report(rows: list[Row]) -> Report:
    return {"main": "accuracy", "accuracy": round(metrics.accuracy(*_said_and_wanted(rows)), 3), "rows": len(rows)}


def by_target(rows: list[Row]) -> Groups:
    """Return the share of right answers for each target, where there are not too many."""
    counts = _counted(row["references"][0] for row in rows)
    if len(counts) > MOST_GROUPS:
        return {}
    return {
        name: (metrics.accuracy(*_said_and_wanted([row for row in rows if row["references"][0] == name])), count)
        for name, count in counts.items()
    }


# Drawn texts


def drawn(predictor: Predictor, prepared: Path) -> Scores:
    """Score a decoder that is sampled: what the test's targets cost it, and how new what it says is."""
    pairs = _pairs(prepared / "test.tsv")
    nats = predictor.nats(pairs)
    answers = answered(predictor, [source for source, _ in pairs], "test")
    # Letters and one end mark a row: comparable whatever the tokens are.
    rows: list[Row] = [
        {"source": source, "references": [target], "hypothesis": one.text, "value": -cost, "weight": len(target) + 1}
        for (source, target), (cost, _), one in zip(pairs, nats, answers, strict=True)
    ]
    known = {corpus.key(target) for _, target in _pairs(prepared / "train.tsv")}
    said = [corpus.key(one.text) for one in answers]
    report: Report = {
        "main": "nats_per_letter",
        "nats_per_letter": _per_letter(rows),
        "novelty_percent": _share(name not in known for name in said),
        "distinct_percent": 100 * len(set(said)) / len(said),
        "rows": len(rows),
    }
    groups = {
        name: (_per_letter([row for row in rows if row["source"] == name]), count)
        for name, count in _counted(source for source, _ in pairs).items()
    }
    return Scores(rows, _rounded(report), groups if len(groups) <= MOST_GROUPS else {}, "source", answers)


def _per_letter(rows: list[Row]) -> float:
    return -sum(row["value"] for row in rows) / sum(row["weight"] for row in rows)


def running(predictor: Predictor, prepared: Path) -> Scores:
    """Score a language model on running text: perplexity a token, bits a letter; and let it read on from a few rows."""
    pairs = _pairs(prepared / "test.tsv")
    nats = predictor.nats(pairs)
    shown = [place for place, (line, _) in enumerate(pairs) if len(line.split()) > PROMPT]
    shown = shown[:: max(1, len(shown) // SHOWN)][:SHOWN]
    prompts = [" ".join(pairs[place][0].split()[:PROMPT]) for place in shown]
    said = dict(zip(shown, (one.text for one in answered(predictor, prompts, "test")), strict=True))
    rows: list[Row] = [
        {
            "source": prompts[shown.index(place)] if place in said else "",
            "references": [line],
            "hypothesis": said.get(place, ""),
            "value": -cost,
            "weight": count,
        }
        for place, ((line, _), (cost, count)) in enumerate(zip(pairs, nats, strict=True))
    ]
    total, tokens = sum(cost for cost, _ in nats), sum(count for _, count in nats)
    report: Report = {"main": "perplexity", "perplexity": math.exp(total / tokens), "tokens": tokens}
    kind = predictor.params.tokenize.source.kind
    if kind not in ("word", "space"):  # whose unknown words cost no letters
        letters = sum(len(line) + 1 for line, _ in pairs)
        report |= {"bits_per_letter": total / math.log(2) / letters, "letters": letters}
    if kind == "char":
        report["main"] = "bits_per_letter"
    return Scores(rows, _rounded(report))


# Baselines


def _naive_bayes(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    unit: baselines.Unit = "letters" if recipe.tokenize.source.kind == "char" else "words"
    return metrics.accuracy(baselines.naive_bayes(train, test, unit), [target for _, target in test])


def _majority(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    return metrics.accuracy([baselines.majority(train)] * len(test), [target for _, target in test])


def _xz(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    return baselines.xz_bits_per_character(*("".join(f"{line}\n" for line, _ in rows) for rows in (train, test)))


BASELINES: dict[str, Callable[[baselines.Pairs, baselines.Pairs, Recipe], float]] = {
    "bigram": lambda train, test, recipe: baselines.bigram(train, test),
    "trigram": lambda train, test, recipe: baselines.ngram(train, test, 3, conditional=True),
    "fourgram": lambda train, test, recipe: baselines.ngram(train, test, 4, conditional=True),
    "naive_bayes": _naive_bayes,
    "majority": _majority,
    "xz": _xz,
}

SCORERS: dict[str, Callable[[Predictor, Path], Scores]] = {
    "beam": sentences,
    "rank": classes,
    "tag": labels,
    "sample": drawn,
    "running": running,
}


# What they share


def answered(predictor: Predictor, sources: Iterable[str], what: str, beam: int | None = None) -> list[Prediction]:
    """Return the best answer to each source, behind a progress bar; `beam` overrides that of a beam search."""
    sources = list(sources)
    search = predictor.search.model_copy(update={"beam": beam}) if beam else predictor.search
    stream = predictor.stream(sources, search=search, strict=False)
    return [best for best, *_ in tqdm(stream, what, len(sources), unit=" rows", dynamic_ncols=True)]


def _pairs(path: Path) -> list[tuple[str, str]]:
    return [(row.source, row.target) for row in corpus.prepared(path)]


def _said_and_wanted(rows: list[Row]) -> tuple[list[str], list[str]]:
    return [row["hypothesis"] for row in rows], [row["references"][0] for row in rows]


def _mean(nats: Sequence[tuple[float, int]]) -> float:
    return sum(cost for cost, _ in nats) / sum(count for _, count in nats)


def _share(found: Iterable[bool]) -> float:
    return 100 * float(np.mean(list(found)))


def _counted(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name occurs, in alphabetical order."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def _rounded(report: Report) -> Report:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in report.items()}
