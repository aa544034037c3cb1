"""What benchmarks/variants.py and the stages of benchmarks/common.py do: known answers, and two small trainings."""

from __future__ import annotations

import doctest
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import common, variants
from benchmarks.common import STAGES, differences, make_project, run, stages_after, write_pipeline
from tests import recipes
from tests.pipelines import waves
from unroll.errors import ParamsError
from unroll.folders import Folders
from unroll.params.reading import changed, load


@pytest.mark.parametrize("module", [common, variants], ids=lambda module: module.__name__)
def test_the_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ("fetch.members", "fetch"),
        ("prepare.split.test.part", "prepare"),
        ("model.head.kind", "prepare"),
        ("tokenize.source.scale", "tokenize"),
        ("embed.dimensions", "embed"),
        ("model.head.attention", "train"),
        ("train.seed", "train"),
        ("evaluate.search.beam", "evaluate"),
    ],
)
def test_the_first_stage_that_reads_a_parameter_and_all_after_it_run_again(change: str, first: str) -> None:
    assert stages_after([change]) == STAGES[STAGES.index(first) :]
    assert stages_after(["register.seed", change, "evaluate"]) == STAGES[STAGES.index(first) :]


def test_what_nobody_reads_makes_no_stage_run() -> None:
    assert stages_after(["register.p_value"]) == stages_after([]) == ()


def test_differences_are_named_where_one_is_null_or_not_there() -> None:
    one = recipes.make("forecast")
    assert differences(one, one) == set()
    other = changed(one, {"model.head.quantiles": None, "train.seed": 7})
    assert differences(one, other) == differences(other, one) == {"model.head.quantiles", "train.seed"}
    tagged = differences(one, recipes.make("letter"))
    assert {"model.head.kind", "model.head.horizon", "prepare.corpus.part"} <= tagged


def test_a_project_is_the_same_pipeline_with_what_it_asks_for(tmp_path: Path) -> None:
    waves.write(tmp_path / "one", waves.waves(20))
    (tmp_path / "one/data/sources/other.csv").write_text("large", encoding="utf-8")
    (tmp_path / "two").mkdir()
    made = make_project(tmp_path / "two", "forecast", 3, tmp_path / "one")
    found = load(tmp_path / "two", "forecast")
    assert differences(made, found) == {"machine.threads"}
    assert found.machine.threads == 3
    assert [path.name for path in (tmp_path / "two/data/sources").iterdir()] == ["waves.csv"]
    wanted = changed(found, {"train.updates": 7, "model.head.quantiles": None})
    write_pipeline(tmp_path / "two", "forecast", wanted)
    assert load(tmp_path / "two", "forecast") == wanted


def test_a_stage_that_fails_ends_it_with_a_line(tmp_path: Path) -> None:
    waves.write(tmp_path, [])
    with pytest.raises(SystemExit, match="benchmarks: prepare@forecast: exit code 3"):
        run(tmp_path, "forecast", ("fetch", "prepare"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("model.dropout", "no ="),
        ("model.dropout=[", "--change model.dropout=\\["),
        ("model.dropout='0.1", "quot"),
        ("model.dropuot=0.1", "dropuot: no such parameter"),
        ("train.seed=2", "--seeds"),
        ("model.dropout=0.0", "is so already"),
        ("register.seed=2", "nothing before register reads it"),
        ("model.dropout=high", "model.dropout"),
    ],
)
def test_what_is_no_change_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ParamsError, match=complaint):
        variants.variant(recipes.make("forecast"), text)


def test_several_values_are_changed_at_once_and_read_as_yaml() -> None:
    one = recipes.make("forecast")
    other = variants.variant(one, "model.head.quantiles=[0.2,0.5,0.8] model.dropout=0.25 train.bptt=null")
    assert differences(one, other) == {"model.head.quantiles", "model.dropout"}
    assert other.model.dropout == 0.25


def test_means_spreads_and_verdicts_are_those_by_hand() -> None:
    plain = {"accuracy": [90.0, 92.0], "mae": [1.0, 3.0], "only here": [1.0, 1.0]}
    rows = variants.beside(plain, "a.b=1", {"accuracy": [80.0, 84.0], "mae": [0.5, 1.5]})
    assert rows == [
        {
            "figure": "accuracy", "change": "a.b=1", "as it is": 91.0, "spread": "90.00 to 92.00", "changed": 82.0,
            "its spread": "80.00 to 84.00", "better": "as it is", "beyond the spread": "yes",
        },
        {
            "figure": "mae", "change": "a.b=1", "as it is": 2.0, "spread": "1.00 to 3.00", "changed": 1.0,
            "its spread": "0.50 to 1.50", "better": "changed", "beyond the spread": "no",
        },
    ]  # fmt: skip


def test_seeds_of_a_pipeline_are_trained_beside_those_of_it_changed(
    tmp_path: Path, blank_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Sequence[str]] = []
    here = waves.run_here(monkeypatch, blank_store, tmp_path)

    def counted(root: Path, pipeline: str, stages: Sequence[str]) -> None:
        ran.append(stages)
        here(root, pipeline, stages)

    waves.write(tmp_path / "project", waves.waves(400))
    monkeypatch.setattr(variants, "run", counted)
    rows = variants.compare(tmp_path / "project", "forecast", ["model.encoder.hidden=4"], ["mase"], 2, 1)
    assert ran == [STAGES, *[("train", "evaluate")] * 3]
    assert json.loads((tmp_path / "results/variants-forecast.json").read_text(encoding="utf-8"))["rows"] == rows
    assert [row["figure"] for row in rows] == ["mae", "mase"]
    for row in rows:
        lowest, _, highest = str(row["spread"]).partition(" to ")
        assert float(lowest) <= round(float(row["as it is"]), 2) <= float(highest)
        assert row["as it is"] != row["changed"]


def test_a_figure_that_evaluate_has_not_is_refused(tmp_path: Path) -> None:
    folders = Folders(tmp_path, "forecast")
    folders.reports.mkdir(parents=True)
    (folders.reports / "evaluate.json").write_text('{"main": "mae", "mae": 1.5, "rows": 3}', encoding="utf-8")
    assert variants.figures(folders, ["rows"]) == {"mae": 1.5, "rows": 3.0}
    with pytest.raises(ParamsError, match=r"--figure bleu: not in evaluate\.json; there are mae, rows"):
        variants.figures(folders, ["bleu"])
