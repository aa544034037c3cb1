"""How good a translation is: BLEU, chrF, and whether one system is really better than another.

All scores are sacreBLEU's (Post 2018), on detokenised text, with as many references for a sentence as there are.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.significance import Result

References = Sequence[Sequence[str]]
"""the references of each sentence, at least one"""


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


@dataclass(frozen=True)
class Verdict:
    """What a paired bootstrap says.

    Attributes:
        delta: challenger's BLEU less champion's.
        p_value: how likely a difference as large is if the two are equally good.
    """

    delta: float
    p_value: float


def paired_bootstrap(
    references: References, champion: Sequence[str], challenger: Sequence[str], resamples: int, seed: int
) -> Verdict:
    """Compare two systems on the same sentences by resampling them (Koehn 2004)."""
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
