"""What a model's answers are worth: a scorer for each way of asking, all of them through the Predictor.

A scorer reads the prepared test rows and returns `Scores`: a row for each test row, the figures, and what to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch
from pathlib import Path
from typing import cast

from unroll.evaluate import baselines, stress
from unroll.evaluate.classes import classes, labels
from unroll.evaluate.estimates import estimates, seasonal
from unroll.evaluate.scores import Scores, pairs_of, rounded
from unroll.evaluate.sentences import sentences
from unroll.evaluate.texts import drawn, running
from unroll.params.evaluate import Beam, Estimate, Evaluate, Rank, Sample, Search, Tag
from unroll.params.model import ForecasterParams
from unroll.params.pipeline import Recipe
from unroll.predict.predictor import Predictor
from unroll.training.validation import accuracy, each_label, score_of, sentence_score


def score(predictor: Predictor, prepared: Path, params: Evaluate) -> Scores:
    """Score a model on the test rows of a prepared folder, beside its baseline."""
    found = scored(params.search, predictor, prepared)
    if params.baseline:
        train, test = (pairs_of(prepared / f"{split}.tsv") for split in ("train", "test"))
        found.report["baseline"] = round(BASELINES[params.baseline](train, test, predictor.recipe), 3)
    if params.stress:
        under = stress.stress(predictor, found.rows, params.stress)
        found.report.update(rounded(dict(under.report)))
        found.stress.update({name: trial.rows for name, trial in under.trials.items()})
        if "read_whole" in under.trials:
            found.groups.update(stress.by_length(under.trials["read_whole"], sentence_score(predictor.recipe)))
    return found


@singledispatch
def scored(search: Search, predictor: Predictor, prepared: Path) -> Scores:
    """Return the scores of a way of asking."""
    raise NotImplementedError(type(search).__name__)


@scored.register
def _(search: Beam, predictor: Predictor, prepared: Path) -> Scores:
    return sentences(predictor, prepared)


@scored.register
def _(search: Rank, predictor: Predictor, prepared: Path) -> Scores:
    return classes(predictor, prepared)


@scored.register
def _(search: Tag, predictor: Predictor, prepared: Path) -> Scores:
    return labels(predictor, prepared)


@scored.register
def _(search: Sample, predictor: Predictor, prepared: Path) -> Scores:
    return (running if predictor.recipe.reads_on else drawn)(predictor, prepared)


@scored.register
def _(search: Estimate, predictor: Predictor, prepared: Path) -> Scores:
    return estimates(predictor, prepared)


def _naive_bayes(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    return _labelled(baselines.naive_bayes(train, test, _unit(recipe)), test, recipe)


def _unit(recipe: Recipe) -> baselines.Unit:
    return "letters" if recipe.tokenize.source.kind == "char" else "words"


def _ridge(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    if isinstance(recipe.model.head, ForecasterParams):
        return baselines.ridge(train, test, "lags")
    return baselines.ridge(train, test, "vectors" if recipe.tokenize.source.kind == "vectors" else _unit(recipe))


def _seasonal_naive(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    channel, season = cast(tuple[int, int], seasonal(recipe))
    return baselines.seasonal_naive(test, channel, season)


def _majority(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    return _labelled([baselines.majority(train)] * len(test), test, recipe)


def _most_frequent_tag(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    return _labelled(baselines.most_frequent_tag(train, test), test, recipe)


def _labelled(said: Sequence[str], test: baselines.Pairs, recipe: Recipe) -> float:
    """Return what labels are worth by the score that leads, or how many are right where that is what labels cost."""
    wanted = [target for _, target in test]
    if recipe.train.select_by == "loss":
        return accuracy(*each_label(said, wanted, recipe.model.head.each_position))
    return score_of(recipe)(said, [[target] for target in wanted])


def _logistic(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    return _labelled(baselines.logistic(train, test, recipe.model.head.each_position), test, recipe)


def _xz(train: baselines.Pairs, test: baselines.Pairs, recipe: Recipe) -> float:
    return baselines.xz_bits_per_character(*("".join(f"{line}\n" for line, _ in rows) for rows in (train, test)))


BASELINES: dict[str, Callable[[baselines.Pairs, baselines.Pairs, Recipe], float]] = {
    "bigram": lambda train, test, recipe: baselines.bigram(train, test),
    "trigram": lambda train, test, recipe: baselines.ngram(train, test, 3, conditional=True),
    "fourgram": lambda train, test, recipe: baselines.ngram(train, test, 4, conditional=True),
    "naive_bayes": _naive_bayes,
    "majority": _majority,
    "most_frequent_tag": _most_frequent_tag,
    "logistic": _logistic,
    "xz": _xz,
    "median": lambda train, test, recipe: baselines.median(train, test),
    "ridge": _ridge,
    "seasonal_naive": _seasonal_naive,
}
