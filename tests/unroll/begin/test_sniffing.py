"""The kind of a file is told by its first lines, whatever it is called."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from unroll.begin.sniffing import Sniffed, sniff, stem, suffix
from unroll.errors import DataError


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Sniffed]:
    def look(content: str, name: str = "file") -> Sniffed:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return sniff(tmp_path / name)

    return look


PROSE = "It was late, and it rained.\nNobody, as they say, was there.\nAll slept.\n"


@pytest.mark.parametrize(
    ("content", "kind", "delimiter"),
    [
        ("I see.\tIk zie.\nI am, too.\tIk ook.\n", "tsv", "\t"),
        ('text,label\n"well, yes",a\nno,b\n', "csv", ","),
        ("tekst;soort\nja, ja;a\nnee;b\n", "csv", ";"),
        ("a|b\nc|d\n", "csv", "|"),
        ('{"text": "a", "label": "b"}\n', "jsonl", ""),
        ("the DT\nmilk NN\n\nit PRP\nis VBZ\n\n", "conll", " "),
        ("-DOCSTART- -X-\n\nthe\tDT\nmilk\tNN\n\nit\tPRP\nis\tVBZ\n", "conll", "\t"),
        (PROSE, "lines", ""),
        ("Jansen\nBakker\nde Boer\n", "lines", ""),
        ("{ no JSON\n{ this\n", "lines", ""),
        ("One line.\tEen regel.\n\nTwo lines.\tTwee regels.\n", "tsv", "\t"),
        ("It rains.\nIt snows.\n\nIt is late.\nAll sleep.\n", "lines", ""),
    ],
)
def test_kinds_of_files(look: Callable[..., Sniffed], content: str, kind: str, delimiter: str) -> None:
    found = look(content)
    assert (found.kind, found.delimiter) == (kind, delimiter)


def test_a_header_is_no_row(look: Callable[..., Sniffed]) -> None:
    found = look("text,label\na b,x\nc d,y\n")
    assert (found.header, found.rows) == (["text", "label"], [["a b", "x"], ["c d", "y"]])
    assert look("a b,x\nc d,y\n").header == []


def test_a_ragged_file_that_is_called_a_table_is_one(look: Callable[..., Sniffed]) -> None:
    ragged = "en,nl\na,b\nc, d,e\nf,g\nh,i\n"
    assert look(ragged, "mine.csv").kind == "csv"
    assert look(ragged, "mine.txt").kind == "lines"


def test_a_file_is_unpacked_to_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(b"a\tb\nc\td\n"))
    (tmp_path / "b").write_bytes(lzma.compress(b"a\tb\nc\td\n"))
    assert [sniff(tmp_path / name).kind for name in "ab"] == ["tsv", "tsv"]


@pytest.mark.parametrize("content", ["", "\n\n", " \n"])
def test_an_empty_file_is_refused(look: Callable[..., Sniffed], content: str) -> None:
    with pytest.raises(DataError, match="file: is empty"):
        look(content)


def test_names_without_how_they_are_packed() -> None:
    assert [suffix(Path(name)) for name in ("a.en.gz", "a.EN", "a.tar", "a")] == [".en", ".en", ".tar", ""]
    assert [stem(Path(name)) for name in ("x/Dutch.txt", "Old Dutch.txt.bz2", ".x")] == ["Dutch", "Old Dutch", ".x"]
