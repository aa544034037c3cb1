"""One exception per kind of failure. Each is a single line for a person, and an exit code for a script."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Memory, disk or a device ran out."""

    exit_code = 5


class DivergenceError(UnrollError):
    """Training left the finite numbers."""

    exit_code = 6


@contextmanager
def one_line() -> Iterator[None]:
    """Turn an `UnrollError` into its one line on stderr and its exit code; let a defect of ours through."""
    try:
        yield
    except UnrollError as error:
        _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        what = _ran_out(error)
        if what is None:
            raise
        _end(str(what), what.exit_code)


def _ran_out(error: Exception) -> ResourceError | None:
    """Return what to tell of an error if disk or memory ran out; libraries have their own words for it."""
    text = str(error)
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in text:
        where = getattr(error, "filename", None) or "a file"
        return ResourceError(f"no space left on the device for {where}; free some")
    if isinstance(error, MemoryError) or "can't allocate memory" in text or "out of memory" in text:
        return ResourceError("out of memory; lower train.batch_tokens or evaluate.search.batch_sentences")
    return None


def _end(message: str, exit_code: int) -> NoReturn:
    print(f"unroll: {message}", file=sys.stderr)
    sys.exit(exit_code)
