"""Tables of embeddings, V x D, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float32]


def save(folder: Path, side: str, vectors: Table) -> None:
    """Write a side's table."""
    from safetensors.numpy import save_file

    save_file({"vectors": vectors}, folder / f"{side}.safetensors")


def load(folder: Path, side: str) -> Table:
    """Read a side's table from a folder that was verified."""
    from safetensors.numpy import load_file

    return load_file(folder / f"{side}.safetensors")["vectors"]
