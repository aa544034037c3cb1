"""Requests a second, and how long one takes, with and without batching: `python -m benchmarks.serving`.

Clients ask one sentence of the test split each, again and again, in a process beside the server's, over connections
that stay open. `--silent 1000` opens so many connections first that say nothing, or half a head. `--soak 20` lets all
sorts of clients ask for so many minutes instead: see `benchmarks.soak`. `--largest` asks the largest requests that are
allowed, while somebody else asks one sentence after the other.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from statistics import median, quantiles
from typing import Annotated, Any

import typer

from benchmarks.common import MALLOC, ROOT, Row, environment, tell
from benchmarks.soak import FLAT, WARM, growth, memory, soaked
from unroll import load
from unroll.data.rows import references

HOST, SOAKED, MUCH = "127.0.0.1", 400, 900
"""Where the server listens; different sentences that a soak asks; more than any request may have."""
Asked = list[float]
"""the seconds of each request"""


def main(
    model: Annotated[str, typer.Option(help="A folder, or a registered version.")] = "data/translate/model",
    clients: Annotated[str, typer.Option(help="How many ask at a time.")] = "1 8 64",
    seconds: Annotated[float, typer.Option(help="Of each measurement.")] = 15.0,
    silent: Annotated[int, typer.Option(help="Connections that say nothing meanwhile.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of the server.")] = 2,
    soak: Annotated[float, typer.Option(help="Minutes; 0: measure instead.")] = 0.0,
    largest: Annotated[bool, typer.Option(help="Ask for as much as is allowed instead.")] = False,
) -> None:
    """Print requests a second and the seconds of one, by the number of clients."""
    sources = list(references(ROOT / "data/translate/prepared/test.tsv"))
    if largest:
        with server(model, threads, True) as (port, process):
            tell(
                "largest", [asyncio.run(as_much(port, process, sources, one)) for one in (False, True)], threads=threads
            )
        return
    if soak:
        soaking(model, sources, threads, soak)
        return
    rows: list[Row] = []
    for batching in (True, False):
        with server(model, threads, batching) as (port, _):
            for count in map(int, clients.split()):
                asyncio.run(measured(port, sources, count, 2.0, silent))
                took = asyncio.run(measured(port, sources, count, seconds, silent))
                row: Row = {"serving": "batching" if batching else "one by one", "clients": f"{count}"}
                rows.append(row | {"requests/s": len(took) / seconds} | _times(took))
                print(rows[-1], flush=True)
    tell("serving", rows, seconds=seconds, threads=threads, silent=silent)


def soaking(model: str, sources: Sequence[str], threads: int, minutes: float) -> None:
    """Print what came of all sorts of clients; exit with 1 if an answer was wrong, or memory grew."""
    texts = list(dict.fromkeys(sources))[:SOAKED]
    right = dict(zip(texts, map(str, load(model, threads=threads)(texts)), strict=True))
    with server(model, threads, batching=True) as (port, pid):
        found, held = soaked(port, pid, right, minutes)
    grown = growth(held)
    counts: Row = {"answers": sum(found.answers.values()), "wrong": len(found.wrong)}
    counts |= {"MB at first": held[0], "MB at last": held[-1], "growth %": 100 * grown}
    tell("soak", [counts], minutes=minutes, threads=threads)
    print("  ".join(f"{client}: {count:,}" for client, count in sorted(found.answers.items())))
    print("\n".join(found.wrong[:20]))
    flat = abs(grown) <= FLAT
    print(f"memory {'is flat' if flat else 'is not flat'} within {FLAT:.0%} after the first {WARM:.0%} of the time")
    if found.wrong or not flat:
        raise SystemExit(1)


def _times(took: Asked) -> Row:
    hundredths = quantiles(took, n=100)
    return {"p50 ms": 1e3 * median(took), "p99 ms": 1e3 * hundredths[98], "worst ms": 1e3 * max(took)}


@contextmanager
def server(model: str, threads: int, batching: bool) -> Iterator[tuple[int, int]]:
    """Yield (the port at which `unroll serve` answers, the process that does)."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "unroll", "serve", model, "--port", str(port), "--threads", str(threads)]
    command += [] if batching else ["--no-batching"]
    usual = {name: value for name, value in environment(threads).items() if name not in MALLOC}
    with subprocess.Popen(command, cwd=ROOT, env=usual, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield port, process.pid
        finally:
            process.terminate()


async def measured(port: int, sources: Sequence[str], clients: int, seconds: float, silent: int) -> Asked:
    """Return the seconds of every request that was answered in time."""
    quiet = [await asyncio.open_connection(HOST, port) for _ in range(silent)]
    for number, (_, writer) in enumerate(quiet):
        writer.write(b"GET / HT" * (number % 2))
    end = time.perf_counter() + seconds
    own = (sources[number::clients] for number in range(clients))
    found = await asyncio.gather(*(_client(port, some, lambda: time.perf_counter() > end) for some in own))
    for _, writer in quiet:
        writer.close()
    return [took for one in found for took in one]


async def as_much(port: int, server: int, sources: Sequence[str], in_one: bool) -> Row:
    """Return what the largest request costs that is not refused: many texts with a beam of 100, or one long text."""
    beam = 5 if in_one else 100
    sources = random.Random(1).sample(sources, MUCH)  # the file begins with short ones
    for count in range(MUCH, 0, -1):
        texts = [" ".join(sources[:count])] if in_one else sources[:count]
        before = peak = memory(server)
        begun = time.perf_counter()
        asking = asyncio.create_task(_once(port, {"texts": texts, "params": {"beam": beam}}))
        beside = asyncio.create_task(_client(port, sources, asking.done))
        while not asking.done():
            await asyncio.sleep(0.02)
            peak = max(peak, memory(server))
        took, waits = time.perf_counter() - begun, await beside
        if asking.result() == 200:
            row: Row = {
                "request": f"{len(texts)} texts, {sum(map(len, texts)):,} letters, beam {beam}",
                "seconds": took,
            }
            return row | {"MB more": peak - before, "beside p50 ms": 1e3 * median(waits), "worst ms": 1e3 * max(waits)}
    raise SystemExit("benchmarks: every request is refused")


async def _once(port: int, body: dict[str, Any]) -> int:
    reader, writer = await asyncio.open_connection(HOST, port)
    status = await _asked(reader, writer, body)
    writer.close()
    return status


async def _client(port: int, sources: Sequence[str], over: Callable[[], bool]) -> Asked:
    """Return the seconds of each sentence that was answered before it was over."""
    reader, writer = await asyncio.open_connection(HOST, port)
    found: Asked = []
    for source in cycle(sources):
        begun = time.perf_counter()
        status = await _asked(reader, writer, {"texts": [source]})
        assert status == 200, status
        if over():
            break
        found.append(time.perf_counter() - begun)
    writer.close()
    return found


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict[str, Any]) -> int:
    """Ask over an open connection, read the answer, and return its status."""
    said = json.dumps(body).encode()
    head = "POST /answers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    writer.write(f"{head}{len(said)}\r\n\r\n".encode() + said)
    answer = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    return int(answer.split()[1])


if __name__ == "__main__":
    typer.run(main)
