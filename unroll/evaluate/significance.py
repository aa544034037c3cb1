"""Whether one system is really better than another, by resampling the rows on which both were scored."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from unroll.training.spans import span_counts
from unroll.training.validation import References, each_label, sacrebleu, streams

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric
    from sacrebleu.significance import Result

DRAWS = 2**20
"""Rows drawn at once for a bootstrap: some 30 MB."""
FEWEST = 5
"""blocks of rows"""


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
    before: Sequence[float],
    after: Sequence[float],
    weights: Sequence[float],
    resamples: int,
    seed: int,
    block: int = 1,
) -> Verdict:
    """Compare two systems on the same rows by resampling them, as `paired_bootstrap`; scores are means of values.

    Args:
        before: the champion's values; its score is sum(values) / sum(weights), and larger is better.
        after: the challenger's.
        weights: what each row weighs, for both.
        block: rows in succession that are drawn together, as those of a series are no chance one by one: the circular
            block bootstrap (Politis and Romano 1992). No longer than a part of the rows: chance needs `FEWEST`.
    """
    differences_N, weights_N = np.subtract(after, before), np.asarray(weights, np.float64)
    random, rows = np.random.default_rng(seed), len(weights_N)
    block, at_once = max(min(block, rows // FEWEST), 1), max(1, DRAWS // rows)
    parts = []
    for first in range(0, resamples, at_once):
        starts_RK = random.integers(rows, size=(min(at_once, resamples - first), -(-rows // block)))
        drawn_RN = (starts_RK[..., None] + np.arange(block)).reshape(len(starts_RK), -1)[:, :rows] % rows
        parts.append(differences_N[drawn_RN].sum(1) / weights_N[drawn_RN].sum(1))
    delta = float(differences_N.sum() / weights_N.sum())
    return Verdict(delta, _chance(np.concatenate(parts), delta))


def paired_counts(before_NK3: np.ndarray, after_NK3: np.ndarray, score: str, resamples: int, seed: int) -> Verdict:
    """Compare two systems on the same rows by a score that is no mean of theirs, by resampling them.

    Args:
        before_NK3, after_NK3: of the champion and the challenger, from `counts`.
        score: one of `COUNTS`.
    """
    judge = COUNTS[score]
    random, rows = np.random.default_rng(seed), len(before_NK3)
    at_once = max(1, DRAWS // rows)
    parts = []
    for first in range(0, resamples, at_once):
        times_RN = random.multinomial(rows, np.full(rows, 1 / rows), size=min(at_once, resamples - first))
        after_R, before_R = (judge(np.tensordot(times_RN, counted, 1)) for counted in (after_NK3, before_NK3))
        parts.append(after_R - before_R)
    delta = float(judge(after_NK3.sum(0)) - judge(before_NK3.sum(0)))
    return Verdict(delta, _chance(np.concatenate(parts), delta))


def counts(score: str, said: Sequence[str], references: References, others: Sequence[str], tags: bool) -> np.ndarray:
    """Return how often each class is said right, said and wanted in each row, N x K x 3; for spans there is one class.

    Args:
        score: one of `COUNTS`.
        others: answers whose classes have a place as well.
        tags: whether each text is several labels, parted by spaces.
    """
    wanted = [texts[0] for texts in references]
    if score == "span_f1":
        return np.array([[span_counts(*texts)] for texts in zip(said, wanted, strict=True)])
    rows = [each_label([one], [other], tags) for one, other in zip(said, wanted, strict=True)]
    names = sorted({label for text in (*others, *wanted) for label in (text.split() if tags else [text])})
    place = {name: number for number, name in enumerate(names)}
    found_NK3 = np.zeros((len(rows), len(place), 3))
    for row, labels in enumerate(rows):
        for one, other in zip(*labels, strict=True):
            found_NK3[row, place[one], :2] += (one == other, 1)
            found_NK3[row, place[other], 2] += 1
    return found_NK3


def _f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean F1 of the classes that are said or wanted, in percent, of counts (..., K, 3)."""
    right, said, wanted = np.moveaxis(counts, -1, 0)
    return 100 * _mean(2 * right, said + wanted, there=said + wanted > 0)


def _recall(counts: np.ndarray) -> np.ndarray:
    """Return the mean recall of the classes that are wanted, in percent, of counts (..., K, 3)."""
    right, _, wanted = np.moveaxis(counts, -1, 0)
    return 100 * _mean(right, wanted, there=wanted > 0)


def _mean(part: np.ndarray, whole: np.ndarray, there: np.ndarray) -> np.ndarray:
    shares = part / np.where(there, whole, 1)
    return np.asarray((shares * there).sum(-1) / np.maximum(there.sum(-1), 1))


COUNTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"macro_f1": _f1, "macro_recall": _recall, "span_f1": _f1}
"""{main score: sums of counts (..., K, 3) -> the score}"""


def metric(name: Literal["bleu", "chrf"], bleu_tokenizer: str) -> Metric:
    """Return sacreBLEU's metric of a name.

    Raises:
        ParamsError: the tokenizer needs a package that is not installed.
    """
    from sacrebleu.metrics.chrf import CHRF

    return CHRF() if name == "chrf" else sacrebleu(bleu_tokenizer)


def _chance(differences_R: np.ndarray, delta: float) -> float:
    # As sacreBLEU counts: how often chance alone, the spread about the mean difference, makes more than the whole.
    shifts_R = np.abs(differences_R)
    return (int((shifts_R - shifts_R.mean() > abs(delta)).sum()) + 1) / (len(shifts_R) + 1)


def paired_bootstrap(
    references: References,
    champion: Sequence[str],
    challenger: Sequence[str],
    resamples: int,
    seed: int,
    metric: Metric,
) -> Verdict:
    """Compare two systems by a metric of sacreBLEU's on the same sentences, by resampling them (Koehn 2004)."""
    from sacrebleu.significance import PairedTest

    before = os.environ.get("SACREBLEU_SEED")
    os.environ["SACREBLEU_SEED"] = str(seed)  # the only way to tell it
    try:
        systems: list[tuple[str, Sequence[str]]] = [("champion", champion), ("challenger", challenger)]
        test = PairedTest(systems, {"": metric}, streams(references), test_type="bs", n_samples=resamples)
        scores = test()[1]
        old, new = cast("list[Result]", next(scores[name] for name in scores if name != "System"))
    finally:
        if before is None:
            del os.environ["SACREBLEU_SEED"]
        else:
            os.environ["SACREBLEU_SEED"] = before
    assert new.p_value is not None  # only the baseline has none
    return Verdict(new.score - old.score, new.p_value)
