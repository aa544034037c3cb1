"""A server in a thread of the test, on a port that was free."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.faults.conftest import until
from unroll.serve.connections import Connection

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def listening(app: Any) -> Iterator[int]:
    """Yield the port at which an application answers, over connections as `unroll serve` has them."""
    server = uvicorn.Server(uvicorn.Config(app, HOST, 0, log_level="critical", http=Connection, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
