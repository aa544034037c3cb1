"""What training makes small: of tokens, and of numbers.

Of tokens `cross_entropy` is the specification; training runs `linear_cross_entropy`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

NUMBERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": partial(nn.functional.mse_loss, reduction="none"),
    "absolute": partial(nn.functional.l1_loss, reduction="none"),
    "huber": partial(nn.functional.huber_loss, reduction="none"),
}
"""{name: (said, wanted) -> what each number costs}"""


def pinball(said_NWQ: Tensor, wanted_NW1: Tensor, levels_Q: Tensor) -> Tensor:
    """Return what each quantile of each number costs, N x W x Q (Koenker and Bassett 1978).

    On average it is least where the share `level` of all that is wanted lies below what is said.
    """
    short_NWQ = wanted_NW1 - said_NWQ
    return torch.maximum(levels_Q * short_NWQ, (levels_Q - 1) * short_NWQ)


CHUNK = 2**22
"""Logits that are held at a time: they fit where a processor is quick to find them."""


def cross_entropy(
    logits_NV: Tensor, labels_N: Tensor, smoothing: float, class_weights_V: Tensor | None = None
) -> Tensor:
    """Return the mean over positions of -log p(label), a share of the label's mass spread evenly (Szegedy 2016).

    With `class_weights_V` each label's part is multiplied by its weight; the mean stays that over positions, so that
    batches and processes add up. Of no positions it is 0.
    """
    if not len(labels_N):
        return logits_NV.sum()
    total = nn.functional.cross_entropy(
        logits_NV, labels_N, weight=class_weights_V, label_smoothing=smoothing, reduction="sum"
    )
    return total / len(labels_N)


def linear_cross_entropy(
    x_ND: Tensor,
    weight_VD: Tensor,
    bias_V: Tensor,
    labels_N: Tensor,
    smoothing: float,
    class_weights_V: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (`cross_entropy` of the logits W x + b, -log p of each label); the second has no gradient, nor weights.

    Logits are made, learnt from and dropped a chunk of positions at a time, their gradient with them: never are there
    N x V of anything. Under autocast products are cast, and all else is summed in the weights' precision.
    """
    device = x_ND.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight_VD.dtype
    learns = torch.is_grad_enabled()
    loss, nats_N = LinearCrossEntropy.apply(
        x_ND, weight_VD, bias_V, labels_N, class_weights_V, smoothing, dtype, learns
    )
    return loss, nats_N


class LinearCrossEntropy(torch.autograd.Function):
    """`linear_cross_entropy`, whose gradients are found on the way forwards, where the logits are."""

    @staticmethod
    def forward(
        ctx: Any,
        x_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor,
        labels_N: Tensor,
        class_weights_V: Tensor | None,
        smoothing: float,
        dtype: torch.dtype,
        learns: bool,
    ) -> tuple[Tensor, Tensor]:
        """Return (loss, nats_N)."""
        positions, words = len(x_ND), len(weight_VD)
        loss, nats_N, dx_ND = bias_V.new_zeros(()), bias_V.new_empty(positions), torch.empty_like(x_ND)
        dweight_VD, dbias_V = (torch.zeros_like(part) if learns else part for part in (weight_VD, bias_V))
        cast_VD, cast_V = weight_VD.to(dtype), bias_V.to(dtype)
        with torch.autocast(x_ND.device.type, enabled=False):
            for x_RD, labels_R, nats_R, dx_RD in zip(*_chunks(words, x_ND, labels_N, nats_N, dx_ND), strict=True):
                x_RD, labels_R1 = x_RD.to(dtype), labels_R[:, None]
                log_p_RV = nn.functional.linear(x_RD, cast_VD, cast_V).to(bias_V.dtype).log_softmax(1)
                nats_R.copy_(-log_p_RV.gather(1, labels_R1).squeeze(1))
                if class_weights_V is not None:
                    part, slope_RV = _weighted(log_p_RV, nats_R, labels_R1, smoothing, class_weights_V)
                    loss += part
                else:
                    loss += (1 - smoothing) * nats_R.sum()
                    if smoothing:
                        loss -= smoothing / words * log_p_RV.sum()
                    slope_RV = log_p_RV
                    if learns:  # the gradient by a logit is p less what p should be
                        slope_RV = log_p_RV.exp_()
                        if smoothing:
                            slope_RV -= smoothing / words
                        slope_RV.scatter_add_(1, labels_R1, slope_RV.new_full(labels_R1.shape, smoothing - 1))
                if learns:
                    dbias_V += slope_RV.sum(0)
                    slope_RV = slope_RV.to(dtype)
                    dx_RD.copy_(slope_RV @ cast_VD)
                    if dtype == weight_VD.dtype:
                        dweight_VD.addmm_(slope_RV.t(), x_RD)
                    else:
                        dweight_VD += slope_RV.t() @ x_RD
        ctx.share = 1 / max(positions, 1)
        ctx.mark_non_differentiable(nats_N)
        ctx.save_for_backward(dx_ND, dweight_VD, dbias_V)
        return loss * ctx.share, nats_N

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dloss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of what `forward` took."""
        return *(dloss * ctx.share * part for part in ctx.saved_tensors), None, None, None, None, None


def _weighted(
    log_p_RV: Tensor, nats_R: Tensor, labels_R1: Tensor, smoothing: float, class_weights_V: Tensor
) -> tuple[Tensor, Tensor]:
    """Return (the weighted loss of a run of positions, summed; its gradient by the logits)."""
    weights_R1 = class_weights_V[labels_R1]
    spread_V = smoothing / len(class_weights_V) * class_weights_V
    loss = (1 - smoothing) * (weights_R1.squeeze(1) * nats_R).sum() - (log_p_RV * spread_V).sum()
    slope_RV = log_p_RV.exp() * ((1 - smoothing) * weights_R1 + spread_V.sum()) - spread_V
    return loss, slope_RV.scatter_add_(1, labels_R1, (smoothing - 1) * weights_R1)


def _chunks(words: int, *parts: Tensor) -> list[tuple[Tensor, ...]]:
    """Return each tensor split into the same runs of positions, such that their logits are about a chunk."""
    return [part.split(max(CHUNK // words, 1)) for part in parts]
