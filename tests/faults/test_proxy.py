"""The packaged proxy before a real server: what comes through is what the server said, and what is its own is JSON."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.faults.conftest import clean_environment, until
from tests.listening import HOST, free_port
from unroll.predict import loading
from unroll.serve.packaging import IMAGE

pytestmark = pytest.mark.fault("behind a proxy")

AROUND = "daemon off; master_process off; pid {home}/pid; events {{}} http {{ access_log off; {temporary} {server} }}"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
HEAD = b"POST /lines HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.checkpoint(tmp_path_factory.mktemp("served"))


def serve(model: Path, port: int) -> subprocess.Popen[str]:
    """Start a server, and wait until it answers."""
    command = [sys.executable, "-m", "unroll", "serve", str(model), "--port", str(port)]
    server = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, text=True)
    assert server.stdout
    assert server.stdout.readline()
    return server


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The port of nginx with the configuration that `unroll package` writes, and the server behind it."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is neither on the path nor in /usr/sbin: apt-get install nginx-light")
    home, inner, outer = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    server = (IMAGE / "nginx.conf").read_text()
    for there, here in (("unroll:5001", f"{HOST}:{inner}"), ("listen 8080", f"listen {HOST}:{outer}")):
        assert server.count(there) == 1
        server = server.replace(there, here)
    temporary = " ".join(f"{name}_temp_path {home}/{name};" for name in TEMPORARY)
    (home / "nginx.conf").write_text(AROUND.format(home=home, temporary=temporary, server=server))
    answering = serve(model, inner)
    between = subprocess.Popen([nginx, "-p", home, "-c", home / "nginx.conf", "-e", home / "errors"])
    try:
        until(lambda: socket.socket().connect_ex((HOST, outer)) == 0)
        yield outer, answering
    finally:
        for process in (between, answering):
            process.terminate()
            process.wait(30)


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """Return the status of an answer, and what it says, which is JSON."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    connection.request(method, path, body, JSON | headers)
    response = connection.getresponse()
    assert response.getheader("Content-Type", "").startswith("application/json")
    found = json.loads(response.read())
    connection.close()
    return response.status, found


def test_answers_come_through_as_they_are(proxy: tuple[int, Any], model: Path) -> None:
    status, found = ask(proxy[0], "POST", "/answers", json.dumps({"texts": ["tea", "ñandú"]}).encode())
    predictor = loading.load(model)
    assert status == 200
    assert [row["text"] for row in found["predictions"]] == [best.text for best in predictor(["tea", "ñandú"])]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/answers", b"{", 400),
        ("POST", "/answers", b'{"texts": ["tea"], "params": {"breadth": 1}}', 422),
        ("POST", "/answers", b'{"texts": ["' + 2**21 * b"a" + b'"]}', 413),
        ("POST", "/nowhere", b"{}", 404),
        ("GET", "/answers", None, 405),
        ("GET", "/metrics", None, 404),
    ],
    ids=["no JSON", "no such parameter", "too large", "nowhere", "another method", "not for everybody"],
)
def test_what_is_refused_is_told_in_json(
    proxy: tuple[int, Any], method: str, path: str, body: bytes | None, status: int
) -> None:
    found, told = ask(proxy[0], method, path, body)
    assert (found, [*told]) == (status, ["error"])


def test_a_line_is_answered_before_the_next_one_is_sent(proxy: tuple[int, Any], model: Path) -> None:
    predictor, texts = loading.load(model), ["tea", "milk", "wine"]
    with socket.create_connection((HOST, proxy[0]), timeout=60) as line:
        line.sendall(HEAD)
        heard = b""
        for text in texts:
            said, known = f"{text}\n".encode(), len(heard)
            line.sendall(b"%x\r\n%s\r\n" % (len(said), said))
            while f"{predictor(text).text}\n".encode() not in heard[known:]:
                more = line.recv(4096)
                assert more, "it hung up"
                heard += more
        line.sendall(b"0\r\n\r\n")
        while not heard.endswith(b"0\r\n\r\n"):
            heard += line.recv(4096)
    assert heard.startswith(b"HTTP/1.1 200 OK")


def test_a_server_that_is_away_is_told_in_json_too(proxy: tuple[int, subprocess.Popen[str]]) -> None:
    proxy[1].kill()
    proxy[1].wait(30)
    status, told = ask(proxy[0], "GET", "/ready")
    assert (status, [*told]) == (503, ["error"])
