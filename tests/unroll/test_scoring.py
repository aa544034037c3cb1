"""Every scorer against answers and costs that are known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from tests import tiny
from unroll import baselines, metrics, scoring
from unroll.params import Beam, Evaluate, Search
from unroll.predictor import Prediction, Predictor
from unroll.scoring import Scores

Rows = Sequence[tuple[str, str]]
Costs = dict[tuple[str, str], tuple[float, int]]


class Stub:
    """Stands in for a Predictor: what it says and what it costs is told to it."""

    def __init__(
        self,
        section: str,
        said: dict[str, str],
        costs: Costs | None = None,
        quick: dict[str, str] | None = None,
        looks: dict[str, np.ndarray] | None = None,
        **changes: Any,
    ) -> None:
        settings = tiny.pipeline(section, **changes)
        self.params, self.search = tiny.recipe(settings), settings.evaluate.search
        self.said, self.costs, self.looks = said, costs or {}, looks or {}
        self.quick = said | (quick or {})

    def stream(
        self, texts: Iterable[str], n_best: int = 1, search: Search | None = None, strict: bool = True
    ) -> Iterator[list[Prediction]]:
        search = search or self.search
        said = self.quick if isinstance(search, Beam) and search.beam == 1 else self.said
        for text in texts:
            words = said[text].split()
            looked = self.looks.get(text, np.zeros((len(words), len(text.split()))))
            yield [Prediction(said[text], -1.5, text.split(), words, looked, False)]

    def nats(self, pairs: Rows) -> list[tuple[float, int]]:
        return [self.costs[pair] for pair in pairs]


def prepare(folder: Path, test: Rows, train: Rows = (("x", "y"),), valid: Rows = ()) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in (("train", train), ("valid", valid), ("test", test)):
        text = "".join(f"{source}\t{target}\t\n" for source, target in rows)
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    return folder


def evaluate(section: str, **changes: Any) -> Evaluate:
    return tiny.pipeline(section).evaluate.model_copy(update={"baseline": None} | changes)


def score(stub: Stub, folder: Path, section: str, **changes: Any) -> Scores:
    return scoring.score(stub, folder, evaluate(section, **changes))  # type: ignore[arg-type]


def weighted(scores: Scores) -> float:
    """The score as rows say it, which the registry compares."""
    return sum(row["value"] for row in scores.rows) / sum(row["weight"] for row in scores.rows)


# Classes


QUESTIONS = [("Who ?", "human"), ("Who sat ?", "human"), ("Whose cat ?", "human"), ("How many ?", "number")]
SAID = {"Who ?": "human", "Who sat ?": "human", "Whose cat ?": "number", "How many ?": "number"}
COSTS = {pair: (cost, 1) for pair, cost in zip(QUESTIONS, (0.5, 0.25, 2.0, 0.25), strict=True)}


def test_a_classifier_is_scored_by_how_often_it_is_right(tmp_path: Path) -> None:
    train = [("who!", "human"), ("HOW many", "number")]  # near enough to be known
    found = score(Stub("classify", SAID, COSTS), prepare(tmp_path, QUESTIONS, train), "classify")
    assert found.report == {
        "main": "accuracy",
        "accuracy": 75.0,
        "rows": 4,
        "macro_recall": round(100 * (2 / 3 + 1) / 2, 4),
        "nats": 0.75,
        "rows_new": 2,
        "accuracy_new": 50.0,
    }
    assert found.groups == {"human": (pytest.approx(200 / 3), 3), "number": (100.0, 1)}
    assert found.unit == "class"
    names, counts = found.confusion
    assert names == ["human", "number"]
    assert counts.tolist() == [[2, 1], [0, 1]]
    assert [(row["source"], row["references"], row["hypothesis"]) for row in found.rows] == [
        (source, [target], SAID[source]) for source, target in QUESTIONS
    ]
    assert 100 * weighted(found) == 75.0
    assert [one.text for one in found.answers] == list(SAID.values())


def test_a_classifier_chosen_by_its_loss_is_scored_by_what_classes_cost(tmp_path: Path) -> None:
    stub = Stub("classify", SAID, COSTS, train__select_by="loss")
    found = score(stub, prepare(tmp_path, QUESTIONS), "classify")
    assert found.report["main"] == "nats"
    assert found.report[found.report["main"]] == 0.75 == -weighted(found)
    assert found.report["accuracy"] == 75.0


def test_letters_cost_nats_and_an_end_can_be_right(tmp_path: Path) -> None:
    test = [("", "K"), ("K", "i"), ("i", ""), ("m", "")]
    costs = {pair: (cost, 1) for pair, cost in zip(test, (1.0, 2.0, 3.0, 4.0), strict=True)}
    stub = Stub("letter", {"": "K", "K": "o", "i": "", "m": "a"}, costs)
    found = score(stub, prepare(tmp_path, test), "letter")
    assert found.report["main"] == "nats_per_letter"
    assert found.report["nats_per_letter"] == 2.5 == -weighted(found)
    assert found.report["accuracy"] == 50.0
    assert found.groups == {"": (50.0, 2), "K": (100.0, 1), "i": (0.0, 1)}


def test_too_many_classes_are_neither_broken_down_nor_confused(tmp_path: Path) -> None:
    test = [(f"q{n}", f"c{n}") for n in range(scoring.MOST_GROUPS + 1)]
    stub = Stub("classify", dict(test), dict.fromkeys(test, (1.0, 1)))
    found = score(stub, prepare(tmp_path, test), "classify")
    assert found.report["accuracy"] == 100.0
    assert found.groups == {}
    assert found.confusion is None


def test_where_every_test_row_is_known_none_is_new(tmp_path: Path) -> None:
    found = score(Stub("classify", SAID, COSTS), prepare(tmp_path, QUESTIONS, QUESTIONS), "classify")
    assert found.report["rows_new"] == 0


# Labels


def test_a_tagger_is_scored_by_its_share_of_right_labels(tmp_path: Path) -> None:
    test = [("1; 2; 3", "a a b"), ("4", "c")]
    found = score(Stub("frames", {"1; 2; 3": "a b b", "4": "c"}), prepare(tmp_path, test), "frames")
    assert found.report == {"main": "accuracy", "accuracy": 75.0, "rows": 2, "labels": 4, "rows_right": 50.0}
    assert found.groups == {"a": (50.0, 2), "b": (100.0, 1), "c": (100.0, 1)}
    assert found.unit == "label"
    names, counts = found.confusion
    assert names == ["a", "b", "c"]
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert 100 * weighted(found) == 75.0


def test_labels_that_were_cut_off_are_not_right(tmp_path: Path) -> None:
    found = score(Stub("frames", {"1; 2; 3; 4": "a a"}), prepare(tmp_path, [("1; 2; 3; 4", "a a b b")]), "frames")
    assert found.report["accuracy"] == 50.0


# Sentences


def test_a_spelled_answer_is_right_or_wrong_as_a_whole(tmp_path: Path) -> None:
    test = [("1 0", "one"), ("2 0", "two"), ("2 1", "two"), ("3 0", "three")]
    said = {"1 0": "one", "2 0": "two two", "2 1": "two", "3 0": "tree"}
    found = score(Stub("caption", said), prepare(tmp_path, test), "caption")
    assert found.report == {"main": "accuracy", "accuracy": 50.0, "rows": 4}
    assert found.groups == {"one": (100.0, 1), "three": (0.0, 1), "two": (50.0, 2)}
    assert 100 * weighted(found) == 50.0


SPANISH = [
    ("I drink cold milk", "Bebo leche fría hoy"),
    ("I drink cold milk", "Yo bebo leche fría"),
    ("We saw the old house", "Vimos la casa vieja"),
    ("Tom sold his red car today", "Tom vendió su coche rojo"),
]


def test_translations_are_scored_with_all_references_by_beam_and_greedy(tmp_path: Path) -> None:
    said = {
        "I drink cold milk": "Yo bebo leche fría",
        "We saw the old house": "Vimos la casa vieja",
        "Tom sold his red car today": "Tom vendió su coche rojo",
        "Good": "Bueno bueno bueno bueno",
    }
    quick = {"We saw the old house": "Vimos una casa", "Good": "Malo"}
    looks = {
        "I drink cold milk": np.array([[0.5, 0.5, 0, 0], [1.0, 0, 0, 0]]),
        "We saw the old house": np.full((1, 5), 0.2),
        "Tom sold his red car today": np.zeros((1, 6)),
    }
    train, valid = [("We saw the new house", "Vimos la casa nueva")], [("Good", "Bueno bueno bueno bueno")]
    stub = Stub("translate", said, quick=quick, looks=looks)
    found = score(stub, prepare(tmp_path, SPANISH, train, valid), "translate")
    report = found.report
    assert report["main"] == "bleu"
    assert (report["bleu"], report["chrf"], report["valid.bleu"]) == (100.0, 100.0, 100.0)
    assert report["valid.bleu_greedy"] == 0.0
    references = [["Bebo leche fría hoy", "Yo bebo leche fría"], ["Vimos la casa vieja"], ["Tom vendió su coche rojo"]]
    hypotheses = ["Yo bebo leche fría", "Vimos una casa", "Tom vendió su coche rojo"]
    assert report["bleu_greedy"] == pytest.approx(metrics.bleu(hypotheses, references), abs=1e-4)
    assert report["chrf_greedy"] == pytest.approx(metrics.chrf(hypotheses, references), abs=1e-4)
    assert report["bleu_greedy"] < 100
    assert report["bleu_one_reference"] < 100
    # The house is but one word from a train source.
    assert (report["sentences"], report["sentences_far"], report["bleu_far"]) == (3, 2, 100.0)
    assert [row["far"] for row in found.rows] == [True, False, True]
    assert report["positions_scored"] == pytest.approx((3 + 5 + 0) / 3, abs=1e-4)
    assert report["positions"] == pytest.approx((8 + 5 + 6) / 3, abs=1e-4)
    assert found.groups == {"1-4": (pytest.approx(100), 1), "5-6": (pytest.approx(100), 2)}
    assert [row["greedy"] for row in found.rows] == hypotheses
    assert found.rows[0]["references"] == references[0]


def test_where_no_sentence_is_far_there_is_no_score_of_those(tmp_path: Path) -> None:
    stub = Stub("translate", {"We saw": "Vimos", "Good": "Bueno"})
    found = score(stub, prepare(tmp_path, [("We saw", "Vimos")], [("we saw!", "x")], [("Good", "Bueno")]), "translate")
    assert found.report["sentences_far"] == 0
    assert "bleu_far" not in found.report


# Drawn texts


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
    assert len(shown) == scoring.SHOWN
    assert shown[0] == 0
    assert shown[-1] > 80


def test_no_row_need_be_long_enough_to_be_read_on(tmp_path: Path) -> None:
    test = [("a", ""), ("", "")]
    found = score(Stub("language", {}, {pair: (math.log(2), 1) for pair in test}), prepare(tmp_path, test), "language")
    assert found.report["perplexity"] == 2.0
    assert not any(row["hypothesis"] for row in found.rows)


# Baselines


def test_there_is_a_baseline_for_each_name_and_a_scorer_for_each_search() -> None:
    names = {name for part in get_args(Evaluate.model_fields["baseline"].annotation) for name in get_args(part)}
    assert set(scoring.BASELINES) == names
    kinds = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(Search)[0])}
    assert set(scoring.SCORERS) == kinds | {"running"}


TRAIN = [("ab", "x"), ("abc", "x"), ("b", "y"), ("bb", "y"), ("ba", "x")] * 4
TEST = [("ab", "x"), ("bb", "y"), ("b", "x"), ("q", "y")]


def right(said: Iterable[str], test: Rows) -> float:
    return round(100 * float(np.mean([one == wanted for one, (_, wanted) in zip(said, test, strict=True)])), 3)


@pytest.mark.parametrize(
    ("section", "name", "expected"),
    [
        ("letter", "bigram", lambda: baselines.bigram(TRAIN, TEST)),
        ("name", "trigram", lambda: baselines.ngram(TRAIN, TEST, 3, conditional=True)),
        ("classify", "naive_bayes", lambda: right(baselines.naive_bayes(TRAIN, TEST, "words"), TEST)),
        ("nationality", "naive_bayes", lambda: right(baselines.naive_bayes(TRAIN, TEST, "letters"), TEST)),
        ("classify", "majority", lambda: 50.0),
    ],
)
def test_a_baseline_stands_beside_the_score(tmp_path: Path, section: str, name: str, expected: Any) -> None:
    said, costs = {source: "x" for source, _ in TEST}, dict.fromkeys(TEST, (1.0, 1))
    folder = prepare(tmp_path, TEST, TRAIN)
    found = score(Stub(section, said, costs), folder, section, baseline=name)
    assert found.report["baseline"] == pytest.approx(expected(), abs=5e-4)
    assert "baseline" not in score(Stub(section, said, costs), folder, section).report


def test_running_text_is_held_against_a_compressor(tmp_path: Path) -> None:
    test, train = [(line, "") for line in LINES], [("the dog sat on the mat", ""), ("", "")]
    costs = dict.fromkeys(test, (1.0, 1))
    said = {"the cat sat on the": "", "one two three four five": ""}
    found = score(Stub("characters", said, costs), prepare(tmp_path, test, train), "characters", baseline="xz")
    texts = ("the dog sat on the mat\n\n", "".join(f"{line}\n" for line in LINES))
    assert found.report["baseline"] == round(baselines.xz_bits_per_character(*texts), 3)


# Validation


def test_validation_hears_the_quickest_answers() -> None:
    pairs = {"a": ["uno dos tres cuatro", "x"], "b": ["seis siete ocho nueve"]}
    slow, quick = dict.fromkeys(pairs, "x"), {source: refs[0] for source, refs in pairs.items()}
    stub = Stub("translate", slow, quick=quick)
    assert scoring.validation(stub, pairs) == pytest.approx(100)  # type: ignore[arg-type]
    stub = Stub("classify", {"a": "p", "b": "q"})
    assert scoring.validation(stub, {"a": ["p"], "b": ["p"]}) == 50.0  # type: ignore[arg-type]


# With models


@pytest.mark.parametrize(
    ("section", "pairs", "changes"),
    [
        ("name", [("Greek", "Kos"), ("Irish", "Kelly"), ("Greek", "Nikas")] * 5, {"tokenize__target__vocab_size": 300}),
        ("language", [(line, "") for line in LINES] * 5, {}),
        ("nationality", [("Kos", "Greek"), ("Kelly", "Irish")] * 8, {"tokenize__source__vocab_size": 300}),
    ],
)
def test_a_model_is_scored_by_what_it_costs_itself(
    tmp_path: Path, section: str, pairs: list[tuple[str, str]], changes: dict[str, Any]
) -> None:
    settings = tiny.pipeline(section, **changes)
    tokenizers = tiny.tokenize(tmp_path / "tokenized", settings, pairs)
    torch.manual_seed(0)
    model = tiny.build_model(settings, tokenizers)
    predictor = Predictor(model, tokenizers, tiny.recipe(settings), settings.evaluate.search)
    found = scoring.score(predictor, prepare(tmp_path, pairs[:4], pairs[4:]), evaluate(section))
    costs = predictor.nats(pairs[:4])
    total = sum(cost for cost, _ in costs)
    if section == "name":
        expected = total / sum(len(target) + 1 for _, target in pairs[:4])
    elif section == "language":
        expected = math.exp(total / sum(count for _, count in costs))
    else:
        expected = 100 * float(np.mean([one.text == t for one, (_, t) in zip(found.answers, pairs[:4], strict=True)]))
    assert found.report[found.report["main"]] == pytest.approx(expected, abs=1e-3)
    assert len(found.rows) == 4
