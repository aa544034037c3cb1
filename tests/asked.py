"""Models with every head, which have learnt nothing, and what they should answer: one step after another, by hand."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests import tiny
from unroll.data.ids import EOS, GO
from unroll.nn.model import ReaderState
from unroll.params.evaluate import Sample, Search
from unroll.predict.predictor import Prediction, Predictor

ODD = ["", " ", "🙂🙃", "שלום עולם", "a\u200bb\ufeff", "milk " * 40, "I drink milk", "\x00\x01", "٣٤ ½", "drink I"]
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "slept", "all", "day"]
LINES = [" ".join(WORDS[(n * k) % 10] for k in range(1, 2 + n % 6)) for n in range(1, 25)] + ["", "the"]
LETTERS = [(a, b) for a in "abcd" for b in ["", *"abcd"]]
NAMES = [(f"{where}", f"{a}{b}{c}") for where in ("Greek", "Irish") for a in "AB" for b in "aeiou" for c in "nst"]
QUESTIONS = [(f"{ask} {word} ?", ask.lower()) for ask in ("Who", "Where", "When") for word in WORDS]


def frames(*rows: tuple[float, ...]) -> str:
    return "; ".join(" ".join(f"{number:g}" for number in row) for row in rows)


def drawn(seed: int, number: int) -> list[tuple[float, ...]]:
    return [tuple(row) for row in np.random.default_rng(seed).integers(0, 16, (number, 4)).tolist()]


WIDE = {"tokenize__source__width": 4, "prepare__corpus__frame": 4}
ONE = WIDE | {"prepare__corpus__columns": [0, 4]}
HEADS: dict[str, tuple[list[tuple[str, str]], dict[str, Any]]] = {
    "letter": (LETTERS, {}),
    "digit": ([(frames(*drawn(n, 1)), str(n % 3)) for n in range(30)], ONE),
    "name": (NAMES, {"tokenize__target__vocab_size": 300}),
    "caption": ([(frames(*drawn(n, 1)), ("one", "two")[n % 2]) for n in range(30)], ONE),
    "language": ([(line, "") for line in LINES], {}),
    "frames": (
        [(frames(*drawn(n, 1 + n % 4)), " ".join("abc"[: 1 + n % 3] * 4)[: 2 * (1 + n % 4) - 1]) for n in range(30)],
        WIDE,
    ),
    "classify": (QUESTIONS, {"tokenize__source__vocab_size": 40}),
    "rows": ([(frames(*drawn(n, 3)), str(n % 3)) for n in range(30)], WIDE),
}
"""a few pairs for a pipeline of each kind, and what fits it to them"""


def untrained(folder: Path, section: str, **changes: Any) -> Predictor:
    pairs, own = HEADS[section]
    settings = tiny.pipeline(section, **(own | changes))
    readers = tiny.tokenize(folder / section, settings, pairs)
    torch.manual_seed(0)
    return Predictor(tiny.build_model(settings, readers).eval(), readers, tiny.recipe(settings))


def beam(predictor: Predictor, number: int) -> Search:
    return predictor.search.model_copy(update={"beam": number})


def sampled(**changes: Any) -> Sample:
    how = {"kind": "sample", "temperature": 1.0, "top_k": 0, "top_p": 1.0, "max_tokens": 8, "seed": 1}
    return Sample.model_validate(how | {"batch_sentences": 64} | changes)


def sources(section: str) -> list[str]:
    """A few of its texts."""
    return [source for source, _ in HEADS[section][0]][:12]


def texts_of(answers: list[list[Prediction]]) -> list[list[str]]:
    return [[one.text for one in found] for found in answers]


@torch.no_grad()
def stepped(predictor: Predictor, source: str, said: list[int]) -> float:
    """-log p of a decoder's tokens and their end, one step after another."""
    memory, _ = predictor.memory(predictor.source.encode([source]))
    state, before, total = predictor.model.initial(memory), GO, 0.0
    for token in [*said, EOS]:
        logits, state = predictor.model.step(torch.tensor([before]), state)
        total -= float(logits[0].log_softmax(0)[token])
        before = token
    return total


def ending(predictor: Predictor) -> Predictor:
    """The same, but for a liking to end."""
    model = copy.deepcopy(predictor.model)
    with torch.no_grad():
        model.head.logits.bias[EOS] += 4.0
    return Predictor(model, {"source": predictor.source, "target": predictor.target}, predictor.recipe)


def ids_of(predictor: Predictor, found: Prediction) -> list[int]:
    return [predictor.target.vocabulary.index(piece) for piece in found.target_tokens]


def zeros(predictor: Predictor) -> ReaderState:
    """Where a language model stands before its first token."""
    memory, _ = predictor.memory([[EOS]])
    state = predictor.model.initial(memory)
    layers = tuple(tuple(torch.zeros_like(part) for part in layer) for layer in state.layers)
    return replace(state, layers=layers)
