"""A disk that is full: one line, exit code 5, and what was there before is there still."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Project

pytestmark = pytest.mark.fault("disk full")

PLACES = [
    ("prepare", "ENOSPC:unroll.artifacts.store._sync:1"),
    ("tokenize", "ENOSPC:os.replace:1"),
    ("embed", "ENOSPC:safetensors.numpy.save_file:1"),
    ("train", "ENOSPC:safetensors.torch.save_file:2"),  # of the second snapshot
    ("train", "ENOSPC:unroll.predict.checkpoints.shutil.copyfile:1"),
    ("train", "ENOSPC:unroll.artifacts.store._sync:9"),
    ("evaluate", "ENOSPC:os.replace:2"),  # the folder that was there steps aside
    ("evaluate", "ENOSPC:os.replace:3"),
]


@pytest.mark.parametrize(("stage", "fault"), PLACES)
def test_a_full_disk_costs_nothing_that_was_there(
    undisturbed: Project, project: Project, stage: str, fault: str
) -> None:
    code, told = project.run(stage, fault)
    assert code == 5, told
    *_, last = told.splitlines()
    assert last == "unroll: here: No space left on device; free some space, or inodes (df -h, df -i)"
    assert "Traceback" not in told
    assert project.outs(stage) == undisturbed.outs(stage)
    assert project.litter() == []
    project.forget(stage)
    code, told = project.run(stage)
    assert code == 0, told
    assert project.outs(stage) == undisturbed.outs(stage)
