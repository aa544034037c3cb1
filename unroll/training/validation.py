"""The validation score, by which the best weights are chosen: of the quickest answers; larger is better.

What is selected by is also what a model is judged by: evaluation and the registry score with the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, repeat, zip_longest
from typing import TYPE_CHECKING, cast

import numpy as np

from unroll.errors import ParamsError
from unroll.params.evaluate import Beam
from unroll.params.pipeline import Recipe
from unroll.predict.predictor import Predictor
from unroll.training.spans import span_f1

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

References = Sequence[Sequence[str]]
"""the references of each sentence, at least one"""
Score = Callable[[Sequence[str], References], float]
"""(answers, the references of each) -> their score, the larger the better"""


def score(predictor: Predictor, pairs: dict[str, list[str]]) -> float:
    """Return the score of the quickest answers to {source: references}, as `train.select_by` says."""
    search = predictor.search
    quick = search.model_copy(update={"beam": 1}) if isinstance(search, Beam) else search
    said = [best.text for best, *_ in predictor.stream(pairs, search=quick, strict=False)]
    return score_of(predictor.recipe)(said, list(pairs.values()))


def score_of(recipe: Recipe) -> Score:
    """Return the score that `train.select_by` names, but for the loss.

    Raises:
        ParamsError: as `bleu`.
    """
    name, tags = recipe.train.select_by, recipe.model.head.each_position
    if name in ("bleu", "chrf"):
        return sentence_score(recipe)
    parted = tags and name != "span_f1"  # whose spans are of a whole text
    return lambda said, wanted: LABELS[name](*each_label(said, [found[0] for found in wanted], parted))


def sentence_score(recipe: Recipe) -> Score:
    """Return the score by which sentences are judged: BLEU, unless chrF is what is selected by.

    Raises:
        ParamsError: as `bleu`.
    """
    return chrf if recipe.train.select_by == "chrf" else partial(bleu, tokenizer=tokenizer_of(recipe))


def tokenizer_of(recipe: Recipe) -> str:
    """Return sacreBLEU's tokenizer for the answers of a recipe.

    Raises:
        ParamsError: it needs a package that is not installed.
    """
    tokenizer = recipe.train.bleu_tokenizer or "13a"  # null where answers are no sentences, as names of digits
    sacrebleu(tokenizer)
    return tokenizer


def bleu(hypotheses: Sequence[str], references: References, tokenizer: str = "13a") -> float:
    """Return the corpus BLEU (Papineni 2002), 0 to 100: sacreBLEU's (Post 2018), on detokenised text.

    >>> round(bleu(["the cat sat on the mat"], [["the cat sat on the mat", "a cat was sitting there"]]))
    100
    >>> said, wanted = ["我们每天喝牛奶。"], [["我们每天喝热牛奶。"]]
    >>> round(bleu(said, wanted)), round(bleu(said, wanted, "zh"))
    (0, 61)

    Raises:
        ParamsError: the tokenizer needs a package that is not installed.
    """
    return float(sacrebleu(tokenizer).corpus_score(hypotheses, streams(references)).score)


def sacrebleu(tokenizer: str) -> BLEU:
    """Return sacreBLEU's BLEU, as this project uses it everywhere.

    Raises:
        ParamsError: as `bleu`.
    """
    from sacrebleu.metrics.bleu import BLEU

    try:
        return BLEU(tokenize=tokenizer)
    except (ImportError, RuntimeError):
        extra = tokenizer.partition("-")[0]
        raise ParamsError(
            f"train.bleu_tokenizer: '{tokenizer}' needs a package that is not installed: pip install "
            f"'sacrebleu[{extra}]'; or set 'char', which needs none"
        ) from None


def chrf(hypotheses: Sequence[str], references: References) -> float:
    """Return the corpus chrF2 (Popovic 2015), 0 to 100: letters, so that no script needs a tokenizer."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().corpus_score(hypotheses, streams(references)).score)


def streams(references: References) -> list[Sequence[str]]:
    """Return references as sacreBLEU wants them: the first of all sentences, then the second; None where one lacks."""
    return cast(list[Sequence[str]], list(zip_longest(*references)))  # None, which its types leave out


def accuracy(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return how many answers are right, in percent.

    >>> accuracy(["very good", "bad"], ["very bad", "bad"])
    50.0
    """
    return 100 * float(np.mean([one == other for one, other in zip(said, wanted, strict=True)]))


def macro_f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the mean F1 of the classes that are said or wanted, in percent (scikit-learn's).

    >>> round(macro_f1(["a", "a", "b"], ["a", "b", "b"]), 1)
    66.7
    """
    from sklearn.metrics import f1_score

    return 100 * float(f1_score([*wanted], [*said], average="macro", zero_division=0))


def macro_recall(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return how many rows of a class are found, in percent: the mean over the classes that there are.

    A small class weighs as much as a large one, so always naming the largest does not help.
    """
    from sklearn.metrics import recall_score

    return 100 * float(recall_score([*wanted], [*said], labels=sorted(set(wanted)), average="macro", zero_division=0))


def each_label(said: Sequence[str], wanted: Sequence[str], tags: bool) -> tuple[list[str], list[str]]:
    """Return what is said and what is wanted, label by label: whole texts, or of `tags` those that are wanted within.

    >>> each_label(["verb noun"], ["verb verb"], tags=True)
    (['verb', 'noun'], ['verb', 'verb'])
    """
    if not tags:
        return list(said), list(wanted)
    pairs = [pair for one, other in zip(said, wanted, strict=True)
             for pair in zip(chain(one.split(), repeat("")), other.split(), strict=False)]  # fmt: skip
    return [one for one, _ in pairs], [other for _, other in pairs]


LABELS: dict[str, Callable[[Sequence[str], Sequence[str]], float]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "macro_recall": macro_recall,
    "span_f1": span_f1,
}
"""{score: (labels said, labels wanted) -> it}"""
