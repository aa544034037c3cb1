"""Recipes of models that earlier versions made, as today's would say them."""

from __future__ import annotations

from typing import Any

MACHINE = ("accelerator", "processes", "threads")
LATER = {
    "train": {"bleu_tokenizer": "13a", "class_weights": None, "start_from": None, "start_parts": None},
    "tokenize": {"from_start": None},
}
"""{section: what was so before there were parameters for it}"""
SCALES = {"source": None, "target": "standard"}
"""{side: that of vectors}: those that were read had none, numbers to be said always one"""


def renewed(recipe: Any) -> Any:
    """Return a recipe in today's words; what is none of an earlier version is returned as it is."""
    if not isinstance(recipe, dict) or not all(isinstance(recipe.get(name), dict) for name in LATER):
        return recipe
    recipe = recipe if "machine" in recipe else _of_the_first(recipe)
    if "machine" not in recipe:
        return recipe
    recipe = recipe | {name: known | recipe[name] for name, known in LATER.items()}
    recipe = recipe | {"prepare": _told_nothing_ahead(recipe.get("prepare"))}
    return recipe | {"tokenize": recipe["tokenize"] | {side: _scaled(recipe, side) for side in SCALES}}


def _told_nothing_ahead(section: Any) -> Any:
    """Return a section whose long tables say what is forecast of them, which before was nothing."""
    if not isinstance(section, dict):
        return section
    forecast = {"horizon": None, "season": None} if section.get("format") == "series" else {}
    return forecast | {name: _told_nothing_ahead(value) for name, value in section.items()}


def _scaled(recipe: dict[str, Any], side: str) -> Any:
    """Return what the items of a side are; vectors say their scale."""
    items = recipe["tokenize"].get(side)
    vectors = isinstance(items, dict) and items.get("kind") == "vectors"
    return {"scale": SCALES[side]} | items if vectors else items


def _of_the_first(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe of version 0.1 in the words of 0.2.

    It had the machine among the parameters of training, three numbers in its code, and a tagger that knew from its
    corpus that it was a language model. Its rows were as they are, and texts were read as they were typed.
    """
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
