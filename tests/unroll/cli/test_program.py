"""What is asked of the program itself."""

from __future__ import annotations

from collections.abc import Callable

import unroll as library


def test_it_says_its_version(unroll: Callable[..., tuple[int, str, str]]) -> None:
    assert unroll("--version") == (0, f"unroll {library.__version__}\n", "")
