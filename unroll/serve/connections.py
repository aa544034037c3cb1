"""Connections that keep their promises: a request begins within a time, and its answer is read within one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long the head of a request may take to arrive, from the first byte or from the connection."""
READ_SECONDS = 30.0
"""How long a client may leave an answer unread that waits to be sent on."""


class Connection(H11Protocol):
    """uvicorn's, which hangs up on those who neither speak nor read, and tells in JSON what is hardly HTTP."""

    _silent: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the head of a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Read on; a head that is not whole yet has no more time than it had."""
        super().data_received(data)
        if self._between():
            self._wait()
        else:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        self._stop_looking()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._await_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Send on."""
        self._stop_looking()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, and hang up."""
        body = json.dumps({"error": msg}).encode()
        head = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            for event in (h11.Response(status_code=400, headers=head), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _between(self) -> bool:
        """Return whether no request is being read or answered."""
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._silent is None:
            self._silent = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop(self) -> None:
        if self._silent is not None:
            self._silent.cancel()
            self._silent = None

    def _await_reader(self, left: int) -> None:
        self._unread = self.loop.call_later(READ_SECONDS, self._look_at_reader, left)

    def _look_at_reader(self, before: int) -> None:
        """Hang up on who has read nothing since there were so many bytes to send."""
        left = self.transport.get_write_buffer_size()
        if left < before:
            self._await_reader(left)
        else:
            self.transport.abort()

    def _stop_looking(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _give_up(self) -> None:
        self._silent = None
        if self._between() and not self.transport.is_closing():
            self.transport.close()


def quiet(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of sockets that broke: that is everyday life."""
    if not isinstance(context.get("exception"), OSError):
        asyncio.get_running_loop().default_exception_handler(context)
