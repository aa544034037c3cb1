"""The registry: from a recorded run to a version, and the verdict on it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from unroll import processes
from unroll.artifacts import lineage, origin
from unroll.folders import Folders, own
from unroll.params.evaluate import Evaluate, Search
from unroll.params.register import Register
from unroll.params.series import Series
from unroll.registry import card, held
from unroll.registry.contest import CHALLENGER, judge
from unroll.registry.names import CHAMPION, lost
from unroll.registry.packing import log_model
from unroll.registry.rescoring import asked_anew
from unroll.registry.tracking import artifact_folder, reaching, root, run_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

REGISTRY_PAGE = (
    f"The alias `{CHAMPION}` is the best version so far, `{CHALLENGER}` the latest. A version's tags hold the hashes "
    "of all it was made from, its scores, and the verdict on it."
)
TURN_SECONDS = 600.0
"""How long to wait until others have registered theirs."""


@dataclass(frozen=True)
class Registration:
    """A version of the registry.

    Attributes:
        created: it is new; otherwise the same model with the same evaluation was there before.
        verdict: how it stood against the champion it met.
        scores: its main scores.
    """

    name: str
    version: str
    created: bool
    aliases: list[str]
    verdict: str
    scores: dict[str, float]


def register(evaluate: Evaluate, params: Register, folders: Folders, run: str) -> Registration:
    """Register a recorded model as code that loads without a pickle; return its version and the verdict on it.

    The same model with the same evaluation keeps its version. A new version becomes the challenger, and the champion
    where there is none or where it is significantly better on the same test set: a champion that had another one is
    asked anew. Of two that come at once the better one ends as champion: a local store takes one at a time, on a server
    each looks again after it was promoted.

    Args:
        evaluate: how the model was scored; so it answers unless a request says otherwise.
        run: the run's id, from `runs.record`.
    Raises:
        IntegrityError: a file was altered, or the evaluation is of another model.
        ResourceError: the store cannot be reached.
    """
    digests = lineage.verify(folders.model, folders.evaluation)
    recipe, scores = lineage.read_recipe(folders.model), _main_scores(folders)
    answers = card.answers(folders.evaluation)._replace(
        bleu_tokenizer=recipe.train.bleu_tokenizer or "13a",
        tags=recipe.model.head.each_position,
        block=recipe.prepare.tested.relatives if isinstance(recipe.prepare.tested, Series) else 1,
    )
    turn = processes.alone(own(root()) / "locks" / "registry", "the registry", TURN_SECONDS)
    with turn if artifact_folder() else nullcontext(), reaching() as client:
        before = _version_of(client, params.name, digests)
        if before and lost(client, before):  # as after a disk was replaced: what it held is here
            before = None
        version = before or _create_version(client, evaluate.search, params.name, folders, digests, run)
        anew = partial(asked_anew, evaluate=evaluate, folders=folders)
        verdict = version.tags.get("verdict") or judge(client, params, version, answers, anew)
        aliases = sorted(client.get_model_version(version.name, str(version.version)).aliases)
        return Registration(version.name, str(version.version), before is None, aliases, verdict, scores)


def _main_scores(folders: Folders) -> dict[str, float]:
    return card.main_scores(card.scores(folders.reports))


def _version_of(client: MlflowClient, name: str, digests: Mapping[str, str]) -> ModelVersion | None:
    """Return the version that holds this model with this evaluation, if there is one."""
    wanted = {f"{key}.sha256": digests[key] for key in ("model", "evaluation")}
    found = client.search_model_versions(f"name = '{name}'", order_by=["version_number DESC"])
    return next((version for version in found if wanted.items() <= version.tags.items()), None)


def _create_version(
    client: MlflowClient, search: Search, name: str, folders: Folders, digests: Mapping[str, str], run: str
) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    model, scores = log_model(client, search, name, folders, run), _main_scores(folders)
    with suppress(MlflowException):  # it is there already
        client.create_registered_model(name, description=REGISTRY_PAGE)
    tags = {f"{key}.sha256": digest for key, digest in digests.items()} | held.tags(search)
    tags |= {"code.sha256": origin.code_sha256(folders.pipeline), "pipeline": folders.pipeline}
    tags |= {key: card.shown(value) for key, value in scores.items()} | {"main": card.main_score(folders.reports)}
    description = f"{run_name(lineage.read_recipe(folders.model), digests['model'])}\n\n{card.headline(scores)}"
    return client.create_model_version(
        name, model.model_uri, model.source_run_id, tags, description=description, model_id=model.model_id
    )


def summary(done: Registration, search: Search) -> str:
    """Return what a person wants to know of a registration."""
    aliases = f" ({', '.join(done.aliases)})" if done.aliases else ""
    scores = "  ".join(f"{name} {card.shown(value)}" for name, value in done.scores.items())
    return "\n".join(
        [
            f"{done.name} version {done.version}{aliases}, {'new' if done.created else 'registered before'}",
            f"  verdict  {done.verdict}",
            f"  scores   {scores}",
            f"  use      {card.command(search, f'models:/{done.name}/{done.version}')}",
            f"  look     unroll ui, then /#/models/{done.name}/versions/{done.version}",
        ]
    )
