"""Something hostile comes in through its door, in a process with little to spend; and what became of it."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SECONDS, MEGABYTES = 5, 500
"""Of the processor, and of memory beyond what the program takes; the system ends who wants more."""
HANG = 60
"""Seconds by the clock after which a case is said to hang."""
Door = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """Something hostile.

    Attributes:
        make: puts it into a folder, and returns the door through which it is then to come in.
        code: the exit code with which it is to be refused; 0 where it is harmless.
        says: what is to be told.
        lines: in how many lines: one, but `unroll verify` has one for each complaint and one in the end.
    """

    make: Callable[[Path], Door]
    code: int
    says: str
    lines: int = 1


@dataclass(frozen=True)
class Outcome:
    """What became of a case: its exit code or, negative, the signal that ended it; what was told; what it took."""

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float


def outcome(case: Case, folder: Path) -> Outcome:
    """Run a case in a child of this process, which has all that it imports already."""
    door = case.make(folder)
    out, err = folder.parent / "out", folder.parent / "err"
    if not (child := os.fork()):
        _child(door, folder, out, err)
    _, status, usage = os.wait4(child, 0)
    taken = float((folder.parent / "taken").read_text())
    return Outcome(
        os.waitstatus_to_exitcode(status),
        out.read_text(encoding="utf-8", errors="replace"),
        err.read_text(encoding="utf-8", errors="replace"),
        usage.ru_utime + usage.ru_stime,
        max(usage.ru_maxrss / 1024 - taken, 0),
    )


def _child(door: Door, folder: Path, out: Path, err: Path) -> None:
    """Come in through a door, and end."""
    code = 1
    try:
        os.chdir(folder)
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8")  # noqa: SIM115
        (folder.parent / "taken").write_text(str(resident()))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        for kind, most in (
            (resource.RLIMIT_CPU, SECONDS),
            (resource.RLIMIT_AS, pages * resource.getpagesize() + MEGABYTES * 2**20),
        ):
            resource.setrlimit(kind, (most, most))
        signal.alarm(HANG)
        door()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def resident() -> float:
    """Return the megabytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@contextmanager
def folder() -> Iterator[Path]:
    """Yield an empty folder, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hostile") as name:
        (Path(name) / "here").mkdir()
        yield Path(name) / "here"


def faults(case: Case, found: Outcome) -> list[str]:
    """Return what is wrong with an outcome."""
    told = found.err.splitlines()
    lines = [line for line in told if line.startswith("unroll: ")]
    wrong = []
    if found.code != case.code:
        wrong.append(f"exit code {found.code}, not {case.code}")
    if case.code and (
        len(lines) != case.lines or [line for line in told if not line.startswith(("unroll: ", "fetch: "))]
    ):
        wrong.append(f"{len(told)} lines")
    if case.says not in found.err:
        wrong.append(f"does not say {case.says!r}")
    if "SECRET" in found.err:
        wrong.append("tells a secret")
    if not all(letter.isprintable() or letter in "\n\t" for letter in found.err) or "\x1b" in found.out:
        wrong.append("what a terminal obeys")
    return wrong
