"""A pipeline as a whole: its shape, its parts of one's own, its search, and the recipe that a checkpoint remembers."""

from __future__ import annotations

from typing import Any

import pytest

from tests import recipes
from tests.unroll.params.refusals import accepted, changed, message
from unroll.params.pipeline import Recipe

VECTOR = {"kind": "vector", "hidden": 8, "layers": 1, "activation": "tanh"}
BEAM, SAMPLE = (changed(name, {})["evaluate"]["search"] for name in ("translate", "name"))
RANK, TAG = ({"kind": kind, "batch_sentences": 8} for kind in ("rank", "tag"))
CLASSIFIER = {"kind": "classifier", "context": "last"}


@pytest.mark.parametrize("name", recipes.NAMES)
def test_only_a_language_model_reads_on_and_has_no_targets(name: str) -> None:
    pipeline = recipes.make(name)
    assert pipeline.reads_on is (name in ("language", "characters"))
    assert pipeline.sides == (("source",) if pipeline.reads_on else ("source", "target"))


def test_a_recipe_is_what_shapes_a_model_and_the_machine() -> None:
    pipeline = recipes.make()
    recipe = pipeline.recipe
    assert type(recipe) is Recipe
    assert recipe.model_dump() == pipeline.model_dump(exclude={"fetch", "evaluate", "register_"})
    other = accepted("translate", {"evaluate.search": SAMPLE, "register.name": "other"})
    assert other.recipe == recipe


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("translate", {"shape": "n_to_k"}, "shape: should be 'one_to_one', "),
        ("classify", {"model.encoder": VECTOR}, "model.encoder.kind: 'vector' is not of the shape n_to_one; set 'sequ"),
        ("rows", {"model.encoder": VECTOR}, "model.encoder.kind: 'vector' is not of the shape n_to_one"),
        ("translate", {"model.head": {"kind": "tagger"}}, "model.head.kind: 'tagger' is not of the shape n_to_m; set "),
        ("language", {"model.head": CLASSIFIER}, "'classifier' is not of the shape n_to_n; set 'tagger' or 'language_"),
    ],
)
def test_what_is_not_of_the_shape_is_refused(name: str, changes: dict[str, Any], expected: str) -> None:
    assert message(name, changes).startswith(f"{name}: ")
    assert expected in message(name, changes)


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        (
            "translate",
            {"evaluate.search": RANK},
            "evaluate.search.kind 'rank' cannot ask a decoder: set 'beam' or 'sample'",
        ),
        ("name", {"evaluate.search": TAG}, "evaluate.search.kind 'tag' cannot ask a decoder: set 'beam' or 'sample'"),
        ("classify", {"evaluate.search": BEAM}, "evaluate.search.kind 'beam' cannot ask a classifier: set 'rank'"),
        ("frames", {"evaluate.search": BEAM}, "evaluate.search.kind 'beam' cannot ask a tagger"),
        ("frames", {"evaluate.search": SAMPLE}, "evaluate.search.kind 'sample' cannot ask a tagger: set 'tag'"),
        ("language", {"evaluate.search": TAG}, "evaluate.search.kind 'tag' cannot ask a language_model: set 'sample'"),
        ("translate", {"model.head.query": "before", "model.head.input_feeding": True}, "model.head: input_feeding go"),
        ("digit", {"tokenize.target": None}, "tokenize: target must be given where the source is vectors"),
        ("digit", {"prepare.corpus.columns": [64, 64]}, "prepare.corpus.columns: [64, 64] is empty"),
        ("classify", {"prepare.corpus.rows": [9, 3]}, "prepare.corpus.rows: [9, 3] is empty"),
    ],
)
def test_a_search_for_another_head_and_parts_at_odds_are_refused(
    name: str, changes: dict[str, Any], expected: str
) -> None:
    assert expected in message(name, changes)


OWN_HEAD = {"kind": "clasifier", "like": "classifier", "depth": 2}
OWN_CORPUS = {"format": "ttsv", "file": "a.txt"}


def test_parts_of_ones_own_need_a_module_that_defines_them() -> None:
    assert message("classify", {"model.head": OWN_HEAD}) == (
        "classify: model.head.kind: 'clasifier' is not known; did you mean 'classifier'? (a head of your own: name its "
        "module in parts)"
    )
    assert message("translate", {"prepare.corpus": OWN_CORPUS}) == (
        "translate: prepare.corpus.format: 'ttsv' is not known; did you mean 'tsv'? (a reader of your own: name its "
        "module in parts)"
    )
    assert "'xyz' is not known; known here: tsv, aligned, " in message(
        "translate", {"prepare.corpus": {"format": "xyz"}}
    )


def test_with_a_module_they_are_taken_for_what_they_are_like() -> None:
    pipeline = accepted("classify", {"parts": "mine.py", "model.head": OWN_HEAD, "prepare.corpus": OWN_CORPUS})
    assert (pipeline.model.head.kind, pipeline.model.head.family) == ("clasifier", "classifier")
    head = OWN_HEAD | {"like": "language_model"}
    changes = {"parts": "mine.py", "model.head": head, "prepare.corpus": OWN_CORPUS}
    own = accepted("language", changes)
    assert own.reads_on
    assert own.sides == ("source",)
    assert "is not of the shape n_to_one" in message("classify", {"parts": "mine.py", "model.head": head})


def test_a_module_of_parts_is_below_the_project() -> None:
    assert "parts: '../mine.py' must be a path inside the folder" in message("translate", {"parts": "../mine.py"})
