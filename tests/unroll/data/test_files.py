"""Lines of files of any kind: read exactly, or refused in one line with the place."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll import plain
from unroll.data.files import LONG, LONGEST_LINE, MOST_MARKS, PACKED, ZSTD, lines
from unroll.errors import DataError


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], list[str]]:
    def read(content: bytes) -> list[str]:
        (tmp_path / "rows.tsv").write_bytes(content)
        return list(lines(tmp_path / "rows.tsv"))

    return read


def test_only_newlines_end_lines(read: Callable[[bytes], list[str]]) -> None:
    content = 'a\u2028b\u0085c\tx, "y"\r\n"d\te"\n"f\tg\r\r\n'.encode()
    assert read(content) == ['a\u2028b\u0085c\tx, "y"', '"d\te"', '"f\tg\r']


def test_a_bom_is_dropped_at_the_start_of_a_file_alone(read: Callable[[bytes], list[str]]) -> None:
    assert read(b"\xef\xbb\xbfa\tb\n\xef\xbb\xbfc\td") == ["a\tb", "\ufeffc\td"]


def zipped(*names: str, content: bytes = b"") -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, content)
    return archive.getvalue()


def zstandard(content: bytes) -> bytes:
    return bytes(import_module(ZSTD).compress(content))


PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda content: zipped("a/", "a/rows.tsv", "__MACOSX/a/._rows.tsv", content=content),
    "zstd": zstandard,
}


@pytest.mark.parametrize("packer", PACKERS)
def test_what_is_packed_reads_like_plain_under_any_name(tmp_path: Path, packer: str) -> None:
    content = "año\t1\r\n\nfin\t2".encode()
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "packed").write_bytes(PACKERS[packer](content))
    assert list(lines(tmp_path / "packed")) == list(lines(tmp_path / "plain")) == ["año\t1", "", "fin\t2"]


@pytest.mark.parametrize("packer", PACKERS)
def test_what_is_packed_and_damaged_is_one_line(tmp_path: Path, packer: str) -> None:
    content = PACKERS[packer](random.Random(1).randbytes(9_000).hex().encode())
    (tmp_path / "cut").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cut: (cannot be read|a zip archive)"):
        list(lines(tmp_path / "cut"))


def test_a_zip_archive_of_several_files_is_refused(read: Callable[[bytes], list[str]]) -> None:
    with pytest.raises(DataError, match=r"rows\.tsv: a zip archive of 2 files.*unpack it"):
        read(zipped("a", "b"))


def not_there(name: str) -> None:
    raise ImportError(name)


def test_zstandard_that_is_not_installed_is_named(
    read: Callable[[bytes], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unroll.data.files.import_module", not_there)
    with pytest.raises(DataError, match=r"pip install .*zstd"):
        read(b"\x28\xb5\x2f\xfd" + b"0" * 9)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\nse\u00f1or\tc".encode("latin-1"), r"rows\.tsv:2: byte 3 \(0xf1\) .*Latin-1.*iconv -f LATIN1 -t UTF-8"),
        ("a\tb\n".encode("utf-16"), r"rows\.tsv:1: a NUL byte.*iconv -f UTF-16"),
        (b"a\tb\nc\0d\te\n", r"rows\.tsv:2: a NUL byte"),
        (b"a\tb\nc\td\re\tf\r", r"rows\.tsv:2: a carriage return within the line.*perl -pe"),
        (b"a\tb\n" + b"x" * (2**20 + 1), r"rows\.tsv:2: longer than 1,048,576 bytes"),
    ],
)
def test_what_is_not_text_is_named_by_file_and_line(
    read: Callable[[bytes], list[str]], content: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(content)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_the_longest_line_is_still_read(read: Callable[[bytes], list[str]], start: bytes, ending: bytes) -> None:
    assert read(start + b"x" * LONGEST_LINE + ending + b"a\tb") == ["x" * LONGEST_LINE, "a\tb"]


def test_a_missing_or_damaged_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tsv: no such file"):
        list(lines(tmp_path / "none.tsv"))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a\tb\n" * 1000)[:-20])
    for name in ("cut.gz", "."):
        with pytest.raises(DataError, match="cannot be read"):
            list(lines(tmp_path / name))


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from([b"a", b"\t", b"\n", b"\r", b"\xff", b"\0", b'"'])).map(b"".join)
)
@settings(deadline=None)
def test_reading_any_bytes_gives_lines_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "lines"
    path.write_bytes(content)
    with suppress(DataError):
        found = list(lines(path))
        assert not any("\n" in line for line in found)
        assert content.startswith(tuple(PACKED)) or len(found) == content.count(b"\n") + (
            not content.endswith(b"\n") and content != b""
        )


MARK = "\u0301"


def test_a_letter_has_so_many_marks_and_no_more(read: Callable[[bytes], list[str]]) -> None:
    before = "a" * LONG
    most = f"{before}e{MARK * MOST_MARKS}e{MARK * MOST_MARKS}"
    assert read(most.encode()) == [most]
    with pytest.raises(DataError, match=r"rows\.tsv:2: a letter with more than 256 marks"):
        read(f"x\n{most}{MARK}".encode())


def test_what_unpacks_to_more_than_any_text_is_refused_before_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(b"a\tb\n" * 10_000))
    assert len(list(lines(path))) == 10_000
    monkeypatch.setattr(plain, "SMALL", 1000)
    with pytest.raises(DataError, match=r"becomes more than [\d,]+ bytes"):
        next(lines(path))
    monkeypatch.setattr(plain, "RATIO", 1000)
    assert len(list(lines(path))) == 10_000


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="a pipe in the place of a file"):
        list(lines(tmp_path / "pipe"))
