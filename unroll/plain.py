"""A file that is read whole: a plain one, and no larger than is sane, whoever put it there."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

MOST = 2**24
"""Bytes of a file that is text, and read whole."""
SMALL, RATIO = 2**26, 100
"""Bytes that anything packed may become; times its size that a larger one may: text becomes 3 to 20 times as large."""
KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def hold(path: Path) -> int:
    """Return the bytes of a plain file; a pipe would let its reader wait for ever, a device or a hole never end.

    Raises:
        OSError: it is none, or is not there.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{KINDS.get(stat.S_IFMT(found.st_mode), 'something')} in the place of a file")
    if found.st_size > SMALL and found.st_size > most_unpacked(_written(path, found.st_size)):
        raise OSError(f"{found.st_size:,} bytes, of which nearly none was ever written")
    return found.st_size


def _written(path: Path, size: int) -> int:
    """Return how many bytes of a large file are no hole; not all of them where that is more than enough."""
    written = place = 0
    with path.open("rb") as file, suppress(OSError):  # there is no more than this, or nobody knows of holes
        while place < size and most_unpacked(written) < size:
            begin = os.lseek(file.fileno(), place, os.SEEK_DATA)
            place = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            written += place - begin
    return written


def read_text(path: Path, most: int = MOST) -> str:
    """Return the text of a plain UTF-8 file, its line ends as they are.

    Raises:
        OSError: as `hold`; or it has more bytes than `most`.
        ValueError: it is not UTF-8.
    """
    hold(path)
    with path.open("rb") as file:
        content = file.read(most + 1)  # a file of /proc says that it is empty
    if len(content) > most:
        raise OSError(f"larger than {most:,} bytes")
    return content.decode("utf-8")


def most_unpacked(packed: int) -> int:
    """Return how many bytes a packed file of a size may become."""
    return max(SMALL, RATIO * packed)
