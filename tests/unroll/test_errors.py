"""One line on stderr and the exit code of the kind of failure."""

from __future__ import annotations

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


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), errors.one_line():
        raise ZeroDivisionError


def test_an_interruption_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, errors.one_line():
        raise KeyboardInterrupt
    assert ended.value.code == 130
