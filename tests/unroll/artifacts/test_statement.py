"""The statement against the specification's own schema, and against the files that it speaks of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

from tests.tracked import answers, make_folders
from unroll.artifacts.manifest import dump_json, sha256
from unroll.artifacts.statement import Made, statement
from unroll.errors import IntegrityError

MADE = Made("ab12", "translate", 40 * "c", True, "2026-11-27T01:02:03Z", "2026-11-27T01:12:03Z")


@pytest.mark.parametrize("made", [None, MADE, MADE._replace(commit=None, started=None, finished=None)])
def test_it_is_a_statement_of_in_toto_with_a_provenance_of_slsa(tmp_path: Path, made: Made | None) -> None:
    found = statement(make_folders(tmp_path, answers(3)).model, made)
    Statement.copy_from_pb(json_format.ParseDict(found, Statement([], "", {}).pb)).validate()
    provenance = json_format.ParseDict(found["predicate"], provenance_pb2.Provenance())  # refuses unknown fields
    definition, details = provenance.build_definition, provenance.run_details
    for uri in (definition.build_type, details.builder.id):
        assert ":" in uri
    assert "recipe" in definition.external_parameters
    for one in definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(one).validate()
        assert one.name
        assert one.digest
    if made is MADE:
        assert details.metadata.invocation_id == "ab12"
        assert details.metadata.finished_on.seconds - details.metadata.started_on.seconds == 600
        assert dict(definition.resolved_dependencies[-1].digest) == {"gitCommit": 40 * "c"}


def by_name(descriptors: list[dict[str, Any]]) -> dict[str, str]:
    assert len({one["name"] for one in descriptors}) == len(descriptors)
    return {one["name"]: one["digest"]["sha256"] for one in descriptors}


def test_it_names_every_file_of_the_model_and_of_all_that_it_was_made_from(tmp_path: Path) -> None:
    folders = make_folders(tmp_path, answers(3))
    found = statement(folders.model)
    files = {path.name: sha256(path) for path in folders.model.iterdir()}
    assert by_name(found["subject"]) == files
    sources = [folders.raw, folders.prepared, folders.tokenized, folders.embedded]
    wanted = {f"{folder.name}/{path.name}": sha256(path) for folder in sources for path in folder.iterdir()}
    assert by_name(found["predicate"]["buildDefinition"]["resolvedDependencies"]) == wanted


def test_the_same_model_gives_the_same_bytes_and_its_parameters(tmp_path: Path) -> None:
    first, second = (make_folders(tmp_path / name, answers(3)).model for name in "ab")
    told = dump_json(statement(first, MADE))
    assert told == dump_json(statement(second, MADE))
    recipe = json.loads(told)["predicate"]["buildDefinition"]["externalParameters"]["recipe"]
    assert recipe == json.loads((first / "params.json").read_text())


def test_of_an_altered_model_nothing_is_said(tmp_path: Path) -> None:
    model = make_folders(tmp_path, answers(3)).model
    (model / "params.json").write_text("{}")
    with pytest.raises(IntegrityError, match="SHA-256 differs"):
        statement(model)
