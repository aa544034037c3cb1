"""Versions, and who is champion."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import recipes
from tests.tracked import answers, make_folders, register


def test_champions_are_listed_moved_and_moved_back(unroll: Callable[..., tuple[int, str, str]], home: Path) -> None:
    for seed, right in ((1, 2), (2, 6)):
        register(make_folders(home / str(seed), answers(right), seed))
    code, out, _ = unroll("versions", "translate")
    assert (code, [line.split("\t")[:3] for line in out.splitlines()]) == (
        0, [["2", "challenger champion", "bleu 100.00"], ["1", "", "bleu 33.33"]],
    )  # fmt: skip
    assert unroll("promote", "translate", 1)[:2] == (0, "translate version 1 is champion; version 2 was\n")
    assert unroll("rollback", "translate")[:2] == (0, "translate version 2 is champion again; version 1 was\n")
    assert unroll("promote", "translate", 9)[2] == "unroll: translate: no version 9; there are: 2, 1\n"


def test_what_is_compared_is_told_in_three_forms(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes.write_project(tmp_path, "mine", recipes.document("translate"))
    (tmp_path / "reports/mine").mkdir(parents=True)
    (tmp_path / "reports/mine/evaluate.json").write_text('{"main": "bleu", "bleu": 41.5}')
    monkeypatch.chdir(tmp_path)
    here = ("compare", "mine", "workspace")
    assert [line.split() for line in unroll(*here)[1].splitlines()] == [["workspace"], ["bleu", "41.50"]]
    assert unroll(*here, "--csv")[1] == "name,bleu\nworkspace,41.50\n"
    assert json.loads(unroll(*here, "--json")[1]) == [{"name": "workspace", "scores": {"bleu": "41.50"}, "params": {}}]
    assert unroll(*here, "away")[0] == 2
