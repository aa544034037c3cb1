"""Which rows are kept, and that each of the others is counted under the name of its check."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data.filters import FILTERS, checks_of, clean, is_running
from unroll.data.rows import Row
from unroll.data.splitting import LEFT_OUT, divide, hash_keys
from unroll.params.pipeline import Pipeline
from unroll.params.prepare import Corpus, GroupedSplit, Lines, OfficialSplit, Prepare, Tsv

TSV = Tsv(format="tsv", file="rows.tsv", source_column=0, target_column=1, attribution_column=None)
LINES = Lines(format="lines", files=("a", "b"), pairs=False)
SPLIT = GroupedSplit(kind="grouped", by="both", valid=0.2, test=0.3, largest_component=8)
OFFICIAL = OfficialSplit(kind="official", by="both", valid=TSV, test=TSV)


@pytest.fixture(scope="session")
def prepare(make_params: Callable[..., Pipeline]) -> Prepare:
    return make_params().prepare


def reason(prepare: Prepare, source: str, target: str) -> str | None:
    dropped: Counter[str] = Counter()
    kept = list(clean([Row(source, target, "")], prepare, FILTERS, dropped))
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
        ("The dog likes good bread after work.", "那只狗下班后喜欢好面包。", None),
        ("Every day I drink milk.", "ฉันดื่มนมทุกวัน", None),
        ("I drink milk.", "我们每天早上都和朋友一起喝牛奶", "length_ratio"),
        ("a " * 30, "我" * 51, "too_long"),
    ],
)
def test_each_filter_drops_what_it_names(prepare: Prepare, source: str, target: str, expected: str | None) -> None:
    assert reason(prepare, source, target) == expected


@pytest.mark.parametrize(
    ("kind", "split", "filtered", "names"),
    [
        (TSV, SPLIT, True, set(FILTERS)),
        (TSV, OFFICIAL, False, {"empty", "one_sided"}),
        (LINES, SPLIT, False, {"empty"}),
        (LINES, OFFICIAL, False, set()),
        (LINES.model_copy(update={"pairs": True}), OFFICIAL, False, {"empty"}),
    ],
)
def test_rows_are_held_to_what_they_need(
    prepare: Prepare, kind: Corpus, split: GroupedSplit, filtered: bool, names: set[str]
) -> None:
    assert set(checks_of(kind, split, prepare.filters if filtered else None)) == names


def test_without_filters_only_a_missing_side_drops_a_row(prepare: Prepare) -> None:
    kept = [Row("same", "same", ""), Row("1", "?", ""), Row("a " * 99, "b", "")]
    unfiltered, dropped = prepare.model_copy(update={"filters": None}), Counter[str]()
    checks = checks_of(TSV, SPLIT, None)
    found = list(clean([*kept, Row("a", " ", ""), Row("", "", "")], unfiltered, checks, dropped))
    assert [row.target for row in found] == [row.target for row in kept]
    assert dropped == {"one_sided": 1, "empty": 1}


def test_a_running_text_stays_as_it_stands(prepare: Prepare) -> None:
    lines = [" a  \ufeff b\t", "", "\u200b", "a"]
    found = clean([Row(line, "", "") for line in lines], prepare, {}, Counter())
    assert [row.source for row in found] == ["a \ufeff b", "", "\u200b", "a"]


def test_running_text_is_lines_that_come_split() -> None:
    pairs = LINES.model_copy(update={"pairs": True})
    assert is_running(LINES, OFFICIAL)
    assert not any(is_running(*case) for case in ((LINES, SPLIT), (pairs, OFFICIAL), (TSV, OFFICIAL)))


def test_every_filter_is_tried_above() -> None:
    mark = next(mark for mark in test_each_filter_drops_what_it_names.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    assert {case[2] for case in mark.args[1]} - {None} == FILTERS.keys()


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
    passed = list(clean([Row(*pair, "") for pair in pairs], prepare, FILTERS, dropped))
    division = divide(hash_keys(passed, "both"), max_rows, SPLIT)
    kept = int((division.of_row != LEFT_OUT).sum())
    assert kept == division.sizes.sum() == len(pairs) - dropped.total() - sum(division.dropped.values())
    assert kept <= (max_rows or kept)
    assert division.dropped["duplicates"] == len(passed) - len(set(passed))
