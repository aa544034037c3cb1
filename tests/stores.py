"""Stores that several write to: a tracking server, a database of PostgreSQL, and processes that register models."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.conftest import ROOT, clean_environment
from tests.listening import HOST, free_port

PASSWORD = "S3CRET-of-the-test"
PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu put the server, a folder for each version."""
FIRST = "/api/2.0/mlflow/experiments/search?max_results=1"
"""Asked of a tracking server until it answers: then it has opened its store too, for which a training does not wait."""


def service() -> dict[str, Any]:
    """Return what `deploy/mlflow/compose.yaml` says of the tracking server."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy/mlflow/compose.yaml").read_text())["services"]["mlflow"]
    return found


def environment() -> dict[str, str]:
    """Return the environment of that server, but for what is the machine's or secret."""
    given = {name: re.sub(r"\$\{\w+:-(.*)}", r"\1", value) for name, value in service()["environment"].items()}
    return {name: value for name, value in given.items() if name.startswith("MLFLOW_")}


class Server:
    """A real tracking server, that can be killed and started again on what it had."""

    def __init__(self, home: Path, store: str = "") -> None:
        self.home, self.port = home, free_port()
        self.store = store or f"sqlite:///{home / 'mlflow.db'}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        settings = {"MLFLOW_BACKEND_STORE_URI": self.store, "PGPASSWORD": PASSWORD}
        self.process = subprocess.Popen(
            self.command(), env=os.environ | environment() | settings, cwd=self.home,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        give_up = time.monotonic() + 120
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{self.address}{FIRST}", timeout=60):
                return
            assert self.process.poll() is None, "the server does not start"
            assert time.monotonic() < give_up, "the server does not come up"
            time.sleep(0.1)

    def command(self) -> list[str]:
        """Return the command of `deploy/mlflow`, for this machine."""
        program, *options = service()["command"]
        here = {"0.0.0.0": HOST, "5000": str(self.port), "2": "1", "/artifacts": str(self.home / "art")}
        assert here.keys() <= {*options}
        return [sys.executable, "-m", program, *(here.get(option, option) for option in options)]

    def kill(self) -> None:
        if self.process:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.process = None


@contextmanager
def postgresql() -> Iterator[str]:
    """Yield the address of an empty database, without its PASSWORD; skip where there is no PostgreSQL."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'unroll[postgres]'")
    found = [shutil.which("postgres"), *sorted(PROGRAMS.glob("*/bin/postgres"))]
    if not (programs := [Path(program).parent for program in found if program]):
        pytest.skip(f"PostgreSQL is neither on the path nor in {PROGRAMS}: apt-get install postgresql")
    with tempfile.TemporaryDirectory() as folder:  # not below pytest's, which are closed to other users
        yield from _postgresql(programs[-1], Path(folder))


def _postgresql(programs: Path, folder: Path) -> Iterator[str]:
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # as whom it refuses to run
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    data, word, port = folder / "data", folder / "word", free_port()
    word.write_text(PASSWORD)
    word.chmod(0o644)
    options: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, **user}
    secured = ["--username=unroll", f"--pwfile={word}", "--auth=scram-sha-256"]
    subprocess.run([programs / "initdb", "--no-sync", "--encoding=UTF8", *secured, data], check=True, **options)
    settings = [f"listen_addresses={HOST}", f"port={port}", f"unix_socket_directories={folder}", "fsync=off"]
    command = [programs / "postgres", "-D", data, *(part for one in settings for part in ("-c", one))]
    server = subprocess.Popen(command, **options)
    address = f"postgresql://unroll@{HOST}:{port}/postgres"
    try:
        _await(server, address)
        yield address
    finally:
        server.send_signal(signal.SIGINT)  # on which it waits for no client
        server.wait(30)


def _await(server: subprocess.Popen[bytes], address: str) -> None:
    import psycopg

    give_up = time.monotonic() + 30
    while True:
        with suppress(psycopg.OperationalError):
            psycopg.connect(address, password=PASSWORD).close()
            return
        assert server.poll() is None, "PostgreSQL did not start"
        assert time.monotonic() < give_up, "PostgreSQL does not come up"
        time.sleep(0.05)


WORKER = """
import json, os, sys
from pathlib import Path
import mlflow
from tests.tracked import recipe, settings
from unroll.artifacts import lineage
from unroll.folders import Folders
from unroll.registry import live, runs, versions

log_model = mlflow.pyfunc.log_model
mlflow.pyfunc.log_model = lambda **kw: log_model(**{**kw, "input_example": None})  # seconds less
evaluate, how = settings().evaluate, settings().register_
for line in sys.stdin:
    home, root, points = json.loads(line)
    os.chdir(home)
    if "shared" not in sys.argv:
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # mlflow remembers the last round's there
    folders = Folders(Path(root), "translate")
    model = lineage.verify(folders.model, folders.evaluation)["model"]
    if points:
        with live.live("translate", recipe(), model) as run:
            for update in range(1, points + 1):
                run.log({"train_loss": 1 / update}, update)
            run.adopt(model)
    versions.register(evaluate, how, folders, runs.record(evaluate.search, how, folders))
    print("done", flush=True)
"""


class Worker:
    """A process that registers one model after another: in stores of their folders, or in one that is shared."""

    def __init__(self, shared: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *(["shared"] if shared else [])], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE if shared else None, text=True,
            env=clean_environment() | ({"MLFLOW_TRACKING_URI": shared} if shared else {}),
        )  # fmt: skip

    def begin(self, home: Path, root: Path, points: int = 0) -> None:
        """Register the model of a folder, after so many points of a training where there are any."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps([str(home), str(root), points]) + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> str:
        """End it; return what it told on stderr where the store is shared."""
        self.process.kill()
        return str(self.process.communicate()[1])
