"""Where a model comes from, in the words of the supply chain: an in-toto Statement with SLSA provenance.

What manifests record, said so that other tools can read it: https://slsa.dev/spec/v1.0/provenance. It is not signed: it
says what `unroll lineage` says. The same model and the same run give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from unroll.artifacts import store
from unroll.artifacts.lineage import START, read_recipe
from unroll.artifacts.manifest import MANIFEST, Manifest, identity
from unroll.params.reading import dump

STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
BUILD = "urn:unroll:pipeline:v1"
"""The build type: `externalParameters` are a pipeline's recipe, by which its dependencies became the model."""
BUILDER = "urn:unroll:own-machine"
"""Who made it: whoever ran the pipeline, on a machine of their own, which nobody vouches for."""


class Made(NamedTuple):
    """What a run recorded of how a model was made.

    Attributes:
        run: its id.
        pipeline: its name.
        commit: of the code; None where it was not recorded.
        edited: whether the code was edited since.
        started, finished: RFC 3339; None where it was not recorded.
    """

    run: str
    pipeline: str
    commit: str | None
    edited: bool
    started: str | None
    finished: str | None


def statement(model: Path, made: Made | None = None) -> dict[str, Any]:
    """Return the statement of a checkpoint folder.

    Args:
        made: what its run recorded; None where there is none.
    Raises:
        IntegrityError: a file is not the one that the manifest names.
    """
    manifest = store.verify(model, "model")
    external: dict[str, Any] = {"recipe": dump(read_recipe(model))}
    dependencies = list(_dependencies(manifest, set()))
    details: dict[str, Any] = {"builder": {"id": BUILDER}}
    if made:
        external["pipeline"] = made.pipeline
        times = {"startedOn": made.started, "finishedOn": made.finished}
        details["metadata"] = {"invocationId": made.run} | {name: time for name, time in times.items() if time}
    if made and made.commit:
        code = {"name": "code", "digest": {"gitCommit": made.commit}}
        dependencies.append(code | ({"annotations": {"edited": True}} if made.edited else {}))
    definition = {"buildType": BUILD, "externalParameters": external, "resolvedDependencies": dependencies}
    return {
        "_type": STATEMENT,
        "subject": list(_files(manifest, "")),
        "predicateType": PREDICATE,
        "predicate": {"buildDefinition": definition, "runDetails": details},
    }


def _files(manifest: Manifest, before: str) -> Iterator[dict[str, Any]]:
    for name, digest in sorted((manifest["files"] | {MANIFEST: identity(manifest)}).items()):
        yield {"name": f"{before}{name}", "digest": {"sha256": digest}}


def _dependencies(manifest: Manifest, seen: set[str], before: str = "") -> Iterator[dict[str, Any]]:
    """Yield the files of all that a folder was made from, those of each ancestor once."""
    for kind, parent in sorted(manifest["inputs"].items()):
        if identity(parent) not in seen:
            seen.add(identity(parent))
            of = f"{before}{START}/" if kind == START else before
            yield from _dependencies(parent, seen, of)
            yield from _files(parent, f"{of}{parent['kind']}/")
