from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tracked import (
    answers,
    make_folders,
    register,
)
from unroll.registry import packing

SEARCHES = {
    "translate": {"beam": 5, "n_best": 1},
    "language": {"n_best": 1, "temperature": 0.8, "top_k": 0, "top_p": 0.95, "max_tokens": 60, "seed": 1},
    "classify": {"n_best": 1},
    "frames": {},
}


@pytest.mark.parametrize("pipeline", SEARCHES)
def test_a_request_may_set_what_the_kind_of_search_has(pipeline: str, make_params: Callable[..., Any]) -> None:
    signature = packing._signature(make_params(pipeline).evaluate.search)
    assert {spec.name: spec.default for spec in signature.params} == SEARCHES[pipeline]
    assert {spec.name for spec in signature.params if spec.dtype.name == "double"} <= {"temperature", "top_p"}
    assert signature.inputs.input_names() == ["text"]
    assert signature.outputs.input_names() == ["input", "rank", "text", "score", "truncated", "cut_off"]


@pytest.mark.usefixtures("unloaded")
def test_what_is_registered_holds_no_pickle_and_no_cache(home: Path) -> None:
    register(make_folders(home, answers(3)))
    files = [path for path in (home / "mlartifacts").rglob("*") if path.is_file()]
    assert not [
        path for path in files if path.suffix in (".pkl", ".pickle", ".pt", ".pyc") or "__pycache__" in path.parts
    ]
    requirements = next(path for path in files if path.name == "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[a-z]+==[0-9.]+", line) for line in requirements)
