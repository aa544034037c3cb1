"""A checkpoint folder -> the Predictor that answers people."""

from __future__ import annotations

from pathlib import Path

from unroll.errors import IntegrityError
from unroll.nn import arithmetic
from unroll.params.evaluate import Search
from unroll.predict import bounds, checkpoints
from unroll.predict.fast import Fast, lexicon_of
from unroll.predict.predictor import Predictor


def load(folder: Path, search: Search | None = None, threads: int | None = None) -> Predictor:
    """Read a checkpoint folder, every hash checked.

    Args:
        search: how it is to answer unless asked otherwise; None takes what fits its head.
        threads: torch's; None leaves them.
    Raises:
        IntegrityError: as `checkpoints.load` and `bounds.hold`; or a weight is no number.
        ResourceError: as `bounds.hold`.
    """
    arithmetic.settle(threads)
    bounds.hold(folder)
    found = checkpoints.load(folder)
    for name, weight in found.model.state_dict().items():
        if not weight.isfinite().all():
            raise IntegrityError(f"{folder}: {name} holds what is no number; train the model again")
    sizes = len(found.readers["source"]), len(found.readers["target"])
    decode = Fast(found.model, lexicon_of(folder, found.manifest, sizes))
    return Predictor(found.model, found.readers, found.recipe, search, decode, found.normalizer)
