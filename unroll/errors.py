"""One exception per kind of failure. Each is a single line for a person, and an exit code for a script."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UnrollError(Exception):
    """A failure that a person can mend. The message says what, where, and how to mend it, in one line."""

    exit_code = 1


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
    """Turn an `UnrollError` into its one line on stderr and its exit code; let every other error through."""
    try:
        yield
    except UnrollError as error:
        print(f"unroll: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("unroll: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
