"""What is done: one module per DVC stage, each run as `python -m stages.<name> <pipeline>`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from unroll import params, processes
from unroll.errors import ParamsError, one_line


@dataclass(frozen=True)
class Folders:
    """Where one pipeline keeps what its stages hand on; the names are those of `dvc.yaml`."""

    root: Path
    pipeline: str

    @property
    def sources(self) -> Path:
        """Files that the user brings."""
        return self.root / "data" / "sources"

    @property
    def raw(self) -> Path:
        """Files as fetched."""
        return self.root / "data" / self.pipeline / "raw"

    @property
    def prepared(self) -> Path:
        """`train.tsv`, `valid.tsv`, `test.tsv`: source, target, attribution."""
        return self.root / "data" / self.pipeline / "prepared"

    @property
    def tokenized(self) -> Path:
        """Tokenizers and memory-mapped ids."""
        return self.root / "data" / self.pipeline / "tokenized"

    @property
    def embedded(self) -> Path:
        """Embeddings to start from."""
        return self.root / "data" / self.pipeline / "embedded"

    @property
    def model(self) -> Path:
        """The checkpoint folder."""
        return self.root / "data" / self.pipeline / "model"

    @property
    def snapshots(self) -> Path:
        """Where trainings stand that are not done; no stage's output."""
        return self.root / ".checkpoints" / self.pipeline

    @property
    def evaluation(self) -> Path:
        """Hypotheses beside their references."""
        return self.root / "data" / self.pipeline / "evaluation"

    @property
    def registered(self) -> Path:
        """The hashes of what was registered."""
        return self.root / "data" / self.pipeline / "registered.json"

    @property
    def reports(self) -> Path:
        """Metrics and pictures: what a person looks at."""
        return self.root / "reports" / self.pipeline


def main(run: Callable[[params.Pipeline, Folders], None]) -> None:
    """Run one stage for the pipeline named on the command line; end with one line and an exit code if it fails."""
    # MKL then adds in one order, whatever else the machine is busy with; it costs nothing that could be measured.
    os.environ.setdefault("MKL_CBWR", "AUTO")
    stage = Path(sys.argv[0]).stem
    processes.end_tidily()
    processes.end_with_starter()
    with one_line(), processes.not_alone():
        if len(sys.argv) != 2:
            raise ParamsError(f"usage: python -m stages.{stage} PIPELINE")
        folders = Folders(Path(), sys.argv[1])
        settings = params.load(Path("params.yaml"), folders.pipeline)
        name = f"{stage}@{folders.pipeline}"
        lock = folders.snapshots.with_name(f"{name}.lock")
        with processes.alone(lock, name) if processes.first() else nullcontext():
            run(settings, folders)
