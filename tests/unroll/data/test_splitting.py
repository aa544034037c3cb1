"""No row of one split gives away a row of another, whatever the order of the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data import splitting
from unroll.data.rows import SPLITS, Row
from unroll.params.prepare import By, GroupedSplit, OfficialSplit, Tsv

TSV = Tsv(format="tsv", file="rows.tsv", source_column=0, target_column=1, attribution_column=None)
SPLIT = GroupedSplit(kind="grouped", by="both", valid=0.2, test=0.3, largest_component=8)
OFFICIAL = OfficialSplit(kind="official", by="both", valid=TSV, test=TSV)
BY: tuple[By, ...] = ("both", "source", "target")
TAKEN = [Row("Hi!", "Hola", ""), Row("No.", "Nada", "")]
edges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60)


def keys_of(rows: Iterable[Row], by: By = "both") -> splitting.Keys:
    return splitting.hash_keys(rows, by)


def rows_of(edges: list[tuple[int, int]]) -> list[Row]:
    return [Row(f"source {s}", f"target {t}", "") for s, t in edges]


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
    assert (splitting.key(one) == splitting.key(other)) == same


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
    found = splitting.components(keys_of(rows_of(edges)))
    walked = [reached(edges)["s", source] for source, _ in edges]
    pairs = set(zip(walked, found.of_row.tolist(), strict=True))
    assert len(pairs) == len(set(walked)) == len(found.sizes)
    assert found.sizes.tolist() == [found.of_row.tolist().count(number) for number in range(len(found.sizes))]


def test_every_component_has_a_name_of_its_own() -> None:
    found = splitting.components(keys_of([Row(f"w{i}", f"w{i + 1}", "") for i in range(50)]))
    assert len(found.sizes) == len(set(found.smallest.tolist())) == 50


@given(edges, st.none() | st.integers(1, 30), st.integers(1, 8))
@settings(deadline=None)
def test_no_random_corpus_leaks(edges: list[tuple[int, int]], max_rows: int | None, largest: int) -> None:
    split = SPLIT.model_copy(update={"largest_component": largest})
    division = splitting.divide(keys_of(rows_of(edges)), max_rows, split)
    seen: dict[tuple[str, int], set[int]] = defaultdict(set)
    for (source, target), side in zip(edges, division.of_row.tolist(), strict=True):
        if side != splitting.LEFT_OUT:
            seen["s", source].add(side)
            seen["t", target].add(side)
    assert all(len(sides) == 1 for sides in seen.values())


@given(edges, st.none() | st.integers(1, 30), st.randoms())
@settings(deadline=None)
def test_the_split_does_not_depend_on_the_order_of_rows(
    edges: list[tuple[int, int]], max_rows: int | None, random: object
) -> None:
    def places(edges: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
        division = splitting.divide(keys_of(rows_of(edges)), max_rows, SPLIT)
        return dict(zip(edges, division.of_row.tolist(), strict=True))

    once = sorted(set(edges))
    shuffled = once.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert places(once) == places(shuffled)


def test_shares_are_those_asked_for_and_large_components_stay_in_train() -> None:
    pairs = rows_of([(i, i) for i in range(5000)]) + rows_of([(9999, 9000 + i) for i in range(9)])
    division = splitting.divide(keys_of(pairs), None, SPLIT)
    shares = np.bincount(division.of_row[:5000], minlength=3) / 5000
    assert shares == pytest.approx([0.5, 0.2, 0.3], abs=0.02)
    assert set(division.of_row[5000:].tolist()) == {0}
    assert division.sizes.max() == 9


def test_a_row_that_is_added_moves_no_other() -> None:
    before = splitting.divide(keys_of(rows_of([(i, i) for i in range(200)])), None, SPLIT).of_row
    after = splitting.divide(keys_of(rows_of([(i, i) for i in range(300)])), None, SPLIT).of_row
    assert before.tolist() == after[:200].tolist()


def test_a_sample_is_split_like_the_whole() -> None:
    division = splitting.divide(keys_of(rows_of([(i, i) for i in range(5000)])), 1000, SPLIT)
    kept = division.of_row[division.of_row != splitting.LEFT_OUT]
    assert len(kept) == 1000
    assert np.bincount(kept, minlength=3) / 1000 == pytest.approx([0.5, 0.2, 0.3], abs=0.06)


def test_the_first_of_equal_rows_stays() -> None:
    division = splitting.divide(keys_of(rows_of([(1, 1), (2, 2), (1, 1), (1, 1)])), None, OFFICIAL)
    assert division.of_row.tolist() == [0, 0, splitting.LEFT_OUT, splitting.LEFT_OUT]
    assert division.dropped == {"duplicates": 2, "max_rows": 0}


@given(edges, st.sampled_from(["source", "target"]))
@settings(deadline=None)
def test_by_one_side_rows_belong_together_by_that_side_alone(edges: list[tuple[int, int]], by: By) -> None:
    found = splitting.components(keys_of(rows_of(edges), by))
    side = ["source", "target"].index(by)
    names = set(zip([edge[side] for edge in edges], found.of_row.tolist(), strict=True))
    assert len(names) == len(found.sizes) == len({edge[side] for edge in edges})


@given(edges, st.none() | st.integers(1, 30), st.sampled_from(["source", "target"]))
@settings(deadline=None)
def test_a_split_by_one_side_leaks_nothing_of_it(edges: list[tuple[int, int]], max_rows: int | None, by: By) -> None:
    keys = keys_of(rows_of(edges), by)
    division = splitting.divide(keys, max_rows, SPLIT)
    train, *held_out = (keys[np.flatnonzero(division.of_row == number)] for number in range(3))
    assert [splitting.leakage(train, part) for part in held_out] == [0, 0]


def windows_of(sequences: dict[str, int]) -> list[Row]:
    """Rows of windows that overlap: no two show the same numbers, those of one sequence are relatives."""
    return [Row(f"{n}; {n + 1}", "yes", "", kin) for kin, count in sequences.items() for n in range(count)]


GROUPS = GroupedSplit(kind="grouped", by="group", valid=0.1, test=0.2, largest_component=1000)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 60), min_size=3, max_size=20))
def test_windows_of_one_group_stay_together_and_few_large_groups_fill_every_split(sizes: list[int]) -> None:
    rows = [Row(f"{group}; {n}", "yes", "", f"g{group}") for group, count in enumerate(sizes) for n in range(count)]
    of_row = splitting.divide(keys_of(rows, "group"), None, GROUPS).of_row
    sides = {group: set(of_row[[row.kin == f"g{group}" for row in rows]].tolist()) for group in range(len(sizes))}
    assert all(len(side) == 1 for side in sides.values())
    assert (of_row == SPLITS.index("test")).any()
    if max(sizes) < 0.2 * sum(sizes):
        assert set(of_row.tolist()) == {0, 1, 2}


def test_sequences_that_show_the_same_numbers_are_relatives_whatever_their_groups() -> None:
    rows = [Row("1; 2", "yes", "", "a"), Row("1; 2", "no", "", "b"), Row("-1; 2", "no", "", "c")]
    assert sorted(splitting.components(keys_of(rows, "group")).sizes.tolist()) == [1, 2]


def test_a_split_by_rows_of_overlapping_windows_leaks_though_no_two_rows_are_equal() -> None:
    rows = windows_of({"one recording": 100})
    train, test = keys_of([row for n, row in enumerate(rows) if n % 5]), keys_of(rows[::5])
    assert splitting.leakage(train, test) == 100
    apart = keys_of([Row(row.source, row.target, "", "another") for row in windows_of({"x": 130})[110:]])
    assert splitting.leakage(train, apart) == 0


def test_validation_groups_are_drawn_however_large_they_are() -> None:
    rows = windows_of({f"subject {n}": 100 for n in range(3)})
    rows = [Row(f"{row.kin} {row.source}", row.target, "", row.kin) for row in rows]
    split = OFFICIAL.model_copy(update={"valid": 0.1, "by": "group"})
    assert np.bincount(splitting.divide(keys_of(rows, "group"), None, split).of_row).tolist() == [200, 100]


def test_a_few_labels_can_be_split_by_the_other_side() -> None:
    rows = [Row(f"name {i}", f"label {i % 3}", "") for i in range(2000)]
    shares = {by: np.bincount(splitting.divide(keys_of(rows, by), None, SPLIT).of_row, minlength=3) for by in BY}
    assert shares["source"] / 2000 == pytest.approx([0.5, 0.2, 0.3], abs=0.04)
    assert shares["target"].tolist() == shares["both"].tolist() == [2000, 0, 0]


@pytest.mark.parametrize("by", BY)
def test_rows_do_not_belong_together_by_what_they_lack(by: By) -> None:
    assert len(splitting.components(keys_of([Row(f"line {i}", "", "") for i in range(50)], by)).sizes) == 50


def test_validation_rows_are_drawn_where_nobody_published_any() -> None:
    pairs = rows_of([(i // 2, i) for i in range(4000)]) + rows_of([(9999, 9000 + i) for i in range(900)])
    split = OFFICIAL.model_copy(update={"valid": 0.1})
    division = splitting.divide(keys_of(pairs), None, split)
    assert np.bincount(division.of_row[:4000], minlength=3) / 4000 == pytest.approx([0.9, 0.1, 0], abs=0.02)
    assert (division.of_row[:4000:2] == division.of_row[1:4000:2]).all()
    assert set(division.of_row[4000:].tolist()) == {0}, "more rows than the whole share stay in train"
    assert splitting.drawn_splits(split) == ("train", "valid")
    assert splitting.drawn_splits(OFFICIAL) == ("train",)
    assert splitting.drawn_splits(SPLIT) == SPLITS


@pytest.mark.parametrize(("max_rows", "kept"), [(None, 5), (3, 3), (9, 5)])
def test_a_running_text_keeps_duplicates_and_its_beginning(max_rows: int | None, kept: int) -> None:
    text = [Row(line, "", "") for line in ("", "a", "", "a", "b")]
    division = splitting.divide(keys_of(text), max_rows, OFFICIAL, running=True)
    assert division.of_row.tolist() == [0] * kept + [splitting.LEFT_OUT] * (5 - kept)
    assert division.dropped == {"duplicates": 0, "max_rows": 5 - kept}


def test_blank_rows_give_nothing_away() -> None:
    train, held_out = (keys_of([Row(line, "", "") for line in lines]) for lines in (("", "a"), ("", "", "A!", "b")))
    assert splitting.leakage(train, held_out) == 50


def test_leakage_counts_either_side_by_key() -> None:
    train = keys_of(TAKEN)
    held_out = [Row("hi", "Buenas", ""), Row("Hey", "¡HOLA!", ""), Row("nada", "no", ""), Row("New", "Nuevo", "")]
    assert splitting.leakage(train, keys_of(held_out)) == 50
    assert splitting.leakage(train, keys_of([])) == splitting.leakage(keys_of([]), train) == 0
    assert splitting.leakage(train, train) == 100
    assert splitting.leakage(keys_of(TAKEN, "source"), keys_of(held_out, "source")) == 25
    assert splitting.leakage(keys_of(TAKEN, "target"), keys_of(held_out, "target")) == 25


def test_far_sources_differ_from_every_train_source_in_more_than_a_word() -> None:
    train = ["I drink cold milk.", "Hello"]
    near = ["I drink warm milk.", "i DRINK cold milk", "You drink cold milk!", "Goodbye"]
    far = ["I drink milk.", "I drink cold white milk.", "You drink warm milk.", "We sing."]
    assert splitting.far_from(iter(train), near + far) == set(far)
    assert splitting.far_from(iter([]), far) == set(far)
    assert splitting.far_from(iter(train), []) == set()


def test_chinese_sources_are_near_where_one_letter_tells_them_apart() -> None:
    assert splitting.far_from(["我们每天喝牛奶"], ["我们每天喝羊奶", "他们从不喝水"]) == {"他们从不喝水"}
