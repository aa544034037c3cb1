"""The states of trainings on disk, from which a training that was killed goes on to the same bits.

A snapshot is a folder with its hashes, like every artifact, but no stage's output: it lives in
`.unroll/snapshots/<pipeline>/<fingerprint>`, where the fingerprint is a hash of all that the training depends on.
With another fingerprint a training starts from the beginning; one that is done removes those of all others. Its own
latest stays, marked as done: until DVC has the model, a stage that is run again makes it from there in seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from unroll.artifacts import store
from unroll.artifacts.manifest import dump_json
from unroll.errors import IntegrityError, ParamsError
from unroll.folders import DONE
from unroll.training.loop import Standing

KEPT = 2
"""The latest may be incomplete, as it was written when the process ended; the one before is whole."""
SECONDS = 30.0
"""Between two snapshots, unless UNROLL_SNAPSHOT_SECONDS says otherwise. It shapes no result."""
TENSORS, VALUES = "state.safetensors", "state.json"


class Snapshots:
    """The latest states of one training.

    Args:
        folder: of the pipeline; one fingerprint's snapshots lie below it.
    Raises:
        ParamsError: UNROLL_SNAPSHOT_SECONDS is no number of seconds.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.home, self.folder = folder, folder / fingerprint
        self.seconds = _seconds()
        self._saved = time.monotonic()

    def latest(self) -> tuple[Standing, Any] | None:
        """Return the latest state that is whole, with what was saved beside it; None where there is none.

        One that is altered or incomplete is reported on stderr, and the one before it is taken.
        """
        for folder in reversed(self._found()):
            try:
                store.verify(folder, "snapshot")
            except IntegrityError as error:
                cause = str(error).partition(";")[0]
                print(f"unroll: {cause}; this snapshot is left out", file=sys.stderr)
                continue
            saved = json.loads((folder / VALUES).read_text(encoding="utf-8"))
            if (self.folder / DONE).exists():
                print(f"unroll: train: was done already; making the model again from {folder}", file=sys.stderr)
            return Standing(load_file(folder / TENSORS), saved["state"]), saved["beside"]
        others = [path for path in self.home.glob("*") if path != self.folder and not (path / DONE).exists()]
        if others:
            what = f"{len(others)} other training{'s' * (len(others) > 1)} of it stopped half-way"
            print(
                f"unroll: train: {what} with other parameters, data or code; starting from the beginning ({self.home} "
                "keeps them until one is done)",
                file=sys.stderr,
            )
        return None

    def due(self) -> bool:
        """Return whether it is time for the next one."""
        return time.monotonic() - self._saved >= self.seconds

    def save(self, state: Standing, beside: Any) -> None:
        """Write a snapshot aside, put it in its place, and drop all but the latest two.

        Args:
            beside: what the caller wants back with the state, as JSON takes it.
        """
        with store.writing(self.folder / f"{state.values['updates']:09}", "snapshot", {}) as aside:
            save_file(state.tensors, aside / TENSORS)
            text = dump_json({"state": state.values, "beside": beside})
            (aside / VALUES).write_text(text, encoding="utf-8", newline="")
        for folder in self._found()[:-KEPT]:
            shutil.rmtree(folder)
        self._saved = time.monotonic()

    def done(self) -> None:
        """Mark this training as done, and remove the snapshots of all others of the pipeline."""
        (self.folder / DONE).touch()
        for folder in [*self._found()[:-1], *(path for path in self.home.glob("*") if path != self.folder)]:
            shutil.rmtree(folder, ignore_errors=True)

    def _found(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("[0-9]*") if path.is_dir())


def _seconds() -> float:
    said = os.environ.get("UNROLL_SNAPSHOT_SECONDS", str(SECONDS))
    try:
        return float(said)
    except ValueError:
        raise ParamsError(f"UNROLL_SNAPSHOT_SECONDS: {said[:60]!r} is no number of seconds; such as 30") from None
