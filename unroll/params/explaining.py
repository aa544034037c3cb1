"""What pydantic finds wrong, as one line: the parameter, the cause, the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError


def explain(kind: type[BaseModel], error: ValidationError, section: Any) -> str:
    """Return the first problem of a section as: parameter, cause, fix."""
    return next(explanations(kind, error, section))


def explanations(kind: type[BaseModel], error: ValidationError, section: Any) -> Iterator[str]:
    """Yield each problem of a section so."""
    return (_explained(kind, problem, section) for problem in error.errors())


def _explained(kind: type[BaseModel], problem: Any, section: Any) -> str:
    # A discriminated union puts its tag into the path: drop what is not a key of the section. The tag may be one too.
    keys: list[str] = []
    here, tag = section, False
    for depth, part in enumerate(problem["loc"], start=1):
        if tag and isinstance(here, Mapping) and part in (here.get("kind"), here.get("format")):
            tag = False
            continue
        tag = True
        missing = problem["type"] == "missing" and depth == len(problem["loc"])
        if (
            missing
            or (isinstance(here, Mapping) and part in here)
            or (isinstance(here, list) and isinstance(part, int))
        ):
            keys.append(str(part))
            here = None if missing else here[part]
    name = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        siblings = _known_names(kind, problem["loc"])
        return f"{name}: no such parameter{suggest(keys[-1], siblings)}"
    if problem["loc"][-1:] == ("[key]",):
        return f"{name}: YAML reads the name {problem['input']!r} as no text; put it into quotes, such as 'no' or '0'"
    if problem["type"] == "missing":
        return f"{name}: is missing; add it (nothing has a default outside the file)"
    if problem["type"] == "value_error":
        return f"{name}: {problem['ctx']['error']}" if name else str(problem["ctx"]["error"])
    message = problem["msg"].replace("Input should", "should").replace("String should", "should")
    message = message.replace("_kind()", "'kind'").replace(", 'own'", "")  # the names of ours, not of the file
    if problem["type"] == "model_type":
        message = "should be a section of its own"
    if isinstance(here, (Mapping, list)):
        return f"{name}: {message[0].lower()}{message[1:]}"
    hint = ""
    if isinstance(here, str) and problem["type"] in {"float_type", "int_type"}:
        hint = _number_hint(here)
    if problem["type"] == "string_type" and isinstance(here, (bool, date)):
        hint = "; put it in quotes (YAML takes no, on and their like for false and true, and days for days)"
    return f"{name}: {message}, not {here!r}{hint}"


def _number_hint(text: str) -> str:
    try:
        return f"; write {float(text)!r} (YAML takes '{text}' for text)"
    except ValueError:
        return ""


def _known_names(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the field names that would have been right beside an unknown one, following `location` down a model."""
    models = [kind]
    for part in location[:-1]:
        deeper = [
            found
            for model in models
            for name, field in model.model_fields.items()
            if part in (name, field.alias)
            for found in _models_in(field.annotation)
        ]
        models = deeper or models
    return list(dict.fromkeys(field.alias or name for model in models for name, field in model.model_fields.items()))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def suggest(word: str, known: list[str]) -> str:
    """Return the end of a message about a name that is not known: the nearest one, or all."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known here: {', '.join(known)}" if known else ""
