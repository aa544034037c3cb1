"""Where one pipeline keeps what its stages hand on; the names are those of `dvc.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from unroll.errors import ParamsError

PIPELINE_FILES = "pipelines"
PIPELINE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")
RESERVED = ("sources",)
"""Names of other folders below data."""
DONE = "done"
"""A file beside the snapshot of a training that is done."""


def check_name(name: object, where: str) -> None:
    """Do nothing if a pipeline can be called so: it names files, folders, stages and an experiment.

    Raises:
        ParamsError: it cannot.
    """
    if not isinstance(name, str) or not PIPELINE_NAME.fullmatch(name) or name in RESERVED:
        raise ParamsError(
            f"{where}: {str(name)[:60]!r} is no name for a pipeline; needed: a letter, then at most 49 letters, "
            f"digits, _ and -, and not {' or '.join(RESERVED)}"
        )


def start_folder(start_from: str) -> str:
    """Return the folder, below the project's, of a model to start from: that of a pipeline, or a path as it is.

    >>> start_folder("translate"), start_folder("data/sources/mine")
    ('data/translate/model', 'data/sources/mine')
    """
    return f"data/{start_from}/model" if PIPELINE_NAME.fullmatch(start_from) else start_from


def is_folder(place: Path) -> bool:
    """Return whether there is a folder of that name, which may be none that a file system takes."""
    try:
        return place.is_dir()
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class Folders:
    """The folders of one pipeline.

    Raises:
        ParamsError: a pipeline cannot be called so.
    """

    root: Path
    pipeline: str

    def __post_init__(self) -> None:
        check_name(self.pipeline, "pipeline")

    @property
    def sources(self) -> Path:
        """Files that the user brings."""
        return self.root / "data" / "sources"

    @property
    def raw(self) -> Path:
        """Files as fetched."""
        return self._data("raw")

    @property
    def prepared(self) -> Path:
        """`train.tsv`, `valid.tsv`, `test.tsv`: source, target, attribution."""
        return self._data("prepared")

    @property
    def tokenized(self) -> Path:
        """Tokenizers and memory-mapped ids."""
        return self._data("tokenized")

    @property
    def lexicon(self) -> Path:
        """What tokens become, where both sides are text; a search may ask it, training does not."""
        return self._data("lexicon")

    @property
    def embedded(self) -> Path:
        """Embeddings to start from."""
        return self._data("embedded")

    @property
    def model(self) -> Path:
        """The checkpoint folder."""
        return self._data("model")

    @property
    def evaluation(self) -> Path:
        """Hypotheses beside their references."""
        return self._data("evaluation")

    @property
    def registered(self) -> Path:
        """The hashes of what was registered."""
        return self._data("registered.json")

    @property
    def reports(self) -> Path:
        """Metrics and pictures: what a person looks at."""
        return self.root / "reports" / self.pipeline

    @property
    def snapshots(self) -> Path:
        """Where trainings stand whose model DVC does not have yet; no stage's output."""
        return own(self.root) / "snapshots" / self.pipeline

    def lock(self, stage: str) -> Path:
        """Return the file that a process holds while it is at work on a stage."""
        return own(self.root) / "locks" / f"{stage}@{self.pipeline}"

    def _data(self, name: str) -> Path:
        return self.root / "data" / self.pipeline / name


def own(root: Path) -> Path:
    """Return the folder of a project for what is nobody's output: snapshots and locks."""
    return root / ".unroll"
