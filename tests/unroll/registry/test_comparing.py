"""What one compares: versions by their runs, revisions and experiments by their files; what is equal is not shown."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from tests import recipes
from tests.tracked import answers, make_folders, register, register_with, settings
from unroll.errors import ParamsError
from unroll.registry.comparing import Entry, as_csv, differing, of_revisions, of_versions, table


def git(home: Path, *arguments: str) -> None:
    who = ["-c", "user.name=me", "-c", "user.email=me@here"]
    subprocess.run(["git", *who, *arguments], cwd=home, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository: a tag, an experiment of DVC on it with another cell, and what is not committed."""
    recipes.write_project(tmp_path, "mine", recipes.document("translate"))
    write(tmp_path, "lstm", 40.0)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    git(tmp_path, "tag", "v1")
    write(tmp_path, "gru", 41.5)
    git(tmp_path, "commit", "-qam", "experiment")
    git(tmp_path, "update-ref", f"refs/exps/ab/{'c' * 38}/dull-gnu", "HEAD")
    git(tmp_path, "reset", "-q", "--hard", "v1")
    write(tmp_path, "peephole", 39.0)
    return tmp_path


def write(home: Path, cell: str, bleu: float) -> None:
    file, reports = home / "pipelines/mine.yaml", home / "reports/mine"
    document = yaml.safe_load(file.read_text())
    document["model"]["encoder"]["cell"] = cell
    file.write_text(yaml.safe_dump(document))
    reports.mkdir(parents=True, exist_ok=True)
    (reports / "evaluate.json").write_text(json.dumps({"main": "bleu", "bleu": bleu, "sentences": 7}))


def test_revisions_experiments_and_the_workspace(project: Path) -> None:
    found = differing(of_revisions(project, "mine", ["v1", "dull-gnu", "workspace"]))
    assert [entry.params for entry in found] == [{"model.encoder.cell": cell} for cell in ("lstm", "gru", "peephole")]
    assert [entry.scores["bleu"] for entry in found] == ["40.00", "41.50", "39.00"]
    assert [entry.name.split()[0] for entry in found] == ["v1", "dull-gnu", "workspace"]


@pytest.mark.parametrize(
    ("pipeline", "revision", "message"),
    [("mine", "v2", "v2: no commit, branch, tag or DVC"), ("other", "v1", "has no pipelines/other.yaml")],
)
def test_what_is_not_there_is_one_line(project: Path, pipeline: str, revision: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        of_revisions(project, pipeline, [revision])


@pytest.mark.usefixtures("unloaded")
def test_versions_of_a_model(home: Path) -> None:
    register(make_folders(home / "1", answers(3), 1))
    register_with(settings().evaluate.search.model_copy(update={"beam": 9}), make_folders(home / "2", answers(6), 2))
    found = differing(of_versions("translate"))
    assert [entry.name for entry in found] == ["2 challenger champion", "1"]
    assert [entry.params for entry in found] == [
        {"search.beam": "9"},
        {"search.beam": str(settings().evaluate.search.beam)},
    ]
    assert [entry.scores["bleu"] for entry in found] == ["100.00", "50.00"]
    assert found[0].scores["verdict"].startswith("better than version 1")
    with pytest.raises(ParamsError, match="registered: translate"):
        of_versions("other")


ENTRIES = [Entry(f"{n}", {"bleu": f"{n}.00"}, {"model.cell": f"[red]{n}", "a, b": "x"}) for n in range(9)]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_table_fits_its_terminal(width: int) -> None:
    console = Console(width=width, file=io.StringIO())
    console.print(table(ENTRIES, width))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "[red]0" in console.file.getvalue()
    assert ("more: --csv, --json" in lines[-1]) == (width < 200)


def test_csv_has_all_of_them() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(ENTRIES))))
    assert [row["name"] for row in rows] == [entry.name for entry in ENTRIES]
    assert rows[3] == {"name": "3", "bleu": "3.00", "model.cell": "[red]3", "a, b": "x"}


def test_a_parameter_that_only_one_has_is_a_difference() -> None:
    found = differing([Entry("1", {}, {"old": "1", "same": "x"}), Entry("2", {}, {"same": "x", "new": "2"})])
    assert [entry.params for entry in found] == [{"old": "1", "new": ""}, {"old": "", "new": "2"}]
