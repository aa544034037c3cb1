"""How good answers are, beside what training selects by, which is in `unroll.training.validation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unroll.training.validation import References, sacrebleu, streams


def sentence_chrf(hypothesis: str, references: Sequence[str]) -> float:
    """Return one sentence's chrF2, 0 to 100; of two scores for one sentence it is the steadier one."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().sentence_score(hypothesis, list(references)).score)


def exact(said: Sequence[str], wanted: References) -> float:
    """Return how many answers are one of their references, in percent.

    >>> exact(["AH", "B IY"], [["EY", "AH"], ["B EH"]])
    50.0
    """
    return 100 * sum(one in found for one, found in zip(said, wanted, strict=True)) / len(said)


def edits(said: str, references: Sequence[str]) -> tuple[int, int]:
    """Return (the fewest words to put in, leave out or replace to get a reference, the words of that one).

    Levenshtein's distance (1966) to the nearest reference, of equally near ones the first.

    >>> edits("T AH M EY T OW Z", ["T AH M AA T OW", "T AH M EY T OW"])
    (1, 6)
    """
    found = ((_distance(said.split(), one.split()), len(one.split())) for one in references)
    return min(found, key=lambda pair: pair[0])


def _distance(said: Sequence[str], wanted: Sequence[str]) -> int:
    before = list(range(len(wanted) + 1))
    for row, one in enumerate(said, start=1):
        after = [row]
        for place, other in enumerate(wanted):
            after.append(min(before[place] + (one != other), before[place + 1] + 1, after[place] + 1))
        before = after
    return before[-1]


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
