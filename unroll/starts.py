"""The model that another one goes on from: `train.start_from` in a pipeline file, a pipeline or a folder.

    train:
      start_from: translate

Beside the pipeline's name in params.yaml `start` tells DVC which folder to watch: so the model is made first, and what
goes on from it is made again where it changes. A registered version has no such folder: nothing that DVC watches would
change with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from unroll.artifacts import store
from unroll.artifacts.manifest import MANIFEST, Manifest
from unroll.errors import DataError
from unroll.folders import start_folder


class Start(NamedTuple):
    """A model to go on from, every hash of it checked."""

    folder: Path
    manifest: Manifest


def find(start_from: str | None, root: Path) -> Start | None:
    """Return the model that `train.start_from` names; None where it names none.

    Args:
        root: of the project.
    Raises:
        DataError: there is none in its folder.
        IntegrityError: a file of it was altered.
    """
    if start_from is None:
        return None
    folder = root / start_folder(start_from)
    if not (folder / MANIFEST).is_file():
        how = f"dvc repro train@{start_from}" if start_folder(start_from) != start_from else "bring one"
        raise DataError(f"{folder}: no model to start from, as train.start_from says: {how}, or set null")
    return Start(folder, store.verify(folder, "model"))


def inherited(start: Start | None) -> dict[str, Manifest]:
    """Return what a model that goes on from another inherits: {"start": its manifest}."""
    return {"start": start.manifest} if start else {}


def inherited_tokenizers(start: Start | None) -> dict[str, Manifest]:
    """Return what tokenizers of another model bring with them: the manifest of the folder in which they were learnt."""
    return {"start": start.manifest["inputs"]["tokenized"]} if start else {}
