"""Options that make no sense are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize("option", [("--beam", 0), ("--n-best", -1), ("--beam", "x"), ("--colour",)])
def test_options_that_make_no_sense_are_refused(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, option: tuple[object, ...]
) -> None:
    code, out, err = unroll("translate", "--model", folder, *option, "tea")
    assert (code, out) == (2, "")
    assert str(option[0]) in err


@pytest.mark.parametrize(("option", "name"), [(("--temperature", 0), "temperature"), (("--top-p", 1.5), "top_p")])
def test_draws_that_make_no_sense_are_refused(
    unroll: Callable[..., tuple[int, str, str]], language: Path, option: tuple[object, ...], name: str
) -> None:
    code, out, err = unroll("generate", "--model", language, *option, "tea")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"unroll: generate: {name}: should be ")
