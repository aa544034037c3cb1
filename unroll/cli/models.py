"""The model that a command asks: found, loaded, and seen to be of the kind that can be asked so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.asking import able, by_command
from unroll.errors import ParamsError
from unroll.extras import needing

if TYPE_CHECKING:
    from unroll.params.evaluate import Search
    from unroll.params.pipeline import Recipe
    from unroll.predict.predictor import Predictor


def able_to(command: str, model: str, threads: int | None, public_key: Path | None) -> Predictor:
    """Return the predictor of a model that can do what the command wants."""
    predictor = load(model, threads, public_key)
    _refuse_other(command, model, predictor.recipe)
    return predictor


def load(model: str, threads: int | None, public_key: Path | None = None) -> Predictor:
    """Return the predictor of a checkpoint folder, or of a registered version, which searches as it was scored."""
    from unroll.face import load as loads

    try:
        return loads(model, threads=threads, public_key=public_key)
    except ParamsError as error:
        raise ParamsError(f"--model {error}") from None


def folder_of(model: str) -> Path:
    """Return the folder that a name stands for."""
    if not model.startswith("models:"):
        return Path(model)
    with needing("track", "a registered model"):
        from unroll.registry.names import resolve

        return resolve(model)


def _refuse_other(command: str, model: str, recipe: Recipe) -> None:
    head = recipe.model.head.family
    if head not in by_command(command).heads:
        right = able(head)[0].command
        raise ParamsError(f"--model {model}: a {head.replace('_', ' ')} cannot {command}; ask it with unroll {right}")


def search_for(command: str, predictor: Predictor, asked: Mapping[str, float | None]) -> Search:
    """Return how the model was scored, or else what is usual for the command, with what was asked for."""
    from unroll.params.reading import dump, search

    asking = by_command(command)
    scored = predictor.search
    settings = dump(scored) if scored.kind == asking.kind else {"kind": asking.kind, **asking.usual}
    return search(settings | {name: value for name, value in asked.items() if value is not None}, command)


def stepping(predictor: Predictor, steps: bool, alternatives: int) -> Predictor:
    """Return a predictor whose answers bring their steps, if they are asked for."""
    from unroll.predict.steps import Stepper

    return Stepper(predictor, alternatives) if steps or alternatives else predictor
