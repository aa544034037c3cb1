"""One exception per kind of failure. Each is a single line for a person, and an exit code for a script."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn

from unroll.telling import line


class UnrollError(Exception):
    """A failure that a person can fix. The message says what, where, and how to fix it, in one harmless line."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(line(message))  # what libraries say may take several, and what files hold is told


class ParamsError(UnrollError):
    """A parameter is missing, misspelt, of the wrong type, out of range, or does not fit another one."""

    exit_code = 2


class DataError(UnrollError):
    """The corpus cannot be fetched or read, or too little of it is left."""

    exit_code = 3


class IntegrityError(UnrollError):
    """A file is not the one that its manifest names."""

    exit_code = 4


class ResourceError(UnrollError):
    """Memory, disk or a device ran out, or failed."""

    exit_code = 5


class DivergenceError(UnrollError):
    """Training left the finite numbers."""

    exit_code = 6


ELSEWHERE = "the file system cannot do that; put the project on a local disk"
MENDS = {
    errno.ENOSPC: "free some space, or inodes (df -h, df -i)",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit on files (ulimit -f)",
    errno.EIO: "the disk, or the way to it, fails: the system's log says more",
    errno.ESTALE: "the disk, or the way to it, fails: the system's log says more",
    errno.EROFS: "it can only be read: mount it for writing",
    errno.EACCES: "this user may not: change its owner or mode",
    errno.EPERM: "this user may not: change its owner or mode",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "raise the system's limit on open files",
    errno.EAGAIN: "raise the limits on processes and memory (ulimit -u, ulimit -v)",
    errno.EXDEV: ELSEWHERE,
    errno.EINVAL: ELSEWHERE,
    errno.ENOLCK: ELSEWHERE,
    errno.ENOSYS: ELSEWHERE,
    errno.EOPNOTSUPP: ELSEWHERE,
}
"""What a machine can fail with -> how to mend it."""
LOWER = "out of memory; lower train.batch_tokens or evaluate.search.batch_sentences, or raise the limit (ulimit -v)"
NUMBERED = re.compile(r"(?:\bErrno |\bOs \{ code: |\bos error )(\d+)")
"""How Python's and Rust's libraries hand on the number of an error of the system."""
SAID = {
    "database or disk is full": errno.ENOSPC,
    "requested and .* written": errno.ENOSPC,
    "disk I/O error": errno.EIO,
    "readonly database": errno.EROFS,
    "can't start new thread": errno.EAGAIN,
    **{os.strerror(code): code for code in (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE, errno.EAGAIN)},
}
NO_MEMORY = re.compile(
    "can(no|')t allocate memory|out of memory|not enough memory|unable to allocate|bad.alloc|failed to map segment"
    "|could not (create|execute) a (primitive|memory|descriptor)"  # oneDNN
    "|codec configuration error when writing"  # Pillow
    "|error return without exception set|without setting an exception",  # Python, where a MemoryError is lost
    re.IGNORECASE,
)
"""Other words of libraries for the same."""


DEFECT = 70
"""How a process ends whose traceback was told, so that a guard tells it from one that a library ended with 1."""


@contextmanager
def one_line() -> Iterator[None]:
    """Turn an error into its one line on stderr and its exit code; let a defect of ours through."""
    try:
        yield
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except (Exception, KeyboardInterrupt) as error:
        if found := told(error):
            _end(*found)
        raise


def one_line_from_here() -> None:
    """Do as `one_line` does until the process ends."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if found := told(error):
            _end(*found)
        sys.__excepthook__(kind, error, trace)
        sys.exit(DEFECT)

    def unraisable(found: sys.UnraisableHookArgs) -> None:
        if not isinstance(found.exc_value, MemoryError):  # of which there may be many before the one that is told
            sys.__unraisablehook__(found)

    sys.excepthook, sys.unraisablehook = hook, unraisable


def told(error: BaseException) -> tuple[str, int] | None:
    """Return an error's line and exit code; None for a defect of ours."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, UnrollError):
        # A file that the machine cannot read is not a broken one, though whoever read it may have thought so.
        beneath = failure(error.__context__) if error.__context__ and error.exit_code != 5 else None
        return str(beneath or error), (beneath or error).exit_code
    found = failure(error)
    return (str(found), found.exit_code) if found else None


def failure(error: BaseException) -> ResourceError | None:
    """Return what to tell of an error that the machine is to blame for, or of one that came of such an error."""
    seen: BaseException | None = error
    while seen:
        if isinstance(seen, MemoryError) or NO_MEMORY.search(str(seen)) or _code(seen) == errno.ENOMEM:
            return ResourceError(LOWER)
        if (code := _code(seen)) in MENDS:
            names = [name for name in (getattr(seen, "filename", None), getattr(seen, "filename2", None)) if name]
            where = " -> ".join(str(name) for name in names) or "a file"
            return ResourceError(f"{where}: {os.strerror(code)}; {MENDS[code]}")
        seen = seen.__cause__ or seen.__context__
    return None


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Say which file it was, where an error of the system does not."""
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise


def _code(error: BaseException) -> int:
    """Return the number of a system's error, whoever hands it on; 0 where there is none."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    text = str(error)
    if number := NUMBERED.search(text):
        return int(number[1])
    return next((code for words, code in SAID.items() if re.search(words, text)), 0)


def _end(message: str, exit_code: int) -> NoReturn:
    print(f"unroll: {message}", file=sys.stderr)
    sys.exit(exit_code)
