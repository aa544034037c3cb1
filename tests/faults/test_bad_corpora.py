"""Corpora as people have them: one line that names the file or the parameter, exit code 3, and no waiting."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.grammar import PAIRS
from tests.test_bad_input import Project

pytestmark = pytest.mark.fault("bad corpus")

SECONDS = 5.0
GOOD = "".join(f"{source}\t{target}\tme\n" for source, target in PAIRS)
SPANISH = "".join(f"{source}\t¡{target} señor!\tme\n" for source, target in PAIRS)


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("spa.tsv", GOOD)
        archive.writestr("README", "")
    return content.getvalue()


NOISE = random.Random(1).randbytes(5000)
PACKED = gzip.compress(GOOD.encode())
FLIPPED = PACKED[:400] + bytes([PACKED[400] ^ 1]) + PACKED[401:]
TSV: dict[str, bytes] = {
    "Latin-1": SPANISH.encode("latin-1"),
    "Windows-1252": SPANISH.replace("!", "”").encode("cp1252"),
    "UTF-16 with a mark": GOOD.encode("utf-16"),
    "UTF-16 LE": GOOD.encode("utf-16-le"),
    "UTF-16 BE": GOOD.encode("utf-16-be"),
    "UTF-32": GOOD.encode("utf-32"),
    "Shift-JIS": "水を飲む\t牛乳\n".encode("shift-jis") * 9,
    "GB18030": "喝水\t牛奶\n".encode("gb18030") * 9,
    "KOI8-R": "\u043c\u043e\u043b\u043e\u043a\u043e\t\u0432\u043e\u0434\u0430\n".encode("koi8-r") * 9,
    "a character cut off at the end": GOOD.encode() + "leche\tñ".encode()[:-1],
    "an overlong encoding": GOOD.encode() + b"milk\tleche \xc0\xaf\n",
    "a surrogate": GOOD.encode() + b"milk\tleche \xed\xa0\x80\n",
    "a lone continuation": GOOD.encode() + b"milk\tleche \x80\n",
    "NULs among letters": GOOD.encode().replace(b"milk", b"mi\0lk", 1),
    "NULs alone": bytes(5000),
    "a picture": b"\x89PNG\r\n\x1a\n" + NOISE,
    "a program": b"\x7fELF\x02\x01\x01" + NOISE,
    "noise": NOISE,
    "a zip archive of two files": zipped(),
    "bzip2 cut short": bz2.compress(GOOD.encode())[:-50],
    "ends of lines of an old Mac": GOOD.replace("\n", "\r").encode(),
    "gzip cut short": PACKED[: len(PACKED) // 2],
    "gzip with a bit flipped": FLIPPED,
    "gzip of Latin-1": gzip.compress(SPANISH.encode("latin-1")),
    "gzip of gzip": gzip.compress(PACKED),
    "nothing": b"",
    "newlines alone": b"\n" * 500,
    "tabs alone": b"\t\t\n" * 500,
    "a byte order mark alone": b"\xef\xbb\xbf",
    "spaces alone": b"   \t   \t \n" * 50,
    "zero-width characters alone": "\u200b\t\u200b\tme\n".encode() * 50,
    "one column": "".join(f"{source}\n" for source, _ in PAIRS).encode(),
    "commas for tabs": GOOD.replace("\t", ",").encode(),
    "spaces for tabs": GOOD.replace("\t", "    ").encode(),
    "sources alone": "".join(f"{source}\t\tme\n" for source, _ in PAIRS).encode(),
    "targets alone": "".join(f"\t{target}\tme\n" for _, target in PAIRS).encode(),
    "digits alone": "".join(f"{n}\t{n * n}\tme\n" for n in range(300)).encode(),
    "punctuation alone": b"... !\t?? --\tme\n" * 30,
    "a line over a megabyte": b"x" * 1_100_000 + b"\ty\n",
    "one line without an end": GOOD.replace("\n", " ").encode() * 400,
    "sentences without an end": b"word " * 5000 + b"\t" + b"palabra " * 5000 + b"\tme\n",
    "targets a hundred times as long": b"milk\t" + b"leche " * 40 + b"\tme\n",
    "one pair": b"I drink milk.\tBebo leche.\tme\n",
    "one pair, again and again": b"I drink milk.\tBebo leche.\tme\n" * 500,
    "a web page": b"<!doctype html>\n<html><body>404: not found</body></html>\n",
    "JSON lines": b'{"en": "milk", "es": "leche"}\n' * 50,
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n",
}
TWO = {"format": "aligned", "source_file": "spa.tsv", "target_file": "mine.es"}
EN, ES = ("".join(f"{pair[side]}\n" for pair in PAIRS).encode() for side in (0, 1))
ALIGNED: dict[str, tuple[bytes, bytes]] = {
    "a line too many": (EN, ES + b"hola\n"),
    "a line too few": (EN + b"hello\n", ES),
    "one of two empty": (EN, b""),
    "one of two Latin-1": (EN, "señor\n".encode("latin-1") * 200),
    "one of two cut short": (EN, gzip.compress(ES)[:-200]),
}
CELLS = b"0," * 64
TABLES: dict[str, bytes] = {
    "a word among numbers": CELLS.replace(b"0", b"one", 1) + b"7\n",
    "not a number": CELLS.replace(b"0", b"nan", 1) + b"7\n",
    "infinity": CELLS.replace(b"0", b"inf", 1) + b"7\n",
    "a number beyond all": CELLS.replace(b"0", b"1e999", 1) + b"7\n",
    "an empty cell": CELLS.replace(b"0", b"", 1) + b"7\n",
    "hexadecimal": CELLS.replace(b"0", b"0x1f", 1) + b"7\n",
    "too narrow": b"0,1,2,7\n",
    "a row that is too short": CELLS + b"7\n" + b"0," * 63 + b"7\n",
    "a header": b"pixel," * 64 + b"digit\n" + CELLS + b"7\n",
    "a table of nothing": b"",
    "a table in Latin-1": CELLS + "ñ\n".encode("latin-1"),
}
QUESTIONS = b"number,coarse,fine,text\n"
CSV: dict[str, bytes] = {
    "an unknown label": QUESTIONS + b"0,9,0,Who wrote it ?\n",
    "a column that is missing": b"number,fine,text\n0,0,Who ?\n",
    "a row of too few cells": QUESTIONS + b"0,1\n",
    "a quote that is never closed": QUESTIONS + b'0,1,0,"Who wrote it ?\n' * 3,
    "a header alone": QUESTIONS,
}
CHANGES: dict[str, tuple[str, Any]] = {
    "a column that no row has": ("prepare.corpus.target_column", 7),
    "a file that is not there": ("prepare.corpus.file", "other.tsv"),
    "no source for the file": ("fetch.members", {"elsewhere.tsv": "spa.tsv"}),
    "filters that let nothing through": ("prepare.filters.max_words", 1),
}


def hold(project: Project) -> None:
    """Hold fetch and prepare to one line, soon, that names a file or a parameter; and to leaving nothing behind."""
    began = time.monotonic()
    code, _, told = project.run("fetch", "prepare")
    assert time.monotonic() - began < 2 * SECONDS
    assert code == 3, told
    (line,) = told.splitlines()
    assert line.startswith("unroll: ")
    assert any(name in line for name in ("data/", "prepare", "fetch", "params.yaml"))
    assert not (project.folder / "data/mine/prepared").exists()
    assert not list(project.folder.rglob("*.part"))


@pytest.fixture
def mine(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize("kind", TSV)
def test_pairs(mine: Project, kind: str) -> None:
    mine.write("spa.tsv", TSV[kind])
    hold(mine)


@pytest.mark.parametrize("kind", ALIGNED)
def test_aligned_files(mine: Project, kind: str) -> None:
    for name, content in zip(("spa.tsv", "mine.es"), ALIGNED[kind], strict=True):
        mine.write(name, content)
    mine.change("prepare.corpus", TWO)
    hold(mine)


def written(mine: Project, pipeline: str, kinds: Mapping[str, bytes], kind: str) -> Project:
    mine.take(pipeline)
    mine.write("spa.tsv", kinds[kind])
    mine.change("prepare.corpus.file", "spa.tsv")
    return mine


@pytest.mark.parametrize("kind", TABLES)
def test_tables(mine: Project, kind: str) -> None:
    hold(written(mine, "rows", TABLES, kind))


@pytest.mark.parametrize("kind", CSV)
def test_cells(mine: Project, kind: str) -> None:
    hold(written(mine, "classify", CSV, kind))


@pytest.mark.parametrize("kind", CHANGES)
def test_settings_that_do_not_go_with_the_corpus(mine: Project, kind: str) -> None:
    mine.change(*CHANGES[kind])
    hold(mine)


def test_a_folder_in_the_place_of_a_file(mine: Project) -> None:
    (mine.folder / "data/sources/spa.tsv").unlink()
    (mine.folder / "data/sources/spa.tsv").mkdir()
    hold(mine)
