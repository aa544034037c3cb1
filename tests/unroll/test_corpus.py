from __future__ import annotations

import gzip
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll import corpus
from unroll.corpus import Row
from unroll.errors import DataError
from unroll.params import (
    Aligned,
    By,
    Corpus,
    Csv,
    GroupedSplit,
    Labelled,
    Lines,
    OfficialSplit,
    Pipeline,
    Prepare,
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
SPLIT = GroupedSplit(kind="grouped", by="both", valid=0.2, test=0.3, largest_component=8)
OFFICIAL = OfficialSplit(kind="official", by="both", valid=TSV, test=TSV)


@pytest.fixture(scope="session")
def prepare(make_params: Callable[..., Pipeline]) -> Prepare:
    return make_params().prepare


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Row]]:
    def read(content: bytes, kind: Tsv | Csv | Table = TSV) -> list[Row]:
        (tmp_path / kind.file).write_bytes(content)
        return list(corpus.read(kind, tmp_path))

    return read


BY: tuple[By, ...] = ("both", "source", "target")


def keys_of(rows: Iterable[Row], by: By = "both") -> corpus.Keys:
    return corpus.hash_keys(rows, by)


def rows_of(edges: list[tuple[int, int]]) -> list[Row]:
    return [Row(f"source {s}", f"target {t}", "") for s, t in edges]


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  a\t b\u00a0\u2028c\r ", "a b c"),
        ("a\x00b\ufeff\u200bc", "abc"),
        ("\u2581a", "_a"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),  # what is invisible does not keep an accent from its letter
        ("a \x00 b", "a b"),
        ('"Hi', '"Hi'),
        ("\ud800x", "x"),
        ("क\u094dय", "क\u094dय"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert corpus.normalize(text, "NFC") == normal


def test_nfkc_folds_what_nfc_keeps() -> None:
    assert corpus.normalize("\ufb01 \uff11", "NFC") == "\ufb01 \uff11"
    assert corpus.normalize("\ufb01 \uff11", "NFKC") == "fi 1"


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_normalizing_any_character_twice_changes_nothing_and_fits_a_line_of_a_tsv(form: str) -> None:
    everything = [chr(code) for code in range(sys.maxunicode + 1)]
    for start in range(0, len(everything), 97):
        text = corpus.normalize("".join(everything[start : start + 97]), form)  # type: ignore[arg-type]
        assert corpus.normalize(text, form) == text  # type: ignore[arg-type]
        assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
        text.encode()


@given(st.text(st.characters(codec=None), max_size=30), st.sampled_from(["NFC", "NFKC"]))
def test_normalizing_twice_changes_nothing(text: str, form: str) -> None:
    once = corpus.normalize(text, form)  # type: ignore[arg-type]
    assert corpus.normalize(once, form) == once  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Hello, world!", "hello world", True),
        ("It's 5.", "it s  5", True),
        ("\uff21\uff22\uff23", "abc", True),
        ("é", "e", False),
        ("कि", "की", False),
        ("?!", "...", False),
        ("ab c", "a bc", False),
    ],
)
def test_keys_join_what_gives_each_other_away(one: str, other: str, same: bool) -> None:
    assert (corpus.key(one) == corpus.key(other)) == same


# --- reading ----------------------------------------------------------------------------------------------------------


def test_only_newlines_end_lines_and_only_tabs_part_columns(read: Callable[..., list[Row]]) -> None:
    content = 'a\u2028b\u0085c\tx, "y"\r\n"d\te"\n"f\tg\r\r\n'.encode()
    assert [row[:2] for row in read(content)] == [("a\u2028b\u0085c", 'x, "y"'), ('"d', 'e"'), ('"f', "g\r")]


def test_a_lone_quote_is_a_character(read: Callable[..., list[Row]]) -> None:
    assert [row.source for row in read(b'"One.\t1\nTwo."\t2\n"\t3\n')] == ['"One.', 'Two."', '"']


def test_a_bom_is_dropped_at_the_start_of_a_file_alone(read: Callable[..., list[Row]]) -> None:
    assert [row.source for row in read(b"\xef\xbb\xbfa\tb\n\xef\xbb\xbfc\td")] == ["a", "\ufeffc"]


def test_gzip_reads_like_plain_under_any_name(tmp_path: Path) -> None:
    content = "año\t1\n\nfin\t2".encode()
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "packed").write_bytes(gzip.compress(content))
    assert list(corpus.lines(tmp_path / "packed")) == list(corpus.lines(tmp_path / "plain")) == ["año\t1", "", "fin\t2"]


def test_columns_are_chosen_by_number(read: Callable[..., list[Row]]) -> None:
    kind = Tsv(format="tsv", file="rows.tsv", source_column=2, target_column=0, attribution_column=3)
    assert read(b"a\tb\tc\td\te\nf\tg\th\n", kind) == [Row("c", "a", "d"), Row("h", "f", "")]


def test_one_sided_rows_are_rows_with_an_empty_side(read: Callable[..., list[Row]]) -> None:
    pairs = [("a", ""), ("b", ""), ("", "c"), ("", ""), ("d", "e")]
    assert read(b"a\nb\t\n\tc\n\nd\te\n") == [Row(*pair, "") for pair in pairs]


@pytest.mark.parametrize(("column", "name"), [(2, "target_column"), (7, "target_column")])
def test_a_column_that_no_row_has_is_named(read: Callable[..., list[Row]], column: int, name: str) -> None:
    kind = TSV.model_copy(update={name: column})
    with pytest.raises(DataError, match=rf"rows\.tsv: no row has column {column}, the widest has 2 .* mend {name}"):
        read(b"a\tb\nc\n", kind)


def test_a_missing_attribution_column_is_named_too(read: Callable[..., list[Row]]) -> None:
    with pytest.raises(DataError, match="mend attribution_column"):
        read(b"a\tb\n", TSV.model_copy(update={"attribution_column": 2}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\nse\u00f1or\tc".encode("latin-1"), r"rows\.tsv:2: byte 3 \(0xf1\) .*Latin-1.*iconv -f LATIN1 -t UTF-8"),
        ("a\tb\n".encode("utf-16"), r"rows\.tsv:1: a NUL byte.*iconv -f UTF-16"),
        (b"a\tb\nc\0d\te\n", r"rows\.tsv:2: a NUL byte"),
        (b"a\tb\n" + b"x" * (2**20 + 1), r"rows\.tsv:2: longer than 1,048,576 bytes"),
    ],
)
def test_what_is_not_text_is_named_by_file_and_line(
    read: Callable[..., list[Row]], content: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(content)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_the_longest_line_is_still_read(read: Callable[..., list[Row]], start: bytes, ending: bytes) -> None:
    rows = read(start + b"x" * corpus.LONGEST_LINE + ending + b"a\tb")
    assert rows == [Row("x" * corpus.LONGEST_LINE, "", ""), Row("a", "b", "")]


def test_a_missing_or_damaged_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tsv: no such file"):
        list(corpus.lines(tmp_path / "none.tsv"))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a\tb\n" * 1000)[:-20])
    for name in ("cut.gz", "."):
        with pytest.raises(DataError, match="cannot be read"):
            list(corpus.lines(tmp_path / name))


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
            rows = list(corpus.read(kind, folder))
            assert not any("\n" in text or (kind is TSV and "\t" in text) for row in rows for text in row)
    with suppress(DataError):
        assert all(len(row) == 3 for row in corpus.read(CSV, folder))


def test_lines_come_file_after_file_without_a_target(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b" one \n\n")
    (tmp_path / "b").write_bytes(gzip.compress(b"two\tthree"))
    assert list(corpus.read(LINES, tmp_path)) == [Row(line, "", "") for line in (" one ", "", "two\tthree")]


def test_a_line_in_pairs_of_characters() -> None:
    assert [row[:2] for row in corpus.pairs("Abe")] == [("", "A"), ("A", "b"), ("b", "e"), ("e", "")]


@given(st.text(max_size=20))
def test_pairs_spell_the_line(line: str) -> None:
    rows = list(corpus.pairs(line))
    assert "".join(row.target for row in rows) == "".join(row.source for row in rows) == line
    assert len(rows) == len(line) + 1


def test_labels_stand_on_the_side_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "cs").write_bytes(b"Abl\nBlaha\n")
    (tmp_path / "nl").write_bytes(b"Aart\n")
    labelled = Labelled(format="labelled", files={"Czech": "cs", "Dutch": "nl"}, label="target")
    pairs = [("Abl", "Czech"), ("Blaha", "Czech"), ("Aart", "Dutch")]
    assert list(corpus.read(labelled, tmp_path)) == [Row(name, label, "") for name, label in pairs]
    turned = labelled.model_copy(update={"label": "source"})
    assert list(corpus.read(turned, tmp_path)) == [Row(label, name, "") for name, label in pairs]


def test_cells_are_quoted_where_need_be(read: Callable[..., list[Row]]) -> None:
    content = b'0,"a, ""b""\r\nc"\r\n\n1,d,e\n2\n'
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
        (b"0;a\n1;b\n", {}, r"rows\.csv: no row has column 1, the widest has 1 .*mend source_column"),
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
    rows = list(corpus.read(TABLE.model_copy(update={"divisor": 16.0, "join": join}), folder))
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
    assert list(corpus.read(ALIGNED, tmp_path)) == [Row("a\tb", "1", ""), Row("", "2", ""), Row("c", "3", "")]


@pytest.mark.parametrize(("sources", "targets"), [(3, 1200), (1200, 3), (0, 1)])
def test_aligned_files_of_unequal_length_say_both(tmp_path: Path, sources: int, targets: int) -> None:
    (tmp_path / "rows.en").write_bytes(b"x\n" * sources)
    (tmp_path / "rows.es").write_bytes(b"y\n" * targets)
    with pytest.raises(DataError, match=rf"rows\.en has {sources:,} lines, but .*rows\.es has {targets:,}"):
        list(corpus.read(ALIGNED, tmp_path))


# --- filters ----------------------------------------------------------------------------------------------------------


def reason(prepare: Prepare, source: str, target: str) -> str | None:
    dropped: Counter[str] = Counter()
    kept = list(corpus.clean([Row(source, target, "")], prepare, corpus.FILTERS, dropped))
    assert len(kept) + dropped.total() == 1
    return next(iter(dropped), None)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("Hello.", "Hola.", None),
        (" ", "\u200b", "empty"),
        ("a", " ", "one_sided"),
        ("", "a", "one_sided"),
        ("a " * 50, "b " * 50, None),
        ("a " * 51, "b " * 50, "too_long"),
        ("a" * 400, "b", None),
        ("a", "b" * 401, "too_long"),
        ("a", "a b c d", None),
        ("a", "a b c d e", "length_ratio"),
        ("a b c d e", "a", "length_ratio"),
        ("Madrid ", "Madrid", "copies"),
        ("ab12", "abc", None),
        ("ab123", "abc", "few_letters"),
        ("abc", "a ? !", "few_letters"),
    ],
)
def test_each_filter_drops_what_it_names(prepare: Prepare, source: str, target: str, expected: str | None) -> None:
    assert reason(prepare, source, target) == expected


@pytest.mark.parametrize(
    ("kind", "split", "filters", "names"),
    [
        (TSV, SPLIT, True, set(corpus.FILTERS)),
        (TSV, OFFICIAL, False, {"empty", "one_sided"}),
        (LINES, SPLIT, False, {"empty"}),
        (LINES, OFFICIAL, False, set()),
        (LINES.model_copy(update={"pairs": True}), OFFICIAL, False, {"empty"}),
    ],
)
def test_rows_are_held_to_what_they_need(
    prepare: Prepare, kind: Corpus, split: GroupedSplit, filters: bool, names: set[str]
) -> None:
    assert set(corpus.checks_of(kind, split, prepare.filters if filters else None)) == names


def test_without_filters_only_a_missing_side_drops_a_row(prepare: Prepare) -> None:
    kept = [Row("same", "same", ""), Row("1", "?", ""), Row("a " * 99, "b", "")]
    unfiltered, dropped = prepare.model_copy(update={"filters": None}), Counter[str]()
    checks = corpus.checks_of(TSV, SPLIT, None)
    found = list(corpus.clean([*kept, Row("a", " ", ""), Row("", "", "")], unfiltered, checks, dropped))
    assert [row.target for row in found] == [row.target for row in kept]
    assert dropped == {"one_sided": 1, "empty": 1}


def test_a_running_text_stays_as_it_stands(prepare: Prepare) -> None:
    lines = [" a  \ufeff b\t", "", "\u200b", "a"]
    found = corpus.clean([Row(line, "", "") for line in lines], prepare, {}, Counter())
    assert [row.source for row in found] == ["a \ufeff b", "", "\u200b", "a"]


def test_every_filter_is_tried_above() -> None:
    mark = next(mark for mark in test_each_filter_drops_what_it_names.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    assert {case[2] for case in mark.args[1]} - {None} == corpus.FILTERS.keys()


@pytest.mark.parametrize(
    "text", ["x" * 10**6, "a" + "\u0301\u0323" * 30_000, "a\u00a0" * 10**5], ids=["x", "marks", "spaces"]
)
def test_a_hopelessly_long_row_is_dropped_at_once(prepare: Prepare, text: str) -> None:
    started = time.process_time()
    assert reason(prepare, text, "b") == "too_long"
    assert time.process_time() - started < 1


words = st.text(st.sampled_from("ab1 ?\t\u200bé"), max_size=8)


@given(st.lists(st.tuples(words, words), max_size=30), st.none() | st.integers(1, 10))
@settings(deadline=None)
def test_counts_add_up(prepare: Prepare, pairs: list[tuple[str, str]], max_rows: int | None) -> None:
    dropped: Counter[str] = Counter()
    passed = list(corpus.clean([Row(*pair, "") for pair in pairs], prepare, corpus.FILTERS, dropped))
    division = corpus.divide(keys_of(passed), max_rows, SPLIT)
    kept = int((division.of_row != corpus.LEFT_OUT).sum())
    assert kept == division.sizes.sum() == len(pairs) - dropped.total() - sum(division.dropped.values())
    assert kept <= (max_rows or kept)
    assert division.dropped["duplicates"] == len(passed) - len(set(passed))


# --- splitting --------------------------------------------------------------------------------------------------------

edges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60)


def reached(edges: list[tuple[int, int]]) -> dict[tuple[str, int], int]:
    """A number for each node's component, found by walking the graph: the specification of union-find."""
    near: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
    for source, target in edges:
        near["s", source].append(("t", target))
        near["t", target].append(("s", source))
    number: dict[tuple[str, int], int] = {}
    for count, start in enumerate(near):
        waiting = [start]
        while waiting:
            node = waiting.pop()
            if node not in number:
                number[node] = count
                waiting += near[node]
    return number


@given(edges)
@settings(deadline=None)
def test_components_are_what_a_walk_reaches(edges: list[tuple[int, int]]) -> None:
    found = corpus.components(keys_of(rows_of(edges)))
    walked = [reached(edges)["s", source] for source, _ in edges]
    pairs = set(zip(walked, found.of_row.tolist(), strict=True))
    assert len(pairs) == len(set(walked)) == len(found.sizes)
    assert found.sizes.tolist() == [found.of_row.tolist().count(number) for number in range(len(found.sizes))]


def test_every_component_has_a_name_of_its_own() -> None:
    found = corpus.components(keys_of([Row(f"w{i}", f"w{i + 1}", "") for i in range(50)]))
    assert len(found.sizes) == len(set(found.smallest.tolist())) == 50


@given(edges, st.none() | st.integers(1, 30), st.integers(1, 8))
@settings(deadline=None)
def test_no_random_corpus_leaks(edges: list[tuple[int, int]], max_rows: int | None, largest: int) -> None:
    split = SPLIT.model_copy(update={"largest_component": largest})
    division = corpus.divide(keys_of(rows_of(edges)), max_rows, split)
    seen: dict[tuple[str, int], set[int]] = defaultdict(set)
    for (source, target), side in zip(edges, division.of_row.tolist(), strict=True):
        if side != corpus.LEFT_OUT:
            seen["s", source].add(side)
            seen["t", target].add(side)
    assert all(len(sides) == 1 for sides in seen.values())


@given(edges, st.none() | st.integers(1, 30), st.randoms())
@settings(deadline=None)
def test_the_split_does_not_hang_on_the_order_of_rows(
    edges: list[tuple[int, int]], max_rows: int | None, random: object
) -> None:
    def places(edges: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
        division = corpus.divide(keys_of(rows_of(edges)), max_rows, SPLIT)
        return dict(zip(edges, division.of_row.tolist(), strict=True))

    once = sorted(set(edges))
    shuffled = once.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert places(once) == places(shuffled)


def test_shares_are_those_asked_for_and_large_components_stay_in_train() -> None:
    pairs = rows_of([(i, i) for i in range(5000)]) + rows_of([(9999, 9000 + i) for i in range(9)])
    division = corpus.divide(keys_of(pairs), None, SPLIT)
    shares = np.bincount(division.of_row[:5000], minlength=3) / 5000
    assert shares == pytest.approx([0.5, 0.2, 0.3], abs=0.02)
    assert set(division.of_row[5000:].tolist()) == {0}
    assert division.sizes.max() == 9


def test_a_row_that_is_added_moves_no_other() -> None:
    before = corpus.divide(keys_of(rows_of([(i, i) for i in range(200)])), None, SPLIT).of_row
    after = corpus.divide(keys_of(rows_of([(i, i) for i in range(300)])), None, SPLIT).of_row
    assert before.tolist() == after[:200].tolist()


def test_a_sample_is_split_like_the_whole() -> None:
    division = corpus.divide(keys_of(rows_of([(i, i) for i in range(5000)])), 1000, SPLIT)
    kept = division.of_row[division.of_row != corpus.LEFT_OUT]
    assert len(kept) == 1000
    assert np.bincount(kept, minlength=3) / 1000 == pytest.approx([0.5, 0.2, 0.3], abs=0.06)


def test_the_first_of_equal_rows_stays() -> None:
    division = corpus.divide(keys_of(rows_of([(1, 1), (2, 2), (1, 1), (1, 1)])), None, OFFICIAL)
    assert division.of_row.tolist() == [0, 0, corpus.LEFT_OUT, corpus.LEFT_OUT]
    assert division.dropped == {"duplicates": 2, "max_rows": 0}


@given(edges, st.sampled_from(["source", "target"]))
@settings(deadline=None)
def test_by_one_side_rows_hang_together_by_that_side_alone(edges: list[tuple[int, int]], by: By) -> None:
    found = corpus.components(keys_of(rows_of(edges), by))
    side = ["source", "target"].index(by)
    names = set(zip([edge[side] for edge in edges], found.of_row.tolist(), strict=True))
    assert len(names) == len(found.sizes) == len({edge[side] for edge in edges})


@given(edges, st.none() | st.integers(1, 30), st.sampled_from(["source", "target"]))
@settings(deadline=None)
def test_a_split_by_one_side_leaks_nothing_of_it(edges: list[tuple[int, int]], max_rows: int | None, by: By) -> None:
    keys = keys_of(rows_of(edges), by)
    division = corpus.divide(keys, max_rows, SPLIT)
    train, *held_out = (keys[np.flatnonzero(division.of_row == number)] for number in range(3))
    assert [corpus.leakage(train, part) for part in held_out] == [0, 0]


def test_a_few_labels_can_be_split_by_the_other_side() -> None:
    rows = [Row(f"name {i}", f"label {i % 3}", "") for i in range(2000)]
    shares = {by: np.bincount(corpus.divide(keys_of(rows, by), None, SPLIT).of_row, minlength=3) for by in BY}
    assert shares["source"] / 2000 == pytest.approx([0.5, 0.2, 0.3], abs=0.04)
    assert shares["target"].tolist() == shares["both"].tolist() == [2000, 0, 0]


@pytest.mark.parametrize("by", BY)
def test_rows_do_not_hang_together_by_what_they_lack(by: By) -> None:
    assert len(corpus.components(keys_of([Row(f"line {i}", "", "") for i in range(50)], by)).sizes) == 50


def test_validation_rows_are_drawn_where_nobody_published_any() -> None:
    pairs = rows_of([(i // 2, i) for i in range(4000)]) + rows_of([(9999, 9000 + i) for i in range(900)])
    split = OFFICIAL.model_copy(update={"valid": 0.1})
    division = corpus.divide(keys_of(pairs), None, split)
    assert np.bincount(division.of_row[:4000], minlength=3) / 4000 == pytest.approx([0.9, 0.1, 0], abs=0.02)
    assert (division.of_row[:4000:2] == division.of_row[1:4000:2]).all()
    assert set(division.of_row[4000:].tolist()) == {0}, "more rows than the whole share stay in train"
    assert corpus.drawn_splits(split) == ("train", "valid")
    assert corpus.drawn_splits(OFFICIAL) == ("train",)
    assert corpus.drawn_splits(SPLIT) == corpus.SPLITS


@pytest.mark.parametrize(("max_rows", "kept"), [(None, 5), (3, 3), (9, 5)])
def test_a_running_text_keeps_duplicates_and_its_beginning(max_rows: int | None, kept: int) -> None:
    text = [Row(line, "", "") for line in ("", "a", "", "a", "b")]
    division = corpus.divide(keys_of(text), max_rows, OFFICIAL, running=True)
    assert division.of_row.tolist() == [0] * kept + [corpus.LEFT_OUT] * (5 - kept)
    assert division.dropped == {"duplicates": 0, "max_rows": 5 - kept}


def test_blank_rows_give_nothing_away() -> None:
    train, held_out = (keys_of([Row(line, "", "") for line in lines]) for lines in (("", "a"), ("", "", "A!", "b")))
    assert corpus.leakage(train, held_out) == 50


TAKEN = [Row("Hi!", "Hola", ""), Row("No.", "Nada", "")]


def test_leakage_counts_either_side_by_key() -> None:
    train = keys_of(TAKEN)
    held_out = [Row("hi", "Buenas", ""), Row("Hey", "¡HOLA!", ""), Row("nada", "no", ""), Row("New", "Nuevo", "")]
    assert corpus.leakage(train, keys_of(held_out)) == 50
    assert corpus.leakage(train, keys_of([])) == corpus.leakage(keys_of([]), train) == 0
    assert corpus.leakage(train, train) == 100
    assert corpus.leakage(keys_of(TAKEN, "source"), keys_of(held_out, "source")) == 25
    assert corpus.leakage(keys_of(TAKEN, "target"), keys_of(held_out, "target")) == 25


def test_prepared_rows_and_references_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "test.tsv"
    path.write_text("hi\thola\tby A\nbye\tadi\u2028ós\t\nhi\tbuenas\tby B\n", encoding="utf-8", newline="")
    assert list(corpus.prepared(path)) == [
        corpus.Row("hi", "hola", "by A"),
        corpus.Row("bye", "adi\u2028ós", ""),
        corpus.Row("hi", "buenas", "by B"),
    ]
    for side in ("source", "target"):
        assert list(corpus.column(path, side)) == [getattr(row, side) for row in corpus.prepared(path)]
    assert corpus.references(path) == {"hi": ["hola", "buenas"], "bye": ["adi\u2028ós"]}
    assert list(corpus.references(path)) == ["hi", "bye"]


def test_far_sources_differ_from_every_train_source_in_more_than_a_word() -> None:
    train = ["I drink cold milk.", "Hello"]
    near = ["I drink warm milk.", "i DRINK cold milk", "You drink cold milk!", "Goodbye"]
    far = ["I drink milk.", "I drink cold white milk.", "You drink warm milk.", "We sing."]
    assert corpus.far_from(iter(train), near + far) == set(far)
    assert corpus.far_from(iter([]), far) == set(far)
    assert corpus.far_from(iter(train), []) == set()
