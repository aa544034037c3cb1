"""A language model must learn a grammar whose entropy is known."""

from __future__ import annotations

import math
import random
from pathlib import Path

from tests import tiny

MODEL = {"hidden": 32, "embed__dimensions": 32, "train__updates": 600, "train__validate_every": 600}
ARCS = {
    0: {"T": 1, "P": 2},
    1: {"S": 1, "X": 3},
    2: {"T": 2, "V": 4},
    3: {"X": 2, "S": 5},
    4: {"P": 3, "V": 5},
    5: {},
}
"""Reber (1967): {state: {letter: the next state}}; each of two letters is as likely as the other"""


def sentence(rng: random.Random) -> str:
    letters, state = [], 0
    while ARCS[state]:
        letters.append(rng.choice(list(ARCS[state])))
        state = ARCS[state][letters[-1]]
    return " ".join(letters)


def grammatical(text: str) -> bool:
    state = 0
    for letter in text.split():
        if letter not in ARCS[state]:
            return False
        state = ARCS[state][letter]
    return state == 5


def embedded(rng: random.Random) -> str:
    """A sentence between two letters that are the same (Hochreiter and Schmidhuber 1997)."""
    around = rng.choice("TP")
    return f"{around} {sentence(rng)} {around}"


def rightly_embedded(text: str) -> bool:
    return len(text) > 4 and text[0] == text[-1] in "TP" and grammatical(text[2:-2])


def entropy(texts: list[str], certain: int) -> float:
    """Nats a token: each letter is a toss of a coin but for those `certain` in a text, as is its end."""
    lengths = [len(text.split()) for text in texts]
    return math.log(2) * sum(length - certain for length in lengths) / sum(length + 1 for length in lengths)


def test_a_language_model_learns_a_grammar_to_its_entropy(tmp_path: Path) -> None:
    rng = random.Random(3)
    texts = [embedded(rng) for _ in range(2000)]
    assert all(map(rightly_embedded, texts))
    settings = tiny.pipeline("language", **MODEL, train__bptt=None, train__batch_tokens=512)
    _, predictor, score = tiny.train(tmp_path, settings, [(text, "") for text in texts])
    known, without_memory = (entropy(texts[-200:], certain) for certain in (1, 0))
    assert known * 0.99 < -score < known * 1.05 < without_memory
    said = predictor.predict([""] * 50, n_best=2)
    assert sum(rightly_embedded(one.text) for answers in said for one in answers) > 90


def test_it_learns_it_from_running_text_too(tmp_path: Path) -> None:
    rng = random.Random(3)
    texts = [sentence(rng) for _ in range(2000)]
    settings = tiny.pipeline("language", **MODEL, train__bptt=16, train__batch_tokens=256)
    _, predictor, score = tiny.train(tmp_path, settings, [(text, "") for text in texts])
    known = entropy(texts[-200:], certain=0)
    assert known * 0.99 < -score < known * 1.05
    said = predictor.predict([""] * 50, n_best=2)
    assert sum(grammatical(one.text) for answers in said for one in answers) > 90
