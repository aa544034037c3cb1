"""How good answers are: BLEU, chrF, accuracy, recall; and whether one system is really better than another.

BLEU and chrF are sacreBLEU's (Post 2018), on detokenised text, with as many references for a sentence as there are.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.significance import Result

References = Sequence[Sequence[str]]
"""the references of each sentence, at least one"""
DRAWS = 2**20
"""Rows drawn at once for a bootstrap: some 30 MB."""


def bleu(hypotheses: Sequence[str], references: References) -> float:
    """Return the corpus BLEU (Papineni 2002), 0 to 100."""
    return float(_bleu().corpus_score(hypotheses, _streams(references)).score)


def chrf(hypotheses: Sequence[str], references: References) -> float:
    """Return the corpus chrF2 (Popovic 2015), 0 to 100."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().corpus_score(hypotheses, _streams(references)).score)


def sentence_chrf(hypothesis: str, references: Sequence[str]) -> float:
    """Return one sentence's chrF2, 0 to 100; of two scores for one sentence it is the steadier one."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().sentence_score(hypothesis, list(references)).score)


def signature(hypotheses: Sequence[str], references: References) -> str:
    """Return sacreBLEU's account of how it scored."""
    metric = _bleu()
    metric.corpus_score(hypotheses, _streams(references))
    return str(metric.get_signature())


def accuracy(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return how many labels are right, in percent; a text may be one label, or several parted by spaces."""
    right, count = np.sum([labels_right(one, other) for one, other in zip(said, wanted, strict=True)], axis=0)
    return 100 * float(right / count)


def labels_right(said: str, wanted: str) -> tuple[int, int]:
    """Return (labels said right, labels) of one text."""
    labels = wanted.split()
    if len(labels) < 2:
        return int(said == wanted), 1
    return sum(a == b for a, b in zip(said.split(), labels, strict=False)), len(labels)


def macro_recall(predicted: Sequence[str], truth: Sequence[str]) -> float:
    """Return how many rows of a class are found, in percent: the mean over the classes that there are.

    A small class weighs as much as a large one, so always naming the largest does not help.
    """
    rows, found = Counter(truth), Counter(true for said, true in zip(predicted, truth, strict=True) if said == true)
    return 100 * float(np.mean([found[name] / count for name, count in rows.items()]))


@dataclass(frozen=True)
class Verdict:
    """What a paired bootstrap says.

    Attributes:
        delta: challenger's score less champion's.
        p_value: how likely a difference as large is if the two are equally good.
    """

    delta: float
    p_value: float


def paired_means(
    before: Sequence[float], after: Sequence[float], weights: Sequence[float], resamples: int, seed: int
) -> Verdict:
    """Compare two systems on the same rows by resampling them, as `paired_bootstrap`; scores are means of values.

    Args:
        before: the champion's values; its score is sum(values) / sum(weights), and larger is better.
        after: the challenger's.
        weights: what each row weighs, for both.
    """
    differences_N, weights_N = np.subtract(after, before), np.asarray(weights, np.float64)
    random, rows = np.random.default_rng(seed), len(weights_N)
    at_once = max(1, DRAWS // rows)
    parts = []
    for first in range(0, resamples, at_once):
        drawn_RN = random.integers(rows, size=(min(at_once, resamples - first), rows))
        parts.append(differences_N[drawn_RN].sum(1) / weights_N[drawn_RN].sum(1))
    delta = float(differences_N.sum() / weights_N.sum())
    shifts_R = np.abs(np.concatenate(parts))
    # As sacreBLEU counts: how often chance alone, the spread about the mean difference, makes more than the whole.
    chance = int((shifts_R - shifts_R.mean() > abs(delta)).sum())
    return Verdict(delta, (chance + 1) / (resamples + 1))


def paired_bootstrap(
    references: References, champion: Sequence[str], challenger: Sequence[str], resamples: int, seed: int
) -> Verdict:
    """Compare two systems by BLEU on the same sentences, by resampling them (Koehn 2004)."""
    from sacrebleu.significance import PairedTest

    before = os.environ.get("SACREBLEU_SEED")
    os.environ["SACREBLEU_SEED"] = str(seed)  # the only way to tell it
    try:
        systems: list[tuple[str, Sequence[str]]] = [("champion", champion), ("challenger", challenger)]
        test = PairedTest(systems, {"BLEU": _bleu()}, _streams(references), test_type="bs", n_samples=resamples)
        old, new = cast("list[Result]", test()[1]["BLEU"])
    finally:
        if before is None:
            del os.environ["SACREBLEU_SEED"]
        else:
            os.environ["SACREBLEU_SEED"] = before
    assert new.p_value is not None  # only the baseline has none
    return Verdict(new.score - old.score, new.p_value)


def _bleu() -> BLEU:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU()


def _streams(references: References) -> list[Sequence[str]]:
    # sacreBLEU wants the first references of all sentences, then the second ones; None where there is none, which its
    # types do not tell.
    return cast(list[Sequence[str]], list(zip_longest(*references)))
