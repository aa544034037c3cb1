"""The score that chooses the best weights: of the quickest answers, against hand counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests import tiny
from unroll.params.evaluate import Beam, Search
from unroll.predict.predictor import Predictor
from unroll.training.validation import SCORES, accuracy, bleu, labels_right, score, streams

REFERENCES = [["the cat sat on the mat today"], ["a dog ran in a park", "one dog ran through a big park"]]


def test_a_perfect_translation_scores_100() -> None:
    assert bleu(["the cat sat on the mat today", "one dog ran through a big park"], REFERENCES) == pytest.approx(100)


def test_bleu_with_a_varying_number_of_references_follows_a_hand_count() -> None:
    hypotheses = ["the cat sat on a mat today", "one dog ran in a park"]
    # Matches, clipped over both references: 1-grams 6/7 and 6/6, 2-grams 4/6 and 5/5, 3-grams 2/5 and 4/4, 4-grams 1/4
    # and 2/3. Each is as long as its closest reference, so that there is no brevity penalty.
    precisions = [12 / 13, 9 / 11, 6 / 9, 3 / 7]
    expected = 100 * math.exp(sum(map(math.log, precisions)) / 4)
    assert bleu(hypotheses, REFERENCES) == pytest.approx(expected, abs=1e-6)


def test_a_second_reference_can_only_help() -> None:
    hypotheses = ["the cat sat on a mat today", "one dog ran through a park"]
    assert bleu(hypotheses, REFERENCES) > bleu(hypotheses, [references[:1] for references in REFERENCES])


def test_references_are_turned_and_gaps_are_none() -> None:
    first = ("the cat sat on the mat today", "a dog ran in a park")
    assert streams(REFERENCES) == [first, (None, "one dog ran through a big park")]


def test_accuracy_follows_a_hand_count() -> None:
    assert accuracy(["a", "a", "b", "b", "d", "a"], ["a", "a", "a", "b", "c", "c"]) == pytest.approx(100 * 3 / 6)
    assert accuracy(["a b c", "", "b b"], ["a c c", "", "b"]) == pytest.approx(100 * (2 + 1 + 0) / 5)


@pytest.mark.parametrize(
    ("said", "wanted", "expected"),
    [
        ("a", "a", (1, 1)),
        ("a", "b", (0, 1)),
        ("", "", (1, 1)),
        ("a a", "a", (0, 1)),
        ("a b c", "a c c", (2, 3)),
        ("a", "a b", (1, 2)),
        ("a b c", "a b", (2, 2)),
        ("", "a b", (0, 2)),
    ],
)
def test_labels_are_counted_one_by_one(said: str, wanted: str, expected: tuple[int, int]) -> None:
    assert labels_right(said, wanted) == expected


class Stub:
    """Stands in for a Predictor: says one thing quickly and another at leisure."""

    def __init__(self, section: str, quick: dict[str, str], slow: dict[str, str]) -> None:
        settings = tiny.pipeline(section, **({} if section == "translate" else {"train__select_by": "accuracy"}))
        self.recipe, self.search = settings.recipe, settings.evaluate.search
        self.quick, self.slow = quick, slow
        self.strict: list[bool] = []

    def stream(self, texts: Iterable[str], search: Search, strict: bool) -> Iterator[list[str]]:
        self.strict.append(strict)
        said = self.slow if isinstance(search, Beam) and search.beam > 1 else self.quick
        for text in texts:
            yield [Said(said[text])]


class Said(str):
    """An answer that is its own text."""

    @property
    def text(self) -> str:
        return self


def test_the_quickest_answers_are_scored_unknown_labels_among_them() -> None:
    good = "one dog ran through a big park"
    stub = Stub("translate", {"x": good, "y": good}, {"x": "no", "y": "no"})
    assert isinstance(stub.search, Beam)
    assert stub.search.beam > 1
    assert score(stub, {"x": [good], "y": ["else", good]}) == pytest.approx(100)  # type: ignore[arg-type]
    assert stub.strict == [False]


def test_what_it_is_selected_by_is_scored() -> None:
    assert set(SCORES) == {"bleu", "accuracy"}
    stub = Stub("classify", {"x": "a", "y": "b"}, {})
    assert score(stub, {"x": ["a"], "y": ["a"]}) == 50  # type: ignore[arg-type]


def test_a_real_model_is_scored(tmp_path: Path) -> None:
    pairs = [(f"I drink {n}", f"Bebo {n}") for n in ("milk", "water", "tea", "wine", "it")] * 4
    settings = tiny.pipeline()
    readers = tiny.tokenize(tmp_path, settings, pairs)
    predictor = Predictor(tiny.build_model(settings, readers), readers, settings.recipe)
    assert 0 <= score(predictor, {source: [target] for source, target in pairs}) < 100
