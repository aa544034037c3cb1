"""Real checkpoints, and a function that runs the command line on them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import tiny
from tests.unroll.params.test_misfits import SERIES
from unroll.cli.main import main


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.checkpoint(tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="session")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [("the milk is cold", ""), ("the tea is hot", "")] * 5
    return tiny.checkpoint(tmp_path_factory.mktemp("language"), tiny.pipeline("language", hidden=16), rows)


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [("Who drinks milk ?", "human"), ("Where is it ?", "location")] * 5
    return tiny.checkpoint(tmp_path_factory.mktemp("classify"), tiny.pipeline("classify"), rows)


@pytest.fixture(scope="session")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [("0 0 0 0 0 0 0 1;1 0 0 0 0 0 0 0", "3 7"), ("0 0 0 0 0 0 0 1", "3")] * 5
    return tiny.checkpoint(tmp_path_factory.mktemp("frames"), tiny.pipeline("frames"), rows)


@pytest.fixture(scope="session")
def word_tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [("the milk waits", "DET NOUN VERB"), ("the tea", "DET NOUN")] * 5
    changes = {"tokenize__source": {"kind": "suffix", "vocab_size": 20, "lowercase": False},
               "prepare__corpus": {"format": "tagged", "file": "a.txt", "delimiter": "/"}}  # fmt: skip
    return tiny.checkpoint(tmp_path_factory.mktemp("words"), tiny.pipeline("frames", **changes), rows)


@pytest.fixture(scope="session")
def regressor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows, head = [("a good film", "2.5"), ("a bad film", "-2")] * 5, {"kind": "regressor", "context": "last"}
    head |= {"loss": "squared", "quantiles": (0.1, 0.5, 0.9)}
    return tiny.checkpoint(tmp_path_factory.mktemp("rating"), tiny.pipeline("rating", model__head=head), rows)


@pytest.fixture
def unroll(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs a command line on some stdin; it returns the exit code, stdout and stderr."""

    def run(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["unroll", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture(scope="session")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Path:
    corpus = SERIES | {"time": "t", "window": 2, "step": 1}
    changes = {"prepare__corpus": corpus, "prepare__split__by": "group", "tokenize__source__width": 2}
    rows = [(f"{n} 0; 1 {n}", "{yes" if n % 2 else "{no") for n in range(20)]  # which look like JSON
    return tiny.checkpoint(tmp_path_factory.mktemp("series"), tiny.pipeline("rows", **changes), rows)
