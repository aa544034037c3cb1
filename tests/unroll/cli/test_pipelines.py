"""A pipeline is begun, checked and planned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import recipes, tiny


def test_a_plan_needs_a_pipeline_that_is_tokenized(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes.write_project(tmp_path, "mine", recipes.document("translate"))
    monkeypatch.chdir(tmp_path)
    assert unroll("plan", "mien")[::2] == (
        2,
        "unroll: pipelines/mien.yaml: no such file; did you mean 'mine'?\n",
    )
    assert unroll("plan", "mine")[::2] == (
        3,
        "unroll: data/mine/tokenized: not there yet; make it with dvc repro embed@mine\n",
    )


def test_pipeline_files_are_checked_before_anything_is_made(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipes.write_project(tmp_path, "mine", recipes.section(tiny.pipeline()))
    assert unroll("check") == (0, "", "")
    assert unroll("check", "mine") == (0, "mine: its files are not fetched yet, so its rows were not read\n", "")
    file = tmp_path / "pipelines" / "mine.yaml"
    file.write_text(file.read_text().replace("learning_rate: ", "learning_rate: fast # "))
    code, out, err = unroll("check")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "learning_rate" in err
    file.write_text(file.read_text().replace("updates: ", "updates: 0 # "))
    code, out, err = unroll("check", "mine")
    assert (code, out, err.count("unroll: "), err.count("\n")) == (2, "", 2, 2)


def test_a_pipeline_is_begun_with_files(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipes.write_project(tmp_path, "other", recipes.section(tiny.pipeline()))
    (tmp_path / "my.tsv").write_text("".join(f"I see {n} of them.\tIk zie er {n}.\n" for n in range(99)))
    code, out, err = unroll("new", "mine", "my.tsv")
    assert (code, err) == (0, "")
    assert "99 rows" in out
    assert "dvc repro register@mine" in out
    assert unroll("check") == (0, "", "")
    code, out, err = unroll("check", "mine")
    assert (code, out.startswith("mine: prepare: 99 rows read; dropped: none"), err) == (0, True, "")
    assert unroll("new", "mine", "my.tsv")[0] == 2
    assert unroll("new", "more", "no.tsv")[::2] == (3, "unroll: no.tsv: no such file; name files that are there\n")
