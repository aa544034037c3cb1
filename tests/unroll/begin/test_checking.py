"""All that is wrong with a pipeline is said at once, and nothing is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import recipes, tiny
from unroll.begin.checking import Checked, check
from unroll.errors import DataError, ParamsError
from unroll.params.reading import NO_PARTS, NO_START

CSV: dict[str, Any] = {
    "format": "csv", "file": "mine.csv", "rows": None, "source_column": "text", "target_column": "label",
    "target_names": None, "header": True,
}  # fmt: skip
WHERE = CSV | {"where": {"column": "part", "cells": ["test"]}}
GROUPED = {"kind": "grouped", "by": "source", "valid": 0.2, "test": 0.2, "largest_component": 50}
NOTHING: dict[str, Any] = {}
TABLE = "text,label,part\n" + "".join(f"Text {n} here,{('good', 'bad')[n % 2]},train\n" for n in range(100))


def checked(root: Path, changes: dict[str, Any], content: str | None = TABLE, recipe: str = "classify") -> Checked:
    """Return what is wrong with a recipe of the tests, with changes and a file."""
    document = recipes.document(recipe, {"prepare.corpus": CSV, "prepare.split": GROUPED} | changes)
    if not any(path.startswith("fetch") for path in changes):
        document["fetch"] = {"kind": "files", "members": {"own.csv": "mine.csv"}}
    document["embed"] |= {"kind": "random", "source_vectors": None}
    recipes.write_project(root, "mine", document)
    if content is not None:
        (root / "data/sources").mkdir(parents=True)
        (root / "data/sources/own.csv").write_text(content, encoding="utf-8")
    return check(root, "mine")


def lines(found: Checked) -> list[str]:
    return [str(one) for one in found.wrong]


def test_a_good_pipeline_is_told_its_rows(tmp_path: Path) -> None:
    found = checked(tmp_path, {})
    assert found.wrong == []
    assert "100 rows read; dropped: none; kept: train" in found.said[0]
    assert not (tmp_path / "data/mine").exists()


def test_all_parameters_that_are_wrong_are_said(tmp_path: Path) -> None:
    changes = {"train.updates": 0, "train.learning_rate": "fast", "model.dropout": 2.0, "odd": 1}
    found = checked(tmp_path, changes | {"prepare.corpus": CSV | {"header": "maybe"}})
    assert all(isinstance(one, ParamsError) for one in found.wrong)
    named = sorted(line.split(": ")[1] for line in lines(found))
    assert named == ["model.dropout", "odd", "prepare.corpus.header", "train.learning_rate", "train.updates"]


def test_all_that_does_not_fit_is_said(tmp_path: Path) -> None:
    found = checked(tmp_path, {"train.scheduled_sampling": 0.5, "train.bptt": 5, "train.warmup": 10**6})
    assert [line.split(": ")[1].split(" ")[0] for line in lines(found)] == [
        "train.warmup", "train.bptt", "train.scheduled_sampling",
    ]  # fmt: skip


def test_sections_that_lack_are_all_named(tmp_path: Path) -> None:
    checked(tmp_path, {})
    path = tmp_path / "pipelines/mine.yaml"
    path.write_text("shape: n_to_one\nparts:\n")
    assert len(lines(check(tmp_path, "mine"))) == 9
    path.write_text("- a list\n")
    assert lines(check(tmp_path, "mine")) == [f"{path}: holds no sections; take one of the shipped files as a model"]


def test_a_pipeline_of_a_shape_that_its_head_is_not_of_is_told(tmp_path: Path) -> None:
    (told,) = lines(checked(tmp_path, {"shape": "n_to_m"}))
    assert "model.head.kind: 'classifier' is not of the shape n_to_m" in told


def test_files_that_are_not_there_are_all_named(tmp_path: Path) -> None:
    found = checked(tmp_path, {"fetch": {"kind": "files", "members": {"a": "mine.csv", "b": "more.csv"}}}, None)
    assert [line.partition(":")[0] for line in lines(found)] == [
        str(tmp_path / f"data/sources/{name}") for name in "ab"
    ]


def test_what_is_not_fetched_yet_is_not_read(tmp_path: Path) -> None:
    found = checked(tmp_path, {"fetch": recipes.document("classify")["fetch"]})
    assert found == Checked([], ["its files are not fetched yet, so its rows were not read"])


@pytest.mark.parametrize(
    ("changes", "content", "message"),
    [
        ({"prepare.corpus": CSV | {"source_column": "txt"}}, TABLE, r"raw/mine\.csv:1: no column 'txt'"),
        ({"prepare.corpus": CSV | {"file": "my.csv"}}, TABLE, r"raw/my\.csv: no such file"),
        ({"prepare.split": GROUPED | {"valid": 0.01}}, TABLE[:150], "the corpus is too small"),
        (
            {"prepare.split": {"kind": "official", "by": "source", "valid": 0.1, "test": WHERE}},
            TABLE,
            "split.test: no row",
        ),
        ({}, TABLE.replace("good", "bad"), "a single class, 'bad'"),
        ({}, "text,label\n" + "".join(f"a {n},{n / 7}\n" for n in range(100)), "the targets are .* numbers"),
    ],
    ids=["a column", "a file", "too few rows", "an empty part", "a single class", "numbers"],
)
def test_what_is_wrong_with_data_is_said(tmp_path: Path, changes: dict[str, Any], content: str, message: str) -> None:
    found = checked(tmp_path, changes, content)
    (wrong,) = found.wrong
    assert isinstance(wrong, DataError)
    assert re.search(message, str(wrong))
    assert "/tmp" not in str(wrong).replace(str(tmp_path), "")


def test_classes_that_will_hardly_be_learnt_are_told(tmp_path: Path) -> None:
    found = checked(tmp_path, {}, TABLE + "One more,rare,train\n")
    assert found.wrong == []
    assert any("rare" in line for line in found.said)


def begun(root: Path, changes: dict[str, Any], old: dict[str, Any] = NOTHING) -> Checked:
    """Return what is wrong with a pipeline that is to go on from the model of another one."""
    settings = tiny.pipeline("classify", **{"embed__kind": "random", "embed__source_vectors": None, **old})
    tiny.checkpoint(root / "data/old", settings, [("good day", "good"), ("bad day", "bad")] * 10)
    small = {name.replace("__", "."): value for name, value in tiny.SMALL.items()}
    return checked(root, small | {"train.start_from": "old"} | changes)


def test_a_start_that_fits_is_silent(tmp_path: Path) -> None:
    assert begun(tmp_path, {}).wrong == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.start_from": "data/sources/none"}, r"data/sources/none: no model to start from, .* bring one"),
        ({"train.start_from": "none"}, r"data/none/model: no model to start from, .* dvc repro train@none"),
        ({"model.encoder.hidden": 64}, r"model\.encoder\.hidden is 64 here and 32 there"),
        (
            {"tokenize.from_start": "source", "tokenize.source.lowercase": False},
            r"source\.lowercase: False, but True in",
        ),
    ],
)
def test_a_start_that_is_missing_or_does_not_fit_is_said(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    (told,) = lines(begun(tmp_path, changes))
    assert re.search(message, told)


def test_subwords_of_its_own_are_told(tmp_path: Path) -> None:
    bpe = {"tokenize__source": {"kind": "bpe", "vocab_size": 350, "lowercase": False}}
    changes = {"tokenize.source": bpe["tokenize__source"]}
    assert (
        begun(tmp_path / "a", changes, bpe).said[0].startswith("the source's subwords are learnt anew: to the model to")
    )
    assert "subwords" not in begun(tmp_path / "b", changes | {"tokenize.from_start": "source"}, bpe).said[0]


def test_a_start_that_dvc_makes_first_is_told(tmp_path: Path) -> None:
    checked(tmp_path, {"train.start_from": "other"})
    document = yaml.safe_load((tmp_path / "params.yaml").read_text())
    document["pipelines"]["other"] = {"parts": NO_PARTS, "start": NO_START}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(document))
    found = check(tmp_path, "mine")
    assert found.wrong == []
    assert found.said[0] == "the model to start from, of other, is not made yet: dvc repro makes it first"
