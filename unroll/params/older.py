"""Recipes of models that earlier versions made, as today's would say them."""

from __future__ import annotations

from typing import Any

MACHINE = ("accelerator", "processes", "threads")


def renewed(recipe: Any) -> Any:
    """Return a recipe in today's words; what is none is returned as it is."""
    return _scaled(_of_0_1(recipe))


def _scaled(recipe: Any) -> Any:
    """Return a recipe whose vectors say their scale: those that were read had none, numbers to be said always one."""
    try:
        tokenize = dict(recipe["tokenize"])
        for side, scale in (("source", None), ("target", "standard")):
            if tokenize[side] and tokenize[side]["kind"] == "vectors":
                tokenize[side] = {"scale": scale, **tokenize[side]}
        return recipe | {"tokenize": tokenize}
    except (KeyError, TypeError):
        return recipe  # which then is refused for what it lacks


def _of_0_1(recipe: Any) -> Any:
    """Return a recipe of version 0.1 as later ones would say it; another one as it is.

    Version 0.1 had the machine among the parameters of training, three numbers in its code, and a tagger that knew from
    its corpus that it was a language model. Its rows were as they are, and texts were read as they were typed.
    """
    if not isinstance(recipe, dict) or "machine" in recipe or not isinstance(recipe.get("train"), dict):
        return recipe
    try:
        train, head, corpus = dict(recipe["train"]), dict(recipe["model"]["head"]), recipe["prepare"]["corpus"]
        machine = {name: train.pop(name) for name in MACHINE}
        if head["kind"] == "tagger" and corpus["format"] == "lines":
            head["kind"] = "language_model"
        if head["kind"] == "decoder":
            head["positions"] = 128 if head["attention"] in ("location", "hard") else None
        return recipe | {
            "parts": None,
            "noise": None,
            "tokenize": recipe["tokenize"] | {"typed": None},
            "embed": recipe["embed"] | {"row_length": 4.0},
            "model": recipe["model"] | {"head": head},
            "train": train | {"restart_streams": 0.05},
            "machine": machine,
        }
    except (KeyError, TypeError):
        return recipe  # which then is refused for what it lacks
