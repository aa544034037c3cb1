"""A glossary of a small language whose words correspond one to one."""

from __future__ import annotations

import numpy as np

from unroll.data.glossary import OFTEN, learn

MEANS = {"cat": "gato", "dog": "perro", "milk": "leche", "red": "rojo", "house": "casa", "runs": "corre"}


def test_it_finds_what_every_word_becomes() -> None:
    chance, words = np.random.default_rng(1), list(MEANS)
    rows = []
    for _ in range(200):
        chosen = [words[place] for place in chance.permutation(len(words))[:3]]
        rows.append((" ".join(chosen).capitalize() + ".", " ".join(MEANS[word] for word in reversed(chosen)) + "."))
    assert learn(rows) == MEANS


def test_rare_words_and_empty_rows_are_left_out() -> None:
    rows = [("cat", "gato")] * OFTEN + [("dog", "perro")] * (OFTEN - 1) + [("", "")]
    assert learn(rows) == {"cat": "gato"}
    assert learn([]) == {}
