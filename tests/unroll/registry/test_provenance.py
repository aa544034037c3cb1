"""What a run knows of its model's making, and what one that was made again from files does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tracked import answers, client, make_folders, recipe, record
from unroll.artifacts import lineage
from unroll.registry import live
from unroll.registry.provenance import made


def test_without_a_store_nothing_is_known_and_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert made("0") is None
    assert list(tmp_path.iterdir()) == []


def test_the_run_that_trained_a_model_says_by_which_code_and_when(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.artifacts.origin.tags", lambda: {"git.commit": 40 * "a", "git.dirty": "true"})
    folders = make_folders(home / "files", answers(3))
    digest = lineage.verify(folders.model, folders.evaluation)["model"]
    with live.live("translate", recipe(), "f1") as run:
        run.adopt(digest)
    record(folders)
    found = made(digest)
    assert found is not None
    assert found[1:4] == ("translate", 40 * "a", True)
    assert found.started is not None
    assert found.finished is not None
    assert found.started <= found.finished
    assert client().get_run(found.run).data.tags["model.sha256"] == digest
    assert made(64 * "0") is None


def test_a_run_that_was_made_again_from_files_vouches_for_nothing(home: Path) -> None:
    folders = make_folders(home / "files", answers(3))
    record(folders)
    assert made(lineage.verify(folders.model, folders.evaluation)["model"]) is None
