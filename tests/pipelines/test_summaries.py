"""What benchmarks/summaries.py tells of answers: known answers, by hand."""

from __future__ import annotations

import doctest

from benchmarks import summaries
from benchmarks.summaries import figures, table
from pipelines.summarise import NEW
from unroll.data.rows import Row

TRAIN = [Row("It reads a file.", "Return the file of it.", "sympy/a.py")]
TEST = [
    Row("It reads a Zbig, and ends. It is slow.", "Return the Zbig of Kaz.", f"{NEW['test'][0]}/a.py"),
    Row("It reads a Wlad.", "Return the Wlad.", "sympy/b.py"),
]


def test_the_examples_hold() -> None:
    assert doctest.testmod(summaries).failed == 0


def test_words_that_were_never_seen_are_copied_or_invented() -> None:
    known = {"Return", "the", "of", "It", "reads", "a", "file", "it"}
    found = figures(TEST, ["Return the Zbig of it.", "Return the Wlodek."], known)
    assert (found["rows"], found["unseen"]) == (2, 3)
    assert (found["within"], found["copied"]) == (66.67, 50.0)  # Kaz is nowhere; of Zbig and Wlad one is said
    assert found["invented"] == 12.5  # Wlodek, of eight


def test_what_is_right_scores_all() -> None:
    found = figures(TEST, [row.target for row in TEST], set())
    assert (found["chrf"], found["copied"]) == (100.0, 100.0)


def test_packages_are_told_apart_and_the_lead_stands_beside() -> None:
    lines = list(table(TRAIN, TEST, {row.source: row.target for row in TEST}))
    assert [line.split(" | ")[:3] for line in lines[2:]] == [
        [f"| {who}", group, rows]
        for group, rows in (("all", "2"), ("known packages", "1"), ("new packages", "1"))
        for who in ("summarise", "lead")
    ]
    assert all(line.split(" | ")[4] == "100" for line in lines[2::2])
    assert all(float(line.split(" | ")[4]) < 100 for line in lines[3::2])
