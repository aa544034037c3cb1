"""What benchmarks share: a project whose stages run beside DVC, processes and their memory, tables as text and JSON."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import yaml

from benchmarks.peers import PEERS
from benchmarks.peers.base import BENCH, SHIMS, Decoding, Timing, Training
from unroll.folders import PIPELINE_FILES, start_folder
from unroll.params.fetch import Files
from unroll.params.pipeline import Pipeline
from unroll.params.reading import GRID, dump, grid_line, leaves, load
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
STAGES = ("fetch", "prepare", "tokenize", "embed", "train", "evaluate")
"""what makes a model and says what it is worth, in the order of dvc.yaml"""
Row = dict[str, str | float]


# --- stages -----------------------------------------------------------------------------------------------------------


def make_project(root: Path, pipeline: str, threads: int, project: Path = ROOT) -> Pipeline:
    """Write a project of one pipeline into an empty folder, with what its stages ask for; return the pipeline.

    Args:
        project: whose pipeline it is.
    Raises:
        ParamsError: there is no such pipeline, or a parameter is wrong.
    """
    found = load(project, pipeline)
    shutil.copytree(project / PIPELINE_FILES, root / PIPELINE_FILES, ignore=shutil.ignore_patterns("__pycache__"))
    start = found.train.start_from
    own = [f"data/sources/{name}" for name in found.fetch.members] if isinstance(found.fetch, Files) else []
    for place in (*own, *([start_folder(start)] if start else [])):
        if (project / place).exists() and not (root / place).exists():  # what is nowhere the stage that wants it names
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (project / place).is_dir() else shutil.copy)(project / place, root / place)
    machine = f"machine:\n  accelerator: cpu\n  processes: 1\n  threads: {threads}\n"
    grid = f"pipelines:\n  {grid_line(pipeline, found.parts, start)}\n"
    (root / GRID).write_text(machine + grid, encoding="utf-8")
    return found


def differences(one: Pipeline, other: Pipeline) -> set[str]:
    """Return the parameters in which two pipelines differ, by their dotted names."""
    first, second = (dict(leaves(dump(pipeline))) for pipeline in (one, other))
    missing = object()  # which null is not
    return {name for name in first | second if first.get(name, missing) != second.get(name, missing)}


def write_pipeline(root: Path, name: str, pipeline: Pipeline) -> None:
    """Write the file of a pipeline of a project anew, as `unroll.params.reading.changed` leaves it."""
    sections = {key: value for key, value in dump(pipeline).items() if key != "machine"}
    (root / PIPELINE_FILES / f"{name}.yaml").write_text(yaml.safe_dump(sections, sort_keys=False), encoding="utf-8")


def run(root: Path, pipeline: str, stages: Sequence[str] = STAGES) -> dict[str, float]:
    """Run stages of a pipeline of a project, as DVC would; return the minutes of each."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"}
    minutes = {}
    for stage in stages:
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", f"stages.{stage}", pipeline], cwd=root, env=environment)
        if done.returncode:
            raise SystemExit(f"benchmarks: {stage}@{pipeline}: exit code {done.returncode}")
        minutes[stage] = (time.perf_counter() - began) / 60
    return minutes


def stages_after(changes: Collection[str]) -> tuple[str, ...]:
    """Return the stages that are to run again for other values of some parameters: from the first that reads one, on.

    Which stage reads what is told by dvc.yaml.

    >>> stages_after(["model.dropout", "train.seed"]), stages_after(["evaluate"])
    (('train', 'evaluate'), ('evaluate',))
    """
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for place, stage in enumerate(STAGES):
        files = [file for file in declared[stage]["do"]["params"] if isinstance(file, dict)]
        reads = [name for file in files for name in file.get(f"{PIPELINE_FILES}/${{key}}.yaml", [])]
        if any(_touch(change, name) for change in changes for name in reads):
            return STAGES[place:]
    return ()


def _touch(one: str, other: str) -> bool:
    """Return whether one of two parameters is the other, or part of it."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


# --- peers ------------------------------------------------------------------------------------------------------------


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


# --- tables -----------------------------------------------------------------------------------------------------------


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
