"""A stand-in for a model whose answers and costs are known, and what scorers make of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests import tiny
from unroll.evaluate import scoring
from unroll.evaluate.scores import Scores
from unroll.params.evaluate import Beam, Evaluate, Search
from unroll.predict.predictor import Prediction

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
        scored: dict[str, int] | None = None,
        **changes: Any,
    ) -> None:
        settings = tiny.pipeline(section, **changes)
        self.recipe, self.search = settings.recipe, settings.evaluate.search
        self.said, self.costs, self.looks, self.scored = said, costs or {}, looks or {}, scored or {}
        self.quick = said | (quick or {})

    def stream(
        self, texts: Iterable[str], n_best: int = 1, search: Search | None = None, strict: bool = True
    ) -> Iterator[list[Prediction]]:
        """Yield what was told."""
        search = search or self.search
        said = self.quick if isinstance(search, Beam) and search.beam == 1 else self.said
        for text in texts:
            words = said[text].split()
            looked = self.looks.get(text, np.zeros((len(words), len(text.split()))))
            yield [Prediction(said[text], -1.5, text.split(), words, looked, self.scored.get(text, 0), False)]

    def nats(self, pairs: Rows) -> list[tuple[float, int]]:
        """Return what was told."""
        return [self.costs[pair] for pair in pairs]


def prepare(folder: Path, test: Rows, train: Rows = (("x", "y"),), valid: Rows = ()) -> Path:
    """Write the rows of each split into a folder, and return it."""
    folder.mkdir(exist_ok=True)
    for name, rows in (("train", train), ("valid", valid), ("test", test)):
        text = "".join(f"{source}\t{target}\t\n" for source, target in rows)
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    return folder


def evaluate(section: str, **changes: Any) -> Evaluate:
    """Return how a recipe is evaluated, with no baseline unless one is named."""
    return tiny.pipeline(section).evaluate.model_copy(update={"baseline": None} | changes)


def score(stub: Stub, folder: Path, section: str, **changes: Any) -> Scores:
    """Return the scores of what a stub says."""
    return scoring.score(stub, folder, evaluate(section, **changes))  # type: ignore[arg-type]


def weighted(scores: Scores) -> float:
    """Return the score as rows say it, which the registry compares."""
    return sum(row["value"] for row in scores.rows) / sum(row["weight"] for row in scores.rows)
