"""How good answers are. BLEU and accuracy, by which training selects, are in `unroll.training.validation`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from unroll.training.validation import References, sacrebleu, streams


def chrf(hypotheses: Sequence[str], references: References) -> float:
    """Return the corpus chrF2 (Popovic 2015), 0 to 100."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().corpus_score(hypotheses, streams(references)).score)


def sentence_chrf(hypothesis: str, references: Sequence[str]) -> float:
    """Return one sentence's chrF2, 0 to 100; of two scores for one sentence it is the steadier one."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().sentence_score(hypothesis, list(references)).score)


def signature(hypotheses: Sequence[str], references: References) -> str:
    """Return sacreBLEU's account of how it scored."""
    metric = sacrebleu()
    metric.corpus_score(hypotheses, streams(references))
    return str(metric.get_signature())


def macro_recall(predicted: Sequence[str], truth: Sequence[str]) -> float:
    """Return how many rows of a class are found, in percent: the mean over the classes that there are.

    A small class weighs as much as a large one, so always naming the largest does not help.
    """
    rows, found = Counter(truth), Counter(true for said, true in zip(predicted, truth, strict=True) if said == true)
    return 100 * float(np.mean([found[name] / count for name, count in rows.items()]))
