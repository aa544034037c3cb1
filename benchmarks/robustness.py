"""What no score of `evaluate` says of typed text: lists of ten answers, and answers to read: `python -m
benchmarks.robustness`.

The answers to docs/typed.txt are for a reader to judge; docs/everyday.md has the judgement of one.
"""

from __future__ import annotations

from typing import Annotated

import typer

import unroll
from benchmarks.common import ROOT
from unroll.data.rows import references
from unroll.predict.predictor import Predictor


def main(
    model: Annotated[str, typer.Option(help="A folder, or a registered version.")] = "data/translate/model",
    sentences: Annotated[int, typer.Option(help="Sources of the test split that get ten answers.")] = 1500,
) -> None:
    """Print how many lists of ten hold a text twice, how many begin with another answer, and answers to read."""
    translator = unroll.load(model)
    sources = list(references(ROOT / "data/translate/prepared/test.tsv"))
    twice, other, short = lists(translator, sources[:: -(-len(sources) // sentences)])
    print(f"lists of 10: {twice} hold a text twice, {other} begin with another answer than 1, {short} are shorter")
    typed = (ROOT / "docs/typed.txt").read_text(encoding="utf-8").splitlines()
    for line, answer in zip(typed, translator(typed), strict=True):
        print(f"{line:42}{answer}")


def lists(translator: Predictor, sources: list[str]) -> tuple[int, int, int]:
    """Return how many lists of ten hold a text twice, begin otherwise than a list of one, and are shorter."""
    first = [str(answer) for answer in translator(sources)]
    found = [[str(answer) for answer in answers] for answers in translator.predict(sources, n_best=10)]
    twice = sum(len(set(texts)) < len(texts) for texts in found)
    other = sum(texts[0] != best for texts, best in zip(found, first, strict=True))
    return twice, other, sum(len(texts) < 10 for texts in found)


if __name__ == "__main__":
    typer.run(main)
