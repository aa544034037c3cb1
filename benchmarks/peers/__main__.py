"""One training or decoding in this process: `python -m benchmarks.peers JOB`, which the benchmarks call.

The job is a JSON file: the peer's name, `training` or `decoding`. What was measured is written beside it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

import torch

from benchmarks.peers import PEERS
from benchmarks.peers.base import Decoding, Training


def main(path: Path) -> None:
    """Do a job."""
    job = json.loads(path.read_text())
    peer = PEERS[job["peer"]]
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    module = importlib.import_module(f"benchmarks.peers.{peer.module}")
    if "training" in job:
        found = module.train(Training(**job["training"]), peer.options)
    else:
        found = module.decode(Decoding(**job["decoding"]), peer.options)
    path.with_suffix(".result").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
