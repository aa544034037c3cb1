"""A bootstrap that can tell two systems apart, and can refuse to."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from unroll.evaluate import significance
from unroll.training.validation import bleu, macro_f1, macro_recall, span_f1

BLEU = significance.metric("bleu", "13a")


def sentences(count: int) -> list[str]:
    rng = random.Random(0)
    return [" ".join(rng.choices("abcdefghij", k=8)) for _ in range(count)]


def spoil(texts: list[str], share: float, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(w if rng.random() > share else "x" for w in text.split()) for text in texts]


def test_the_bootstrap_tells_a_better_system_from_a_worse_one() -> None:
    texts = sentences(300)
    worse, better = spoil(texts, 0.3, 1), spoil(texts, 0.1, 2)
    up = significance.paired_bootstrap([[t] for t in texts], worse, better, 300, 1, BLEU)
    down = significance.paired_bootstrap([[t] for t in texts], better, worse, 300, 1, BLEU)
    assert up.delta > 5
    assert up.p_value < 0.05
    assert down.delta == pytest.approx(-up.delta)


def test_the_bootstrap_sees_no_difference_where_there_is_none() -> None:
    texts = sentences(300)
    verdict = significance.paired_bootstrap(
        [[t] for t in texts], spoil(texts, 0.2, 1), spoil(texts, 0.2, 2), 300, 1, BLEU
    )
    assert verdict.p_value > 0.05


def test_the_bootstrap_is_the_same_for_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SACREBLEU_SEED", raising=False)
    texts = sentences(100)
    systems = spoil(texts, 0.2, 1), spoil(texts, 0.2, 2)
    first, same, *others = (
        significance.paired_bootstrap([[t] for t in texts], *systems, 100, seed, BLEU) for seed in (1, 1, 2, 3, 4)
    )
    assert first == same
    assert any(other.p_value != first.p_value for other in others)


def right(rows: int, share: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(rows) < share).astype(float)


def test_means_are_told_apart_where_they_differ_and_only_there() -> None:
    worse, better, as_good = right(2000, 0.80, 1), right(2000, 0.85, 2), right(2000, 0.80, 3)
    up, down, level = (
        significance.paired_means(before, after, np.ones(2000), 1000, 1)
        for before, after in ((worse, better), (better, worse), (worse, as_good))
    )
    assert up.delta == pytest.approx(better.mean() - worse.mean())
    assert up.p_value < 0.01
    assert (down.delta, down.p_value < 0.01) == (pytest.approx(-up.delta), True)
    assert level.p_value > 0.05


def test_a_p_value_is_a_z_test_s_where_rows_are_many() -> None:
    differences = np.random.default_rng(0).normal(0.04, 1, 4000)
    z = abs(differences.mean()) / (differences.std() / 4000**0.5)
    found = significance.paired_means(np.zeros(4000), differences, np.ones(4000), 4000, 1)
    assert 1.5 < z < 3
    assert found.p_value == pytest.approx(0.5 * math.erfc(z / 2**0.5), abs=0.01)  # one tail, as sacreBLEU has it


def test_weights_weigh() -> None:
    found = significance.paired_means([-4.0, -1.0], [-2.0, -2.0], [2, 1], 50, 1)
    assert found.delta == pytest.approx(1 / 3)


def test_equal_systems_differ_by_nothing() -> None:
    values = right(50, 0.5, 1)
    assert significance.paired_means(values, values, np.ones(50), 100, 1) == significance.Verdict(0.0, 1 / 101)


def test_rows_in_blocks_are_fewer_than_they_seem() -> None:
    # Each chance stands eight times over: drawn one by one it would seem certain.
    chances = np.random.default_rng(0).normal(0, 1, 500)
    chances += 0.07 * chances.std() - chances.mean()
    rows, values = np.zeros(4000), np.repeat(chances, 8)
    alone, together = (significance.paired_means(rows, values, rows + 1, 1000, 1, block).p_value for block in (1, 80))
    assert alone < 0.005
    assert together == pytest.approx(0.5 * math.erfc(0.07 * 250**0.5), abs=0.03)


def test_a_block_is_no_more_than_a_fifth_of_the_rows() -> None:
    values = np.zeros(50), right(50, 0.5, 1), np.ones(50)
    assert significance.paired_means(*values, 200, 1, 99) == significance.paired_means(*values, 200, 1, 10)


def test_drawing_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    systems = right(300, 0.5, 1), right(300, 0.55, 2), np.arange(1.0, 301.0)
    whole = significance.paired_means(*systems, 500, 1)
    monkeypatch.setattr(significance, "DRAWS", 1000)
    assert significance.paired_means(*systems, 500, 1) == whole


def test_two_chinese_systems_are_told_apart_by_the_tokenizer_that_parts_them() -> None:
    wanted = [f"我们每天{verb}{what}和{other}" for verb in "喝吃买卖" for what in "奶茶汤" for other in "饭面鱼肉"]
    worse, better = [text.replace("和", "或") for text in wanted], wanted
    blind, seeing = (
        significance.paired_bootstrap(
            [[text] for text in wanted], worse, better, 200, 1, significance.metric("bleu", tokenizer)
        )
        for tokenizer in ("13a", "zh")
    )
    assert seeing.delta == pytest.approx(100 - bleu(worse, [[text] for text in wanted], "zh"))
    assert seeing.p_value < 0.05
    assert blind.delta == 0  # to whom a sentence is one word, of which no four make a phrase


LABELLED = {
    "macro_f1": (macro_f1, ["a", "a", "a", "b", "very c"] * 20, ["a", "a", "b", "b", "a"] * 20, False),
    "macro_recall": (macro_recall, ["a", "a", "a", "b", "very c"] * 20, ["a", "a", "b", "b", "a"] * 20, False),
    "span_f1": (span_f1, ["B-X I-X O", "O B-Y O"] * 40, ["B-X O O", "O B-Y O"] * 40, True),
}


@pytest.mark.parametrize("score", LABELLED)
def test_a_score_of_all_rows_is_compared_by_what_it_is_of_all_rows(score: str) -> None:
    measure, wanted, worse, tags = LABELLED[score]
    references = [[text] for text in wanted]
    before, after = (significance.counts(score, said, references, worse + wanted, tags) for said in (worse, wanted))
    up = significance.paired_counts(before, after, score, 300, 1)
    assert up.delta == pytest.approx(measure(wanted, wanted) - measure(worse, wanted))
    assert up.p_value < 0.05
    assert significance.paired_counts(before, after, score, 300, 1) == up


def test_labels_within_a_text_are_counted_one_by_one() -> None:
    found = significance.counts("macro_f1", ["N V N"], [["N N N"]], ["N V N"], tags=True)
    assert found.tolist() == [[[2, 2, 3], [0, 1, 0]]]
