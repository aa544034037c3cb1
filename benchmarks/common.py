"""What the benchmarks beside peers share: processes and their memory, a table as text and as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers import PEERS
from benchmarks.peers.base import BENCH, SHIMS, Decoding, Timing, Training
from unroll.processes import WAITING

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
MALLOC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}
"""Training keeps the memory it has asked for, whoever trains."""
LOOK_EVERY = 0.05
"""seconds between two looks at a process"""
Row = dict[str, str | float]


def environment(threads: int) -> dict[str, str]:
    """Return what every measured process sees; threads wait for each other alike, whoever trains."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    told = {
        "PYTHONPATH": f"{ROOT}:{SHIMS}",
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
        "PYTHONWARNINGS": "ignore",
    }
    return os.environ | MALLOC | WAITING | dict.fromkeys(names, str(threads)) | told


def measure(name: str, job: Training | Decoding, threads: int) -> Timing:
    """Do a job of a peer in a process of its own; return what it measured, and its peak memory in MB.

    `memory` is all of it, `owned` what no file backs, where Linux tells. What the job says goes to a log, the end of
    which is shown if it fails.
    """
    peer, kind = PEERS[name], type(job).__name__.lower()
    peer.install()
    place = (BENCH / "jobs" / f"{name}.{kind}.json").absolute()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"peer": name, kind: asdict(job)}))
    command, log = [peer.python, "-m", "benchmarks.peers", str(place)], place.with_suffix(".log")
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(threads), stdout=file, stderr=file)
        pid, owned = 0, 0.0
        while not pid:
            time.sleep(LOOK_EVERY)
            owned = max(owned, anonymous(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(f"benchmarks: {name}: exit code {code}; {log} ends with\n{log.read_text()[-2000:]}")
    memory = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {**json.loads(place.with_suffix(".result").read_text()), "memory": memory, "owned": owned}


def anonymous(pid: int) -> float:
    """Return the MB that a process holds and no file backs, or 0 where nobody tells."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 2**10 for line in lines if line.startswith("RssAnon"))


def folder_of(name: str) -> str:
    """Return where a peer's model is kept."""
    return str((BENCH / "models" / name).absolute())


def tell(title: str, rows: Sequence[Row], **settings: object) -> None:
    """Print rows as a table, and keep them as JSON with what they were measured on."""
    columns = list(rows[0])
    widths = {name: max(len(name), *(len(_cell(row[name])) for row in rows)) for name in columns}
    print(f"\n{title}: " + ", ".join(f"{name} {value}" for name, value in settings.items()))
    for cells in [{name: name for name in columns}, *rows]:
        print("  ".join(_cell(cells[name]).ljust(widths[name]) for name in columns).rstrip())
    machine = {"processor": processor(), "cores": os.cpu_count(), "torch": version("torch"), **settings}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{title}.json").write_text(json.dumps({"machine": machine, "rows": list(rows)}, indent=1) + "\n")


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())
