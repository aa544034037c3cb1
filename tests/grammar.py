"""A corpus that a tiny model can learn: every sentence of a small grammar, in English and in Spanish."""

from __future__ import annotations

from itertools import product

SUBJECTS = {"I": "Yo", "My mother": "Mi madre", "The boy": "El niño", "Tom": "Tom", "Her sister": "Su hermana"}
VERBS = {"drank": "bebió", "saw": "vio", "wanted": "quería", "sold": "vendió", "brought": "trajo"}
OBJECTS = {
    "milk": "leche", "cold water": "agua fría", "red wine": "vino tinto", "the tea": "el té", "a juice": "un zumo",
    "the soup": "la sopa", "black coffee": "café negro", "some beer": "algo de cerveza",
}  # fmt: skip

PAIRS = [
    (f"{subject} {verb} {thing}.", f"{SUBJECTS[subject]} {VERBS[verb]} {OBJECTS[thing]}.")
    for subject, verb, thing in product(SUBJECTS, VERBS, OBJECTS)
]
