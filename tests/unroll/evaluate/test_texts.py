"""Drawn and running texts, against costs that are known."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.scored import Stub, prepare, score, weighted
from unroll.evaluate import texts


def test_drawn_texts_are_scored_by_what_letters_cost_and_how_new_they_are(tmp_path: Path) -> None:
    test = [("Greek", "Kos"), ("Greek", "Nikas"), ("Irish", "Ó")]
    costs = {test[0]: (8.0, 2), test[1]: (4.0, 9), test[2]: (2.0, 2)}  # however many tokens they are
    stub = Stub("name", {"Greek": "Nikas", "Irish": "KELLY"}, costs)
    found = score(stub, prepare(tmp_path, test, train=[("Irish", "Kelly")]), "name")
    assert found.report == {
        "main": "nats_per_letter",
        "nats_per_letter": round(14 / 12, 4),
        "novelty_percent": round(200 / 3, 4),
        "distinct_percent": round(200 / 3, 4),
        "rows": 3,
    }
    assert found.groups == {"Greek": (pytest.approx(12 / 10), 2), "Irish": (pytest.approx(1.0), 1)}
    assert found.unit == "source"
    assert -weighted(found) == pytest.approx(14 / 12)


LINES = ["the cat sat on the mat", "", "a dog", "one two three four five six seven"]


@pytest.mark.parametrize(("section", "main"), [("language", "perplexity"), ("characters", "bits_per_letter")])
def test_running_text_is_scored_by_perplexity_and_bits_a_letter(tmp_path: Path, section: str, main: str) -> None:
    test = [(line, "") for line in LINES]
    costs = {pair: (cost, count) for pair, cost, count in zip(test, (14.0, 1.0, 6.0, 9.0), (7, 1, 3, 8), strict=True)}
    prompts = {"the cat sat on the": "the cat sat on the dog", "one two three four five": "one two three four five !"}
    found = score(Stub(section, prompts, costs), prepare(tmp_path, test), section)
    letters = 22 + 0 + 5 + 33 + 4
    bits = {"bits_per_letter": round(30 / math.log(2) / letters, 4), "letters": letters}
    spelt = bits if section == "characters" else {}  # unknown words cost no letters
    assert found.report == {"main": main, "perplexity": round(math.exp(30 / 19), 4), "tokens": 19} | spelt
    assert [(row["source"], row["hypothesis"]) for row in found.rows] == [
        ("the cat sat on the", "the cat sat on the dog"),
        ("", ""),
        ("", ""),
        ("one two three four five", "one two three four five !"),
    ]
    assert [row["references"] for row in found.rows] == [[line] for line in LINES]
    assert math.exp(-weighted(found)) == pytest.approx(math.exp(30 / 19))


def test_a_few_rows_spread_over_the_test_are_read_on(tmp_path: Path) -> None:
    lines = [f"one two three four five {n}" for n in range(100)]
    test = [(line, "") for line in lines]
    stub = Stub("language", {"one two three four five": "and on"}, dict.fromkeys(test, (1.0, 7)))
    found = score(stub, prepare(tmp_path, test), "language")
    shown = [place for place, row in enumerate(found.rows) if row["hypothesis"]]
    assert len(shown) == texts.SHOWN
    assert shown[0] == 0
    assert shown[-1] > 80


def test_no_row_need_be_long_enough_to_be_read_on(tmp_path: Path) -> None:
    test = [("a", ""), ("", "")]
    found = score(Stub("language", {}, {pair: (math.log(2), 1) for pair in test}), prepare(tmp_path, test), "language")
    assert found.report["perplexity"] == 2.0
    assert not any(row["hypothesis"] for row in found.rows)
