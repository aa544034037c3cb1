"""Every operation on files and every large allocation of a stage made to fail in turn, in whichever library it is.

A stage so disturbed ends in the right bytes, or in one line and exit code 5; undisturbed, it then ends in the right
bytes. By default some of the operations of each stage, evenly from the first to the last; FAULTS=all make faults: all.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import STAGES, Fault, Project, Server

SAMPLE = 6
"""Operations of a stage that are made to fail, unless all are."""
KINDS = {
    "an operation on files fails": Fault(errno.EIO),
    "disk full from an operation on": Fault(errno.ENOSPC, stays=True),
    "an allocation fails": Fault(errno.ENOMEM, size=1 << 16),
}


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
    if not server.shim:
        pytest.skip("needs Linux, glibc and a C compiler: it is put below all libraries with LD_PRELOAD")
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
