"""A folder is all there or not there; what was altered is found and named."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.artifacts import store
from unroll.artifacts.manifest import Manifest, identity
from unroll.errors import IntegrityError


def make(folder: Path, content: bytes = b"0123456789") -> Manifest:
    with store.writing(folder, "raw", {}) as aside:
        (aside / "a.bin").write_bytes(content)
        (aside / "inner").mkdir()
        (aside / "inner" / "b.txt").write_text("b")
    return store.verify(folder, "raw")


def test_what_was_written_verifies_and_names_every_file(tmp_path: Path) -> None:
    assert make(tmp_path / "raw")["files"].keys() == {"a.bin", "inner/b.txt"}


def test_equal_content_has_one_identity_and_other_content_another(tmp_path: Path) -> None:
    first, same, other = make(tmp_path / "1"), make(tmp_path / "2"), make(tmp_path / "3", b"x")
    assert identity(first) == identity(same) != identity(other)


def test_a_failure_leaves_the_old_folder_and_no_litter(tmp_path: Path) -> None:
    make(tmp_path / "raw")

    def fail_halfway() -> None:
        with store.writing(tmp_path / "raw", "raw", {}) as aside:
            (aside / "half").write_text("x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert store.verify(tmp_path / "raw", "raw")["files"].keys() == {"a.bin", "inner/b.txt"}
    assert os.listdir(tmp_path) == ["raw"]


@given(bit=st.integers(0, 79))
@settings(max_examples=30, deadline=None)
def test_every_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, bit: int) -> None:
    folder = tmp_path_factory.mktemp("flip") / "raw"
    make(folder)
    content = bytearray((folder / "a.bin").read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    (folder / "a.bin").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"a\.bin"):
        store.verify(folder, "raw")


def test_missing_foreign_and_linked_files_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    extra = tmp_path / "raw" / "extra"
    extra.write_text("x")
    with pytest.raises(IntegrityError, match="extra: is not named"):
        store.verify(tmp_path / "raw", "raw")
    extra.unlink()
    extra.symlink_to("/etc/hostname")
    with pytest.raises(IntegrityError, match="link"):
        store.verify(tmp_path / "raw", "raw")
    extra.unlink()
    (tmp_path / "raw" / "a.bin").unlink()
    with pytest.raises(IntegrityError, match=r"a\.bin: is missing"):
        store.verify(tmp_path / "raw", "raw")


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", '{"files": {}}', "\x00"])
def test_a_broken_manifest_is_one_clear_error(tmp_path: Path, content: str) -> None:
    make(tmp_path / "raw")
    (tmp_path / "raw" / "manifest.json").write_text(content)
    with pytest.raises(IntegrityError):
        store.verify(tmp_path / "raw", "raw")


def test_another_kind_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "raw")
    with pytest.raises(IntegrityError, match="'raw' where 'model'"):
        store.verify(tmp_path / "raw", "model")


def test_the_manifest_carries_the_whole_ancestry(tmp_path: Path) -> None:
    raw = make(tmp_path / "raw")
    with store.writing(tmp_path / "prepared", "prepared", {"raw": raw}) as folder:
        (folder / "train.tsv").write_text("x")
    found = json.loads((tmp_path / "prepared" / "manifest.json").read_text())
    assert found["inputs"]["raw"] == raw
    assert identity(found["inputs"]["raw"]) == identity(raw)


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_files_are_as_readable_as_the_umask_says(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with store.writing(tmp_path / "raw", "raw", {}) as folder:
            (folder / "a").write_text("x")
            (folder / "a").chmod(0o600)  # as safetensors and tempfile do
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "raw").iterdir()}
    assert modes == {0o666 & ~umask}


def test_a_check_is_asked_before_anything_is_put_in_place_and_only_meanwhile(tmp_path: Path) -> None:
    def refuse(kind: str) -> None:
        raise IntegrityError(f"no {kind}")

    with store.checking(refuse):
        with pytest.raises(IntegrityError, match="no raw"):
            make(tmp_path / "raw")
        with pytest.raises(IntegrityError, match="no version"):
            store.ask("version")
    assert os.listdir(tmp_path) == []
    make(tmp_path / "raw")
    store.ask("version")


def broken(monkeypatch: pytest.MonkeyPatch, name: str, code: int, only: str = "") -> None:
    """Let a function of the system fail."""

    def fail(*arguments: object) -> None:
        if not only or os.path.isdir(f"/proc/self/fd/{arguments[0]}") == (only == "folders"):
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, fail)


def test_a_text_that_cannot_be_written_leaves_the_old_one_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_file(tmp_path / "a.json", "old")
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            broken(patch, name, errno.EIO)
            with pytest.raises(OSError, match="Input/output error"):
                store.write_file(tmp_path / "a.json", "new")
        assert os.listdir(tmp_path) == ["a.json"]
        assert (tmp_path / "a.json").read_text() == "old"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="tells folders from files by /proc")
def test_a_file_system_that_cannot_sync_folders_will_do_and_one_that_cannot_sync_files_will_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        broken(patch, "fsync", errno.EINVAL, "folders")
        make(tmp_path / "raw")
    broken(monkeypatch, "fsync", errno.EINVAL, "files")
    with pytest.raises(OSError, match=r"Invalid argument: .*manifest\.json"):
        make(tmp_path / "raw")


def test_a_manifest_that_the_machine_cannot_read_is_not_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "raw")

    def fail(*arguments: object, **how: object) -> str:
        raise OSError(errno.EMFILE, "many")

    monkeypatch.setattr("unroll.plain.read_text", fail)
    with pytest.raises(OSError, match="many"):
        store.verify(tmp_path / "raw", "raw")
