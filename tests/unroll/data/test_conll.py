"""Sentences in columns: where they end, what is no word, and where words stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.data.conll import Line, column_of_words, sentences, word_at
from unroll.errors import DataError

ROW = "{}\t{}\t_\tX\t_\t_\t_\t_\t_\t_"


@given(st.lists(st.lists(st.sampled_from(["a X", "b\tY", "# sent_id = 1", "1.1"]), min_size=1), max_size=4))
def test_an_empty_line_ends_a_sentence_however_many_there_are(texts: list[list[str]]) -> None:
    lines = [line for text in texts for line in (*text, "", " ")]
    found = list(sentences(lines))
    assert [[line.text for line in sentence] for sentence in found] == texts
    assert all(lines[line.number - 1] == line.text for sentence in found for line in sentence)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("# text = milk", []),
        ("# newdoc", []),
        ("# newdoc id = 1", []),
        ("-DOCSTART- -X- O", []),
        (ROW.format("1-2", "au"), []),
        ("# NN O", ["#", "NN", "O"]),
        ("the\tbig house\tX", ["the", "big house", "X"]),
    ],
)
def test_what_is_no_word_has_no_cells(text: str, cells: list[str]) -> None:
    ((line,),) = sentences([text])
    assert line.cells == cells


def test_where_tabs_part_cells_a_line_without_is_a_remark() -> None:
    (sentence,) = sentences(["# a note", "#\tSYM", "milk\tNN"])
    assert [line.cells for line in sentence] == [[], ["#", "SYM"], ["milk", "NN"]]


def test_a_word_is_one_though_it_has_a_space_within() -> None:
    line = Line(7, "", ["1", "10 000", " "])
    assert word_at(line, 1, "a.conll") == "10_000"
    for column in (2, -1, 3, -4):
        with pytest.raises(DataError, match=rf"a.conll:7: column {column} is empty, of 3"):
            word_at(line, column, "a.conll")


def test_words_stand_first_or_behind_their_numbers() -> None:
    (first,), (universal,) = sentences(["milk NN", "", ROW.format("1", "milk")])
    assert (column_of_words([first]), column_of_words([universal])) == (0, 1)
