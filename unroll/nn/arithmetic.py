"""How numbers are added up: what decides, beside the parameters, about the last bit of a result."""

from __future__ import annotations

import os


def settle(threads: int | None) -> None:
    """Let this process compute as every other one with the same threads does; before its first product.

    Args:
        threads: torch's; None leaves them.
    """
    # MKL then adds in one order, whatever else the machine is busy with; it costs nothing that could be measured.
    os.environ.setdefault("MKL_CBWR", "AUTO")
    import torch

    if threads:
        torch.set_num_threads(threads)
