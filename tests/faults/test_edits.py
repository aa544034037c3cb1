"""What is edited while a stage runs is not written down as what ran; set back, a training goes on where it stood."""

from __future__ import annotations

import shutil

import pytest

from tests.faults.conftest import ROOT, Project, until

pytestmark = pytest.mark.fault("edit while it runs")


def test_a_training_whose_parameters_were_edited_puts_nothing_in_place(project: Project, undisturbed: Project) -> None:
    shutil.copy(ROOT / "dvc.yaml", project.folder)
    file = project.folder / "pipelines" / "mine.yaml"
    before = file.read_text()
    project.forget("train")
    training = project.start("train", "slow:unroll.training.snapshots.Snapshots.save:0")
    until(
        lambda: (
            training.poll() is not None or len([*project.folder.glob(".unroll/snapshots/mine/*/*/manifest.json")]) > 1
        ),
        60,
    )
    assert training.poll() is None, training.communicate()
    assert "dropout: 0.2\n" in before
    file.write_text(before.replace("dropout: 0.2\n", "dropout: 0.5\n"))
    _, told = training.communicate(timeout=120)
    line = told.splitlines()[-1]
    assert training.returncode == 4
    assert line.startswith("unroll: pipelines/mine.yaml: model")
    assert '"dropout": 0.5' in line
    assert "Traceback" not in told
    assert not (project.folder / "data/mine/model").exists()
    assert project.litter() == []

    file.write_text(before)
    code, told = project.run("train")
    assert code == 0
    assert "going on" in told or "120" in told
    assert project.outs("train") == undisturbed.outs("train")


def test_a_model_of_another_recipe_is_told_asked_and_not_registered(project: Project) -> None:
    file = project.folder / "pipelines" / "mine.yaml"
    file.write_text(file.read_text().replace("dropout: 0.2\n", "dropout: 0.5\n"))
    code, told = project.run("evaluate")
    assert (code, told.count("model.dropout: 0.2, not 0.5 as in pipelines/mine.yaml")) == (0, 1)
    project.forget("register")
    code, told = project.run("register")
    assert (code, told.count("\n")) == (2, 1)
    assert "model.dropout: 0.2, not 0.5 as in pipelines/mine.yaml" in told
