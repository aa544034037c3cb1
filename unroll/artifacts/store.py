"""A folder that names its parts: written aside, hashed, renamed into place, and verified when it is read.

Every stage passes its results on as such a folder; `unroll.artifacts.manifest` says what the manifest holds.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from unroll import plain
from unroll.artifacts.manifest import MANIFEST, Manifest, dump_json, hold, sha256, signed
from unroll.errors import IntegrityError, failure, naming


def write_file(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    try:
        with naming(path):
            aside.write_text(text, encoding="utf-8", newline="")
        _sync(aside)
        os.replace(aside, path)
    except BaseException:
        _remove(aside)
        raise


NO_LISTS = (errno.EINVAL, errno.EOPNOTSUPP)
"""What file systems over a network answer that need not, or cannot, write down a folder's list of files."""
Check = Callable[[str], None]
"""what is asked before a folder of a kind is put in place; it raises what is against that"""
_checks: list[Check] = []


@contextmanager
def checking(check: Check) -> Iterator[None]:
    """Ask a check before each folder that the body puts in place."""
    _checks.append(check)
    try:
        yield
    finally:
        _checks.remove(check)


def ask(kind: str) -> None:
    """Ask all checks whether a thing of some kind may be put in place; they raise what is against it."""
    for check in _checks:
        check(kind)


@contextmanager
def writing(folder: Path, kind: str, inputs: Mapping[str, Manifest]) -> Iterator[Path]:
    """Yield an empty folder to fill; on success give it a manifest and put it in the place of `folder`.

    If the body raises, or the disk is full, `folder` stays as it was. What a killed process left aside is cleared by
    the next one.
    """
    aside, before = (folder.with_name(f".{folder.name}.{end}") for end in ("part", "before"))
    for left in (aside, before):
        _remove(left)
    aside.mkdir(parents=True)
    try:
        with naming(folder):
            yield aside
        _sign(aside, kind, inputs)
        ask(kind)
        if folder.exists():
            os.replace(folder, before)
        os.replace(aside, folder)
        _sync(folder.parent)
    except BaseException:
        _remove(aside)
        if before.exists() and not folder.exists():
            os.replace(before, folder)
        _remove(before)
        raise
    _remove(before)


def _sign(folder: Path, kind: str, inputs: Mapping[str, Manifest]) -> None:
    """Give a folder its manifest, and its files the mode that the umask says; wait until all is on the disk."""
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in _files(folder)}
    write_file(folder / MANIFEST, dump_json(signed(kind, files, inputs)))
    mode = (folder / MANIFEST).stat().st_mode
    for path in _files(folder):
        path.chmod(mode)  # some libraries let nobody but the owner read what they write
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in NO_LISTS):
            raise
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove a file or a folder, as far as it is there and lets itself be removed."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def verify(folder: Path, kind: str) -> Manifest:
    """Return the manifest of a folder after checking every file it names.

    Raises:
        IntegrityError: the manifest is missing, altered or of another kind, or a file is missing, altered, or not named
            in it.
    """
    found = read_manifest(folder)
    if found["kind"] != kind:
        raise IntegrityError(f"{folder}: holds '{found['kind']}' where '{kind}' is needed")
    expected = found["files"]
    present = {path.relative_to(folder).as_posix() for path in _files(folder)} - {MANIFEST}
    for name in sorted(present ^ expected.keys()):
        what = "is missing" if name in expected else f"is not named in {MANIFEST}"
        raise IntegrityError(f"{folder / name}: {what}; make the folder again with dvc repro, or dvc pull it")
    for name, digest in sorted(expected.items()):
        if sha256(folder / name) != digest:
            raise IntegrityError(
                f"{folder / name}: SHA-256 differs from {MANIFEST}: the file was altered; dvc pull or dvc repro"
            )
    return found


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a folder, which is to the byte what `writing` wrote; the files themselves are not read.

    Raises:
        IntegrityError: it is missing or altered.
    """
    path = folder / MANIFEST
    try:
        text = plain.read_text(path)
        found: Manifest = json.loads(text)
        hold(found)
        whole = text == dump_json(signed(found["kind"], found["files"], found["inputs"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if failure(error):  # the machine's: the manifest may be whole
            raise
        advice = "make the folder again with dvc repro"
        raise IntegrityError(f"{folder}: no readable {MANIFEST} ({error}); {advice}") from None
    if not whole:
        raise IntegrityError(f"{path}: is not what was written: the file was altered; dvc pull or dvc repro")
    return found


def _files(folder: Path) -> list[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise IntegrityError(f"{path}: a link; an artifact holds plain files only")
        if not path.is_dir():
            try:
                plain.hold(path)
            except OSError as error:
                raise IntegrityError(f"{path}: {error}; an artifact holds plain files only") from None
    return sorted(path for path in folder.rglob("*") if path.is_file())
