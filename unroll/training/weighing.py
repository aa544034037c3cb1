"""What each class weighs in the loss: so that rare ones are learnt as well as frequent ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from unroll.data.tokenizers import ListTokenizer
from unroll.errors import ParamsError
from unroll.params.explaining import suggest

Weights = Literal["balanced"] | Mapping[str, float]


def class_weights(wanted: Weights | None, labels_N: np.ndarray, reader: ListTokenizer) -> Tensor | None:
    """Return the weight of each id, V, or None where all weigh the same.

    `balanced` weighs a class n / (k * n_c), of n labels, k classes that occur and n_c labels of the class (King and
    Zeng 2001; scikit-learn's definition): then all classes together weigh the same. What has no weight weighs 1.

    Args:
        labels_N: the ids of the training rows.
    Raises:
        ParamsError: a class that is named occurs in no training row.
    """
    if wanted is None:
        return None
    weights_V, counts_V = np.ones(len(reader)), np.bincount(labels_N, minlength=len(reader))
    if isinstance(wanted, Mapping):
        for name, weight in wanted.items():
            if name not in reader.index:
                raise ParamsError(
                    f"train.class_weights: no row of train has the class '{name}'{suggest(name, [*reader.index])}"
                )
            weights_V[reader.index[name]] = weight
    else:
        there = counts_V > 0
        weights_V[there] = counts_V.sum() / (there.sum() * counts_V[there])
    return torch.tensor(weights_V, dtype=torch.float32)
