"""Requests a second, and how long one takes, with and without batching: `python -m benchmarks.serving`.

Clients ask one sentence of the test split each, again and again, in a process beside the server's, over connections
that stay open. `--silent 1000` opens so many connections first that say nothing, or half a head.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Annotated

import typer

from benchmarks.common import ROOT, Row, environment, tell
from unroll.data.rows import references

HOST = "127.0.0.1"
Asked = list[float]
"""the seconds of each request"""


def main(
    model: Annotated[str, typer.Option(help="A folder, or a registered version.")] = "data/translate/model",
    clients: Annotated[str, typer.Option(help="How many ask at a time.")] = "1 8 64",
    seconds: Annotated[float, typer.Option(help="Of each measurement.")] = 15.0,
    silent: Annotated[int, typer.Option(help="Connections that say nothing meanwhile.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of the server.")] = 2,
) -> None:
    """Print requests a second and the seconds of one, by the number of clients."""
    sources = list(references(ROOT / "data/translate/prepared/test.tsv"))
    rows: list[Row] = []
    for batching in (True, False):
        with server(model, threads, batching) as port:
            for count in map(int, clients.split()):
                asyncio.run(measured(port, sources, count, 2.0, silent))
                took = asyncio.run(measured(port, sources, count, seconds, silent))
                row: Row = {"serving": "batching" if batching else "one by one", "clients": f"{count}"}
                rows.append(row | {"requests/s": len(took) / seconds} | _times(took))
                print(rows[-1], flush=True)
    tell("serving", rows, seconds=seconds, threads=threads, silent=silent)


def _times(took: Asked) -> Row:
    hundredths = quantiles(took, n=100)
    return {"p50 ms": 1e3 * median(took), "p99 ms": 1e3 * hundredths[98], "worst ms": 1e3 * max(took)}


@contextmanager
def server(model: str, threads: int, batching: bool) -> Iterator[int]:
    """Yield the port at which `unroll serve` answers in a process of its own."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "unroll", "serve", model, "--port", str(port), "--threads", str(threads)]
    command += [] if batching else ["--no-batching"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(threads), stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield port
        process.terminate()


async def measured(port: int, sources: Sequence[str], clients: int, seconds: float, silent: int) -> Asked:
    """Return the seconds of every request that was answered in time."""
    quiet = [await asyncio.open_connection(HOST, port) for _ in range(silent)]
    for number, (_, writer) in enumerate(quiet):
        writer.write(b"GET / HT" * (number % 2))
    end = time.perf_counter() + seconds
    found = await asyncio.gather(*(_client(port, sources[number::clients], end) for number in range(clients)))
    for _, writer in quiet:
        writer.close()
    return [took for one in found for took in one]


async def _client(port: int, sources: Sequence[str], end: float) -> Asked:
    reader, writer = await asyncio.open_connection(HOST, port)
    found: Asked = []
    number = 0
    while True:
        body = json.dumps({"texts": [sources[number % len(sources)]]}).encode()
        head = "POST /answers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        begun = time.perf_counter()
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        now = time.perf_counter()
        if now > end:
            writer.close()
            return found
        found.append(now - begun)
        number += 1


if __name__ == "__main__":
    typer.run(main)
