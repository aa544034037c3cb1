"""One process of two killed: the other one ends too, and training, run again, ends in the same bytes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import psutil
import pytest
import yaml

from tests.faults.conftest import Project, clean_environment, until

pytestmark = pytest.mark.fault("one process of two killed")

TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")


@pytest.fixture(scope="module")
def pair(undisturbed: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with a model that two processes trained; nothing went wrong."""
    folder = tmp_path_factory.mktemp("pair") / "project"
    shutil.copytree(undisturbed.folder, folder)
    document = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    document["machine"]["processes"] = 2
    (folder / "params.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    project = Project(folder)
    project.forget("train")
    code, told = project.run("train")
    assert code == 0, told
    return project


def working(started: psutil.Process) -> list[psutil.Process]:
    """Return the processes that learn, the first one first: neither torchrun nor those that watch over one."""
    there = [started, *started.children(recursive=True)]
    ours = [one for one in there if "stages.train" in one.cmdline() and TORCHRUN[0] not in one.cmdline()]
    return [one for one in ours if any("libtorch" in part.path for part in one.memory_maps())]


@pytest.mark.parametrize("killed", [0, 1])
@pytest.mark.parametrize("starter", [TORCHRUN, ()])
def test_if_one_process_is_killed_all_end_and_training_goes_on_to_the_same_bytes(
    pair: Project, tmp_path: Path, starter: tuple[str, ...], killed: int
) -> None:
    project = Project(tmp_path / "project")
    shutil.copytree(pair.folder, project.folder)
    project.forget("train")
    command = [sys.executable, "-m", *starter, "stages.train", "mine"]
    settings = clean_environment() | {"UNROLL_SNAPSHOT_SECONDS": "0"}
    started = psutil.Popen(command, cwd=project.folder, env=settings, stderr=-3)
    until(lambda: any((project.folder / ".unroll/snapshots/mine").glob("*/[0-9]*/manifest.json")), 60)
    both = working(started)
    assert len(both) == 2
    both[killed].kill()
    assert started.wait(30) != 0
    _, left = psutil.wait_procs(both, timeout=30)
    assert left == []
    code, told = project.run("train")
    assert code == 0, told
    assert project.outs("train") == pair.outs("train")


def test_what_torchrun_starts_is_what_the_parameters_say(pair: Project) -> None:
    command = [sys.executable, "-m", "stages.train", "mine"]
    settings = clean_environment() | {"WORLD_SIZE": "3", "RANK": "0"}
    process = psutil.Popen(command, cwd=pair.folder, env=settings, stderr=-1, text=True)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert told == "unroll: machine.processes is 2, but 3 were started; make the two equal\n"
