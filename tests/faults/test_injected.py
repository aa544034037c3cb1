"""Every operation on files and every large allocation of a stage made to fail in turn, in whichever library it is.

A stage so disturbed ends in the right bytes, or in one line and exit code 5; undisturbed, it then ends in the right
bytes. By default some of the operations of each stage, evenly from the first to the last; FAULTS=all make faults: all.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import recipes
from tests.faults.conftest import QUICK, ROOT, STAGES, Project, clean_environment
from tests.grammar import PAIRS
from unroll.params.pipeline import Pipeline

SAMPLE = 6
"""Operations of a stage that are made to fail, unless all are."""
TINY = QUICK | {
    "prepare.max_rows": 60, "tokenize.source.vocab_size": 320, "train.updates": 8, "train.warmup": 2,
    "train.log_every": 4, "train.validate_every": 4, "embed.epochs": 1, "embed.neighbours_of": ["milk"],
    "evaluate.pictures": 1, "evaluate.stress": 5, "register.resamples": 5,
}  # fmt: skip


class Fault(NamedTuple):
    """What goes wrong, and whether it stays so; with a size, allocations of so many bytes and more are meant."""

    code: int
    stays: bool = False
    size: int = 0


KINDS = {
    "an operation on files fails": Fault(errno.EIO),
    "disk full from an operation on": Fault(errno.ENOSPC, stays=True),
    "an allocation fails": Fault(errno.ENOMEM, size=1 << 16),
}


class Server:
    """A process that has all libraries loaded, and runs stages in forks of itself with faults below them."""

    def __init__(self, folder: Path, shim: Path) -> None:
        self.told = folder / "told"
        environment = clean_environment() | {"LD_PRELOAD": str(shim)}
        command = [sys.executable, "-m", "tests.faults.injected"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=-1, stdout=-1, text=True)

    def run(self, stage: str, folder: Path, fault: Fault, number: int = 0) -> dict[str, Any]:
        """Run a stage whose operation of that number fails; return how it ended, and what it told."""
        asked = {"stage": stage, "folder": str(folder), "told": str(self.told), "number": number, **fault._asdict()}
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()), told=self.told.read_text(errors="replace"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or not compiler:
        pytest.skip("needs Linux and a C compiler (cc): it is put below all libraries with LD_PRELOAD")
    folder = tmp_path_factory.mktemp("shim")
    source, shim = Path(__file__).with_name("shim.c"), folder / "shim.so"
    built = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], capture_output=True)
    if built.returncode:
        pytest.skip(f"shim.c needs glibc: {built.stderr[-200:]!r}")
    made = Server(folder, shim)
    yield made
    made.process.communicate()


@pytest.fixture(scope="module")
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
        ended = server.run(stage, project.folder, Fault(0))
        assert ended["code"] == 0, ended
    return found


def chosen(count: int) -> list[int]:
    """Return the numbers of the operations that are made to fail."""
    if os.environ.get("FAULTS") == "all":
        return list(range(1, count + 1))
    return sorted({1 + (count - 1) * number // (SAMPLE - 1) for number in range(SAMPLE)}) if count else []


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.fault(kind)) for kind in KINDS])
@pytest.mark.parametrize("stage", STAGES)
def test_each_operation_of_a_stage_fails_in_turn(
    calm: dict[str, Project],
    server: Server,
    tmp_path: Path,
    stage: str,
    kind: str,
    record_property: Callable[[str, object], None],
) -> None:
    fault, right = KINDS[kind], calm[""].outs(stage)

    def fresh() -> Project:
        shutil.rmtree(tmp_path / "project", ignore_errors=True)
        return Project(Path(shutil.copytree(calm[stage].folder, tmp_path / "project")))

    count = server.run(stage, fresh().folder, fault)["done"]
    numbers, wrong = chosen(count), []
    for number in numbers:
        project = fresh()
        ended = server.run(stage, project.folder, fault, number)
        if complaint := complaints(ended, project.outs(stage) == right):
            wrong.append(f"{number}, {ended['what']}: {complaint}: {ended['told'][-1000:]}")
        if ended["code"]:
            project.forget(stage)
            again = server.run(stage, project.folder, Fault(0))
            if again["code"] or project.outs(stage) != right or project.litter():
                wrong.append(f"{number}, {ended['what']}, undisturbed: {again['code']}: {again['told'][-1000:]}")
    for _ in numbers[1:]:
        record_property("fault", kind)
    record_property("operations", (kind, len(numbers), count))
    assert not wrong, "\n".join(wrong)


def complaints(ended: dict[str, Any], right: bool) -> str:
    """Return what is wrong with how a disturbed stage ended; nothing where nothing is."""
    lines = [line for line in ended["told"].splitlines() if line.strip()]
    if ended["code"] == 0:
        return "" if right else "other bytes"
    if ended["code"] != 5 or not lines or not lines[-1].startswith("unroll: "):
        return f"exit code {ended['code']}"
    return "a traceback" if "Traceback" in ended["told"] else ""
