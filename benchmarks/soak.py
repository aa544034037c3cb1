"""A server among all sorts of clients, for long: `python -m benchmarks.serving --soak 20`.

Good clients ask single sentences, batches with all details, and streams, some of them slowly; each of their answers is
held against the Predictor's own. Bad ones leave, say half of something, send too much or no JSON: they are to get the
status that fits, or to be hung up on. Meanwhile the memory of the server is looked at.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from random import Random
from statistics import median
from typing import Any

import psutil

LOOK_SECONDS = 10.0
"""Between two looks at the server's memory."""
WARM = 0.25
"""The share of the time in which memory may still grow: caches fill, and each size of batch is met."""
FLAT = 0.05
"""By how much memory may be higher at the end than it was when the server was warm."""
HOST, JSON = "127.0.0.1", {"Content-Type": "application/json"}
BATCH, STREAM, SLOW, MANY = 20, 100, 60, 200
"""Texts of a batch, of a stream, of a stream that is read slowly, and of a request that nobody waits for."""


@dataclass
class Soak:
    """What clients ask, of whom and until when, and what came of it.

    Attributes:
        right: {a text: the Predictor's answer}.
        end: on the monotonic clock.
        answers: that were compared, by the kind of client.
        wrong: one line for each that was another than it should be.
    """

    port: int
    right: dict[str, str]
    end: float
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def compare(self, client: str, found: object, wanted: object) -> None:
        """Count an answer, and note it if it is wrong."""
        with self.lock:
            self.answers[client] += 1
            if found != wanted:
                self.wrong.append(f"{client}: {str(found)[:200]!r} instead of {str(wanted)[:200]!r}")

    def ask(self, path: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        """Return (status, content) of a request over a connection of its own; a body in parts goes in chunks."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=120)
        try:
            connection.request("POST", path, body, headers, encode_chunked=not isinstance(body, bytes))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


Client = Callable[[Soak, Random, Sequence[str]], None]
"""what asks once, of some texts in any order"""


def _answers(soak: Soak, client: str, texts: Sequence[str], **wanted: object) -> None:
    status, content = soak.ask("/answers", json.dumps({"texts": texts} | wanted).encode(), JSON)
    soak.compare(client, status, 200)
    if status == 200:
        for text, found in zip(texts, json.loads(content)["predictions"], strict=True):
            soak.compare(client, found["text"], soak.right[text])


def single(soak: Soak, chance: Random, texts: Sequence[str]) -> None:
    """Ask a sentence."""
    _answers(soak, "single", texts[:1])


def batch(soak: Soak, chance: Random, texts: Sequence[str]) -> None:
    """Ask some sentences, now and then with everything that answers can bring."""
    more = chance.choice([{}, {"details": True}, {"steps": True, "details": True}, {"alternatives": 3}])
    _answers(soak, "batch", texts[:BATCH], **more)


def stream(soak: Soak, chance: Random, texts: Sequence[str]) -> None:
    """Send lines in odd parts."""
    told = "".join(f"{text}\n" for text in texts[:STREAM]).encode()
    parts = [told[first : first + 977] for first in range(0, len(told), 977)]
    status, content = soak.ask("/lines", iter(parts), {"Content-Type": "text/plain"})
    wanted = [soak.right[text] for text in texts[:STREAM]]
    soak.compare("stream", (status, content.decode().splitlines()), (200, wanted))


def slow_reader(soak: Soak, chance: Random, texts: Sequence[str]) -> None:
    """Read the answers to lines a few bytes at a time."""
    connection = http.client.HTTPConnection(HOST, soak.port, timeout=120)
    told = "".join(f"{text}\n" for text in texts[:SLOW]).encode()
    connection.request("POST", "/lines", told, {"Content-Type": "text/plain"})
    response, found = connection.getresponse(), b""
    while part := response.read(64):
        found += part
        time.sleep(0.02)
    connection.close()
    soak.compare("slow reader", found.decode().splitlines(), [soak.right[text] for text in texts[:SLOW]])


def slow_writer(soak: Soak, chance: Random, texts: Sequence[str]) -> None:
    """Send a request a few bytes at a time."""
    body = json.dumps({"texts": texts[:1]}).encode()
    parts = (body[first : first + 8] for first in range(0, len(body), 8) if not time.sleep(0.2))
    status, content = soak.ask("/answers", parts, JSON)
    found = json.loads(content)["predictions"][0]["text"] if status == 200 else content
    soak.compare("slow writer", (status, found), (200, soak.right[texts[0]]))


def leaver(soak: Soak, chance: Random, texts: Sequence[str]) -> None:
    """Ask for much, and leave."""
    body = json.dumps({"texts": list(islice(cycle(texts), MANY))}).encode()
    head = f"POST /answers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection((HOST, soak.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode() + body[: chance.choice([100, len(body)])])
        time.sleep(chance.random() / 2)
    soak.compare("leaver", True, True)


def half_open(soak: Soak, chance: Random, texts: Sequence[str]) -> None:
    """Say half of a head, or nothing, and wait to be hung up on."""
    with socket.create_connection((HOST, soak.port), timeout=60) as connection:
        connection.sendall(chance.choice([b"", b"GET / HT", b"POST /answers HTTP/1.1\r\nHost: me\r\n"]))
        with suppress(ConnectionError):
            soak.compare("half open", connection.recv(1000), b"")


def oversized(soak: Soak, chance: Random, texts: Sequence[str]) -> None:
    """Send two megabytes."""
    with suppress(ConnectionError):  # it may be hung up on before it has sent all
        soak.compare("oversized", soak.ask("/answers", b" " * 2**21, JSON)[0], 413)


def nonsense(soak: Soak, chance: Random, texts: Sequence[str]) -> None:
    """Send what is no JSON, no question, no text, or no HTTP."""
    body, wanted = chance.choice(
        [(b"{", 400), (b"[[[[", 400), (b'{"texts": "a"}', 400), (b'{"texts": [7]}', 422), (b'{"inputs": []}', 400)]
    )
    soak.compare("nonsense", soak.ask("/answers", body, JSON)[0], wanted)
    with socket.create_connection((HOST, soak.port), timeout=60) as connection, suppress(ConnectionError):
        connection.sendall(b"\x16\x03\x01\x02\x00 what?\r\n\r\n")
        soak.compare("nonsense", connection.recv(12), b"HTTP/1.1 400")


CLIENTS: tuple[Client, ...] = (
    single, single, single, batch, batch, stream, slow_reader, slow_writer, leaver, half_open, half_open, oversized,
    nonsense,
)  # fmt: skip
PAUSE = {leaver: 2.0, oversized: 1.0, nonsense: 0.5}
"""Seconds between two requests of those who would else ask without a pause and take all the time there is."""


def _play(client: Client, soak: Soak, number: int) -> None:
    chance = Random(number)
    while time.monotonic() < soak.end:
        texts = chance.sample(list(soak.right), len(soak.right))
        try:
            client(soak, chance, texts)
        except (OSError, http.client.HTTPException) as error:
            soak.compare(client.__name__.replace("_", " "), repr(error), "an answer")
        time.sleep(PAUSE.get(client, 0.0))


def memory(server: int) -> float:
    """Return the MB that a server holds in memory, its workers' too."""
    process = psutil.Process(server)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 2**20


def soaked(port: int, server: int, right: dict[str, str], minutes: float) -> tuple[Soak, list[float]]:
    """Return (what came of asking for so long, the server's memory every ten seconds)."""
    soak = Soak(port, right, time.monotonic() + 60 * minutes)
    held = []
    with ThreadPoolExecutor(len(CLIENTS)) as clients:
        played = [clients.submit(_play, client, soak, number) for number, client in enumerate(CLIENTS)]
        while time.monotonic() < soak.end:
            time.sleep(min(LOOK_SECONDS, max(soak.end - time.monotonic(), 0.1)))
            held.append(memory(server))
            print(f"{held[-1]:6.0f} MB  {sum(soak.answers.values()):8,} answers  {len(soak.wrong)} wrong", flush=True)
        for one in played:
            one.result()
    return soak, held


def growth(held: Sequence[float]) -> float:
    """Return by which share memory grew: the median of the last quarter over that of the first one that is warm.

    >>> round(growth([50, 90, 100, 100, 101, 100, 102, 102]), 2)
    0.02
    """
    warm = held[int(WARM * len(held)) :]
    quarter = max(len(warm) // 4, 1)
    return median(warm[-quarter:]) / median(warm[:quarter]) - 1
