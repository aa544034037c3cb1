"""The command line, on a real checkpoint: what it prints, what it refuses, and with which exit code."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import tiny
from unroll import cli
from unroll.predictor import Predictor


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.checkpoint(tmp_path_factory.mktemp("cli"))


@pytest.fixture
def unroll(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs a command line on some stdin; it returns the exit code, stdout and stderr."""

    def run(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["unroll", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_arguments_and_stdin_get_the_predictors_answers(
    unroll: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    texts = ["I drink milk", "", "tea"]
    expected = [best.text for best, *_ in Predictor.load(folder).predict(texts, beam=5, n_best=1)]
    assert unroll("translate", "--model", folder, *texts) == (0, "".join(f"{line}\n" for line in expected), "")
    assert unroll("translate", "--model", folder, stdin="\n".join(texts).encode())[1].split("\n") == [*expected, ""]
    greedy = [best.text for best, *_ in Predictor.load(folder).predict(texts, beam=1, n_best=1)]
    assert unroll("translate", "--model", folder, "--beam", 1, *texts)[1].split("\n") == [*greedy, ""]


def test_no_lines_no_answers(unroll: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    assert unroll("translate", "--model", folder) == (0, "", "")


def test_scores_and_alignments_are_columns_of_each_answer(
    unroll: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    code, out, _ = unroll("translate", "--model", folder, "--n-best", 3, "--scores", "--alignments", "I drink milk")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert [len(row) for row in rows] == [3, 3, 3]
    values = [float(score) for score, _, _ in rows]
    assert values == sorted(values, reverse=True)
    for _, _, links in rows:
        pairs = [tuple(map(int, link.split("-"))) for link in links.split()]
        assert [target for _, target in pairs] == list(range(len(pairs)))
        assert all(0 <= source < 3 for source, _ in pairs)


def test_a_line_too_long_is_answered_and_told(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unroll.predictor.MAX_SOURCE", 2)
    code, out, err = unroll("translate", "--model", folder, "tea", "I drink milk")
    assert (code, len(out.splitlines())) == (0, 2)
    assert err == "unroll: line 2: too long; only its beginning was read\n"


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


@pytest.mark.parametrize("option", [("--beam", 0), ("--n-best", -1), ("--beam", "x"), ("--colour",)])
def test_options_that_make_no_sense_are_refused(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, option: tuple[object, ...]
) -> None:
    code, out, err = unroll("translate", "--model", folder, *option, "tea")
    assert (code, out) == (2, "")
    assert str(option[0]) in err


def test_a_flipped_bit_is_refused_by_every_command(unroll: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    for command in (("translate", "--model", folder, "tea"), ("lineage", folder)):
        code, out, err = unroll(*command)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert "model.safetensors: SHA-256 differs" in err


def test_lineage_prints_the_ancestry(unroll: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    code, out, _ = unroll("lineage", folder)
    assert code == 0
    for name in ("model", "tokenized", "prepared"):
        assert re.search(rf"\b{name}\b", out)


def test_help_names_every_command(unroll: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = unroll("--help")
    assert code == 0
    assert all(command in out for command in ("translate", "lineage", "ui"))
