"""Who connects and says nothing, or half of something, is not waited for; others are answered meanwhile."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests.listening import listening
from unroll.serve import connections

pytestmark = pytest.mark.fault("bad request")
ASKED = b"GET / HTTP/1.1\r\nHost: me\r\n\r\n"


LARGE = 50_000_000


async def page(_: object) -> Response:
    return Response("there")


async def large(_: object) -> Response:
    return Response(bytes(LARGE))


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(connections, "READ_SECONDS", 1.0)
    with listening(Starlette(routes=[Route("/", page), Route("/large", large)])) as found:
        yield found


def connect(port: int, said: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(said)
    return connection


def received(connection: socket.socket, end: bytes) -> bytes:
    """Return what comes, in however many parts, up to an end."""
    found = b""
    while not found.endswith(end) and (part := connection.recv(1000)):
        found += part
    return found


@pytest.mark.parametrize("said", [b"", b"GET / HT", ASKED[:-2]])
def test_a_head_that_does_not_arrive_is_given_up(port: int, said: bytes) -> None:
    with connect(port, said) as connection:
        assert connection.recv(100) == b""


def test_who_sends_a_letter_now_and_then_has_no_more_time(port: int) -> None:
    with connect(port) as connection, suppress(ConnectionError):
        for letter in ASKED[:-2]:  # 26 letters, of which 10 arrive in time
            connection.sendall(bytes([letter]))
            time.sleep(0.05)
        assert connection.recv(100) == b""


def test_a_second_request_that_is_half_a_one_is_given_up_too(port: int) -> None:
    with connect(port, ASKED) as connection:
        assert received(connection, b"there").startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HT")
        assert connection.recv(100) == b""


def read_on(connection: socket.socket, pause: float) -> int:
    """Return how many bytes come, with a pause behind each million."""
    found = 0
    with suppress(ConnectionError):
        while part := connection.recv(1_000_000, socket.MSG_WAITALL):
            found += len(part)
            time.sleep(pause)
    return found


def test_who_does_not_read_is_hung_up_on_and_who_reads_slowly_is_not(port: int) -> None:
    with connect(port, ASKED.replace(b"/", b"/large", 1)) as deaf:
        with connect(port, ASKED.replace(b"/", b"/large", 1)) as slow:
            assert read_on(slow, pause=0.04) > LARGE
        assert read_on(deaf, pause=0) < LARGE


def test_others_are_answered_meanwhile(port: int) -> None:
    silent = [connect(port, b"GET" * (number % 2)) for number in range(200)]
    with connect(port, ASKED) as connection:
        assert received(connection, b"there").startswith(b"HTTP/1.1 200")
    for connection in silent:
        connection.close()


def test_what_is_no_http_is_told_in_json(port: int) -> None:
    with connect(port, b"\0\0\r\n\r\n") as connection:
        head, _, body = received(connection, b"}").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert list(json.loads(body)) == ["error"]
