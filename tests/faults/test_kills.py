"""SIGKILL at chosen places: the stage, run again, ends in the bytes of one that nothing disturbed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml

from tests.faults.conftest import ALL, OUTS, Project, clean_environment, until

pytestmark = pytest.mark.fault("SIGKILL")

UPDATE, VALIDATION = "unroll.training.learner.Learner.update", "unroll.training.loop._validate"
PLACES = [
    ("fetch", "before:os.replace:1"),
    ("fetch", "after:os.replace:2"),
    ("prepare", "before:os.replace:1"),
    ("prepare", "after:os.replace:2"),
    ("tokenize", "before:unroll.artifacts.store.write_file:1"),
    ("tokenize", "after:os.replace:2"),
    ("embed", "before:os.replace:2"),
    ("embed", "after:os.replace:2"),
    ("train", f"before:{UPDATE}:1"),
    ("train", f"after:{UPDATE}:7"),
    ("train", f"before:{UPDATE}:33"),  # between two snapshots
    ("train", f"before:{VALIDATION}:2"),
    ("train", f"after:{VALIDATION}:1"),
    ("train", "before:safetensors.torch.save_file:3"),  # of the third snapshot
    ("train", "after:safetensors.torch.save_file:4"),
    ("train", "before:os.replace:5"),  # a snapshot's manifest, then the snapshot itself
    ("train", "before:os.replace:6"),
    ("train", "after:os.replace:6"),
    ("train", "before:shutil.rmtree:10"),  # of the first snapshot, when the third is there
    ("train", "before:unroll.registry.live.log_points:1"),
    ("train", "after:unroll.registry.live.log_points:2"),
    ("train", "before:unroll.predict.checkpoints.save:1"),
    ("train", "after:unroll.predict.checkpoints.save:1"),  # the model is there, its reports are not
    ("evaluate", "before:os.replace:1"),
    ("evaluate", "after:os.replace:2"),
    ("register", "before:unroll.registry.versions.log_model:1"),
    ("register", "after:unroll.registry.versions.log_model:1"),
    ("register", "before:unroll.registry.versions.judge:1"),
]


@pytest.mark.parametrize(("stage", "fault"), PLACES if ALL else PLACES[1::2])
def test_a_killed_stage_run_again_ends_in_the_same_bytes(
    undisturbed: Project, project: Project, blank_store: Path, stage: str, fault: str
) -> None:
    project.forget(stage)
    if stage == "register":
        shutil.copy(blank_store, project.folder / "mlflow.db")
    code, told = project.run(stage, fault)
    assert code == -signal.SIGKILL, told
    code, told = project.run(stage)
    assert code == 0, told
    assert project.outs(stage) == undisturbed.outs(stage)
    assert project.litter() == []


@pytest.mark.parametrize("killed", ["guard", "stage"])
def test_of_a_stage_and_its_guard_none_outlives_the_other(undisturbed: Project, project: Project, killed: str) -> None:
    project.forget("train")
    shutil.rmtree(project.folder / ".unroll", ignore_errors=True)
    guard = psutil.Process(project.start("train", f"slow:{UPDATE}:0", GUARDED="1").pid)
    until(lambda: lock_of(project).exists() and lock_of(project).read_text() != "")
    stage = psutil.Process(int(lock_of(project).read_text()))
    assert stage.parent() == guard
    (guard if killed == "guard" else stage).kill()
    until(lambda: not guard.is_running() or guard.status() == psutil.STATUS_ZOMBIE)
    until(lambda: not stage.is_running() or stage.status() == psutil.STATUS_ZOMBIE)
    assert project.run("train")[0] == 0
    assert project.outs("train") == undisturbed.outs("train")


KILLED_DVC = """
import sys
from dvc.cli import main
from tests.faults.armed import arm
arm("before", "dvc.dvcfile.Lockfile.dump_stages", 1)
main(sys.argv[1:])
"""


def test_dvc_killed_between_the_outs_and_its_lock_file_runs_the_stage_again(
    undisturbed: Project, project: Project
) -> None:
    stage = {"cmd": f"{sys.executable} -m stages.train mine", "outs": list(OUTS["train"])}
    (project.folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": stage}}), encoding="utf-8")
    environment = clean_environment() | {"DVC_NO_ANALYTICS": "1"}

    def dvc(*command: str) -> int:
        return subprocess.call([sys.executable, *command], cwd=project.folder, env=environment)

    assert dvc("-m", "dvc", "init", "--no-scm", "--quiet") == 0
    assert dvc("-c", KILLED_DVC, "repro", "--quiet") == -signal.SIGKILL
    assert project.outs("train") == undisturbed.outs("train")
    assert not (project.folder / "dvc.lock").exists()
    assert dvc("-m", "dvc", "repro", "--quiet") == 0
    assert (project.folder / "dvc.lock").exists()
    assert project.outs("train") == undisturbed.outs("train")


@pytest.mark.skipif("KILLS" not in os.environ, reason="KILLS=200 make faults: so many more at random moments")
@pytest.mark.fault("SIGKILL at a random moment")
@pytest.mark.parametrize("seed", range(8))  # for as many workers as there may be
def test_kills_at_random_moments(
    undisturbed: Project, project: Project, record_property: Callable[[str, object], None], seed: int
) -> None:
    moments, kills = random.Random(seed), -(-int(os.environ.get("KILLS", 0)) // 8)
    for _ in range(kills - 1):
        record_property("fault", "SIGKILL at a random moment")
    while kills > 0:
        project.forget("train")
        code = -signal.SIGKILL
        while code == -signal.SIGKILL:
            process = project.start("train")
            with suppress(subprocess.TimeoutExpired):
                process.wait(moments.uniform(1, 6))
            process.kill()
            code = process.wait()
            kills -= code == -signal.SIGKILL
        assert code == 0, process.communicate()[1]
        assert project.outs("train") == undisturbed.outs("train")


@pytest.mark.fault("snapshot rotten")
@pytest.mark.parametrize("number", [33, 61])
def test_a_rotten_snapshot_is_told_and_the_one_before_it_is_taken(
    undisturbed: Project, project: Project, number: int
) -> None:
    project.forget("train")
    project.run("train", f"before:{UPDATE}:{number}")
    *_, latest = sorted((project.folder / ".unroll/snapshots/mine").glob("*/[0-9]*"))
    rotten = latest / "state.safetensors"
    content = bytearray(rotten.read_bytes())
    content[len(content) // 2] ^= 1
    rotten.write_bytes(content)
    code, told = project.run("train")
    assert code == 0
    assert "SHA-256 differs from manifest.json: the file was altered; this snapshot is left out" in told
    assert project.outs("train") == undisturbed.outs("train")


# One process at a time


def lock_of(project: Project) -> Path:
    return project.folder / ".unroll/locks/train@mine"


@pytest.mark.fault("second process at a stage")
def test_a_second_process_is_refused_while_the_first_one_works(undisturbed: Project, project: Project) -> None:
    project.forget("train")
    first = project.start("train", f"slow:{UPDATE}:0")
    until(lambda: lock_of(project).read_text() == str(first.pid))
    code, told = project.run("train", "set:unroll.processes.PATIENCE_SECONDS:0.2")
    assert code == 5
    assert told == f"unroll: train@mine: process {first.pid} is at work on it; wait for it, or end it\n"
    _, told = first.communicate(timeout=60)
    assert first.returncode == 0, told
    assert project.outs("train") == undisturbed.outs("train")


@pytest.mark.fault("dvc killed")
@pytest.mark.parametrize(("shell", "guarded"), [("", {}), ("sh", {"GUARDED": "1"})])
def test_a_stage_ends_with_the_dvc_that_started_it(project: Project, shell: str, guarded: dict[str, str]) -> None:
    project.forget("train")
    dvc = project.folder / "dvc"
    dvc.write_text("import subprocess, sys\nsubprocess.call(sys.argv[1:])\n", encoding="utf-8")
    by = [sys.executable, str(dvc)] + (["sh", "-c", '"$@"; :', "sh"] if shell else [])
    lock_of(project).unlink()
    process = project.start("train", f"slow:{UPDATE}:0", by=by, DVC_STAGE="train@mine", **guarded)
    until(lambda: lock_of(project).exists() and lock_of(project).read_text() != "")
    trainer = psutil.Process(int(lock_of(project).read_text()))
    assert trainer.pid != process.pid
    process.kill()
    until(lambda: not trainer.is_running() or trainer.status() == psutil.STATUS_ZOMBIE)
    assert project.run("train")[0] == 0
