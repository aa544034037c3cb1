"""One file from the web: no longer than was announced, no slower than is any use, and from where it was asked for."""

from __future__ import annotations

import http.client
import io
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from unroll import plain

CHUNK = 2**20
TIMEOUT, SLOWEST = 30, 1000
"""Seconds without a byte from the other side; bytes a second, over as many seconds."""
HEAD, UNANNOUNCED = 2**20, 2**30
"""Bytes before the file itself begins; of a file of which nobody says how long it is."""
FAILURES = (OSError, ValueError, http.client.HTTPException)
"""What a connection may end in; a ValueError where an address or an answer is none."""


class LostError(Exception):
    """A file cannot be had: why, in a few words."""


def opened(url: str) -> Any:
    """Return the answer of a server, or a file.

    Raises:
        LostError: there is none.
    """
    try:
        if (parts := urlsplit(url)).scheme == "file":
            plain.hold(Path(urllib.request.url2pathname(parts.path)))
        return _opener().open(url, timeout=TIMEOUT)
    except FAILURES as error:
        raise LostError(str(error)) from None


def announced(answer: Any, pinned: int | None) -> int | None:
    """Return how many bytes are to come, if anybody says so.

    Args:
        pinned: the bytes that the file is known to have.
    Raises:
        LostError: what the server says is no number, or another one.
    """
    said = answer.headers.get("Content-Length")
    if said is not None and not (said.isascii() and said.isdigit()):
        raise LostError(f"the server says that its length is '{said[:40]}'")
    told = int(said[:20]) if said else None  # for more digits there is no room either
    if pinned and told and told != pinned:
        raise LostError(f"it has {told:,} bytes where fetch.bytes is {pinned:,}")
    return pinned or told


def arriving(answer: Any, total: int | None) -> Iterator[bytes]:
    """Yield what comes, as it comes, behind a progress bar.

    Args:
        total: from `announced`.
    Raises:
        LostError: the connection fails, or more or less comes than was announced.
    """
    most, received = total or UNANNOUNCED, 0
    with tqdm(total=total, desc="fetch", unit="B", unit_scale=True, disable=None) as bar:
        while chunk := _next(answer):
            received += len(chunk)
            if received > most:
                raise LostError(f"it does not end after {most:,} bytes (fetch.bytes says how many are right)")
            yield chunk
            bar.update(len(chunk))
    if total and received < total:
        raise LostError(f"the connection broke off after {received:,} of {total:,} bytes")


def _next(answer: Any) -> bytes:
    try:
        return bytes(answer.read1(CHUNK))
    except FAILURES as error:
        raise LostError(str(error)) from None


class Steady(io.RawIOBase):
    """What a connection brings, if it is no slower than `SLOWEST`, and its head no longer than `HEAD`."""

    def __init__(self, connection: io.RawIOBase) -> None:
        self.connection, self.in_head, self.count = connection, True, 0
        self._since, self._before = time.monotonic(), 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what there is, and return how much.

        Raises:
            TimeoutError: it is too slow.
            HTTPException: the head is too long.
        """
        received = self.connection.readinto(buffer)
        self.count += received or 0
        if self.in_head and self.count > HEAD:
            raise http.client.HTTPException(f"its head is longer than {HEAD:,} bytes")
        if (seconds := time.monotonic() - self._since) > TIMEOUT:
            if self.count - self._before < SLOWEST * seconds:
                raise TimeoutError(f"slower than {SLOWEST:,} bytes a second")
            self._since, self._before = time.monotonic(), self.count
        return received

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._steady = Steady(sock.makefile("rb", buffering=0))
        self.fp = io.BufferedReader(self._steady)

    def begin(self) -> None:
        super().begin()
        self._steady.in_head = False


class _Handler(urllib.request.AbstractHTTPHandler):
    def do_open(self, http_class: Any, req: Any, **more: Any) -> Any:
        steady: Any = type("Connection", (http_class,), {"response_class": _Response})
        return super().do_open(steady, req, **more)


class _Http(_Handler, urllib.request.HTTPHandler):
    pass


class _Https(_Handler, urllib.request.HTTPSHandler):
    pass


def _opener() -> urllib.request.OpenerDirector:
    """Return what opens addresses: of files and of the web, from which a redirection leads to the web alone."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, urllib.request.UnknownHandler, _Http, _Https, urllib.request.FileHandler,
        urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPRedirectHandler, urllib.request.HTTPErrorProcessor,
    ):  # fmt: skip
        opener.add_handler(handler())
    return opener
