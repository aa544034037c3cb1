"""Whether a new version beats the champion, on the same test rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.artifacts import store
from unroll.artifacts.manifest import identity
from unroll.errors import IntegrityError, UnrollError
from unroll.evaluate import significance
from unroll.evaluate.scores import LESS_IS_BETTER
from unroll.params.register import Register
from unroll.registry import card
from unroll.registry.card import Answers
from unroll.registry.champions import crown
from unroll.registry.names import CHAMPION, by_alias
from unroll.registry.runs import evaluation_path

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHALLENGER = "challenger"
"""The alias of the latest version."""
UNITS = {
    "bleu": (1, 2, "BLEU"),
    "chrf": (1, 2, "chrF"),
    "accuracy": (100, 2, "accuracy points"),
    "macro_f1": (1, 2, "points of macro F1"),
    "macro_recall": (1, 2, "points of macro recall"),
    "span_f1": (1, 2, "points of F1 of spans"),
    "nats_per_letter": (1, 3, "nats per letter"),
    "perplexity": (1, 3, "nats per token"),
    "bits_per_letter": (1, 3, "nats per token"),
    "mae": (1, 4, "less of mean absolute error"),
}
"""{main score: (what a difference of its rows is multiplied by, its decimals, what it is then)}"""
PLAIN = (1, 3)
"""of a score that is not among them"""
Anew = Callable[["ModelVersion"], Answers]
"""champion -> its answers to the test rows of now"""
ROUNDS = 5
"""How often a version that was promoted looks whether another one was at the same time."""


def judge(client: MlflowClient, params: Register, version: ModelVersion, answers: Answers, anew: Anew) -> str:
    """Compare a version with the champion, move the aliases, write the verdict into its tags, and return it.

    Args:
        answers: the version's.
        anew: asks a champion that had other test rows for its answers to these.
    """
    client.set_registered_model_alias(version.name, CHALLENGER, str(version.version))
    tags = _contend(client, params, version, answers, anew)
    client.update_model_version(version.name, str(version.version), f"{version.description}\n\n{tags['verdict']}")
    for tag in sorted(tags, reverse=True):  # `verdict` comes last: a version without one is judged again
        client.set_model_version_tag(version.name, str(version.version), tag, tags[tag])
    return tags["verdict"]


def _contend(
    client: MlflowClient, params: Register, version: ModelVersion, answers: Answers, anew: Anew
) -> dict[str, str]:
    """Promote a version if it beats the champion, and any that was promoted meanwhile; return the verdict's tags.

    MLflow's aliases know no compare-and-set: the last to write wins, so the one that wrote before looks again.
    """
    tags: dict[str, str] = {}
    for _ in range(ROUNDS):
        champion = by_alias(client, params.name, CHAMPION)
        if champion and champion.version == version.version and tags:
            break
        promoted, tags = _meet(client, params, version, champion, answers, anew)
        if not promoted:
            break
        crown(client, version)
    return tags


def _meet(
    client: MlflowClient,
    params: Register,
    version: ModelVersion,
    champion: ModelVersion | None,
    answers: Answers,
    anew: Anew,
) -> tuple[bool, dict[str, str]]:
    """Return (whether a version is to be champion, the tags that say why)."""
    if beneath := _beneath(params, version.tags):
        return False, {"verdict": beneath}
    if champion is None or champion.version == version.version:
        return True, {"verdict": "first"}
    against = {"verdict.against": str(champion.version)}
    if all(champion.tags.get(name) == version.tags[name] for name in ("model.sha256", "evaluation.sha256")):
        return True, {"verdict": f"takes the place of version {champion.version}, the same model"} | against
    if champion.tags.get("main") != version.tags["main"]:
        return False, {"verdict": "main scores differ: not comparable"} | against
    before, name = _champion_answers(client, champion), f"version {champion.version}"
    if before.rows and champion.tags.get("test.sha256") == version.tags["test.sha256"]:
        promoted, tags = _compare(params, before, answers, champion)
        return promoted, tags | against
    why = "its test set was another" if before.rows else "its hypotheses are lost"
    try:
        now = anew(champion)
    except UnrollError as error:
        return False, {"verdict": f"{name}: {why}, and it cannot be asked anew: {error}"} | against
    promoted, tags = _compare(params, now, answers, champion)
    tags["verdict"] += f"; {name} was asked anew: {why}"
    return promoted, tags | _on_both(params, before, now, answers, version.tags["main"]) | against


def _beneath(params: Register, tags: Mapping[str, str]) -> str | None:
    """Return what to say of a version whose main score is worse than the floor, or None."""
    main = tags["main"]
    floor = tags.get("baseline") if params.floor == "baseline" else params.floor
    if floor is None or main not in tags:
        return None
    worse = float(tags[main]) > float(floor) if main in LESS_IS_BETTER else float(tags[main]) < float(floor)
    name = "its baseline's" if params.floor == "baseline" else "the floor"
    return f"not champion: {main} {tags[main]} is worse than {name} {floor}" if worse else None


def _on_both(params: Register, before: Answers, now: Answers, after: Answers, main: str) -> dict[str, str]:
    """Return tags that say how both stand on the rows that are in both test sets."""
    known = set(_sources(before.rows))
    both = [(old, new) for old, new in zip(now.rows, after.rows, strict=False) if new["source"] in known]
    if not both or _sources(now.rows) != _sources(after.rows):
        return {}
    old_rows, new_rows = ([*rows] for rows in zip(*both, strict=True))
    found = _difference(params, old_rows, new_rows, main, after)
    return {"verdict.common": f"{_said(found, main)} on the {len(both)} rows that are in both test sets"}


def _compare(params: Register, before: Answers, after: Answers, champion: ModelVersion) -> tuple[bool, dict[str, str]]:
    """Return (whether `after` is significantly better than the champion's `before`, the tags that say so).

    It is not if it is significantly worse under a slip of those who type.
    """
    name, main = f"version {champion.version}", champion.tags["main"]
    if _sources(before.rows) != _sources(after.rows):
        return False, {"verdict": f"{name} answers other rows: not comparable"}
    if [row.get("weight") for row in before.rows] != [row.get("weight") for row in after.rows]:
        return False, {"verdict": f"{name} counts other tokens: not comparable"}
    found = _difference(params, before.rows, after.rows, main, after)
    better, delta = found.delta > 0 and found.p_value < params.p_value, UNITS.get(main, PLAIN)[0] * found.delta
    verdict = f"{'better' if better else 'not better'} than {name}: {_said(found, main)}"
    verdict += f" over {params.resamples} resamples"
    numbers = {"delta": f"{delta:.4f}", "p_value": f"{found.p_value:.4f}", "resamples": str(params.resamples)}
    if better and (worse := _worse(params, before, after, main)):
        better, verdict = False, f"{verdict}, but worse under {worse}"
    return better, {"verdict": verdict} | {f"verdict.{name}": value for name, value in numbers.items()}


def _worse(params: Register, before: Answers, after: Answers, main: str) -> str:
    """Return the slips under which `after` is significantly worse, and by how much; of those that both had to stand."""
    found = {
        slip: _difference(params, before.stress[slip], rows, main, after)
        for slip, rows in after.stress.items()
        if _sources(before.stress.get(slip, [])) == _sources(rows)
    }
    return "; ".join(
        f"{slip.replace('_', ' ')}: {_said(one, main)}"
        for slip, one in found.items()
        if one.delta < 0 and one.p_value < params.p_value
    )


def _sources(rows: list[card.Row]) -> list[str]:
    return [row["source"] for row in rows]


def _said(found: significance.Verdict, main: str) -> str:
    factor, decimals, unit = UNITS.get(main, (*PLAIN, main))
    return f"{factor * found.delta:+.{decimals}f} {unit}, p = {found.p_value:.3f}"


def _difference(
    params: Register, before: list[card.Row], after: list[card.Row], main: str, answers: Answers
) -> significance.Verdict:
    """Return what a paired bootstrap says: of the main score where rows have no values of their own, else of these.

    Args:
        answers: those that `after` is of, which say how they are compared.
    """
    valued = "value" in after[0] and main not in significance.COUNTS
    old, new = ([row["value" if valued else "hypothesis"] for row in rows] for rows in (before, after))
    if old == new:  # where nothing differs no chance has to be asked
        return significance.Verdict(0.0, 1.0)
    if valued:
        weights = [row["weight"] for row in after]
        return significance.paired_means(old, new, weights, params.resamples, params.seed, answers.block)
    references = [row["references"] for row in after]
    if main in significance.COUNTS:
        before_NK3, after_NK3 = (
            significance.counts(main, said, references, old + new, answers.tags) for said in (old, new)
        )
        return significance.paired_counts(before_NK3, after_NK3, main, params.resamples, params.seed)
    metric = significance.metric("chrf" if main == "chrf" else "bleu", answers.bleu_tokenizer)
    return significance.paired_bootstrap(references, old, new, params.resamples, params.seed, metric)


def _champion_answers(client: MlflowClient, champion: ModelVersion) -> Answers:
    """Return the answers that the champion was registered with, or none where they are gone or altered."""
    from mlflow.exceptions import MlflowException

    sha256 = champion.tags["evaluation.sha256"]
    with tempfile.TemporaryDirectory() as aside, suppress(MlflowException, OSError, IntegrityError):
        folder = Path(client.download_artifacts(str(champion.run_id), evaluation_path(sha256), aside))
        if identity(store.verify(folder, "evaluation")) == sha256:
            return card.answers(folder)
    return Answers([], {})
