from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tracked import answers, evaluate, make_folders
from unroll.artifacts import lineage, manifest, store
from unroll.errors import IntegrityError


def node(kind: str, files: int, **inputs: manifest.Manifest) -> manifest.Manifest:
    return {"kind": kind, "files": {str(i): "0" for i in range(files)}, "inputs": inputs}


def test_a_tree_draws_every_ancestor_once() -> None:
    raw = node("raw", 1)
    tokenized = node("tokenized", 4, raw=raw)
    drawn = lineage.tree(node("model", 2, tokenized=tokenized, embedded=node("embedded", 2, tokenized=tokenized)))
    digests = set(re.findall("[0-9a-f]{12}", drawn))
    assert len(digests) == 4
    for digest in digests:
        drawn = drawn.replace(digest, "#")
    assert drawn.splitlines() == [
        "model #  0, 1",
        "├── embedded #  0, 1",
        "│   └── tokenized #  4 files",
        "│       └── raw #  0",
        "└── tokenized #  as above",
    ]


def test_a_start_is_drawn_with_its_name_and_its_own_ancestors() -> None:
    old = node("model", 3, tokenized=node("tokenized", 4))
    drawn = lineage.tree(node("model", 2, prepared=node("prepared", 3), start=old))
    assert [re.sub("[0-9a-f]{12}", "#", line) for line in drawn.splitlines()] == [
        "model #  0, 1",
        "├── prepared #  0, 1, 2",
        "└── start: model #  0, 1, 2",
        "    └── tokenized #  4 files",
    ]


def test_the_hashes_of_a_model_are_not_those_of_what_it_started_from(tmp_path: Path) -> None:
    folders, other = (make_folders(tmp_path / name, answers(3), corpus=name) for name in ("new", "old"))
    manifest_, old = store.verify(folders.evaluation, "evaluation"), store.verify(other.model, "model")
    alone = lineage.hashes(manifest_)
    model = manifest_["inputs"]["model"]
    tokenized = model["inputs"]["tokenized"] | {"inputs": {"start": old["inputs"]["tokenized"]}}
    begun = model | {"inputs": model["inputs"] | {"tokenized": tokenized, "start": old}}
    found = lineage.hashes(manifest_ | {"inputs": manifest_["inputs"] | {"model": begun}})
    assert found.pop("start") == manifest.identity(old)
    assert {name for name in alone if alone[name] != found[name]} == {"tokenizers", "model", "evaluation"}


def test_a_description_names_ancestors_files_and_parameters(tmp_path: Path) -> None:
    told = lineage.describe(make_folders(tmp_path, answers(3)).model)
    for word in ("model", "embedded", "tokenized", "prepared", "raw", "model.safetensors", "bytes"):
        assert word in told
    for line in (
        "tokenize.source  kind char, vocab_size 400, lowercase false",
        "model.encoder    kind sequence, cell lstm, hidden 8, ",
        "model.head       kind decoder, context last, cell lstm, ",
        "model            reverse_source false, tied true, dropout 0.0",
        "train            updates 10000, ",
    ):
        assert f"\n    {line}" in told
    assert "null" not in told
    assert max(map(len, told.splitlines())) <= 100


def test_hashes_follow_what_they_stand_for(tmp_path: Path) -> None:
    folders = make_folders(tmp_path, answers(3))
    before = lineage.verify(folders.model, folders.evaluation)
    assert set(before) == {"corpus", "prepared", "tokenizers", "embeddings", "model", "weights", "evaluation", "test"}
    assert before["weights"] == manifest.sha256(folders.model / "model.safetensors")
    evaluate(folders, answers(4))
    after = lineage.verify(folders.model, folders.evaluation)
    assert {name for name in before if before[name] != after[name]} == {"evaluation"}


def test_scores_of_another_model_are_refused(tmp_path: Path) -> None:
    folders = make_folders(tmp_path, answers(3))
    other = make_folders(tmp_path / "other", answers(3), seed=2)
    with pytest.raises(IntegrityError, match="another model"):
        lineage.verify(other.model, folders.evaluation)
