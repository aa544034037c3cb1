"""A translator of a small grammar that is taught with noise answers what people type, in whatever form they type it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import unroll
from tests import recipes
from tests.grammar import OBJECTS, PAIRS
from unroll.predict.predictor import Predictor
from unroll.predict.repeats import place

NOISE = {
    "copies": 3, "seed": 1, "joined": 0.05, "words": 0.1, "names": 0.5, "no_end_mark": 0.3, "lower": 0.2,
    "capitals": 0.0, "title": 0.0, "no_accents": 0.0, "typos": 0.05, "spaces": 0.0, "quotes": 0.0,
}  # fmt: skip
SMALL: dict[str, Any] = {
    "tokenize.source.vocab_size": 400, "tokenize.typed": {"sentences": "en", "case": True, "copied": True},
    "noise": NOISE, "embed.kind": "random", "embed.dimensions": 64, "model.encoder.hidden": 64,
    "model.head.hidden": 64, "train.updates": 700, "train.learning_rate": 0.008, "train.batch_tokens": 300,
    "train.warmup": 30, "train.validate_every": 700, "train.select_by": "loss", "train.sampled_softmax": 0,
    "prepare.filters": None, "prepare.split.by": "both", "prepare.split.largest_component": 1000,
}  # fmt: skip
EXTRA = [(f"{name} is here.", f"{name} está aquí.") for name in ("Tom", "Ann", "Bob", "Eve", "Max", "Zoe")] * 6
COUNTED = [(f"I sold {n} books.", f"Yo vendí {n} libros.") for n in range(20, 60)]


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    pairs = [*PAIRS, *EXTRA, *COUNTED, *((f"{n}!", f"¡{m}!") for n, m in OBJECTS.items())]
    split = {"prepare.split.valid": 0.05, "prepare.split.test": 0.05}
    pipeline = recipes.make("translate", **SMALL, **split)
    return unroll.train(pipeline, pairs, tmp_path_factory.mktemp("typed") / "model")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("Tom drank milk.", "Tom bebió leche."),
        ("Tom drank milk", "Tom bebió leche"),
        ("tom drank milk", "tom bebió leche"),  # as far as these rows show, no name
        ("TOM DRANK MILK.", "TOM BEBIÓ LECHE."),
        ("the boy wanted the soup", "el niño quería la sopa"),
        ("Tom  drank milk .", "Tom bebió leche."),
        ("Tom dranl milk.", "Tom bebió leche."),
        ("Tom drank milk. The boy sold the tea.", "Tom bebió leche. El niño vendió el té."),
        ("Tom drank milk.\n- The boy sold the tea.", "Tom bebió leche.\n- El niño vendió el té."),
        ("<p>Tom drank milk.</p>", "<p>Tom bebió leche.</p>"),
        ("Quvenzhané drank milk.", "Quvenzhané bebió leche."),
        ("I sold 4,321.50 books.", "Yo vendí 4,321.50 libros."),
        ("12:30", "12:30"),
        ("", ""),
    ],
)
def test_it_is_answered_as_it_is_typed(translator: Predictor, typed: str, answer: str) -> None:
    found = translator(typed)
    assert (found.text, found.cut_off) == (answer, False)


ODD = ["milk", "milk, tea, soup, coffee", "drank drank", "Q7-X", "é è ü", "boy boy soup the the a", "?!", "of of tea"]


def test_nothing_odd_leads_into_a_loop_and_no_list_holds_a_text_twice(translator: Predictor) -> None:
    for typed, answers in zip(ODD, translator.predict(ODD, n_best=7), strict=True):
        texts = [str(answer) for answer in answers]
        assert len(set(texts)) == len(texts)
        assert texts[0] == str(translator(typed))
        assert place(texts[0]) is None


def test_a_pair_costs_the_same_however_it_is_written(translator: Predictor) -> None:
    (first,), (second,) = (translator.nats([pair]) for pair in [("Tom drank milk.", "Tom bebió leche.")] * 2)
    (capitals,) = translator.nats([("TOM DRANK MILK.", "Tom bebió leche.")])
    assert first == second == capitals


def test_its_answer_says_where_it_looked_in_every_sentence(translator: Predictor) -> None:
    found = translator("Tom drank milk. The boy sold the tea.")
    assert found.weights_TS.shape == (len(found.target_tokens), len(found.source_tokens))
    assert found.weights_TS.sum() == pytest.approx(len(found.target_tokens), abs=1e-3)
    alone = translator("Tom drank milk.")
    assert found.weights_TS[: len(alone.target_tokens), len(alone.source_tokens) :].sum() == 0


def test_the_same_rows_give_the_same_bytes_and_held_out_rows_no_noise(tmp_path: Path) -> None:
    from unroll.data import tokenizing
    from unroll.data.ids import Ids

    pipeline = recipes.make("translate", **SMALL)
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    for split, rows in (("train", PAIRS[:150]), ("valid", PAIRS[150:]), ("test", PAIRS[:1])):
        tokenizing.write_pairs(prepared / f"{split}.tsv", rows)
    made = []
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        tokenizing.tokenize(pipeline.tokenize, pipeline.noise, pipeline.sides, prepared, tmp_path / name)
        made.append({path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())})
    assert made[0] == made[1]
    (tmp_path / "plain").mkdir()
    tokenizing.tokenize(pipeline.tokenize, None, pipeline.sides, prepared, tmp_path / "plain")
    for path in (tmp_path / "plain").iterdir():
        assert made[0][path.name] == path.read_bytes(), path.name
    assert {name.partition(".")[0] for name in made[0]} == {"source", "target", "train", "valid", "noisy"}
    assert len(Ids(tmp_path / "once", "noisy", "source")) == NOISE["copies"] * 150
