"""One process at a time at a stage, and none that outlives the `dvc` which started it.

DVC gives neither: killed, it leaves its stage running, and the next `dvc repro` starts a second one beside it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from unroll.errors import ResourceError

PATIENCE_SECONDS, GRACE_SECONDS = 15.0, 10.0
"""For a process that is about to end to let go of its lock; to tidy up, for one that is told to end."""
LOOK_SECONDS = 0.5
"""Between two looks whether dvc still runs."""
TERMINATED = 128 + signal.SIGTERM


@contextmanager
def alone(lock: Path, what: str, patience: float | None = None) -> Iterator[None]:
    """Hold a lock, which is let go with the process, however that ends.

    Args:
        patience: seconds to wait for whoever holds it; None: PATIENCE_SECONDS.
    Raises:
        ResourceError: another process holds it, and does not let go.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+", encoding="utf-8") as file:
        give_up = time.monotonic() + (PATIENCE_SECONDS if patience is None else patience)
        while not _locked(file.fileno()):
            if time.monotonic() > give_up:
                file.seek(0)
                raise ResourceError(f"{what}: process {file.read() or '?'} is at work on it; wait for it, or end it")
            time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end_tidily() -> None:
    """Let SIGTERM end this process as an exception does, so that what it has open is closed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))


def end_with_dvc() -> None:
    """End this process when the `dvc` that started it has ended, if one did."""
    with suppress(psutil.Error):
        dvc = next((process for process in psutil.Process().parents() if _is_dvc(process)), None)
        if dvc and "DVC_STAGE" in os.environ:
            threading.Thread(target=_follow, args=[dvc], name="dvc", daemon=True).start()


def _is_dvc(process: psutil.Process) -> bool:
    return any(Path(word).name == "dvc" for word in process.cmdline()[:3])


def _follow(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(LOOK_SECONDS)
    print("unroll: the dvc that started this stage has ended, and so does the stage", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(TERMINATED)
