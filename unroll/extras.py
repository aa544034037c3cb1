"""What an installation without extras lacks, said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from unroll.errors import ResourceError


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Let what the body imports be missing with one line that says which extra brings it.

    Raises:
        ResourceError: a package is missing that is not ours.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "unroll").partition(".")[0] == "unroll":
            raise
        raise ResourceError(f"{what} needs the package {error.name}: pip install 'unroll[{extra}]'") from error
