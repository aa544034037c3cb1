"""One line from what pydantic finds: the parameter by its path in the file, the cause, and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import ABSENT, message
from unroll.params.explaining import suggest


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("train.lerning_rate", 1.0, "train.lerning_rate: no such parameter; did you mean 'learning_rate'?"),
        ("evaluate.search.bean", 9, "evaluate.search.bean: no such parameter; did you mean 'beam'?"),
        ("tokenize.source.xyz", 9, "tokenize.source.xyz: no such parameter; known here: kind, vocab_size, "
                                   "lowercase, width, scale"),
        ("model.head.kind", "decodr", "model.head: input tag 'decodr' found using 'kind' does not match any of the "
                                      "expected tags: 'classifier', 'tagger', 'language_model', 'decoder', "
                                      "'regressor', 'forecaster'"),
        ("registr", {}, "registr: no such parameter; did you mean 'register'?"),
        ("train.clip", ABSENT, "train.clip: is missing; add it (nothing has a default outside the file)"),
        ("register", ABSENT, "register: is missing; add it (nothing has a default outside the file)"),
        ("train.learning_rate", "1e-3", "train.learning_rate: should be a valid number, not '1e-3'; write 0.001 "
                                        "(YAML takes '1e-3' for text)"),
        ("train.updates", "many", "train.updates: should be a valid integer, "
                                  "not 'many'"),
        ("embed.neighbours_of", ["milk", 1], "embed.neighbours_of.1: should be a valid string, not 1"),
        ("model.encoder.hidden", 511, "model.encoder: hidden is 511, an odd number: a bidirectional encoder gives half "
                                      "to each side"),
    ],
)  # fmt: skip
def test_a_line_names_the_parameter_the_cause_and_the_fix(path: str, value: Any, line: str) -> None:
    assert message("translate", {path: value}) == f"translate: {line}"


def test_a_path_names_keys_of_the_file_and_no_tag_of_a_union() -> None:
    split = {"kind": "official", "by": "source", "valid": 0.1, "test": {"format": "tsv", "file": "a"}}
    assert message("translate", {"prepare.split": split}).startswith("translate: prepare.split.test.source_column: is")
    label = {"format": "labelled", "label": "target", "files": {"labelled": "../a"}}
    assert message("nationality", {"prepare.corpus": label}).startswith(
        "nationality: prepare.corpus.files.labelled: '../a' must be a path"
    )


def test_the_nearest_name_is_suggested_or_all() -> None:
    assert suggest("beem", ["beam", "seed"]) == "; did you mean 'beam'?"
    assert suggest("xyz", ["beam", "seed"]) == "; known here: beam, seed"
    assert suggest("xyz", []) == ""
