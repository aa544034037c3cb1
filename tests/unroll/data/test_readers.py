"""Every format of a corpus, row by row as it stands in its files, or one line that names the place."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data import readers
from unroll.data.rows import Row
from unroll.errors import DataError
from unroll.params.columns import Where
from unroll.params.prepare import (
    FORMATS,
    Aligned,
    Conll,
    Csv,
    Foldered,
    Jsonl,
    Labelled,
    Lines,
    OwnCorpus,
    Table,
    Tsv,
)

TSV = Tsv(format="tsv", file="rows.tsv", source_column=0, target_column=1, attribution_column=None)
ALIGNED = Aligned(format="aligned", source_file="rows.en", target_file="rows.es")
LINES = Lines(format="lines", files=("a", "b"), pairs=False)
CSV = Csv(format="csv", file="rows.csv", rows=None, source_column=1, target_column=0, target_names=None)
TABLE = Table(
    format="table", file="rows.csv", rows=None, columns=(0, 4), frame=2, divisor=2.0, target_column=4,
    target_names=None, join=None,
)  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Row]]:
    def read(content: bytes, kind: Tsv | Csv | Table = TSV) -> list[Row]:
        (tmp_path / kind.file).write_bytes(content)
        return list(readers.read(kind, tmp_path))

    return read


def test_every_format_has_a_reader() -> None:
    ours = {name for name, reader in readers.READERS.items() if reader.__module__.startswith("unroll.")}
    assert ours == FORMATS.keys()


def test_a_reader_of_ones_own_is_a_function_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(readers.READERS, "mine", lambda corpus, folder: iter([Row(corpus.word, folder.name, "")]))
    own = OwnCorpus.model_validate({"format": "mine", "word": "hi"})
    assert list(readers.read(own, tmp_path / "raw")) == [Row("hi", "raw", "")]


def test_only_newlines_end_lines_and_only_tabs_part_columns(read: Callable[..., list[Row]]) -> None:
    content = 'a\u2028b\u0085c\tx, "y"\r\n"d\te"\n"f\tg\r\r\n'.encode()
    assert [row[:2] for row in read(content)] == [("a\u2028b\u0085c", 'x, "y"'), ('"d', 'e"'), ('"f', "g\r")]


def test_a_lone_quote_is_a_character(read: Callable[..., list[Row]]) -> None:
    assert [row.source for row in read(b'"One.\t1\nTwo."\t2\n"\t3\n')] == ['"One.', 'Two."', '"']


def test_columns_are_chosen_by_number(read: Callable[..., list[Row]]) -> None:
    kind = Tsv(format="tsv", file="rows.tsv", source_column=2, target_column=0, attribution_column=3)
    assert read(b"a\tb\tc\td\te\nf\tg\th\n", kind) == [Row("c", "a", "d"), Row("h", "f", "")]


def test_one_sided_rows_are_rows_with_an_empty_side(read: Callable[..., list[Row]]) -> None:
    pairs = [("a", ""), ("b", ""), ("", "c"), ("", ""), ("d", "e")]
    assert read(b"a\nb\t\n\tc\n\nd\te\n") == [Row(*pair, "") for pair in pairs]


@pytest.mark.parametrize(("column", "name"), [(2, "target_column"), (7, "target_column")])
def test_a_column_that_no_row_has_is_named(read: Callable[..., list[Row]], column: int, name: str) -> None:
    kind = TSV.model_copy(update={name: column})
    with pytest.raises(DataError, match=rf"rows\.tsv: no row has column {column}, the widest has 2 .* fix {name}"):
        read(b"a\tb\nc\n", kind)


def test_a_missing_attribution_column_is_named_too(read: Callable[..., list[Row]]) -> None:
    with pytest.raises(DataError, match="fix attribution_column"):
        read(b"a\tb\n", TSV.model_copy(update={"attribution_column": 2}))


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from([b"a", b"\t", b"\n", b"\r", b"\xff", b"\0", b'"'])).map(b"".join)
)
@settings(deadline=None)
def test_reading_any_bytes_gives_rows_or_a_data_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("rows.tsv", "rows.gz", "rows.en", "rows.csv", "a", "b"):
        (folder / name).write_bytes(content)
    (folder / "rows.es").write_bytes(b"a\nb\n")
    for kind in (TSV, TSV.model_copy(update={"file": "rows.gz"}), ALIGNED, LINES, TABLE):
        with suppress(DataError):
            rows = list(readers.read(kind, folder))
            assert not any("\n" in text or (kind is TSV and "\t" in text) for row in rows for text in row)
    with suppress(DataError):
        assert all(len(row) == len(Row._fields) for row in readers.read(CSV, folder))


def test_lines_come_file_after_file_without_a_target(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b" one \n\n")
    (tmp_path / "b").write_bytes(gzip.compress(b"two\tthree"))
    assert list(readers.read(LINES, tmp_path)) == [Row(line, "", "") for line in (" one ", "", "two\tthree")]


def test_a_line_in_pairs_of_characters() -> None:
    assert [row[:2] for row in readers.pairs("Abe")] == [("", "A"), ("A", "b"), ("b", "e"), ("e", "")]


@given(st.text(max_size=20))
def test_pairs_spell_the_line(line: str) -> None:
    rows = list(readers.pairs(line))
    assert "".join(row.target for row in rows) == "".join(row.source for row in rows) == line
    assert len(rows) == len(line) + 1


def test_lines_alone_can_be_paired() -> None:
    paired = [kind for kind in (TSV, LINES, CSV, LINES.model_copy(update={"pairs": True})) if readers.paired(kind)]
    assert [kind.format for kind in paired] == ["lines"]


def test_labels_stand_on_the_side_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "cs").write_bytes(b"Abl\nBlaha\n")
    (tmp_path / "nl").write_bytes(b"Aart\n")
    labelled = Labelled(format="labelled", files={"Czech": "cs", "Dutch": "nl"}, label="target")
    pairs = [("Abl", "Czech"), ("Blaha", "Czech"), ("Aart", "Dutch")]
    assert list(readers.read(labelled, tmp_path)) == [Row(name, label, "") for name, label in pairs]
    turned = labelled.model_copy(update={"label": "source"})
    assert list(readers.read(turned, tmp_path)) == [Row(label, name, "") for name, label in pairs]


def test_cells_are_quoted_where_need_be(read: Callable[..., list[Row]]) -> None:
    content = b'0,"a, ""b""\r\nc"\r\n\n1,d\n2\n'
    assert read(content, CSV) == [Row('a, "b"\nc', "0", ""), Row("", "", ""), Row("d", "1", ""), Row("", "2", "")]


@pytest.mark.parametrize(("rows", "kept"), [((0, 2), "ht"), ((1, 3), "ta"), ((1, 99), "tab"), ((9, 10), "")])
def test_rows_of_a_file_are_counted_from_the_first(
    read: Callable[..., list[Row]], rows: tuple[int, int], kept: str
) -> None:
    content = b"0,h\n0,t\n0,a\n0,b\n"
    assert "".join(row.source for row in read(content, CSV.model_copy(update={"rows": rows}))) == kept


def test_cells_get_their_names(read: Callable[..., list[Row]]) -> None:
    named = CSV.model_copy(update={"target_names": {"0": "no", "1": "yes"}})
    assert [row.target for row in read(b"1,a\n 0 ,b\n", named)] == ["yes", "no"]
    assert [row.target for row in read(b"1,2,3,4, 1 \n", TABLE.model_copy(update={"target_names": {"1": "one"}}))] == [
        "one"
    ]


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (b"0,a\n2,b\n", {"target_names": {"0": "no"}}, r"rows\.csv:2: '2' is not in target_names"),
        (b'0,a\n0,"b\n' + b"1,c\n" * 40_000, {}, r"rows\.csv:2: no row of cells: .*limit.*close the quote"),
        (b'0,a\n0,"b\n1,c\n', {}, r"rows\.csv:2: no row of cells: .*close the quote"),
        (b'0,a\n0,"b" c\n', {}, r"rows\.csv:2: no row of cells"),
        (b"0;a\n1;b\n", {}, r"rows\.csv: no row has column 1, the widest has 1 .*fix source_column"),
        (b"0,a\nse\xf1or,b\n", {}, r"rows\.csv:2: .*Latin-1"),
    ],
)
def test_a_bad_row_of_cells_is_one_line(
    read: Callable[..., list[Row]], content: bytes, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(content, CSV.model_copy(update=changes))
    assert "\n" not in str(caught.value)


def test_a_table_becomes_frames_and_a_target(read: Callable[..., list[Row]]) -> None:
    content = b"2,1,0,-3,x\n1e3,0.5,1e-9, 0 ,y z\n"
    assert read(content, TABLE) == [Row("1 0.5; 0 -1.5", "x", ""), Row("500 0.25; 5e-10 0", "y z", "")]
    assert [row.source for row in read(gzip.compress(content), TABLE.model_copy(update={"frame": 4}))] == [
        "1 0.5 0 -1.5", "500 0.25 5e-10 0",
    ]  # fmt: skip


def test_joined_rows_have_a_label_for_each_frame(read: Callable[..., list[Row]]) -> None:
    content = b"".join(f"{2 * n},0,0,0,{n}\n".encode() for n in range(5))
    joined = read(content, TABLE.model_copy(update={"join": 2}))
    assert joined == [Row("0 0; 0 0; 1 0; 0 0", "0 0 1 1", ""), Row("2 0; 0 0; 3 0; 0 0", "2 2 3 3", "")]


@given(st.lists(st.lists(st.integers(0, 16), min_size=4, max_size=4), max_size=7), st.integers(1, 3))
@settings(deadline=None)
def test_a_table_loses_no_number_but_an_incomplete_group(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[list[int]], join: int
) -> None:
    folder = tmp_path_factory.mktemp("table")
    lines = [f"{','.join(map(str, row))},{i}\n" for i, row in enumerate(numbers)]
    (folder / "rows.csv").write_text("".join(lines))
    rows = list(readers.read(TABLE.model_copy(update={"divisor": 16.0, "join": join}), folder))
    found = [[float(cell) * 16 for cell in frame.split()] for row in rows for frame in row.source.split("; ")]
    whole = len(numbers) - len(numbers) % join
    assert found == [row[i : i + 2] for row in numbers[:whole] for i in (0, 2)]
    assert " ".join(row.target for row in rows).split() == [str(i // 2) for i in range(2 * whole)]


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (b"1,2,3,4,x\n1,2,three,4,x\n", {}, r"rows\.csv:2: 'three' is not a finite number"),
        (b"1,2,nan,4,x\n", {}, r"rows\.csv:1: 'nan' is not a finite number"),
        (b"1,2,,4,x\n", {}, r"rows\.csv:1: '' is not a finite number"),
        (b"1,2,3,4,x\n1,2,3,4,5,x\n", {}, r"rows\.csv:2: 6 cells, where the first row has 5"),
        (b"1,2,3,4\n", {}, r"rows\.csv:1: 4 cells.*need 5"),
        (b"1,2,3,4,x\n\n", {}, r"rows\.csv:2: 1 cells"),
        (b"1,2,3,4,x\n", {"target_names": {"y": "why"}}, r"rows\.csv:1: 'x' is not in target_names"),
        (b"1,2,3,4,x y\n", {"join": 2}, r"rows\.csv:1: the label 'x y' is not one word"),
    ],
)
def test_a_bad_table_is_one_line(
    read: Callable[..., list[Row]], content: bytes, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(content, TABLE.model_copy(update=changes))


def test_aligned_files_go_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "rows.en").write_bytes(b"a\tb\n\nc")
    (tmp_path / "rows.es").write_bytes(b"1\r\n2\n3\n")
    assert list(readers.read(ALIGNED, tmp_path)) == [Row("a\tb", "1", ""), Row("", "2", ""), Row("c", "3", "")]


@pytest.mark.parametrize(("sources", "targets"), [(3, 1200), (1200, 3), (0, 1)])
def test_aligned_files_of_unequal_length_say_both(tmp_path: Path, sources: int, targets: int) -> None:
    (tmp_path / "rows.en").write_bytes(b"x\n" * sources)
    (tmp_path / "rows.es").write_bytes(b"y\n" * targets)
    with pytest.raises(DataError, match=rf"rows\.en has {sources:,} lines, but .*rows\.es has {targets:,}"):
        list(readers.read(ALIGNED, tmp_path))


def test_several_files_are_read_one_after_another(tmp_path: Path) -> None:
    for name, content in (("1", b"a\tb\n"), ("2", b"c\td\n"), ("3", b"e\n"), ("4", b"f\n")):
        (tmp_path / name).write_bytes(content)
    tsv = TSV.model_copy(update={"file": ("1", "2")})
    assert list(readers.read(tsv, tmp_path)) == [Row("a", "b", ""), Row("c", "d", "")]
    aligned = ALIGNED.model_copy(update={"source_file": ("1", "3"), "target_file": ("2", "4")})
    assert list(readers.read(aligned, tmp_path)) == [Row("a\tb", "c\td", ""), Row("e", "f", "")]
    with pytest.raises(DataError, match="2 source files, 1 target files"):
        list(readers.read(aligned.model_copy(update={"target_file": "4"}), tmp_path))


def test_lines_of_a_running_text_are_counted_over_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n2\n")
    (tmp_path / "b").write_bytes(b"3\n4\n")
    part = LINES.model_copy(update={"rows": (1, 3)})
    assert [row.source for row in readers.read(part, tmp_path)] == ["2", "3"]


def json_lines(tmp_path: Path, content: str, **changes: Any) -> list[Row]:
    (tmp_path / "rows.jsonl").write_text(content, encoding="utf-8")
    settings = {"source_key": "text", "target_key": "label", "target_names": None, "where": None}
    return list(readers.read(Jsonl(format="jsonl", file="rows.jsonl", **settings | changes), tmp_path))


def test_objects_a_line(tmp_path: Path) -> None:
    good = '{"text": "a\\nb", "label": 1}\n\n{"label": null, "text": ["c", "d"]}\n{"label": true, "text": ""}\n'
    assert json_lines(tmp_path, good) == [Row("a\nb", "1", ""), Row("c d", "", ""), Row("", "true", "")]
    assert json_lines(tmp_path, '{"text": "a", "label": 1}', target_names={"1": "one"}) == [Row("a", "one", "")]
    within = '{"translation": {"en": "a", "nl": "b"}, "a.b": "c", "set": 1}\n'
    keys = {"source_key": "translation.en", "target_key": "a.b"}
    assert json_lines(tmp_path, within, **keys) == [Row("a", "c", "")]
    assert json_lines(tmp_path, within, **keys, where=Where(column="set", cells=("2",))) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a", "label": "b"}\n{"text": \n', r"rows\.jsonl:2: no JSON"),
        ("[1]\n", r"rows\.jsonl:1: no JSON object"),
        ('{"text": "a", "lable": "b"}\n', r"rows\.jsonl:1: no key 'label'; did you mean 'lable'\?"),
        ('{"text": {"a": 1}, "label": "b"}\n', r"rows\.jsonl:1: 'text' holds .* and no text"),
        ("[" * 100_000 + "\n", r"rows\.jsonl:1: no JSON"),
    ],
)
def test_what_is_no_object_of_texts_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        json_lines(tmp_path, content)


def tagged(tmp_path: Path, content: str, source: int = 0, target: int = -1) -> list[tuple[str, str]]:
    (tmp_path / "words").write_text(content, encoding="utf-8")
    conll = Conll(format="conll", file="words", source_column=source, target_column=target)
    return [row[:2] for row in readers.read(conll, tmp_path)]


def test_words_and_tags_in_columns(tmp_path: Path) -> None:
    assert tagged(tmp_path, "-DOCSTART- -X- O\n\nthe DT O\nmilk NN B\n\n\n# NN O\nends VB O") == [
        ("the milk", "O B"), ("# ends", "O O"),
    ]  # fmt: skip
    row = "{}\t{}\t_\t{}\t_\t_\t_\t_\t_\t_\n"
    universal = (
        "# text = au lait\n" + row.format("1-2", "au", "_") + row.format(1, "à", "ADP") + row.format(2, "le", "DET")
    )
    assert tagged(tmp_path, universal + row.format("2.1", "x", "X") + row.format(3, "10 000", "NUM"), 1, 3) == [
        ("à le 10_000", "ADP DET NUM")
    ]


@pytest.mark.parametrize("content", ["the DT\nmilk\n", "the\tDT\nmilk\t \n"])
def test_a_word_without_its_tag_is_named(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"words:2: column 1 is empty, of"):
        tagged(tmp_path, content, target=1)


def test_a_folder_for_each_label(tmp_path: Path) -> None:
    for name, content in {"no/2.txt": "b\nc\n", "no/1.txt": "a", "yes/x/1.txt": "d", "yes/.hidden": "e"}.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(content, encoding="utf-8")
    kind = Foldered(format="folders", folder="mine", label="target", lines=False)
    assert [row[:2] for row in readers.read(kind, tmp_path)] == [("a", "no"), ("b c", "no"), ("d", "yes")]
    lined = kind.model_copy(update={"lines": True, "label": "source"})
    assert [row[:2] for row in readers.read(lined, tmp_path)] == [("no", "a"), ("no", "b"), ("no", "c"), ("yes", "d")]
    with pytest.raises(DataError, match="no folders in it"):
        list(readers.read(kind.model_copy(update={"folder": "mine/no"}), tmp_path))
