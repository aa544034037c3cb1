"""What surrounds a stage: limits, file systems that can do little, variables, streams, impatient people."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import Project, clean_environment, until

GB = 1 << 30
TRANSLATE = ["unroll", "translate", "--model", "data/mine/model"]


def limited(project: Project, stage: str, kind: int, most: int) -> tuple[int, str]:
    """Run a stage that may have no more than so much of something; return its exit code and what it told."""
    command, settings = [sys.executable, "-m", f"stages.{stage}", "mine"], clean_environment()
    ended = subprocess.run(
        command, cwd=project.folder, env=settings, stderr=-1, stdout=-3, timeout=180,
        preexec_fn=partial(resource.setrlimit, kind, (most, most)),
    )  # fmt: skip
    return ended.returncode, ended.stderr.decode(errors="replace")


def in_one_line(code: int, told: str) -> bool:
    """Return whether a stage ended for a lack of resources, and said so in a line of ours, without a traceback."""
    last = told.rstrip().splitlines()[-1:]
    return code == 5 and last[0].startswith("unroll: ") and "Traceback" not in told


@pytest.mark.fault("memory limited")
@pytest.mark.skipif(sys.platform != "linux", reason="others do not keep to the limit")
@pytest.mark.parametrize("stage", ["embed", "train", "evaluate", "register"])
@pytest.mark.parametrize("most", [0.15, 0.4, 0.7, 0.9, 1.05, 1.2])
def test_a_stage_without_memory_ends_in_one_line(
    undisturbed: Project, project: Project, stage: str, most: float
) -> None:
    project.forget(stage)
    code, told = limited(project, stage, resource.RLIMIT_AS, int(most * GB))
    assert in_one_line(code, told) or code == 0, told
    if code:
        assert project.run(stage)[0] == 0
    assert project.outs(stage) == undisturbed.outs(stage)


@pytest.mark.fault("too few open files")
@pytest.mark.parametrize(("stage", "most"), [("train", 5), ("train", 12), ("evaluate", 9), ("register", 12)])
def test_too_few_open_files_are_told_in_one_line(project: Project, stage: str, most: int) -> None:
    code, told = limited(project, stage, resource.RLIMIT_NOFILE, most)
    assert in_one_line(code, told) or code == 0, told


REFUSED = [
    ("ENOLCK:fcntl.flock:1", "No locks available; the file system cannot do that"),
    ("ENOSYS:fcntl.flock:1", "Function not implemented; the file system cannot do that"),
    ("EOPNOTSUPP:fcntl.flock:1", "Operation not supported; the file system cannot do that"),
    ("EROFS:os.mkdir:2", "Read-only file system; "),
    ("EACCES:os.mkdir:2", "Permission denied; "),
    ("EXDEV:os.replace:1", "Invalid cross-device link; "),
    ("EXDEV:os.replace:2", "Invalid cross-device link; "),
    ("EIO:os.fsync:1", "Input/output error; "),
    ("EINVAL:os.fsync:1", "Invalid argument; "),
    ("EIO:unroll.data.preparing.prepare:1", "Input/output error; "),
    ("EIO:unroll.artifacts.manifest.hashlib.file_digest:1", "Input/output error; "),
]


@pytest.mark.fault("file system fails or can do little")
@pytest.mark.parametrize(("fault", "says"), REFUSED)
def test_what_a_file_system_refuses_is_one_line(undisturbed: Project, project: Project, fault: str, says: str) -> None:
    code, told = project.run("prepare", fault)
    assert (code, told.count("\n")) == (5, 1), told
    assert says in told
    assert project.outs("prepare") == undisturbed.outs("prepare")
    assert project.litter() == []


WRONG: list[tuple[str, Mapping[str, str], str]] = [
    ("train", {"UNROLL_SNAPSHOT_SECONDS": "abc"}, "UNROLL_SNAPSHOT_SECONDS: 'abc' is no number of seconds"),
    ("train", {"WORLD_SIZE": "abc"}, "WORLD_SIZE: 'abc' is no whole number"),
    ("train", {"RANK": "abc"}, "RANK: 'abc' is no whole number"),
    ("prepare", {"LOCAL_RANK": "-1"}, "LOCAL_RANK: '-1' is no whole number"),
]


@pytest.mark.fault("variable makes no sense")
@pytest.mark.parametrize(("stage", "said", "says"), WRONG)
def test_a_variable_that_makes_no_sense_is_one_line(
    project: Project, stage: str, said: Mapping[str, str], says: str
) -> None:
    code, told = project.run(stage, **said)
    assert (code, told.count("\n")) == (2, 1), told
    assert told.startswith(f"unroll: {says}")


@pytest.mark.fault("variable makes no sense")
def test_a_screen_that_is_none_is_none_of_ours(undisturbed: Project, project: Project) -> None:
    code, told = project.run("evaluate", MPLBACKEND="nonsense")
    assert code == 0, told
    assert project.outs("evaluate") == undisturbed.outs("evaluate")


@pytest.mark.fault("another order of sums")
def test_who_orders_sums_otherwise_is_told(project: Project) -> None:
    project.forget("train")
    code, told = project.run("train", MKL_CBWR="COMPATIBLE")
    assert code == 0, told
    assert "unroll: MKL_CBWR=COMPATIBLE is set: numbers are added up otherwise" in told


STREAMS: list[tuple[str, Mapping[str, str]]] = [
    ("", {"PYTHONIOENCODING": "ascii"}),
    ("<&-", {}),
    ("<&- >&-", {}),
    ("", {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}),
]


@pytest.mark.fault("stream closed or without letters")
@pytest.mark.parametrize(("closed", "said"), STREAMS)
@pytest.mark.parametrize("command", [["stages.register", "mine"], TRANSLATE])
def test_streams_may_be_closed_or_lack_letters(
    project: Project, command: Sequence[str], closed: str, said: Mapping[str, str]
) -> None:
    texts = ["I drank milk."] * (command[0] == "unroll")
    ended = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-m", *command, *texts],
        cwd=project.folder, env=clean_environment() | said, stdin=-3, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert bool(ended.stdout) == (">&-" not in closed)


def maps(process: psutil.Process, library: str) -> bool:
    """Return whether a process, or the one that it watches over, has a library."""
    return any(
        library in Path(f"/proc/{one.pid}/maps").read_text(errors="replace")
        for one in [process, *process.children()]
        if one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    )


@pytest.mark.fault("interrupted while libraries load")
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks in /proc for what is loaded")
@pytest.mark.parametrize("library", ["_json", "libtorch_cpu"])
@pytest.mark.parametrize("command", [["stages.evaluate", "mine"], TRANSLATE])
def test_an_interruption_is_one_line_from_the_first_second_on(
    project: Project, command: Sequence[str], library: str
) -> None:
    process = psutil.Popen(
        [sys.executable, "-m", *command], cwd=project.folder, env=clean_environment(), start_new_session=True,
        stdin=-1, stdout=-3, stderr=-1, text=True,
    )  # fmt: skip
    until(lambda: maps(process, library), 300)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=300)
    assert (process.returncode, told) == (130, "unroll: interrupted\n")


@pytest.mark.fault("files that others may read")
def test_what_others_may_read_they_can(project: Project) -> None:
    project.forget("train")
    shutil.rmtree(project.folder / ".unroll" / "snapshots", ignore_errors=True)
    assert project.run("train")[0] == 0
    before = os.umask(0)
    os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (project.folder / "data/mine/model").iterdir()}
    assert modes == dict.fromkeys(modes, 0o666 & ~before)
