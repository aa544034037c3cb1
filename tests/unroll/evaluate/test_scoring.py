"""Each way of asking has its scorer, and each score its baseline beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from tests import tiny
from tests.scored import Rows, Stub, evaluate, prepare, score
from unroll.evaluate import baselines, scoring
from unroll.params.evaluate import Evaluate, Search
from unroll.predict.predictor import Predictor

LINES = ["the cat sat on the mat", "", "a dog", "one two three four five six seven"]


def test_there_is_a_baseline_for_each_name_and_a_scorer_for_each_search() -> None:
    names = {name for part in get_args(Evaluate.model_fields["baseline"].annotation) for name in get_args(part)}
    assert set(scoring.BASELINES) == names
    assert set(get_args(get_args(Search)[0])) == scoring.scored.registry.keys() - {object}


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
    held = ("the dog sat on the mat\n\n", "".join(f"{line}\n" for line in LINES))
    assert found.report["baseline"] == round(baselines.xz_bits_per_character(*held), 3)


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
