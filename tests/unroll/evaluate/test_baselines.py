"""Closed-form models against hand counts, a slow restatement of their formula, and data whose entropy is known."""

from __future__ import annotations

import math
import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.evaluate import baselines

Pairs = list[tuple[str, str]]
TEXT = st.text("abc", max_size=5)
ROWS = st.lists(st.tuples(st.sampled_from(["x", "y"]), TEXT), min_size=1, max_size=30)
STRENGTH = st.sampled_from(baselines.STRENGTHS)
SYMBOLS = st.sampled_from(["", "a", "b", "c"])
UNKNOWN = "?"


def letters(count: int, alphabet: str = "abcd", seed: int = 0) -> list[str]:
    return random.Random(seed).choices(alphabet, k=count)


def words(alphabet: str, count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(alphabet, k=rng.randint(3, 8))) for _ in range(count)]


# --- majority ---------------------------------------------------------------------------------------------------------


def test_the_majority_is_the_most_frequent_target() -> None:
    assert baselines.majority([("1", "a"), ("2", "b"), ("3", "b")]) == "b"


@settings(deadline=None)
@given(st.permutations([("1", "b"), ("2", "a"), ("3", "a"), ("4", "b"), ("5", "c")]))
def test_of_equally_frequent_targets_the_majority_is_the_first_by_name(train: Pairs) -> None:
    assert baselines.majority(train) == "a"


# --- bigram -----------------------------------------------------------------------------------------------------------


def test_a_bigram_follows_a_hand_count() -> None:
    train = [("a", "b"), ("a", "b"), ("a", "c"), ("", "a")]  # four symbols: a, b, c and the unknown
    nats = baselines._bigram_nats(train, [("a", "b"), ("a", UNKNOWN), ("", "a"), ("new", "b")], 0.5)
    assert np.exp(-nats) == pytest.approx([2.5 / 5, 0.5 / 5, 1.5 / 3, 1 / 4])


@settings(deadline=None)
@given(st.lists(st.tuples(SYMBOLS, SYMBOLS), min_size=1), SYMBOLS, st.sampled_from(baselines.CONSTANTS))
def test_the_probabilities_of_a_bigram_sum_to_one(train: Pairs, source: str, constant: float) -> None:
    targets = [*sorted({target for _, target in train}), UNKNOWN]
    nats = baselines._bigram_nats(train, [(source, target) for target in targets], constant)
    assert np.exp(-nats).sum() == pytest.approx(1)


def test_a_table_costs_a_bigram_nothing_and_a_unigram_its_entropy() -> None:
    table = [(source, source.upper()) for source in letters(4000)]
    assert baselines.bigram(table[:3000], table[3000:]) < 1e-3
    assert baselines.unigram(table[:3000], table[3000:]) == pytest.approx(math.log(4), abs=0.01)


def test_chance_costs_a_bigram_its_entropy() -> None:
    rows = list(zip(letters(8000, seed=1), letters(8000, seed=2), strict=True))
    assert baselines.bigram(rows[:6000], rows[6000:]) == pytest.approx(math.log(4), abs=0.01)


def test_a_bigram_smooths_chance_more_than_a_table() -> None:
    alphabet = "abcdefghijklmnopqrst"
    table = [(source, source) for source in letters(300, alphabet)]
    chance = list(zip(letters(300, alphabet, 1), letters(300, alphabet, 2), strict=True))
    least, most = baselines.CONSTANTS[0], baselines.CONSTANTS[-1]
    for rows, right, wrong in ((table, least, most), (chance, most, least)):
        train, test = rows[:200], rows[200:]
        costs = [baselines._bigram_nats(train, test, constant).mean() for constant in (right, wrong)]
        assert baselines.bigram(train, test) == pytest.approx(costs[0], rel=1e-3)
        assert costs[1] > 1.2 * costs[0]


# --- n-gram -----------------------------------------------------------------------------------------------------------


def slow(train: Pairs, group: str | None, context: str, letter: str, shorter: float, pooled: float) -> float:
    """Return P(letter | context), by reading all of train again for every number; "<" starts a text and ">" ends it."""
    texts = [f"<<{target}>" for source, target in train if group in (None, source)]
    ends = range(2, max(map(len, texts), default=0))
    after = [text[end] for text in texts for end in ends if text[:end][-2:].endswith(context) and end < len(text)]
    count, total = after.count(letter), len(after)
    uniform = 1 / (len(set(">".join(target for _, target in train)) | {">"}) + 1)
    base = slow(train, group, context[1:], letter, shorter, pooled) if context else uniform
    if group is None:
        return (count + shorter * base) / (total + shorter)
    whole = slow(train, None, context, letter, shorter, pooled)
    return (count + shorter * base + pooled * whole) / (total + shorter + pooled)


@settings(max_examples=25, deadline=None)
@given(ROWS, st.sampled_from(["x", "y", "new"]), TEXT, STRENGTH, STRENGTH, st.booleans())
def test_a_trigram_follows_its_formula(
    train: Pairs, source: str, target: str, shorter: float, pooled: float, conditional: bool
) -> None:
    model = baselines._Ngrams(train, 3, conditional)
    found = model.probabilities(model.lookup([(source, target)]), shorter, pooled)
    text = f"<<{target}>"
    group = source if conditional else None
    expected = [slow(train, group, text[end - 2 : end], text[end], shorter, pooled) for end in range(2, len(text))]
    assert found == pytest.approx(expected)


@settings(deadline=None)
@given(ROWS, st.sampled_from([1, 2, 3, 4]), st.booleans(), TEXT, STRENGTH, STRENGTH)
def test_the_probabilities_of_the_next_letter_sum_to_one(
    train: Pairs, order: int, conditional: bool, text: str, shorter: float, pooled: float
) -> None:
    model = baselines._Ngrams(train, order, conditional)
    known = sorted(set("".join(target for _, target in train)))
    stops = model.lookup([("x", text)])[..., -1:]
    goes_on = model.lookup([("x", text + letter) for letter in [*known, UNKNOWN]])
    places = np.arange(1, len(known) + 2) * (len(text) + 2) - 2  # of the added letters; their end marks follow them
    seen = np.concatenate([stops, goes_on[..., places]], axis=-1)
    assert model.probabilities(seen, shorter, pooled).sum() == pytest.approx(1)


@pytest.mark.parametrize("conditional", [False, True])
def test_the_probabilities_of_all_texts_sum_to_one(conditional: bool) -> None:
    train = [("x", text) for text in ("", "a", "b", "ab", "a", "", "b", "a", "", "")]
    texts = ["".join(text) for length in range(8) for text in product("ab?", repeat=length)]
    model = baselines._Ngrams(train, 3, conditional)
    nats = -np.log(model.probabilities(model.lookup([("x", text) for text in texts]), 0.5, 0.5))
    ends = np.cumsum([len(text) + 1 for text in texts])[:-1]
    total = sum(math.exp(-part.sum()) for part in np.split(nats, ends))
    assert 0.99 < total < 1  # what is missing is longer


@pytest.mark.parametrize("conditional", [False, True])
def test_the_cost_of_a_trigram_is_that_of_each_letter_and_each_end(conditional: bool) -> None:
    train = [("x", "ab")] * 500
    assert baselines.trigram(train, [("x", "ab")], conditional) < 0.01
    unseen = [baselines.trigram(train, [("x", "ab"), ("x", "ab" + tail)], conditional) for tail in ("", "?")]
    assert unseen[1] > 100 * unseen[0]


@pytest.mark.parametrize("conditional", [False, True])
def test_chance_costs_a_trigram_its_entropy(conditional: bool) -> None:
    rng = random.Random(0)
    rows = [(rng.choice("xy"), "".join(rng.choices("abcd", k=7))) for _ in range(3000)]
    # Seven letters of log(4) each; the end costs what is known of it after two letters, whatever the model: 1 of 8.
    expected = (7 * (math.log(4) + math.log(8 / 7)) + math.log(8)) / 8
    # The start gives the first two letters away: no end can come there.
    expected -= 2 * math.log(8 / 7) / 8
    found = baselines.trigram(rows[:2500], rows[2500:], conditional)
    assert expected - 0.05 < found < expected + 0.02


def test_a_conditional_trigram_is_better_where_sources_differ_and_hardly_worse_where_not() -> None:
    different = [(s, t) for s, alphabet in (("x", "abcd"), ("y", "efgh")) for t in words(alphabet, 200, 0)]
    alike = [(s, t) for s, seed in (("x", 1), ("y", 2)) for t in words("abcd", 200, seed)]
    gains = []
    for rows in (different, alike):
        train, test = rows[::2], rows[1::2]
        gains.append(baselines.trigram(train, test, False) - baselines.trigram(train, test, True))
    assert gains[0] > 0.1
    assert -0.02 < gains[1] < 0.02


def test_a_conditional_trigram_pools_many_small_sources_that_are_alike() -> None:
    rows = [(str(number % 49), text) for number, text in enumerate(words("abcd", 600, 0))]
    pooled, apart = (baselines.trigram(rows[:500], rows[500:], conditional) for conditional in (False, True))
    assert apart == pytest.approx(pooled, abs=0.02)


def test_a_source_that_train_lacks_is_read_as_any_other() -> None:
    train = [("x", text) for text in words("abcd", 200, 0)]
    test = words("abcd", 50, 1)
    known, unknown = (baselines.trigram(train, [(source, text) for text in test], True) for source in ("x", "new"))
    assert unknown == pytest.approx(known, abs=0.05)


def test_longer_contexts_pay_where_letters_depend_on_them() -> None:
    rows = [("x", text * 2) for text in words("abcd", 400, 0)]
    rows = [(source, "".join(a * 3 + "." for a in text)) for source, text in rows]  # after aa comes a, after aaa a dot
    costs = [baselines.ngram(rows[:300], rows[300:], order, False) for order in (1, 2, 3, 4)]
    assert costs == sorted(costs, reverse=True)
    assert costs[2] > 1.2 * costs[3]
    assert baselines.trigram(rows[:300], rows[300:], False) == costs[2]


# --- naive Bayes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["letters", "words"])
def test_naive_bayes_finds_separable_classes(unit: baselines.Unit) -> None:
    rng = random.Random(0)
    vocabularies = {"animal": ["cat", "dog", "hen"], "plant": ["oak", "fir", "elm"]}
    rows = [
        (" ".join(rng.choices(vocabulary, k=4)), name) for _ in range(50) for name, vocabulary in vocabularies.items()
    ]
    assert baselines.naive_bayes(rows[:60], rows[60:], unit) == [name for _, name in rows[60:]]


def test_naive_bayes_follows_a_hand_count() -> None:
    model = baselines._NaiveBayes([("a a b", "x"), ("b", "x"), ("b c", "y")], "words")
    # "b": 2/3 * (2 + 1) / (4 + 3) against 1/3 * (1 + 1) / (2 + 3); "c c": 2/3 * (1/7)^2 against 1/3 * (2/5)^2
    assert model.classify([("b", ""), ("c c", ""), ("new", "")], 1.0) == ["x", "y", "x"]
    # "a c": 2/3 * 3/7 * 1/7 = 0.0408 against 1/3 * 1/5 * 2/5 = 0.0267, and with hardly any smoothing still "x"
    assert model.classify([("a c", ""), ("c", "")], 1.0) == ["x", "y"]


def test_the_features_of_letters_are_runs_of_one_to_three_with_both_ends_marked() -> None:
    ones, twos, threes = ["^", "a", "b", "$"], ["^a", "ab", "b$"], ["^ab", "ab$"]
    found = [
        run.replace(baselines._START, "^").replace(baselines._END, "$") for run in baselines._features("ab", "letters")
    ]
    assert found == ones + twos + threes
    assert baselines._features("a  bc a", "words") == ["a", "bc", "a"]


def test_naive_bayes_without_evidence_names_the_majority() -> None:
    train = [("u v", "rare"), ("a b", "common"), ("c d", "common")]
    assert baselines.naive_bayes(train, [("new", "?"), ("", "?")], "words") == ["common", "common"]


@settings(deadline=None)
@given(st.permutations([("a b", "x"), ("b c", "y"), ("c a", "z"), ("a a", "x"), ("b b", "y")]))
def test_naive_bayes_of_fewer_than_ten_rows_does_not_see_their_order(train: Pairs) -> None:
    test = [("a", ""), ("b", ""), ("c a", ""), ("new", "")]
    assert baselines.naive_bayes(train, test, "words") == ["x", "y", "z", "x"]


@pytest.mark.parametrize(
    ("right", "chosen"),
    [
        ({0.01: (9, 0), 0.1: (7, 1)}, 0.1),  # accuracy 90 and 80 %, macro recall 50 and 89 %
        ({0.01: (9, 0), 0.1: (1, 1)}, 0.01),  # 90 and 20 %, 50 and 56 %
        ({0.01: (9, 0), 0.1: (9, 0)}, 0.01),
    ],
)
def test_naive_bayes_is_smoothed_for_accuracy_and_recall(
    right: dict[float, tuple[int, int]], chosen: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = [("", "common")] * 9 + [("", "rare")]
    train = [row for held in held_out for row in [("", "common")] * 9 + [held]]
    used = []

    def classify(model: baselines._NaiveBayes, rows: Pairs, constant: float) -> list[str]:
        used.append(constant)
        common, rare = right.get(constant, (0, 0))
        return ["common"] * common + ["?"] * (9 - common) + ["rare" if rare else "?"]

    monkeypatch.setattr(baselines._NaiveBayes, "classify", classify)
    baselines.naive_bayes(train, held_out, "words")
    assert used == [*baselines.CONSTANTS, chosen]


# --- xz ---------------------------------------------------------------------------------------------------------------


def test_xz_of_repeated_text_needs_next_to_nothing() -> None:
    assert baselines.xz_bits_per_character("", "the same again. " * 5000) < 0.05


def test_xz_of_chance_needs_the_entropy_of_the_letters() -> None:
    text = "".join(letters(50_000, "abcdefghijklmnop"))
    assert 4 < baselines.xz_bits_per_character("", text) < 4.4


def test_xz_knows_what_it_read_in_train() -> None:
    text = "".join(letters(20_000))
    assert baselines.xz_bits_per_character(text, text) < 0.05
    assert baselines.xz_bits_per_character(text, "".join(letters(20_000, seed=1))) > 2


def test_xz_counts_characters_and_not_bytes() -> None:
    text = "".join(letters(20_000, "abcdefgh"))
    there = text.translate(str.maketrans("abcdefgh", "абвгдежз"))
    # A Cyrillic letter is two bytes of UTF-8, of which the first tells next to nothing.
    ratio = baselines.xz_bits_per_character("", there) / baselines.xz_bits_per_character("", text)
    assert 1 <= ratio < 1.5


# --- all --------------------------------------------------------------------------------------------------------------


def test_the_same_rows_give_the_same_numbers_and_stay_as_they_are() -> None:
    rows = [(source, text) for source in "xy" for text in words("abcd", 60, ord(source))]
    before = list(rows)

    def all_of_them() -> list[object]:
        return [
            baselines.majority(rows),
            baselines.bigram(rows, rows),
            baselines.trigram(rows, rows, True),
            baselines.naive_bayes([(text, name) for name, text in rows], [(text, "") for _, text in rows], "letters"),
        ]

    assert all_of_them() == all_of_them()
    assert rows == before


def test_one_row_is_enough() -> None:
    assert baselines.bigram([("a", "b")], [("a", "b")]) < math.log(2)
    assert baselines.trigram([("a", "b")], [("a", "b")], True) < math.log(3)
    assert baselines.naive_bayes([("a", "b")], [("c", "")], "letters") == ["b"]


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_the_median_of_train_is_said_always() -> None:
    train = [("", "1 10"), ("", "2 20"), ("", "9 60")]
    assert baselines.median(train, [("", "2 20"), ("", "4 26")]) == (0 + 0 + 2 + 6) / 4


def test_ridge_finds_what_words_add() -> None:
    rng, worth = random.Random(3), {"good": 1.0, "great": 2.0, "bad": -1.0, "film": 0.0}
    rows = [(" ".join(words), str(sum(worth[word] for word in words))) for words in product(worth, repeat=4)]
    rng.shuffle(rows)
    assert baselines.ridge(rows[:200], rows[200:], "words") < 0.3 * baselines.median(rows[:200], rows[200:])


@pytest.mark.parametrize("each", [True, False])
def test_ridge_reads_vectors_one_by_one_or_as_a_whole(each: bool) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for length in rng.integers(2, 6, 300):
        values = rng.normal(0, 1, (length, 2)).round(4)
        wanted = values @ [2.0, -1.0] if each else [values.mean(0) @ [2.0, -1.0]]
        source = "; ".join(" ".join(map(str, row)) for row in values)
        rows.append((source, "; ".join(map(str, wanted))))
    assert baselines.ridge(rows[:200], rows[200:], "vectors") < 0.02


def test_ridge_reads_letters_where_no_spaces_part_words() -> None:
    tastes = [(taste, sign, n) for taste, sign in (("好", 1), ("坏", -1)) for n in range(1, 40)] * 4
    random.Random(1).shuffle(tastes)
    rows = [(f"第{n}汤味道{taste}", str(sign)) for taste, sign, n in tastes]
    assert baselines.ridge(rows[:200], rows[200:], "letters") < 0.3


def test_a_word_gets_its_most_frequent_tag_and_one_that_was_never_seen_that_of_all() -> None:
    train = [("the run ends", "D N V"), ("we run", "P V"), ("dogs run", "N N"), ("a b", "D")]
    assert baselines.most_frequent_tag(train, [("we run zorbing", "P V V"), ("the", "D")]) == ["P N N", "D"]


def test_vectors_are_told_apart_by_a_line_and_each_of_them_where_each_has_a_label() -> None:
    train = [(f"{n} 0; {n} 1", "high" if n > 0 else "low") for n in (-3, -2, -1, 1, 2, 3)]
    assert baselines.logistic(train, [("5 1; 6 1", "high"), ("-5 1; -6 1", "low")], each=False) == ["high", "low"]
    tags = [("-2 0; 2 0; -1 1", "low high low"), ("1 1; 3 0", "high high")]
    assert baselines.logistic(tags, [("-5 0; 5 0; 6 0", "x x x"), ("7 0", "x")], each=True) == ["low high high", "high"]


def test_what_was_a_season_before_is_said_again() -> None:
    rows = [("9 0; 1 0; 2 0; 3 0", "2; 2; 5; 1")]
    assert baselines.seasonal_naive(rows, 0, 3) == (1 + 0 + 2 + 0) / 4
    assert baselines.seasonal_naive(rows, 0, 1) == (1 + 1 + 2 + 2) / 4
    assert baselines.seasonal_naive(rows, 1, 2) == (2 + 2 + 5 + 1) / 4


def test_ridge_on_lags_says_all_that_follows() -> None:
    rng, rows = np.random.default_rng(0), []
    for start in rng.uniform(0, 6, 300):
        wave = np.sin(start + np.arange(9) / 2)
        rows.append(("; ".join(map(str, wave[:6])), "; ".join(map(str, wave[6:]))))
    assert baselines.ridge(rows[:200], rows[200:], "lags") < 0.05
