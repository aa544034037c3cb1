"""How good answers are, beside what training selects by, which is in `unroll.training.validation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unroll.training.validation import References, sacrebleu, streams


def sentence_chrf(hypothesis: str, references: Sequence[str]) -> float:
    """Return one sentence's chrF2, 0 to 100; of two scores for one sentence it is the steadier one."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().sentence_score(hypothesis, list(references)).score)


def signature(hypotheses: Sequence[str], references: References, tokenizer: str) -> str:
    """Return sacreBLEU's account of how it scored."""
    metric = sacrebleu(tokenizer)
    metric.corpus_score(hypotheses, streams(references))
    return str(metric.get_signature())


def of_each_class(said: Sequence[str], wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return {class: its precision, recall and F1, in percent, and its rows}, of those said or wanted."""
    from sklearn.metrics import precision_recall_fscore_support

    names = sorted({*said, *wanted})
    found = precision_recall_fscore_support([*wanted], [*said], labels=names, zero_division=0)
    return {
        name: {"precision": round(100 * float(precision), 3), "recall": round(100 * float(recall), 3),
               "f1": round(100 * float(f1), 3), "rows": int(rows)}
        for name, precision, recall, f1, rows in zip(names, *found, strict=True)
    }  # fmt: skip
