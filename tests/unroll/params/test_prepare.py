"""Corpora, splits and filters: their limits, each refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import accepted, message
from unroll.params.prepare import OwnCorpus
from unroll.params.reading import dump


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("prepare.corpus.fil", "a", "prepare.corpus.fil: no such parameter; did you mean 'file'?"),
        ("prepare.split.test", 0.98, "prepare.split: valid and test must leave something to train on"),
        ("prepare", 3, "prepare"),
        ("prepare.split.kind", "random", "prepare.split"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_fix(path: str, value: Any, expected: str) -> None:
    assert expected in message("translate", {path: value})


def test_a_table_is_cut_into_whole_frames() -> None:
    assert "columns [0, 64] do not make whole frames of 7 numbers" in message("rows", {"prepare.corpus.frame": 7})


def test_an_answer_is_not_given_away() -> None:
    assert "target_column 5 is one of the columns" in message("rows", {"prepare.corpus.target_column": 5})


def test_a_format_of_ones_own_keeps_what_its_reader_needs() -> None:
    corpus = {"format": "mine", "file": "a.txt", "skip": [1, 2]}
    found = accepted("classify", {"parts": "mine.py", "prepare.corpus": corpus}).prepare.corpus
    assert isinstance(found, OwnCorpus)
    assert dump(found) == corpus
