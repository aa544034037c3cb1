"""What is learnt: a module for each shape of input and output, plain data that any stage may read."""

from __future__ import annotations

from pipelines import n_to_m, n_to_n, n_to_one, one_to_n, one_to_one

SHAPES = {
    "one_to_one": one_to_one,
    "one_to_n": one_to_n,
    "n_to_n": n_to_n,
    "n_to_one": n_to_one,
    "n_to_m": n_to_m,
}
"""the value of `shape` in params.yaml -> its declaration"""
