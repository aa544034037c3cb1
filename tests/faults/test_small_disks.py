"""Disks that really fill up: file systems of a few KB more than there is already, or of a few inodes."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
import yaml

from tests.faults.conftest import OUTS, STAGES, Project, Server, clean_environment

pytestmark = pytest.mark.fault("disk full, really")

Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """A function that mounts a file system of memory, such as `size=1m` or `nr_inodes=99`, and returns its folder."""
    places: list[Path] = []

    def mounted(options: str) -> Path:
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
        places.append(place)
        return place

    if sys.platform != "linux" or not shutil.which("mount"):
        pytest.skip("needs Linux, and to mount a tmpfs")
    yield mounted
    for place in places:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path, kilobytes: int | None = None, inodes: int | None = None) -> Path:
    """Take all of a file system but so much; return the folder to remove for more room."""
    filler = disk / "filler"
    filler.mkdir()
    try:
        if kilobytes is not None:
            with (filler / "0").open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
        for number in count(1):
            (filler / str(number)).touch()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    if kilobytes:
        os.truncate(filler / "0", (filler / "0").stat().st_size - 1024 * kilobytes)
    for path in list(filler.glob("[1-9]*"))[:inodes]:
        path.unlink()
    return filler


ROOMS = {
    "no KB": {"kilobytes": 0},
    "a few KB": {"kilobytes": 24},
    "no inode": {"inodes": 0},
    "a few inodes": {"inodes": 3},
}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_one_line_and_with_more_room_all_is_as_ever(
    calm: dict[str, Project], server: Server, mount: Mount, stage: str, room: str
) -> None:
    disk = mount("size=24m,nr_inodes=999")
    project = Project(Path(shutil.copytree(calm[stage].folder, disk / "project")))
    filler = fill(disk, **ROOMS[room])
    ended = server.run(stage, project.folder)
    shutil.rmtree(filler)
    if ended["code"]:
        last = ended["told"].rstrip().splitlines()[-1]
        assert (ended["code"], last.startswith("unroll: "), "free some" in last) == (5, True, True), ended
        assert "Traceback" not in ended["told"]
        assert project.litter() == []
        assert server.run(stage, project.folder)["code"] == 0
    assert project.outs(stage) == calm[""].outs(stage)


@pytest.mark.fault("disk full, SQLite")
def test_a_training_whose_store_is_full_tells_so_in_one_line_and_ends_well(
    undisturbed: Project, project: Project, mount: Mount, blank_store: Path
) -> None:
    disk = mount("size=4m")
    shutil.copy(blank_store, disk / "mlflow.db")
    fill(disk, kilobytes=0)
    project.forget("train")
    shutil.rmtree(project.folder / ".unroll" / "snapshots", ignore_errors=True)
    code, told = project.run("train", MLFLOW_TRACKING_URI=f"sqlite:///{disk / 'mlflow.db'}")
    assert code == 0, told
    assert told.count("unroll: tracking store") == 1
    assert "Traceback" not in told
    assert project.outs("train") == undisturbed.outs("train")


@pytest.mark.fault("disk full while DVC commits")
def test_a_training_that_dvc_could_not_keep_is_not_made_again(
    undisturbed: Project, project: Project, mount: Mount
) -> None:
    cache = mount("size=64m")
    filler = fill(cache, kilobytes=64)
    declared = {"cmd": f"{sys.executable} -m stages.train mine", "outs": list(OUTS["train"])}
    scored = {"cmd": f"{sys.executable} -m stages.evaluate mine", "deps": ["data/mine/model"]}
    stages = {"train": declared, "evaluate": scored | {"outs": list(OUTS["evaluate"])}}
    (project.folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    shutil.rmtree(project.folder / ".unroll" / "snapshots", ignore_errors=True)

    def dvc(*command: str) -> tuple[int, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "dvc", *command],
            cwd=project.folder, env=clean_environment() | {"DVC_NO_ANALYTICS": "1"}, capture_output=True, text=True,
        )  # fmt: skip
        return ended.returncode, ended.stderr

    assert dvc("init", "--no-scm", "--quiet")[0] == 0
    assert dvc("cache", "dir", "--local", str(cache))[0] == 0
    assert dvc("config", "--local", "cache.type", "copy")[0] == 0
    code, told = dvc("repro", "train")
    assert code
    assert "No space left on device" in told
    assert not (project.folder / "dvc.lock").exists()
    [mark] = (project.folder / ".unroll" / "snapshots" / "mine").glob("*/done")
    shutil.rmtree(filler)
    code, told = dvc("repro", "train")
    assert code == 0, told
    assert "was done already" in told
    assert project.outs("train") == undisturbed.outs("train")
    assert mark.exists()
    code, told = dvc("repro", "evaluate")
    assert code == 0, told
    assert not mark.parent.exists()
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:  # and the model has one run
        [[runs]] = store.execute("select count(distinct run_uuid) from tags where key = 'model.sha256'").fetchall()
    assert runs == 1
