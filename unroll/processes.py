"""One process at a time at a stage, or several that end together, and none that outlives the `dvc` which started it.

DVC gives neither: killed, it leaves its stage running, and the next `dvc repro` starts a second one beside it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.errors import ResourceError

if TYPE_CHECKING:
    import psutil

PATIENCE_SECONDS, GRACE_SECONDS = 15.0, 10.0
"""For a process that is about to end to let go of its lock; to tidy up, for one that is told to end."""
WAITING = {"GOMP_SPINCOUNT": "1000"}
"""How long the threads of a process spin while they wait for each other, before they fall asleep: briefly. To spin for
long, as is usual, is faster alone, and beside another training slower by a factor of five (docs/speed.md)."""
WAITING_TOO = ("OMP_WAIT_POLICY",)
"""Other variables that say so."""
LOOK_SECONDS = 0.5
"""Between two looks whether dvc still runs."""
TERMINATED = 128 + signal.SIGTERM


def free(port: int, host: str = "127.0.0.1") -> None:
    """Do nothing if a port of an address of this machine is free.

    Raises:
        ResourceError: something listens there.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror:
            raise ResourceError(f"{host} is no address of this machine; needed: one of them, or 0.0.0.0") from None
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise ResourceError(f"{host} is no address of this machine; needed: one of them, or 0.0.0.0") from None
            if error.errno == errno.EACCES:
                raise ResourceError(f"port {port} is not for everybody; choose one above 1023") from None
            raise ResourceError(
                f"port {port} is taken: stop what listens there, or choose another, such as {port + 1}"
            ) from None


def wait_briefly() -> None:
    """Let the threads of this process spin no longer than WAITING says; before a library with threads is loaded.

    What the environment says already stays.
    """
    if not any(name in os.environ for name in (*WAITING, *WAITING_TOO)):
        os.environ.update(WAITING)


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


def first() -> bool:
    """Return whether this is the first of the processes that torchrun or Fabric started, or the only one."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


@contextmanager
def not_alone() -> Iterator[None]:
    """Turn what a process hears when another one of its training has ended into one line.

    Raises:
        ResourceError: that happened.
    """
    try:
        yield
    except RuntimeError as error:
        if "WORLD_SIZE" not in os.environ or "peer" not in str(error).lower():
            raise
        raise ResourceError(
            "train: another process of this training has ended, and so does this one; run it again: it goes on from "
            "its latest snapshot"
        ) from None


def end_with_starter() -> None:
    """End this process when the `dvc` that started it has ended, or the first process of several."""
    import psutil

    with suppress(psutil.Error):
        parents = psutil.Process().parents()
        if not first():
            _end_with(parents[0], "first process of this training")
        dvc = next((process for process in parents if _is_dvc(process)), None)
        if dvc and "DVC_STAGE" in os.environ:
            _end_with(dvc, "dvc that started this stage")


def _is_dvc(process: psutil.Process) -> bool:
    return any(Path(word).name == "dvc" for word in process.cmdline()[:3])


def _end_with(process: psutil.Process, what: str) -> None:
    threading.Thread(target=_follow, args=[process, what], name=f"follows {process.pid}", daemon=True).start()


def _follow(process: psutil.Process, what: str) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(LOOK_SECONDS)
    print(f"unroll: the {what} has ended, and so does this process", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(TERMINATED)
