"""Answers as rows of JSON: no number that JSON lacks, no token at which nobody looked."""

from __future__ import annotations

import json
import math

import numpy as np

from unroll.predict.predictor import Prediction
from unroll.predict.shown import alignments, row
from unroll.predict.steps import Step, Stepped

WEIGHTS = np.array([[0.1, 0.9], [0.0, 0.0], [0.7, 0.3]])


def test_alignments_are_where_it_looked_most() -> None:
    one = Prediction("x y z", -0.5, ["a", "b"], ["x", "y", "z"], WEIGHTS, 4, False)
    assert alignments(one) == [(1, 0), (0, 2)]


def test_a_row_has_what_was_wanted_and_is_json() -> None:
    one = Prediction("x", -math.inf, ["a", "b"], ["x"], WEIGHTS[:1], 2, False, True)
    plain = {"input": 3, "rank": 1, "text": "x", "score": None, "truncated": False, "cut_off": True}
    assert row(3, 1, one, details=False) == plain
    more = {"source_tokens": ["a", "b"], "target_tokens": ["x"], "alignments": [(1, 0)]}
    assert row(3, 1, one, details=True) == plain | more
    stepped = Stepped(**vars(one), steps=(Step("x", 0.5, (("y", 0.5), ("x", 0.5))), Step("<eos>", 1.0)))
    others = [{"token": "y", "probability": 0.5}, {"token": "x", "probability": 0.5}]
    first, end = {"token": "x", "probability": 0.5, "alternatives": others}, {"token": "<eos>", "probability": 1.0}
    assert row(3, 1, stepped, details=False) == plain | {"steps": [first, end]}
    json.dumps(row(3, 1, stepped, details=True), allow_nan=False)
