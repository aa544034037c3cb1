"""The ways of asking a model: a row for each, which holds all that is different between them.

What a row cannot hold is code: how a model answers is in `unroll.predict.answers`, what its answers are worth in
`unroll.evaluate.scoring`, each a function that goes by the same section of parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asking:
    """A way of asking a model.

    Attributes:
        kind: its name, which `evaluate.search.kind` gives.
        heads: those that can be asked so.
        command: of `unroll`.
        usual: the parameters of the search unless somebody says otherwise.
        requests: what a request to a registered model may set, as its signature says.
        most: {parameter: the largest value in a request}: one caller must not take the memory of all.
        remark: how a model was asked, for its page; filled in from the search.
    """

    kind: str
    heads: tuple[str, ...]
    command: str
    usual: Mapping[str, Any]
    requests: tuple[str, ...]
    most: Mapping[str, float]
    remark: str = ""


ASKINGS = {
    asking.kind: asking
    for asking in (
        Asking(
            "beam",
            heads=("decoder",),
            command="translate",
            usual={
                "beam": 5, "length_penalty": 1.0, "max_length_ratio": 2.0, "int8": False, "shortlist": 0,
                "batch_sentences": 64,
            },
            requests=("beam", "n_best"),
            most={"beam": 100, "n_best": 100, "max_length_ratio": 10},
            remark="; beam {beam} unless a score says greedy",
        ),
        Asking(
            "sample",
            heads=("language_model", "decoder"),
            command="generate",
            usual={"temperature": 0.8, "top_k": 0, "top_p": 0.95, "max_tokens": 100, "seed": 1, "batch_sentences": 64},
            requests=("n_best", "temperature", "top_k", "top_p", "max_tokens", "seed"),
            most={"n_best": 100, "max_tokens": 1000},
            remark="; texts drawn at temperature {temperature}, top_k {top_k}, top_p {top_p}",
        ),
        Asking(
            "rank",
            heads=("classifier",),
            command="classify",
            usual={"batch_sentences": 64},
            requests=("n_best",),
            most={"n_best": 100},
        ),
        Asking(
            "tag",
            heads=("tagger",),
            command="tag",
            usual={"batch_sentences": 64},
            requests=(),
            most={"n_best": 100},
        ),
        Asking(
            "estimate",
            heads=("regressor", "forecaster"),
            command="estimate",
            usual={"batch_sentences": 64},
            requests=(),
            most={"n_best": 1},
        ),
    )
}  # fmt: skip
"""{kind: its row}"""


def able(head: str) -> tuple[Asking, ...]:
    """Return the ways in which a head can be asked, the usual one first.

    >>> [asking.command for asking in able("decoder")]
    ['translate', 'generate']
    """
    return tuple(asking for asking in ASKINGS.values() if head in asking.heads)


def by_command(command: str) -> Asking:
    """Return the way of asking behind a command of `unroll`."""
    return next(asking for asking in ASKINGS.values() if asking.command == command)
