"""A checkpoint folder -> the Predictor that answers people."""

from __future__ import annotations

from pathlib import Path

from unroll.nn import arithmetic
from unroll.params.evaluate import Search
from unroll.predict import checkpoints
from unroll.predict.fast import Fast, lexicon_of
from unroll.predict.predictor import Predictor


def load(folder: Path, search: Search | None = None, threads: int | None = None) -> Predictor:
    """Read a checkpoint folder, every hash checked.

    Args:
        search: how it is to answer unless asked otherwise; None takes what fits its head.
        threads: torch's; None leaves them.
    Raises:
        IntegrityError: as `checkpoints.load`.
    """
    arithmetic.settle(threads)
    found = checkpoints.load(folder)
    sizes = len(found.readers["source"]), len(found.readers["target"])
    decode = Fast(found.model, lexicon_of(folder, found.manifest, sizes))
    return Predictor(found.model, found.readers, found.recipe, search, decode, found.normalizer)
