"""A small pipeline, run stage by stage as DVC would, for the tests of all of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stages import embed, evaluate, prepare, tokenize, train
from tests.grammar import PAIRS
from unroll.artifacts import store
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline

SMALL = {
    "prepare.corpus": {
        "format": "tsv", "file": "spa.tsv", "source_column": 0, "target_column": 1, "attribution_column": None,
    },
    "prepare.split": {"kind": "grouped", "by": "both", "valid": 0.1, "test": 0.2, "largest_component": 50},
    "tokenize.source.vocab_size": 400, "embed.dimensions": 16, "embed.epochs": 20,
    "embed.neighbours_of": ["milk", "Tom"], "model.encoder.hidden": 32, "model.head.hidden": 32, "model.dropout": 0.0,
    "train.updates": 600, "train.batch_tokens": 256, "train.warmup": 10, "train.learning_rate": 0.01,
    "train.label_smoothing": 0.0, "train.sampled_softmax": 0, "train.validate_every": 300,
    "train.validation_rows": 10, "evaluate.pictures": 2,
    "register.resamples": 50,
}  # fmt: skip


@pytest.fixture(scope="session")
def small(make_params: Callable[..., Pipeline]) -> Pipeline:
    """Parameters under which every stage is through in a second or two."""
    return make_params(**SMALL)


@pytest.fixture(scope="session")
def ran(small: Pipeline, blank_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folders of the small pipeline after its evaluation."""
    root = tmp_path_factory.mktemp("small")
    shutil.copy(blank_store, root / "mlflow.db")
    folders = Folders(root, "translate")
    with store.writing(folders.raw, "raw", {}) as raw:
        (raw / "spa.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in PAIRS), encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("DVC_ROOT", raising=False)
        for stage in (prepare, tokenize, embed, train, evaluate):
            stage.run(small, folders)
    return folders
