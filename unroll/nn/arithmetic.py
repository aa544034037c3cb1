"""How numbers are added up: what decides, beside the parameters, about the last bit of a result."""

from __future__ import annotations

import os

ORDERS = {"MKL_CBWR": "AUTO"}
"""MKL then adds in one order, whatever else the machine is busy with; it costs nothing that could be measured."""
OTHERS = ("ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA")
"""Other variables that choose instructions, and so the order of sums."""


def preset() -> dict[str, str]:
    """Return what the environment says of the order of sums that `settle` would not say: other bytes come of it."""
    said = {name: os.environ[name] for name in (*ORDERS, *OTHERS) if name in os.environ}
    return {name: value for name, value in said.items() if value != ORDERS.get(name)}


def settle(threads: int | None) -> None:
    """Let this process compute as every other one with the same threads does; before its first product.

    Args:
        threads: torch's; None leaves them.
    """
    for name, value in ORDERS.items():
        os.environ.setdefault(name, value)
    import torch

    if threads:
        torch.set_num_threads(threads)
