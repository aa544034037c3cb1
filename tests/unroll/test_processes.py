"""A lock holds for as long as its process lives, and no longer. tests/faults has the stages behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from unroll import processes
from unroll.errors import ResourceError

HOLD = "import sys, time; from pathlib import Path; from unroll import processes\n"
HOLD += "with processes.alone(Path(sys.argv[1]), 'x'): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_who_holds_a_lock_is_named(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    says = f"^train: process {holder.pid} is at work on it; wait for it, or end it$"
    with pytest.raises(ResourceError, match=says), processes.alone(tmp_path / "lock", "train", patience=0.0):
        pytest.fail("two at once")
    holder.kill()
    holder.wait()


def test_a_killed_process_holds_nothing(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with processes.alone(tmp_path / "lock", "train", patience=0.0):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_one_that_lets_go_in_time_is_waited_for(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    os.kill(holder.pid, signal.SIGTERM)
    with processes.alone(tmp_path / "lock", "train", patience=10.0):
        assert holder.wait() != 0
