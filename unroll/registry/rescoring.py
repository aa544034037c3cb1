"""A champion of yesterday on the test rows of today: asked anew, by the very Predictor that it answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unroll.artifacts import store
from unroll.evaluate import scoring
from unroll.folders import Folders
from unroll.params.evaluate import Evaluate
from unroll.params.reading import load_search
from unroll.predict import loading
from unroll.registry.card import Answers
from unroll.registry.names import resolve

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def asked_anew(champion: ModelVersion, evaluate: Evaluate, folders: Folders) -> Answers:
    """Return what a registered version answers to a pipeline's test rows, as it was scored.

    Raises:
        UnrollError: its folder cannot be read, is not what was registered, or is of another kind than the rows.
    """
    place = resolve(f"models:/{champion.name}/{champion.version}")
    store.verify(folders.prepared, "prepared")
    search = load_search(place.parent / "search.json")
    params = evaluate.model_copy(update={"search": search, "baseline": None})
    found = scoring.score(loading.load(place, search), folders.prepared, params)
    return Answers(found.rows, found.stress)
