"""Run a stage as DVC does, with a fault at a chosen place: `python -m tests.faults.armed STAGE PIPELINE FAULT…`.

A fault is WHAT:PLACE:NUMBER. `before:os.replace:2` kills the process at the second call of `os.replace`, before it does
anything, and `after` when it has; `ENOSPC` and its like make it fail as the system would; with `slow` every call takes
a tenth of a second more; with `wait` it makes a file `waiting`, and goes on when that is gone; `set` gives a constant a
value.
"""

from __future__ import annotations

import errno
import importlib
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from unroll import processes


def arm(what: str, place: str, number: float) -> None:
    """Put a fault where it belongs."""
    owner, name = find(place)
    setattr(owner, name, number if what == "set" else faulty(getattr(owner, name), what, number))


def find(place: str) -> tuple[Any, str]:
    """Return what a dotted place is an attribute of, a module or a class in one, and its name there."""
    *owners, name = place.split(".")
    for depth in range(len(owners), 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(owners[:depth]))
        except ModuleNotFoundError:
            continue
        for part in owners[depth:]:
            owner = getattr(owner, part)
        return owner, name
    raise ModuleNotFoundError(place)


def faulty(function: Callable[..., Any], what: str, number: float) -> Callable[..., Any]:
    """Return the function with a fault at its call of that number."""
    calls = count(1)

    def call(*args: Any, **kwargs: Any) -> Any:
        due = next(calls) == number
        if what == "slow":
            time.sleep(0.1)
        if due and what == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if due and what == "wait":
            Path("waiting").touch()
            while Path("waiting").exists():
                time.sleep(0.02)
        if due and (code := getattr(errno, what, 0)):
            raise OSError(code, os.strerror(code), "here")
        result = function(*args, **kwargs)
        if due and what == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


def run(stage: str, pipeline: str, *faults: str) -> None:
    """Be the process of a stage, with faults."""
    for fault in faults:
        what, place, number = fault.split(":")
        arm(what, place, float(number))
    sys.argv = [f"stages/{stage}.py", pipeline]
    runpy.run_module(f"stages.{stage}", run_name="__main__")


if __name__ == "__main__":
    if "GUARDED" in os.environ:
        processes.guard()
    run(*sys.argv[1:])
