"""`python -m unroll`, which is `unroll`."""

from __future__ import annotations

from unroll import processes
from unroll.errors import one_line


def main() -> None:
    """Run the command line; what a person can fix ends in one line and an exit code."""
    processes.end_when_interrupted()
    with one_line():  # while it is loaded too
        from unroll.cli.main import main as run

        run()


if __name__ == "__main__":
    main()
