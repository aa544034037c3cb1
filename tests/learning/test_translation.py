"""Encoders and decoders must learn: each in seconds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny
from unroll.nn.attention import ATTENTIONS
from unroll.predict.predictor import Predictor

LETTERS = "abcdefghijkl"
HARD = {"model__head__attention": "hard", "model__head__positions": 128}
TRAINING: dict[str, Any] = {"hidden": 64, "train__updates": 400, "train__batch_tokens": 256}


def sequences(count: int, longest: int) -> list[str]:
    rng = random.Random(1)
    return [" ".join(rng.choices(LETTERS, k=rng.randint(2, longest))) for _ in range(count)]


def copied(longest: int, turn: int = 1) -> list[tuple[str, str]]:
    return [(s, " ".join(s.split()[::turn])) for s in sequences(1500, longest)]


@pytest.mark.parametrize("attention", sorted(ATTENTIONS.keys() - {"none", "final", "hard"}))
def test_every_attention_learns_to_copy(tmp_path: Path, attention: str) -> None:
    bounded_by = ATTENTIONS[attention].bounded_by
    bound = {f"model__head__{bounded_by}": {"window": 2, "positions": 16}[bounded_by]} if bounded_by else {}
    settings = tiny.pipeline(**TRAINING, model__head__attention=attention, **bound)
    _, _, exact = tiny.train(tmp_path, settings, copied(7))
    assert exact > 0.9


@pytest.mark.parametrize(
    "changes",
    [
        {"model__head__attention": "dot", "model__head__input_feeding": True},
        {"model__head__attention": "additive", "model__head__query": "before"},
    ],
    ids=["input feeding", "query before"],
)
def test_attention_learns_to_reverse(tmp_path: Path, changes: dict[str, Any]) -> None:
    _, _, exact = tiny.train(
        tmp_path, tiny.pipeline(**TRAINING, **changes, model__head__cell="gru"), copied(7, turn=-1)
    )
    assert exact > 0.9


def straight(predictor: Predictor) -> float:
    """How often a copied letter was said while its own position was looked at."""
    sources = [s for s in sequences(200, 10) if len(s.split()) == 8]
    looks = [answer.weights_TS.argmax(1)[:8] for (answer,) in predictor.predict(sources)]
    return float(np.mean([place == step for look in looks for step, place in enumerate(look)]))


def test_hard_attention_learns_where_to_look_from_its_rewards_alone(tmp_path: Path) -> None:
    settings = tiny.pipeline(**TRAINING | {"train__updates": 500}, **HARD)
    _, predictor, exact = tiny.train(tmp_path / "hard", settings, copied(10))
    assert exact > 0.8
    assert straight(predictor) > 0.75


def test_without_rewards_hard_attention_looks_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.training.learner.reinforce", lambda outcome: 0.0)
    settings = tiny.pipeline(**TRAINING | {"train__updates": 300}, **HARD)
    _, predictor, exact = tiny.train(tmp_path, settings, copied(10))
    assert exact < 0.7
    assert straight(predictor) < 0.4


def test_a_fixed_context_learns_short_sequences(tmp_path: Path) -> None:
    settings = tiny.pipeline(**TRAINING | {"hidden": 96, "train__updates": 500}, model__head__attention="none")
    _, _, exact = tiny.train(tmp_path, settings, copied(3))
    assert exact > 0.9


def test_the_sampled_softmax_learns_too(tmp_path: Path) -> None:
    _, _, exact = tiny.train(tmp_path, tiny.pipeline(**TRAINING, train__sampled_softmax=6), copied(6))
    assert exact > 0.9


def test_scheduled_sampling_learns_too(tmp_path: Path) -> None:
    settings = tiny.pipeline(**TRAINING | {"train__updates": 300}, train__scheduled_sampling=0.5)
    _, _, exact = tiny.train(tmp_path, settings, copied(5))
    assert exact > 0.9


@pytest.mark.parametrize("attention", ["none", "final"])
def test_names_are_learnt_by_heart(tmp_path: Path, attention: str) -> None:
    names = ["Rossi", "Bianchi", "Dubois", "Meyer", "Novak", "Kowalski", "Silva", "Sato", "Murphy", "Haddad"]
    settings = tiny.pipeline(
        "name", tokenize__target__vocab_size=300, train__select_by="accuracy", train__updates=600,
        train__validate_every=600, train__learning_rate=0.02, model__head__attention=attention, hidden=64,
    )  # fmt: skip
    _, predictor, _ = tiny.train(tmp_path, settings, [(str(number), name) for number, name in enumerate(names)] * 20)
    assert [best.text for (best,) in predictor.predict([str(number) for number in range(len(names))])] == names


@pytest.mark.parametrize("looking", [{}, HARD], ids=["general", "hard"])
def test_two_trainings_give_the_same_weights(tmp_path: Path, looking: dict[str, Any]) -> None:
    settings = tiny.pipeline(
        model__dropout=0.2, train__updates=30, train__validate_every=15, train__average=2,
        train__scheduled_sampling=0.3, **looking,
    )  # fmt: skip
    pairs = [(s, s) for s in sequences(300, 5)]
    first, second = (tiny.train(tmp_path / name, settings, pairs)[0].state_dict() for name in "ab")
    assert all(first[name].equal(second[name]) for name in first)
