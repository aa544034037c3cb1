"""Sequences of numbers: what of a corpus cannot be is refused, and parts in time have no frame in common."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import accepted, message
from tests.unroll.params.test_misfits import BY_GROUP, SERIES
from unroll.params.series import Series, overlap


def told(**changes: Any) -> str:
    return message("rows", BY_GROUP | {"prepare.corpus": SERIES | changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"window": 8}, "window and step go together"),
        ({"window": 8, "step": 9}, "step 9 would leave frames out between windows of 8"),
        ({"window": 1001, "step": 9}, "window"),
        ({"most_gap": 2.0}, "most_gap is a time: name the column of time"),
        ({"target": "x"}, "target 'x' is one of the channels: the answer would be given away"),
        ({"id": ["id", "y"]}, "id 'y' is one of the channels"),
        ({"channels": ["x", "x"]}, "channels: one stands there twice"),
        ({"part": [0.5, 0.5]}, "part [0.5, 0.5] is empty"),
        ({"missing": "mean"}, "missing"),
        ({"answer": "ahead"}, "answer 'ahead' and horizon go together"),
        ({"horizon": 3}, "answer 'ahead' and horizon go together"),
        ({"answer": "ahead", "horizon": 3}, "answer 'ahead' needs a window"),
        ({"answer": "ahead", "horizon": 3, "season": 4, "window": 8, "step": 1}, "season is for answer 'ahead', with"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert expected in told(**changes)


def official(*parts: list[float] | None, **test: Any) -> dict[str, Any]:
    train, valid, last = (SERIES | {"part": part} for part in parts)
    split = {"kind": "official", "by": "group", "valid": valid, "test": last | test}
    return BY_GROUP | {"prepare.corpus": train, "prepare.split": split}


def test_parts_in_time_have_no_frame_in_common() -> None:
    accepted("rows", official([0.0, 0.7], [0.7, 0.8], [0.8, 1.0]))
    for parts in (([0.0, 0.7], [0.6, 0.8], [0.8, 1.0]), ([0.0, 0.7], [0.7, 0.8], None), (None, None, None)):
        assert "corpus, split.valid and split.test have frames in common" in message("rows", official(*parts))
    accepted("rows", official([0.0, 0.7], [0.7, 0.8], None, file="b.csv"))


def test_other_windows_of_the_same_frames_overlap_too() -> None:
    one = accepted("rows", BY_GROUP | {"prepare.corpus": SERIES}).prepare.corpus
    other = accepted("rows", BY_GROUP | {"prepare.corpus": SERIES | {"window": 8, "step": 4}}).prepare.corpus
    assert overlap(one, other)


def test_rows_that_share_frames_or_a_season_are_relatives() -> None:
    corpus = accepted("forecast", {}).prepare.corpus
    assert isinstance(corpus, Series)
    assert corpus.relatives == 20  # windows of 16 and 4 frames, one step apart
    assert corpus.model_copy(update={"step": 4}).relatives == 5
    assert corpus.model_copy(update={"step": 16, "season": 48}).relatives == 3
    assert corpus.model_copy(update={"window": None, "step": None}).relatives == 1
