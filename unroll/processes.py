"""One process at a time at a stage, or several that end together, and none that outlives the `dvc` which started it.

DVC gives neither: killed, it leaves its stage running, and the next `dvc repro` starts a second one beside it.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from unroll.errors import DEFECT, LOWER, ParamsError, ResourceError, naming

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
RANKS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
"""What torchrun and Fabric tell each of several processes: whole numbers."""
DIE_WITH_PARENT = 1
"""Linux's PR_SET_PDEATHSIG."""
NO_LIBRARY = 127
"""What glibc's loader exits with where it finds no memory."""
_guard = 0


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


def settle() -> None:
    """Let nothing that this process inherited stand in its way: closed streams, ones that lack letters, a screen.

    Raises:
        ParamsError: it is told that it is one of several processes, but not which.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # or else the first file that is opened would be taken for the stream
            os.open(os.devnull, os.O_RDWR)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    os.environ["MPLBACKEND"] = "agg"
    for name in RANKS:
        if not os.environ.get(name, "0").isdecimal():
            raise ParamsError(f"{name}: {os.environ[name][:60]!r} is no whole number; unset it, or use torchrun")


def guard() -> None:
    """Go on in a process of its own, and let this one watch over it.

    Where memory ends, libraries crash and the kernel kills: the guard, which needs none, then says so in a line, and
    ends with the exit code of a lack of resources. It passes on all else.
    """
    global _guard
    _guard, interrupted = os.getpid(), []
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as nohup and background jobs have it
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    watched = os.fork()
    if not ignored:
        signal.signal(signal.SIGINT, (lambda *_: interrupted.append(True)) if watched else signal.SIG_DFL)
    if watched:
        signal.signal(signal.SIGTERM, lambda *_: os.kill(watched, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])
    if watched:
        _watch(watched, interrupted)
    _die_with_guard()


def _watch(watched: int, interrupted: list[bool]) -> NoReturn:
    """End as a process ends; where a signal ended it that nobody sent, say so."""
    code = os.waitstatus_to_exitcode(os.waitpid(watched, 0)[1])
    if code == DEFECT:
        os._exit(1)
    if code in (0, -signal.SIGTERM) or (code > 1 and code != NO_LIBRARY):
        os._exit(code if code >= 0 else TERMINATED)
    if -code == signal.SIGINT and interrupted:  # a terminal tells both
        print("unroll: interrupted", file=sys.stderr)
        os._exit(128 - code)
    found = dict.fromkeys((1, NO_LIBRARY), "was ended by a library") | {-signal.SIGKILL: "was killed"}
    what = found.get(code) or f"crashed in a library ({signal.Signals(-code).name})"
    told = f"the process {what}, most likely for want of memory; {LOWER.partition('; ')[2]}; then run it again"
    print(f"unroll: {told}", file=sys.stderr)
    os._exit(ResourceError.exit_code)


def end_when_interrupted() -> None:
    """Let Ctrl-C end this process in one line, whatever a library makes of a KeyboardInterrupt."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupted)


def _interrupted(*_: object) -> NoReturn:
    print("unroll: interrupted", file=sys.stderr)
    sys.exit(128 + signal.SIGINT)


def mind_interruptions() -> None:
    """Let Ctrl-C raise KeyboardInterrupt, from when there is something to close or to tell.

    Until then a stage just ends: libraries that are loading lose exceptions, and one raises the signal for want of
    memory.
    """
    if signal.getsignal(signal.SIGINT) in (signal.SIG_DFL, _interrupted):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _die_with_guard() -> None:
    """End this process when its guard ends, however that does; where the system can."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != _guard:  # it was quicker
            os._exit(TERMINATED)


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
        while not _locked(file):
            if time.monotonic() > give_up:
                file.seek(0)
                raise ResourceError(f"{what}: process {file.read() or '?'} is at work on it; wait for it, or end it")
            time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _locked(file: IO[str]) -> bool:
    try:
        with naming(file.name):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end_tidily() -> None:
    """Let SIGTERM end this process as an exception does, so that what it has open is closed."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the guard may pass on what came to both
        sys.exit(TERMINATED)

    signal.signal(signal.SIGTERM, end)


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
        parents = [process for process in psutil.Process().parents() if process.pid != _guard]
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
