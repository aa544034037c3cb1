"""Spans against what conlleval finds in the same tags."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.training.spans import marked, span_counts, span_f1, spans


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O O", set()),
        ("B-PER I-PER O", {(0, 2, "PER")}),
        ("I-PER I-PER I-LOC", {(0, 2, "PER"), (2, 3, "LOC")}),  # IOB1: I- begins, too
        ("B-PER B-PER I-PER", {(0, 1, "PER"), (1, 3, "PER")}),
        ("B-PER I-LOC I-LOC", {(0, 1, "PER"), (1, 3, "LOC")}),
        ("B-PER I-PER E-PER S-LOC", {(0, 3, "PER"), (3, 4, "LOC")}),
        ("E-PER O S-PER S-PER", {(0, 1, "PER"), (2, 3, "PER"), (3, 4, "PER")}),
        ("B-PER E-PER I-PER", {(0, 2, "PER"), (2, 3, "PER")}),
        ("B-a-b I-a-b", {(0, 2, "a-b")}),
    ],
)
def test_spans_begin_and_end_as_conlleval_says(tags: str, expected: set[tuple[int, int, str]]) -> None:
    assert spans(tags.split()) == expected


def test_f1_follows_a_hand_count() -> None:
    # Of three spans that are wanted two are said, and two others with them, one of these a word too short.
    wanted = ["B-PER I-PER O B-LOC", "B-ORG I-ORG O"]
    said = ["B-PER I-PER O B-LOC", "B-ORG O B-LOC"]
    assert [span_counts(*texts) for texts in zip(said, wanted, strict=True)] == [(2, 2, 2), (0, 2, 1)]
    precision, recall = 2 / 4, 2 / 3
    assert span_f1(said, wanted) == pytest.approx(100 * 2 * precision * recall / (precision + recall))


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y", "E-X", "S-Y"]), min_size=1))
def test_what_is_all_right_is_worth_100_and_spans_never_overlap(tags: list[str]) -> None:
    found = sorted(spans(tags))
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    assert span_f1([" ".join(tags)], [" ".join(tags)]) == 100


def test_parts_of_speech_mark_no_spans() -> None:
    assert marked(["O", "B-PER"])
    assert marked(["S-LOC"])
    assert not marked(["O", "O"])
    assert not marked(["NN", "B-PER"])
