"""An answer as a row of JSON: what a server sends, and what the command line prints with --json."""

from __future__ import annotations

import math
from typing import Any

from unroll.predict.predictor import Prediction
from unroll.predict.steps import Step, Stepped


def alignments(one: Prediction) -> list[tuple[int, int]]:
    """Return (source token, target token), from 0: where the model looked most as it said a token.

    A token at which it looked nowhere is left out.
    """
    return [(int(looked_S.argmax()), t) for t, looked_S in enumerate(one.weights_TS) if looked_S.any()]


def row(number: int, rank: int, one: Prediction, details: bool) -> dict[str, Any]:
    """Return an answer as a row, with its steps if it has them.

    Args:
        number: of the text it answers, from 0.
        rank: from 1, best first.
        details: whether tokens and alignments are to be in it.
    """
    found: dict[str, Any] = {
        "input": number,
        "rank": rank,
        "text": one.text,
        "score": one.score if math.isfinite(one.score) else None,  # JSON has no other numbers
        "truncated": one.truncated,
        "cut_off": one.cut_off,
    }
    if one.interval:
        found["interval"] = one.interval
    if details:
        found |= {
            "source_tokens": one.source_tokens,
            "target_tokens": one.target_tokens,
            "alignments": alignments(one),
        }
    return found | {"steps": [_step(step) for step in one.steps]} if isinstance(one, Stepped) else found


def _step(step: Step) -> dict[str, Any]:
    found = {"token": step.token, "probability": step.probability}
    others = [{"token": token, "probability": probability} for token, probability in step.alternatives]
    return found | {"alternatives": others} if others else found
