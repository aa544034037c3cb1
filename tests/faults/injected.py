"""Run stages with faults in forks of one process: `LD_PRELOAD=shim.so python -m tests.faults.injected`.

A line of JSON on stdin is a run: the stage, its project's folder, a file for what it tells, and either the faults of
`tests.faults.armed`, in its own code, or what `faults_arm` of shim.c is to do, below all libraries. A line on stdout is
how it ended. Libraries are loaded once, so a run takes no longer than its work.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.faults import armed
from unroll import errors, processes
from unroll.registry import tracking

LIBRARIES = ("torch", "gensim.models", "matplotlib.figure", "matplotlib.backends.backend_agg", "lightning_fabric",
             "sklearn", "pandas", "psutil", "sacrebleu", "sentencepiece", "mlflow", "mlflow.pyfunc",
             "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store",
             "safetensors.torch", "safetensors.numpy", "tqdm")  # fmt: skip
STAGES = ("fetch", "prepare", "tokenize", "embed", "train", "evaluate", "register")


def child(run: dict[str, Any], shim: ctypes.CDLL | None) -> int:
    """Be the process of a stage; return its exit code."""
    descriptor = os.open(run["told"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.chdir(run["folder"])
    os.environ["UNROLL_SNAPSHOT_SECONDS"] = "0"
    return _armed(run) if "faults" in run else _below(run, shim)


def _armed(run: dict[str, Any]) -> int:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("unroll", "stages")]:
        del sys.modules[name]  # they are to find the faults where they look for what is faulty
    try:
        armed.run(run["stage"], "mine", *run["faults"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _below(run: dict[str, Any], shim: ctypes.CDLL | None) -> int:
    os.environ["TMPDIR"] = str(Path(run["folder"]) / "tmp")
    sys.argv = [f"stages/{run['stage']}.py", "mine"]
    stage = importlib.import_module(f"stages.{run['stage']}")
    processes.guard()
    if shim:
        size = ctypes.c_long(run["size"])
        shim.faults_arm(run["folder"].encode(), ctypes.c_long(run["number"]), run["code"], run["stays"], size)
    try:
        stage.main(stage.run)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException as error:
        found = errors.told(error)
        print(f"unroll: {found[0]}", file=sys.stderr) if found else traceback.print_exc()
        return found[1] if found else 1
    return 0


def main() -> None:
    """Answer runs until stdin ends."""
    processes.wait_briefly()
    tracking.prepare(30)
    for name in (*LIBRARIES, *(f"stages.{stage}" for stage in STAGES)):
        importlib.import_module(name)
    shim = ctypes.CDLL(None) if "LD_PRELOAD" in os.environ else None
    if shim:
        shim.faults_done.restype, shim.faults_what.restype = ctypes.c_long, ctypes.c_char_p
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            code = 1
            try:
                code = child(json.loads(line), shim)
                sys.stderr.flush()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        ended: dict[str, Any] = {"code": code}
        if shim:
            ended |= {"done": shim.faults_done(), "what": shim.faults_what().decode(errors="replace")}
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    main()
