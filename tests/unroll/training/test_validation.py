"""The score that chooses the best weights: of the quickest answers, against hand counts."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import tiny
from unroll.errors import ParamsError
from unroll.params.evaluate import Beam, Search
from unroll.predict.predictor import Predictor
from unroll.training.validation import (
    LABELS,
    accuracy,
    bleu,
    chrf,
    each_label,
    macro_f1,
    macro_recall,
    score,
    streams,
)

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
    assert accuracy(["not spam", "spam", ""], ["not spam", "not spam", "spam"]) == pytest.approx(100 / 3)


class Stub:
    """Stands in for a Predictor: says one thing quickly and another at leisure."""

    def __init__(self, section: str, quick: dict[str, str], slow: dict[str, str], **changes: object) -> None:
        settings = tiny.pipeline(section, **changes)
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


@pytest.mark.parametrize(
    ("select_by", "expected"), [("accuracy", 75), ("macro_recall", 50), ("macro_f1", 100 * (2 * 3 / 7) / 2)]
)
def test_what_it_is_selected_by_is_scored(select_by: str, expected: float) -> None:
    stub = Stub("classify", dict.fromkeys("wxyz", "a"), {}, train__select_by=select_by)
    wanted = {"w": ["a"], "x": ["a"], "y": ["a"], "z": ["b"]}
    assert score(stub, wanted) == pytest.approx(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(("select_by", "expected"), [("accuracy", 75), ("macro_recall", 250 / 3), ("span_f1", 50)])
def test_of_tags_each_is_scored_and_of_spans_the_whole(select_by: str, expected: float) -> None:
    stub = Stub("frames", {"1; 2": "B-X I-X", "3; 4": "B-X O"}, {}, train__select_by=select_by)
    assert score(stub, {"1; 2": ["B-X I-X"], "3; 4": ["B-X I-X"]}) == pytest.approx(expected, abs=10)  # type: ignore[arg-type]
    assert {"accuracy", "macro_f1", "macro_recall", "span_f1"} == set(LABELS)


SAID, WANTED = ["我们每天喝牛奶。", "她有三只狗。"], [["我们每天喝牛奶。"], ["她有三条狗。"]]


@pytest.mark.parametrize(("changes", "expected"), [({"train__bleu_tokenizer": "zh"}, bleu(SAID, WANTED, "zh")),
                                                   ({"train__select_by": "chrf"}, chrf(SAID, WANTED))])  # fmt: skip
def test_chinese_answers_are_scored_by_their_letters(changes: dict[str, object], expected: float) -> None:
    stub = Stub("translate", {"x": SAID[0], "y": SAID[1]}, {}, **changes)
    found = score(stub, {"x": WANTED[0], "y": WANTED[1]})  # type: ignore[arg-type]
    assert found == pytest.approx(expected)
    assert 50 < found < 100
    assert bleu(SAID[1:], WANTED[1:]) == 0


def test_a_tokenizer_whose_package_is_not_there_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "MeCab", None)
    with pytest.raises(ParamsError, match=r"train.bleu_tokenizer: 'ja-mecab' needs a package .* or set 'char'"):
        bleu(SAID, WANTED, "ja-mecab")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abd")), min_size=1))
def test_macro_scores_are_means_over_classes(rows: list[tuple[str, str]]) -> None:
    said, wanted = ([row[side] for row in rows] for side in (0, 1))

    def right(name: str) -> int:
        return sum(row == (name, name) for row in rows)

    recalls = [right(name) / wanted.count(name) for name in set(wanted)]
    f1s = [2 * right(name) / (said.count(name) + wanted.count(name)) for name in {*said, *wanted}]
    assert macro_recall(said, wanted) == pytest.approx(100 * sum(recalls) / len(recalls))
    assert macro_f1(said, wanted) == pytest.approx(100 * sum(f1s) / len(f1s))


def test_labels_are_parted_where_they_are_tags() -> None:
    assert each_label(["a b", "c"], ["a d", "c"], tags=True) == (["a", "b", "c"], ["a", "d", "c"])
    assert each_label(["a", "a b c", ""], ["a b", "d", "e"], tags=True) == (["a", "", "a", ""], ["a", "b", "d", "e"])
    assert each_label(["very bad"], ["very good"], tags=False) == (["very bad"], ["very good"])


def test_a_real_model_is_scored(tmp_path: Path) -> None:
    pairs = [(f"I drink {n}", f"Bebo {n}") for n in ("milk", "water", "tea", "wine", "it")] * 4
    settings = tiny.pipeline()
    readers = tiny.tokenize(tmp_path, settings, pairs)
    predictor = Predictor(tiny.build_model(settings, readers), readers, settings.recipe)
    assert 0 <= score(predictor, {source: [target] for source, target in pairs}) < 100


def test_chrf_needs_no_words_and_a_second_reference_can_only_help() -> None:
    hypotheses = ["the cat sat on a mat today", "one dog ran through a park"]
    assert chrf(hypotheses, REFERENCES) > chrf(hypotheses, [refs[:1] for refs in REFERENCES])
    assert chrf([references[0] for references in WANTED], WANTED) == pytest.approx(100)
