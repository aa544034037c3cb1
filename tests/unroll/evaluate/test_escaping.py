"""Text of a corpus stays text, in a table that a spreadsheet opens and in a page."""

from __future__ import annotations

import csv
import io

import pytest

from unroll.evaluate.escaping import cell, markdown


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "|calc", "%0A"])
def test_what_a_spreadsheet_would_compute_is_a_text(text: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerow([cell(text)])
    assert next(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [f"'{text}"]


@pytest.mark.parametrize("text", ["", "a=b", "-0.5", "+3", "1e-3", "¿Qué?", "'tis"])
def test_every_other_cell_is_as_it_was(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("<script>x</script>", r"\<script\>x\</script\>"),
        ("[a](javascript:b) *c* _d_ `e` #f ~g &lt;", r"\[a\](javascript:b) \*c\* \_d\_ \`e\` \#f \~g \&lt;"),
        ("a\nb\x1b[2J", "a b \\[2J"),
        ("", "…"),
    ],
)
def test_markup_is_shown_as_it_stands(text: str, shown: str) -> None:
    assert markdown(text, 99) == shown


def test_a_long_text_is_cut_before_it_is_escaped() -> None:
    assert markdown("||||", 3) == r"\|\|…"
