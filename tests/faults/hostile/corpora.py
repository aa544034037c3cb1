"""Corpora, and vectors of others."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.hostile.doors import BIDI, ESC, TITLE, reader, stages, text
from tests.faults.hostile.fetched import CONTENT
from tests.faults.hostile.parameters import project
from tests.faults.hostile.running import Case, Door
from unroll.data import imports


def corpus(content: bytes | Callable[[Path], Any], says: str, code: int = 3, **changes: Any) -> Case:
    """Return a corpus, read as pairs of sentences."""

    def make(folder: Path) -> Door:
        project(folder, **changes)
        (text(content) if isinstance(content, bytes) else content)(folder / "data/sources/spa.tsv")
        return stages("fetch", "prepare")

    return Case(make, code, says)


def packed(unit: bytes, count: int) -> Callable[[Path], None]:
    """Return what packs something many times, each time as a stream of its own, which are one to gzip."""

    def put(path: Path) -> None:
        path.write_bytes(gzip.compress(unit, 6) * count)

    return put


def vectors(content: bytes, says: str, name: str = "v.txt") -> Case:
    """Return vectors of others."""

    def make(folder: Path) -> Door:
        (folder / name).write_bytes(content)
        return reader(lambda: imports.read_vectors(folder / name, 3, ["milk"]))

    return Case(make, 3, says)


def lone(path: Path) -> None:
    """Write a line of forty megabytes."""
    with path.open("wb") as file:
        for _ in range(40):
            file.write(b"x" * 10**6)


CSV = {
    "format": "csv",
    "file": "spa.tsv",
    "rows": None,
    "source_column": 1,
    "target_column": 0,
    "target_names": {"a": "A"},
}
CSV_CHANGES = {"prepare__corpus": CSV, "prepare__filters": None}
GOOD = CONTENT.encode()
CORPORA: dict[str, Case] = {
    "260,000 marks on a letter": corpus(
        GOOD + b"e" + "\u0301".encode() * 260_000 + b"\tb\tme\n", "more than 256 marks"
    ),
    "marks of two kinds": corpus(
        GOOD + b"e" + "\u0323\u0301".encode() * 130_000 + b"\tb\n", "more than 256 marks", prepare__filters=None
    ),
    "a line of forty megabytes": corpus(lone, "longer than"),
    "two gigabytes of zeros, packed": corpus(packed(bytes(2**24), 128), "no text does"),
    "two gigabytes of line ends, packed": corpus(packed(b"\n" * 2**24, 128), "no text does"),
    "two gigabytes of rows, packed": corpus(packed(b"a b\tc d\tme\n" * 2**20, 190), "no text does"),
    "a packed corpus in a packed one": corpus(gzip.compress(gzip.compress(GOOD)), "not UTF-8"),
    "an archive in the place of a corpus": corpus(b"PK\x03\x04" + bytes(200), "not a zip file"),
    "a damaged packed corpus": corpus(gzip.compress(GOOD)[:40] + b"\xff" * 90, "cannot be read"),
    "UTF-16": corpus(CONTENT.encode("utf-16"), "UTF-16"),
    "half a surrogate": corpus(GOOD + b"milk\tleche \xed\xa0\x80\n", "not UTF-8"),
    "line ends of Windows": corpus(GOOD.replace(b"\n", b"\r\n"), "", 0),
    "directions turned round": corpus(GOOD + f"{BIDI}I drink\t{BIDI}Bebo{TITLE}\tme\n".encode(), "", 0),
    "a class that clears the screen": corpus(f"{ESC}b,text\n".encode(), "\\x1b[2Jb", **CSV_CHANGES),
    "a cell of half a megabyte": corpus(b'a,"' + b"x" * 500_000 + b'"\n', "spa.tsv", **CSV_CHANGES),
    "a quote that never ends": corpus(b'a,"x\n' * 90_000, "spa.tsv", **CSV_CHANGES),
    "a header of a billion numbers": vectors(b"1 99999999999\nmilk 1 2 3\n", "99999999999 numbers"),
    "a header of 5,000 digits": vectors(b"1 " + b"9" * 5000 + b"\nmilk 1 2 3\n", "numbers where"),
    "vectors in a line of 50 megabytes": vectors(b"milk 1 2 " + b"3" * 50_000_000, "v.txt:1"),
    "vectors of another width": vectors(b"milk 1 2\n", "2 numbers where"),
    "vectors that are no numbers": vectors(b"milk 1 2 nan\n", "not a row of finite numbers"),
    "damaged packed vectors": vectors(
        gzip.compress(b"milk 1 2 3\n" * 999)[:30] + b"\xff" * 50, "cannot be read", "v.gz"
    ),
    "vectors packed that are not": vectors(b"milk 1 2 3\n", "cannot be read", "v.bz2"),
}
