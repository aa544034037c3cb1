"""Case as marks: the way back is exact, a word is one word, and what a model says amiss is still a text."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unroll.data.casing import MARKS, mark, unmark

LETTERS = st.sampled_from(list("abAB ÑñéÉ.!?¿\"'()1 ßİIǅ中,-"))


def texts(letters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return texts in normal form."""
    return st.text(letters, max_size=30).map(lambda text: " ".join(text.split()))


@given(texts(LETTERS) | texts(st.characters(exclude_characters=MARKS + "⟨⟩", exclude_categories=["Cs", "Cc"])))
@example("Where is Tom? NASA knows. iPhone, McDonald's. e.g. This.")
def test_the_way_back_is_exact(text: str) -> None:
    assert unmark(mark(text)) == text


@given(texts(LETTERS))
def test_what_is_marked_is_in_small_letters_wherever_there_are_any(text: str) -> None:
    marked = mark(text)
    assert all(len(letter.lower()) > 1 or letter.lower().upper() != letter for letter in marked if letter.isupper())


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Where is it?", "where is it?"),
        ("where is it?", "⇩ where is it?"),
        ("¿Dónde está Tom?", "¿dónde está ⇧ tom?"),
        ("Yes. No! And?", "yes. no! and?"),
        ("We saw NASA's iPhone", "we saw ⇪ nasa's i⇧phone"),
        ("(Tom)", "(tom)"),
        ("I, (Tom)", "i, (⇧tom)"),
        ("⟨a1⟩ is here", "⟨a1⟩ is here"),
    ],
)
def test_what_is_usual_costs_nothing(text: str, marked: str) -> None:
    assert mark(text) == marked
    assert unmark(marked) == text


@given(st.text(st.sampled_from(list("ab .?" + MARKS)), max_size=20))
def test_marks_amiss_are_dropped(said: str) -> None:
    assert not set(unmark(said)) & set(MARKS)


def test_marks_in_a_text_are_no_marks() -> None:
    assert unmark(mark("press ⇧ now")) == "press ^ now"
