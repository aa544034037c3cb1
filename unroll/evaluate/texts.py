"""What texts drawn at random are worth: what the test's own cost the model, and how new what it says is."""

from __future__ import annotations

import math
from pathlib import Path

from unroll.data.lengths import beginning, length
from unroll.data.splitting import key
from unroll.evaluate.scores import MOST_GROUPS, Report, Row, Scores, answered, counted, pairs_of, rounded, share
from unroll.predict.predictor import Predictor

PROMPT = 5
"""words of a test row from which a language model reads on"""
SHOWN = 8
"""rows from which it does, spread evenly over the test"""


def drawn(predictor: Predictor, prepared: Path) -> Scores:
    """Score a decoder that is sampled: what the test's targets cost it, and how new what it says is."""
    pairs = pairs_of(prepared / "test.tsv")
    nats = predictor.nats(pairs)
    answers = answered(predictor, [source for source, _ in pairs], "test")
    # Letters and one end mark a row: comparable whatever the tokens are.
    rows: list[Row] = [
        {"source": source, "references": [target], "hypothesis": one.text, "value": -cost, "weight": len(target) + 1}
        for (source, target), (cost, _), one in zip(pairs, nats, answers, strict=True)
    ]
    known = {key(target) for _, target in pairs_of(prepared / "train.tsv")}
    said = [key(one.text) for one in answers]
    report: Report = {
        "main": "nats_per_letter",
        "nats_per_letter": _per_letter(rows),
        "novelty_percent": share(name not in known for name in said),
        "distinct_percent": 100 * len(set(said)) / len(said),
        "rows": len(rows),
    }
    groups = {
        name: (_per_letter([row for row in rows if row["source"] == name]), count)
        for name, count in counted(source for source, _ in pairs).items()
    }
    return Scores(rows, rounded(report), groups if len(groups) <= MOST_GROUPS else {}, "source", answers)


def _per_letter(rows: list[Row]) -> float:
    return -float(sum(row["value"] for row in rows) / sum(row["weight"] for row in rows))


def running(predictor: Predictor, prepared: Path) -> Scores:
    """Score a language model on running text: perplexity a token, bits a letter; and let it read on from a few rows."""
    pairs = pairs_of(prepared / "test.tsv")
    nats = predictor.nats(pairs)
    shown = [place for place, (line, _) in enumerate(pairs) if length(line) > PROMPT]
    shown = shown[:: max(1, len(shown) // SHOWN)][:SHOWN]
    prompts = [beginning(pairs[place][0], PROMPT) for place in shown]
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
    kind = predictor.recipe.tokenize.source.kind
    if kind not in ("word", "space"):  # whose unknown words cost no letters
        letters = sum(len(line) + 1 for line, _ in pairs)
        report |= {"bits_per_letter": total / math.log(2) / letters, "letters": letters}
    if kind == "char":
        report["main"] = "bits_per_letter"
    return Scores(rows, rounded(report))
