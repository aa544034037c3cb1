"""The .ts files of the UEA archive, as aeon and sktime bring them."""

from __future__ import annotations

from pathlib import Path

import pytest

from unroll.data import ts
from unroll.data.rows import Row
from unroll.errors import DataError
from unroll.params.series import Ts

CORPUS = Ts(format="ts", file="a.ts", target_names=None)
HEAD = "#words: of people\n@problemName vowels\n@timeStamps false\n@univariate false\n@classLabel true one two\n@data\n"
BARE = "@timestamps false\n@classlabel false\n@data\n"


def rows(folder: Path, text: str, corpus: Ts = CORPUS) -> list[Row]:
    (folder / "a.ts").write_text(text, encoding="utf-8")
    return list(ts.read(corpus, folder))


def test_a_line_is_a_sequence_whose_channels_become_frames(tmp_path: Path) -> None:
    found = rows(tmp_path, f"{HEAD}1,2,3:4,5,6e-1:one\n\n7:8: two\n")
    assert [(row.source, row.target) for row in found] == [("1 4; 2 5; 3 0.6", "one"), ("7 8", "two")]
    assert len({row.kin for row in found}) == 2


def test_a_label_is_called_as_the_pipeline_calls_it(tmp_path: Path) -> None:
    named = CORPUS.model_copy(update={"target_names": {"one": "first"}})
    assert rows(tmp_path, f"{HEAD}1:2:one\n", named)[0].target == "first"
    with pytest.raises(DataError, match=r"a\.ts:7: 'two' is not in target_names"):
        rows(tmp_path, f"{HEAD}1:2:two\n", named)


def test_sequences_without_answers_are_questions(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text(f"{BARE}1,2:3,4\n5:6\n", encoding="utf-8")
    assert list(ts.questions(CORPUS, tmp_path / "a.ts")) == [("4", "1 3; 2 4"), ("5", "5 6")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}1,2:3:one\n", "a.ts:7: channels of one length are needed"),
        (f"{HEAD}1:2:one\n1:one\n", r"a.ts:8: .* as many as the first line has \(2\)"),
        (f"{HEAD}1,?:2,3:one\n", r"a.ts:7: '\?' is not a finite number"),
        (f"{HEAD}{'1,' * 1000}1:one\n", "a.ts:7: 1,001 frames, of which at most 1,000"),
        ("@timeStamps true\n@classLabel true a\n@data\n(1,2):a\n", "a.ts:4: time stamps"),
        ("1,2,3\n", "no sequences behind a line @data"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        rows(tmp_path, text)
