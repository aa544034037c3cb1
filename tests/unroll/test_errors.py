"""One line on stderr and the exit code of the kind of failure."""

from __future__ import annotations

import errno
import io

import pytest

from unroll import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ParamsError, 2),
        (errors.DataError, 3),
        (errors.IntegrityError, 4),
        (errors.ResourceError, 5),
        (errors.DivergenceError, 6),
    ],
)
def test_each_kind_ends_in_one_line_and_its_code(
    kind: type[errors.UnrollError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, errors.one_line():
        raise kind("what:\n  where; how to mend")
    assert ended.value.code == code
    assert capsys.readouterr().err == "unroll: what: where; how to mend\n"


@pytest.mark.parametrize("defect", [ZeroDivisionError(), OSError(errno.EACCES, "denied")])
def test_a_defect_of_ours_keeps_its_traceback(defect: Exception) -> None:
    with pytest.raises(type(defect)), errors.one_line():
        raise defect


@pytest.mark.parametrize("lack", [OSError(errno.ENOSPC, "full", "model.safetensors"), MemoryError()])
def test_a_lack_of_space_is_a_lack_of_resources(lack: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, errors.one_line():
        raise lack
    assert ended.value.code == 5
    assert capsys.readouterr().err.count("\n") == 1


def test_a_reader_that_went_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with pytest.raises(SystemExit) as ended, errors.one_line():
        raise BrokenPipeError
    assert ended.value.code == 141


def test_an_interruption_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, errors.one_line():
        raise KeyboardInterrupt
    assert ended.value.code == 130
