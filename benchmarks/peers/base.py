"""What is asked of a peer, and how it is timed. Nothing here imports more than the standard library.

All read the same tokens: ids written as numbers, a row on a line, so that no peer's own rules touch them.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BENCH = Path(".bench")
SHIMS = Path(__file__).parent / "shims"
Options = dict[str, Any]
"""what sets the models of one peer apart"""
Timing = dict[str, float]
"""seconds, and what was done in them"""


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        root: the folder that has `data/translate` and, as text for the peers, `.bench/corpus`.
        model: the folder in which to leave the model.
        updates: how many to make.
        warmup: how many of them to make before the clock starts.
        batch: sentences in a batch.
        learning_rate: of Adam.
        decay: whether the rate falls as suits the peer; otherwise it is constant.
    """

    root: str
    model: str
    updates: int
    warmup: int
    batch: int = 128
    learning_rate: float = 1e-3
    decay: bool = False


@dataclass(frozen=True)
class Decoding:
    """One decoding of the first `sentences` sources of the test split.

    Attributes:
        root: as in `Training`.
        model: a folder that `Training` left.
        output: the file to which the answers go as ids.
        beam: 1 is the greedy search.
        batch: sentences in a batch.
        sentences: how many.
        steps: what every decoder makes for every sentence; None ends with the end mark, as in use.
    """

    root: str
    model: str
    output: str
    beam: int
    batch: int
    sentences: int
    steps: int | None = None


class Clock:
    """Notes when each update begins and the tokens of its batch: source and target, the target's end mark counted."""

    def __init__(self, warmup: int) -> None:
        self.warmup = warmup
        self.starts: list[float] = []
        self.tokens: list[int] = []

    def tick(self, tokens: int) -> None:
        """Note that an update begins."""
        self.starts.append(time.perf_counter())
        self.tokens.append(tokens)

    def timing(self) -> Timing:
        """Return what lies between the first update after the warm-up and the beginning of the last one."""
        seconds = self.starts[-1] - self.starts[self.warmup]
        return {
            "seconds": seconds,
            "updates": len(self.starts) - 1 - self.warmup,
            "tokens": sum(self.tokens[self.warmup : -1]),
        }


@dataclass(frozen=True)
class Peer:
    """Somebody who is measured, in a process of their own.

    Attributes:
        label: the name in tables.
        module: of this package; it has `train(job, options)` and `decode(job, options)`, which return a `Timing`.
        options: given to both.
        venv: the folder under `.bench` of its virtual environment; None is the project's own.
        requirements: what pip installs there, without what they depend on.
        trained_as: whose model decodes; None is its own.
    """

    label: str
    module: str
    options: Options = field(default_factory=dict)
    venv: str | None = None
    requirements: tuple[str, ...] = ()
    trained_as: str | None = None

    @property
    def python(self) -> str:
        """Return the interpreter that has the peer, as a path."""
        return str((BENCH / self.venv / "bin" / "python").absolute()) if self.venv else sys.executable

    def install(self) -> None:
        """Make its virtual environment, which sees the project's packages too: the same torch serves all."""
        if not self.venv:
            return
        folder = BENCH / self.venv
        stamp, wanted = folder / "installed.txt", "\n".join(self.requirements)
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", folder], check=True)
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site = subprocess.run([self.python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
        (Path(site) / "project.pth").write_text(sysconfig.get_path("purelib") + "\n")
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--disable-pip-version-check", *self.requirements], check=True)
        stamp.write_text(wanted)


def corpus(root: str) -> Path:
    """Return the folder of the text that peers read."""
    return Path(root) / BENCH / "corpus"


def head(path: Path, lines: int) -> Iterator[str]:
    """Yield the first lines of a file."""
    with path.open(encoding="utf-8") as file:
        for line in itertools.islice(file, lines):
            yield line.rstrip("\n")
