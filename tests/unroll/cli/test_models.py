"""What cannot be asked is one line and an exit code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

WRONG = [
    ("translate", "language", "a language model cannot translate; ask it with unroll generate"),
    ("translate", "classifier", "a classifier cannot translate; ask it with unroll classify"),
    ("generate", "tagger", "a tagger cannot generate; ask it with unroll tag"),
    ("classify", "folder", "a decoder cannot classify; ask it with unroll translate"),
    ("tag", "language", "a language model cannot tag; ask it with unroll generate"),
]


@pytest.mark.parametrize(("command", "model", "message"), WRONG)
def test_a_command_for_another_kind_of_model_names_the_right_one(
    unroll: Callable[..., tuple[int, str, str]], command: str, model: str, message: str, request: pytest.FixtureRequest
) -> None:
    code, out, err = unroll(command, "--model", request.getfixturevalue(model), "tea")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_text_that_is_no_vector_is_one_line(unroll: Callable[..., tuple[int, str, str]], tagger: Path) -> None:
    code, out, err = unroll("tag", "--model", tagger, "1 2")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "has 2 numbers where 8 are needed" in err


def test_what_cannot_be_answered_is_one_line_and_a_code(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, tmp_path: Path
) -> None:
    latin = unroll("translate", "--model", folder, stdin="tea\nseñor\n".encode("latin-1"))
    assert (latin[0], latin[2].count("\n")) == (3, 1)
    assert re.match(r"unroll: stdin:2: not UTF-8 .*iconv", latin[2])

    missing = unroll("translate", "--model", tmp_path / "none", "tea")
    assert (missing[0], missing[1], missing[2].count("\n")) == (2, "", 1)
    assert "no such folder; make one with make repro" in missing[2]

    (tmp_path / "empty").mkdir()
    assert unroll("translate", "--model", tmp_path / "empty", "tea")[0] == 4
