"""Print what is answered to each case, and what that took."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch

from tests.faults.hostile.cases import CASES
from tests.faults.hostile.running import MEGABYTES, SECONDS, faults, folder, outcome, resident


def main(words: Sequence[str]) -> int:
    """Run the cases whose names have one of the words, or all; return how many are not as they should be."""
    chosen = {name: case for name, case in CASES.items() if not words or any(word in name for word in words)}
    wrong, seconds, megabytes = 0, 0.0, 0.0
    for name, case in chosen.items():
        with folder() as place:
            found = outcome(case, place)
        seconds, megabytes = max(seconds, found.seconds), max(megabytes, found.megabytes)
        told = (found.err.splitlines() or [""])[-1]
        print(
            f"{name[:52]:52} {found.code:4} {found.seconds:6.2f} s {found.megabytes:6.0f} MB  {told[:90]}", flush=True
        )
        if complaints := faults(case, found):
            wrong += 1
            print(f"    WRONG: {'; '.join(complaints)}\n{found.err[-3000:]}", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} as they should be; at most {seconds:.2f} s and {megabytes:.0f} MB")
    print(f"of at most {SECONDS} s and {MEGABYTES} MB beyond the {resident():.0f} MB of the program itself")
    return wrong


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main(sys.argv[1:]) > 0)
