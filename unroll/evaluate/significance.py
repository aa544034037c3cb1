"""Whether one system is really better than another, by resampling the rows on which both were scored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from unroll.training.validation import References, sacrebleu, streams

if TYPE_CHECKING:
    from sacrebleu.significance import Result

DRAWS = 2**20
"""Rows drawn at once for a bootstrap: some 30 MB."""


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
        test = PairedTest(systems, {"BLEU": sacrebleu()}, streams(references), test_type="bs", n_samples=resamples)
        old, new = cast("list[Result]", test()[1]["BLEU"])
    finally:
        if before is None:
            del os.environ["SACREBLEU_SEED"]
        else:
            os.environ["SACREBLEU_SEED"] = before
    assert new.p_value is not None  # only the baseline has none
    return Verdict(new.score - old.score, new.p_value)
