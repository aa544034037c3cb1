"""Recurrent sequence models, from raw text to a registered model.

    import unroll

    translator = unroll.load("data/translate/model")      # or "models:/translate@champion"
    print(translator("I drink milk."))
    print(unroll.CELLS["lstm"].__doc__)

Data flows through the packages in this order: `params`, `artifacts`, `data`, `nn`, `predict`, `training`, `evaluate`,
`registry`, `serve`. The names above are found when they are first used, so that importing this costs nothing.

Tensors are batch first and carry their shape as a suffix wherever they are named:

    B batch    S source positions    T target positions    K beam
    D embedding    H hidden    V vocabulary    N real (unpadded) positions

so `states_BSH` is a batch of encoder states and `mask_BS` is True at its real positions.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unroll.face import __version__, load, train
    from unroll.nn.attention import ATTENTIONS
    from unroll.nn.cells import CELLS
    from unroll.predict.predictor import Prediction, Predictor

__all__ = ["ATTENTIONS", "CELLS", "Prediction", "Predictor", "__version__", "load", "train"]

_HOMES = {
    "ATTENTIONS": "unroll.nn.attention",
    "CELLS": "unroll.nn.cells",
    "Prediction": "unroll.predict.predictor",
    "Predictor": "unroll.predict.predictor",
    "__version__": "unroll.face",
    "load": "unroll.face",
    "train": "unroll.face",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unroll' has no attribute '{name}'; it has {', '.join(sorted(_HOMES))}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
