"""A small pipeline with every output of its stages, and a stage that runs with faults."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import recipes
from tests.grammar import PAIRS
from tests.stages.conftest import SMALL
from unroll.artifacts.manifest import sha256
from unroll.params.pipeline import Pipeline

ROOT = Path(__file__).parents[2]
QUICK = SMALL | {
    "fetch": {"kind": "files", "members": {"spa.tsv": "spa.tsv"}},
    "train.updates": 120, "train.validate_every": 40, "embed.epochs": 2,
    "model.dropout": 0.2, "train.sampled_softmax": 50, "train.average": 2, "register.resamples": 20,
    "register.name": "mine",
}  # fmt: skip
TINY = QUICK | {
    "prepare.max_rows": 60, "tokenize.source.vocab_size": 320, "train.updates": 8, "train.warmup": 2,
    "train.log_every": 4, "train.validate_every": 4, "embed.epochs": 1, "embed.neighbours_of": ["milk"],
    "evaluate.pictures": 1, "evaluate.stress": 5, "register.resamples": 5,
}  # fmt: skip


LONG = ["test_injected.py", "test_small_disks.py", "test_surroundings.py"]
"""Of `make faults` alone: they take as long as all others together."""
ALL = "FAULTS" in os.environ
"""Whether that is asked for; `make test` does a part of what is done many times over."""
collect_ignore = [] if ALL else LONG

STAGES = ("fetch", "prepare", "tokenize", "embed", "train", "evaluate", "register")
OUTS = {
    "fetch": ("data/mine/raw",),
    "prepare": ("data/mine/prepared", "reports/mine/prepare.json"),
    "tokenize": ("data/mine/tokenized", "data/mine/lexicon", "reports/mine/tokenize.json"),
    "embed": ("data/mine/embedded", "reports/mine/embed.json", "reports/mine/embed"),
    "train": ("data/mine/model", "reports/mine/train.json", "reports/mine/curves.csv"),
    "evaluate": ("data/mine/evaluation", "reports/mine/evaluate.json", "reports/mine/pictures"),
    "register": ("data/mine/registered.json",),
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a table: each fault, how often it was done, how often it was survived."""
    counts: dict[str, list[int]] = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            for _, fault in (entry for entry in report.user_properties if entry[0] == "fault"):
                done = counts.setdefault(str(fault), [0, 0])
                done[0] += 1
                done[1] += outcome == "passed"
    if counts:
        terminalreporter.write_line("\nfault                            injections   survived")
    for fault, (done, survived) in sorted(counts.items()):
        terminalreporter.write_line(f"{fault:32} {done:10,} {survived:10,}")
    for fault, (done, there) in sorted(operations(terminalreporter).items()):
        terminalreporter.write_line(f"{fault}: {done:,} of {there:,} operations of all stages")


def operations(terminalreporter: pytest.TerminalReporter) -> dict[str, tuple[int, int]]:
    """Return for each kind of fault how many operations were made to fail, and of how many."""
    found: dict[str, tuple[int, int]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for _, (kind, done, there) in (entry for entry in report.user_properties if entry[0] == "operations"):
            before = found.get(kind, (0, 0))
            found[kind] = before[0] + done, before[1] + there
    return found


@pytest.fixture(autouse=True)
def _named(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("fault"), "a test here says which fault it does"


def clean_environment() -> dict[str, str]:
    """Return the environment of a process of ours, without what tells it of a store or of DVC."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DVC_"))}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something to become true."""
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up, "it took too long"
        time.sleep(0.05)


class Project:
    """A folder in which the stages of the pipeline `mine` run, as DVC would run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, stage: str, *faults: str, by: Sequence[str] = (), **environment: str) -> subprocess.Popen[str]:
        """Start a stage in a process of its own, with faults; `by` is a command that starts it."""
        module = ["tests.faults.armed", stage, "mine", *faults] if faults else [f"stages.{stage}", "mine"]
        command = [*by, sys.executable, "-m", *module]
        settings = clean_environment() | {"UNROLL_SNAPSHOT_SECONDS": "0"} | environment
        return subprocess.Popen(command, cwd=self.folder, env=settings, stderr=subprocess.PIPE, text=True)

    def run(self, stage: str, *faults: str, **environment: str) -> tuple[int, str]:
        """Run a stage to its end; return its exit code and what it told.

        In a process of its own where its environment is another, or where it starts others, which begin as it did.
        """
        if environment or "processes: 1\n" not in (self.folder / "params.yaml").read_text(encoding="utf-8"):
            process = self.start(stage, *faults, **environment)
            _, told = process.communicate(timeout=300)
            return process.returncode, told
        ended = forks().run(stage, self.folder, faults=faults)
        return ended["code"], ended["told"]

    def forget(self, stage: str) -> None:
        """Remove the outputs of a stage, as DVC does before it runs one, and a training's state that is done."""
        for mark in self.folder.glob(".unroll/snapshots/mine/*/done"):
            shutil.rmtree(mark.parent)
        for path in (self.folder / out for out in OUTS[stage]):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def outs(self, stage: str) -> Mapping[str, str]:
        """Return the SHA-256 of every file that a stage leaves for others."""
        tops = [self.folder / out for out in OUTS[stage]]
        files = [path for top in tops for path in (sorted(top.rglob("*")) if top.is_dir() else [top])]
        return {str(p.relative_to(self.folder)): sha256(p) for p in files if p.is_file()}

    def litter(self) -> list[str]:
        """Return what stages left behind that is nobody's output."""
        left = [path for end in ("part", "before") for path in self.folder.rglob(f".*.{end}")]
        return sorted(str(path.relative_to(self.folder)) for path in left)


class Fault(NamedTuple):
    """What goes wrong, and whether it stays so; with a size, allocations of so many bytes and more are meant."""

    code: int
    stays: bool = False
    size: int = 0


NONE = Fault(0)


class Server:
    """A process that has all libraries loaded, and runs stages in forks of itself with faults in or below them."""

    def __init__(self, shim: Path | None) -> None:
        self.shim = shim
        environment = clean_environment() | ({"LD_PRELOAD": str(self.shim)} if self.shim else {})
        command = [sys.executable, "-m", "tests.faults.injected"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=-1, stdout=-1, text=True)
        self.told = tempfile.TemporaryDirectory()  # apart from all folders and disks with faults

    def run(
        self, stage: str, folder: Path, fault: Fault = NONE, number: int = 0, faults: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Run a stage whose operation of that number fails; return how it ended, and what it told.

        Args:
            faults: those of `tests.faults.armed`, instead of one below all libraries.
        """
        told = Path(self.told.name) / "told"
        asked = {"stage": stage, "folder": str(folder), "told": str(told), "number": number, **fault._asdict()}
        asked |= {} if faults is None else {"faults": faults}
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()), told=told.read_text(errors="replace"))


@cache
def forks() -> Server:
    """Return the server of stages with faults in them; it ends when this process does."""
    return Server(None)


def compiled(folder: Path) -> Path | None:
    """Return shim.c as a library; None where it cannot be had."""
    compiler, shim = shutil.which("cc") or shutil.which("gcc"), folder / "shim.so"
    if sys.platform != "linux" or not compiler:
        return None
    source = Path(__file__).with_name("shim.c")
    built = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], capture_output=True)
    return None if built.returncode else shim


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(compiled(tmp_path_factory.mktemp("server")))
    yield made
    made.process.communicate()


@pytest.fixture(scope="session")
def calm(
    make_params: Callable[..., Pipeline], blank_store: Path, tmp_path_factory: pytest.TempPathFactory, server: Server
) -> dict[str, Project]:
    """For each stage, the project before it runs, and under "" the one after all of them; nothing went wrong."""
    folder = tmp_path_factory.mktemp("calm")
    project = Project(folder / "all")
    recipes.write_project(project.folder, "mine", recipes.section(make_params(**TINY)))
    for name in ("tmp", "data/sources"):
        (project.folder / name).mkdir(parents=True)
    shutil.copy(blank_store, project.folder / "mlflow.db")
    rows = "".join(f"{source}\t{target}\t\n" for source, target in PAIRS)
    (project.folder / "data" / "sources" / "spa.tsv").write_text(rows, encoding="utf-8", newline="")
    found = {"": project}
    for stage in STAGES:
        found[stage] = Project(Path(shutil.copytree(project.folder, folder / stage)))
        ended = server.run(stage, project.folder)
        assert ended["code"] == 0, ended
    return found


@pytest.fixture(scope="session")
def undisturbed(
    make_params: Callable[..., Pipeline], blank_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """The project after all its stages; nothing went wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copy(blank_store, folder / "mlflow.db")
    recipes.write_project(folder, "mine", recipes.section(make_params(**QUICK)))
    (folder / "data" / "sources").mkdir(parents=True)
    (folder / "data" / "sources" / "spa.tsv").write_text(
        "".join(f"{s}\t{t}\t\n" for s, t in PAIRS), encoding="utf-8", newline=""
    )
    project = Project(folder)
    for stage in STAGES:
        process = project.start(stage)  # in a process like no other: the order of its sets and dicts is its own
        _, told = process.communicate()
        assert process.returncode == 0, f"{stage}: {told}"
    shutil.rmtree(folder / ".unroll" / "snapshots")  # as by DVC's evaluate
    return project


@pytest.fixture
def project(undisturbed: Project, tmp_path: Path) -> Project:
    """A copy of the project, to be disturbed."""
    folder = tmp_path / "project"
    shutil.copytree(undisturbed.folder, folder)
    return Project(folder)
