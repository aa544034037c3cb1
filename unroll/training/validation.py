"""The validation score, by which the best weights are chosen: of the quickest answers; larger is better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, cast

import numpy as np

from unroll.params.evaluate import Beam
from unroll.predict.predictor import Predictor

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

References = Sequence[Sequence[str]]
"""the references of each sentence, at least one"""


def score(predictor: Predictor, pairs: dict[str, list[str]]) -> float:
    """Return the score of the quickest answers to {source: references}, as `train.select_by` says."""
    search = predictor.search
    quick = search.model_copy(update={"beam": 1}) if isinstance(search, Beam) else search
    said = [best.text for best, *_ in predictor.stream(pairs, search=quick, strict=False)]
    return SCORES[predictor.recipe.train.select_by](said, list(pairs.values()))


def bleu(hypotheses: Sequence[str], references: References) -> float:
    """Return the corpus BLEU (Papineni 2002), 0 to 100: sacreBLEU's (Post 2018), on detokenised text.

    >>> round(bleu(["the cat sat on the mat"], [["the cat sat on the mat", "a cat was sitting there"]]))
    100
    """
    return float(sacrebleu().corpus_score(hypotheses, streams(references)).score)


def sacrebleu() -> BLEU:
    """Return sacreBLEU's BLEU, as this project uses it everywhere."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU()


def streams(references: References) -> list[Sequence[str]]:
    """Return references as sacreBLEU wants them: the first of all sentences, then the second; None where one lacks."""
    return cast(list[Sequence[str]], list(zip_longest(*references)))  # None, which its types leave out


def accuracy(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return how many labels are right, in percent; a text may be one label, or several parted by spaces.

    >>> round(accuracy(["verb noun", "noun"], ["verb verb", "noun"]), 1)
    66.7
    """
    right, count = np.sum([labels_right(one, other) for one, other in zip(said, wanted, strict=True)], axis=0)
    return 100 * float(right / count)


def labels_right(said: str, wanted: str) -> tuple[int, int]:
    """Return (labels said right, labels) of one text."""
    labels = wanted.split()
    if len(labels) < 2:
        return int(said == wanted), 1
    return sum(a == b for a, b in zip(said.split(), labels, strict=False)), len(labels)


SCORES: dict[str, Callable[[Sequence[str], References], float]] = {
    "bleu": bleu,
    "accuracy": lambda said, references: accuracy(said, [found[0] for found in references]),
}
