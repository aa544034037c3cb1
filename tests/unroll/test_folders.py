"""The folders of a pipeline, and which names a pipeline can have."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from unroll.errors import ParamsError
from unroll.folders import Folders, check_name, own

ROOT = Path(__file__).parents[2]
BAD = [
    "",
    "..",
    ".",
    "a/b",
    "a b",
    "sources",
    "a" * 51,
    "a" * 300,
    "x; touch Y #",
    "1a",
    "_a",
    "-a",
    "a\n",
    "ä",
    None,
    3,
]


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_cannot_be_one_is_refused_in_one_line(name: object) -> None:
    with pytest.raises(ParamsError) as caught:
        check_name(name, "here")
    assert str(caught.value).startswith("here: ")
    assert str(caught.value).endswith(
        "is no name for a pipeline; needed: a letter, then at most 49 letters, digits, _ and -, and not sources"
    )
    assert len(str(caught.value)) < 200
    assert caught.value.exit_code == 2
    with pytest.raises(ParamsError, match="is no name for a pipeline"):
        Folders(Path(), name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a", "translate", "A-b_9", "a" * 50, "source"])
def test_a_plain_name_is_taken(name: str) -> None:
    check_name(name, "here")


@given(st.text(max_size=60))
def test_a_name_that_is_taken_is_one_word_for_a_shell_and_a_path(name: str) -> None:
    try:
        found = Folders(Path("root"), name)
    except ParamsError:
        return
    assert name.isascii()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert found.prepared.parent == Path("root/data") / name
    assert found.prepared.parent != found.sources


def test_every_folder_lies_where_dvc_yaml_says() -> None:
    folders = Folders(Path(), "mine")
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    made = {name: {str(next(iter(out)) if isinstance(out, dict) else out) for out in stage["do"]["outs"]}
            for name, stage in stages.items()}  # fmt: skip
    for stage, names in {
        "fetch": ["raw"],
        "prepare": ["prepared"],
        "tokenize": ["tokenized", "lexicon"],
        "embed": ["embedded"],
        "train": ["model"],
        "evaluate": ["evaluation"],
        "register": ["registered"],
    }.items():
        for name in names:
            assert getattr(folders, name).as_posix().replace("/mine", "/${key}") in made[stage]
    assert any(out.startswith("reports/${key}/") for out in made["tokenize"])
    assert folders.reports == Path("reports/mine")


def test_what_is_nobodys_output_is_kept_apart(tmp_path: Path) -> None:
    folders = Folders(tmp_path, "mine")
    assert own(tmp_path) == tmp_path / ".unroll"
    assert folders.snapshots == tmp_path / ".unroll/snapshots/mine"
    assert folders.lock("train") == tmp_path / ".unroll/locks/train@mine"
    assert ".unroll/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
