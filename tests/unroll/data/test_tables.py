"""Tables of embeddings as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unroll.data.tables import load, save


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    made = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    save(tmp_path, "source", made)
    assert load(tmp_path, "source").dtype == np.float32
    assert (load(tmp_path, "source") == made).all()
