"""Stress: the test rows with slips, what is put into them, and what is no sentence at all."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests import recipes
from unroll.data import noise
from unroll.evaluate import stress
from unroll.evaluate.stress import classified, copied, in_line, loops, odd, put_in, slipped, translated, whole
from unroll.training.validation import bleu

ROWS: list[dict[str, Any]] = [
    {"source": f"I saw Tom in number {n} of the old street.", "references": [f"Vi a Tom en el {n} de la calle."],
     "hypothesis": f"Vi a Tom en el {n} de la calle."}
    for n in range(40)
]  # fmt: skip


class Echo:
    """Answers with a function of the text, and remembers what it was asked."""

    def __init__(self, says: Any = str) -> None:
        self.says, self.asked = says, list[str]()
        self.search = SimpleNamespace(kind="beam")

    def stream(self, texts: Sequence[str], search: Any = None, strict: bool = True) -> Any:
        self.asked += texts
        return ([SimpleNamespace(text=self.says(text))] for text in texts)

    def unparted(self) -> Echo:
        return self


def predictor(says: Any = str) -> Any:
    return Echo(says)


def test_every_slip_that_changes_rows_is_tried_and_judged_alike() -> None:
    said = {row["source"].lower(): row["hypothesis"] for row in ROWS}
    found = slipped(predictor(lambda text: said.get(text.lower(), "?")), ROWS, translated)
    assert {"no_end_mark", "lower", "capitals", "title", "typos", "spaces"} <= found.keys()
    assert "no_accents" not in found, "it would change nothing"
    assert [row["hypothesis"] for row in found["lower"].rows] == [row["hypothesis"].lower() for row in ROWS]
    assert [row["references"] for row in found["no_end_mark"].before] == [
        [noise.no_end_mark(row["references"][0])] for row in ROWS
    ]
    assert sum(row["hypothesis"] == "?" for row in found["typos"].rows) > 30
    assert found["typos"].before == [translated(row["source"], row["references"], row["hypothesis"]) for row in ROWS]


def test_the_same_slips_again() -> None:
    first, second = predictor(), predictor()
    slipped(first, ROWS, translated)
    slipped(second, ROWS, translated)
    assert first.asked == second.asked


def test_classes_are_right_or_wrong_and_their_names_stay() -> None:
    rows = [{"source": row["source"], "references": ["Human."], "hypothesis": "Human."} for row in ROWS]
    found = slipped(predictor(lambda text: "Human."), rows, classified)
    assert all(row["value"] == row["weight"] == 1 for trial in found.values() for row in trial.rows)


def test_what_is_selected_by_being_right_is_right_or_wrong_under_a_slip_too() -> None:
    rows = [{"source": "tomato", "references": ["T AH M EY T OW", "T AH M AA T OW"], "hypothesis": said}
            for said in ("T AH M AA T OW", "T OW M")]  # fmt: skip
    asks = predictor(lambda text: "T AH M EY T OW" if text.lower() == "tomato" else "T AH M")
    asks.recipe = recipes.make("translate", **{"train.select_by": "accuracy"}).recipe
    asks.normalizer = None
    report = stress.stress(asks, rows, 2).report
    assert (report["stress.capitals"], report["stress.capitals_lost"], report["stress.typos"]) == (100.0, -50.0, 0.0)


def test_sentences_in_a_line_are_held_against_those_one_by_one() -> None:
    asks = predictor()
    trial = in_line(asks, ROWS, 3)
    assert asks.asked[0] == " ".join(row["source"] for row in ROWS[:3])
    assert trial.before[0]["hypothesis"] == " ".join(row["hypothesis"] for row in ROWS[:3])
    assert trial.rows[0]["references"] == [" ".join(row["references"][0] for row in ROWS[:3])]
    assert len(trial.rows) == len(ROWS) // 3


def test_rows_to_read_whole_have_15_to_60_words() -> None:
    words = [len(row["source"].split()) for row in whole(predictor(), ROWS * 10).rows]
    assert min(words) >= stress.WORDS[0]
    assert max(words) <= stress.WORDS[1]
    assert max(words) > 45
    found = stress.by_length(whole(predictor(), ROWS * 10), bleu)
    assert sum(count for _, count in found.values()) == len(words)


def test_what_is_put_in_was_never_there_and_has_to_come_through() -> None:
    found = put_in(ROWS, lambda name: name == "Zbigniew")
    assert set(found) == {"names", "numbers", "addresses"}
    for given in found.values():
        assert given
        for typed, new in given:
            assert new in typed
            assert all(new not in row["source"] for row in ROWS)
    assert all(new != "Zbigniew" for _, new in found["names"])
    assert copied(predictor(), ROWS, lambda name: False) == {"names": 100, "numbers": 100, "addresses": 100}
    assert set(copied(predictor(lambda text: "?"), ROWS, lambda name: False).values()) == {0}
    assert set(copied(predictor(lambda text: text + text), ROWS, lambda name: False).values()) == {0}


def test_odd_inputs_are_of_every_kind_and_loops_are_counted() -> None:
    inputs = odd(ROWS)
    assert len(inputs) == stress.ODD
    assert inputs == odd(ROWS)
    assert any(text.isupper() for text in inputs)
    assert any("😀" in text for text in inputs)
    assert any(", " in text for text in inputs)
    assert loops(predictor(), inputs) == 0
    assert loops(predictor(lambda text: "ha ha ha"), ["one", "ha ha ha"]) == 1


@pytest.mark.parametrize("kind", ["sample", "tag"])
def test_nothing_is_done_to_models_of_which_nothing_is_typed(kind: str) -> None:
    asks = predictor()
    asks.search.kind = kind
    asks.recipe = SimpleNamespace(reads_on=False, tokenize=SimpleNamespace(source=None))
    assert stress.stress(asks, ROWS, 10) == stress.Stress()
