"""Tokenizers that another model has learnt, for one that goes on from it: so its embeddings mean what they meant."""

from __future__ import annotations

from pathlib import Path

from unroll.data import tokenizers, typed
from unroll.data.tokenizers import ItemReader
from unroll.data.typed import Normalizer
from unroll.errors import ParamsError
from unroll.params.pipeline import Recipe
from unroll.params.reading import dump, load_recipe
from unroll.params.sections import Section
from unroll.params.tokenize import Tokenize


def readers(params: Tokenize, start: Path) -> dict[str, ItemReader]:
    """Return the readers of the sides that `from_start` names, from a model's folder that was verified.

    Raises:
        ParamsError: they are not what `tokenize` says.
    """
    check(params, start)
    return {side: tokenizers.load(start, side) for side in params.reused}


def normalizer(learnt: Normalizer, start: Path) -> Normalizer:
    """Return a normalizer that knows the words that a model knows, and behind them those of the training rows."""
    before = typed.load(start, _recipe(start).tokenize.typed)
    assert before is not None, "as `check` has seen"
    new = [word for word in learnt.words.ranked if word.lower() not in before.words.small]
    return Normalizer(learnt.params, [*before.words.ranked, *new][: typed.MOST])


def check(params: Tokenize, start: Path) -> None:
    """Do nothing if the tokenizers of a model are what `tokenize` says.

    Raises:
        ParamsError: they are not.
    """
    theirs = _recipe(start).tokenize
    for side in params.reused:
        _same(f"tokenize.{'source' if params.joint else side}", params.of(side), theirs.of(side), start)
    if params.joint and params.reused and not theirs.joint:
        raise ParamsError(f"tokenize.target: {start} has a vocabulary for each side: give both sides, as it has them")
    if params.typed and params.reused:
        marks = {"case", "copied"}
        ours, known = (one and one.model_dump(include=marks) for one in (params.typed, theirs.typed))
        if ours != known:
            raise ParamsError(
                f"tokenize.typed: {ours} where the tokenizers of {start} know {known or 'null'}: set that, or "
                "tokenize.from_start null"
            )


def _same(name: str, ours: Section, theirs: Section, start: Path) -> None:
    mine, known = dump(ours), dump(theirs)
    for key in sorted(mine.keys() | known.keys()):
        if mine.get(key) != known.get(key):
            raise ParamsError(
                f"{name}.{key}: {mine.get(key)}, but {known.get(key)} in {start}, whose tokenizer it is to be: set "
                "that, or tokenize.from_start null"
            )


def _recipe(start: Path) -> Recipe:
    return load_recipe(start / "params.json")
