"""One line on stderr and the exit code of the kind of failure."""

from __future__ import annotations

import errno
import io
import subprocess
import sys

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


@pytest.mark.parametrize("defect", [ZeroDivisionError(), OSError(errno.ENOENT, "none"), RuntimeError("exit code: 28")])
def test_a_defect_of_ours_keeps_its_traceback(defect: Exception) -> None:
    with pytest.raises(type(defect)), errors.one_line():
        raise defect


LACKS: list[tuple[Exception, str]] = [
    (OSError(errno.ENOSPC, "full", "model.safetensors"), "model.safetensors: No space left on device; free"),
    (OSError(errno.EDQUOT, "full"), "a file: Disk quota exceeded; free"),
    (OSError(errno.EIO, "broken", "a"), "a: Input/output error; the disk"),
    (OSError(errno.EROFS, "read", "a"), "a: Read-only file system; "),
    (OSError(errno.EACCES, "denied", "a"), "a: Permission denied; "),
    (OSError(errno.EMFILE, "many"), "Too many open files; raise"),
    (OSError(errno.EXDEV, "two", "a", None, "b"), "a -> b: Invalid cross-device link; the file system"),
    (OSError(errno.ENOLCK, "no lock", "a"), "a: No locks available; the file system"),
    (RuntimeError('IoError(Os { code: 28, kind: StorageFull, message: "No space" })'), "No space left on device"),
    (RuntimeError("INTERNAL: No space left on device"), "No space left on device"),
    (OSError("256 requested and 12 written"), "No space left on device"),  # numpy's tofile
    (RuntimeError("(sqlite3.OperationalError) database or disk is full"), "No space left on device"),
    (MemoryError(), "out of memory; "),
    (RuntimeError("std::bad_alloc"), "out of memory; "),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory; "),
    (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "out of memory; "),
    (OSError(errno.ENOMEM, "none"), "out of memory; "),
    (SystemError("error return without exception set"), "out of memory; "),  # Python, while it imports
    (RuntimeError("can't start new thread"), "Resource temporarily unavailable; raise"),
    (RuntimeError("Resource temporarily unavailable"), "Resource temporarily unavailable; raise"),  # sentencepiece
]


@pytest.mark.parametrize(("lack", "says"), LACKS, ids=lambda value: str(value)[:40])
def test_what_the_machine_lacks_is_told_whoever_says_it(
    lack: Exception, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, errors.one_line():
        raise lack
    assert ended.value.code == 5
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("kind", [errors.DataError, errors.IntegrityError, KeyError])
def test_what_came_of_a_lack_is_told_as_one(kind: type[Exception], capsys: pytest.CaptureFixture[str]) -> None:
    def read() -> None:
        try:
            raise OSError(errno.EIO, "broken", "rows.tsv")
        except OSError:
            raise kind("rows.tsv cannot be read") from None

    with pytest.raises(SystemExit) as ended, errors.one_line():
        read()
    assert ended.value.code == 5
    assert capsys.readouterr().err.startswith("unroll: rows.tsv: Input/output error; ")


def test_a_file_without_a_name_gets_one() -> None:
    with pytest.raises(OSError, match=r"'rows\.tsv'"), errors.naming("rows.tsv"):
        raise OSError(errno.EIO, "broken")
    with pytest.raises(OSError, match="'other'"), errors.naming("rows.tsv"):
        raise OSError(errno.EIO, "broken", "other")


@pytest.mark.parametrize(
    ("raised", "code", "last"),
    [
        ("KeyboardInterrupt", 130, "unroll: interrupted"),
        ("MemoryError", 5, "unroll: out of memory"),
        ("KeyError(1)", errors.DEFECT, "KeyError: 1"),
    ],
)
def test_from_here_on_is_to_the_end_of_the_process(raised: str, code: int, last: str) -> None:
    program = f"from unroll import errors; errors.one_line_from_here(); raise {raised}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == code
    assert ended.stderr.splitlines()[-1].startswith(last)
    assert ("Traceback" in ended.stderr) == (code == errors.DEFECT)


def test_a_reader_that_went_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with pytest.raises(SystemExit) as ended, errors.one_line():
        raise BrokenPipeError
    assert ended.value.code == 141


def test_an_interruption_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, errors.one_line():
        raise KeyboardInterrupt
    assert ended.value.code == 130


def test_of_many_failures_for_want_of_memory_the_one_that_counts_is_told() -> None:
    program = (
        "from unroll import errors; errors.one_line_from_here()\n"
        "class Hungry:\n    def __del__(self): raise MemoryError\n"
        "Hungry()\nraise MemoryError"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 5
    assert ended.stderr.startswith("unroll: out of memory")
    assert ended.stderr.count("\n") == 1
