"""A lock holds for as long as its process lives, and no longer. tests/faults has the stages behind it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from unroll import processes
from unroll.errors import ParamsError, ResourceError

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


def test_a_port_that_is_taken_is_refused_with_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ResourceError, match=rf"^port {port} is taken: .*such as {port + 1}$"):
            processes.free(port)
    processes.free(port)


@pytest.mark.parametrize("said", [{}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}])
def test_threads_spin_briefly_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    for name in names:
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    os.environ.update(said)
    processes.wait_briefly()
    assert {name: os.environ[name] for name in names if name in os.environ} == (said or {"GOMP_SPINCOUNT": "1000"})


@pytest.mark.parametrize(
    ("ranks", "first"),
    [
        ({}, True),
        ({"RANK": "0"}, True),
        ({"RANK": "1"}, False),
        ({"LOCAL_RANK": "2"}, False),
        ({"RANK": "0", "LOCAL_RANK": "2"}, True),
    ],
)
def test_one_of_several_processes_is_the_first(
    ranks: dict[str, str], first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ranks.items():
        monkeypatch.setenv(name, value)
    assert processes.first() is first


def test_the_end_of_another_process_of_a_training_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = RuntimeError("Connection closed by peer [127.0.0.1]")
    with pytest.raises(RuntimeError, match="closed by peer"), processes.not_alone():
        raise gone
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ResourceError, match="another process of this training has ended"), processes.not_alone():
        raise gone
    with pytest.raises(RuntimeError, match="shapes"), processes.not_alone():
        raise RuntimeError("shapes differ")


@pytest.mark.parametrize("name", processes.RANKS)
def test_a_rank_that_is_no_number_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    monkeypatch.setenv(name, "1")
    processes.settle()
    assert os.environ["MPLBACKEND"] == "agg"
    monkeypatch.setenv(name, "abc")
    with pytest.raises(ParamsError, match=f"^{name}: 'abc' is no whole number"):
        processes.settle()


CLOSED = """
import os, sys
from unroll import processes
processes.settle()
with open(sys.argv[1], "w") as file:
    print(file.fileno(), sys.stdin.read() == "", sys.stdout.write("x"), sys.stderr.isatty(), file=file)
"""


def test_streams_that_are_closed_are_opened_on_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLOSED, str(tmp_path / "said")]
    assert subprocess.call(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *command]) == 0
    number, *rest = (tmp_path / "said").read_text().split()
    assert int(number) > 2
    assert rest == ["True", "1", "False"]


def test_letters_that_a_stream_lacks_are_written_out(tmp_path: Path) -> None:
    program = "from unroll import processes; processes.settle(); print('dónde · 在哪里')"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == "d\\xf3nde \\xb7 \\u5728\\u54ea\\u91cc\n"


GUARDED = (
    "import os, signal, sys, time; from unroll import errors, processes; "
    "processes.guard(); errors.one_line_from_here(); "
)


@pytest.mark.parametrize(
    ("does", "code", "says"),
    [
        ("sys.exit(3)", 3, ""),
        ("pass", 0, ""),
        ("os.kill(os.getpid(), signal.SIGKILL)", 5, "was killed, most likely for want of memory; "),
        ("os._exit(1)", 5, "was ended by a library, most likely for want of memory; "),
        ("os.abort()", 5, "crashed in a library (SIGABRT), most likely for want of memory; "),
        ("os.kill(os.getpid(), signal.SIGSEGV)", 5, "crashed in a library (SIGSEGV)"),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143, ""),
        ("os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)", 143, ""),
        ("os.kill(os.getppid(), signal.SIGINT); sys.exit(7)", 7, ""),
        (
            "os.kill(os.getppid(), signal.SIGINT); time.sleep(1); os.kill(os.getpid(), signal.SIGINT)",
            130,
            "interrupted",
        ),
        ("os.kill(os.getpid(), signal.SIGINT)", 5, "crashed in a library (SIGINT)"),
        ("processes.mind_interruptions(); os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", 130, "interrupted"),
    ],
)
def test_a_guard_tells_what_no_process_can_say_of_itself(does: str, code: int, says: str) -> None:
    ended = subprocess.run([sys.executable, "-c", GUARDED + does], capture_output=True, text=True)
    assert ended.returncode == code
    assert says in ended.stderr
    assert ended.stderr.count("\n") == bool(says)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process looks itself whether its parent is there")
def test_who_is_guarded_ends_with_its_guard() -> None:
    program = GUARDED + "print(os.getpid(), flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert int(process.stdout.readline()) != process.pid
    process.kill()
    assert process.stdout.read() == ""  # nobody holds the pipe any more
    process.wait()


def test_a_defect_of_ours_keeps_its_traceback_and_code_under_a_guard() -> None:
    ended = subprocess.run([sys.executable, "-c", GUARDED + "raise KeyError(1)"], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "KeyError: 1"
