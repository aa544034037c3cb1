"""Plain files are read whole; what is none, or is too large, is refused at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unroll import plain


def test_a_text_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("año\r\n\n".encode())
    assert plain.read_text(tmp_path / "a") == "año\r\n\n"
    assert plain.hold(tmp_path / "a") == 7


def test_a_text_has_at_most_so_many_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert plain.read_text(tmp_path / "a", 3) == "abc"
    with pytest.raises(OSError, match="larger than 2 bytes"):
        plain.read_text(tmp_path / "a", 2)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name, told in (("pipe", "a pipe"), ("endless", "a device"), (".", "a folder")):
        with pytest.raises(OSError, match=f"{told} in the place of a file"):
            plain.read_text(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        plain.read_text(tmp_path / "none")


def test_a_small_packed_file_may_become_what_it_can_and_a_large_one_so_many_times_its_size() -> None:
    assert plain.most_unpacked(10) == plain.SMALL
    assert plain.most_unpacked(plain.SMALL) == plain.RATIO * plain.SMALL


def test_a_large_hole_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "SMALL", 2**20)
    with (tmp_path / "a").open("wb") as file:
        file.write(bytes(2**16))
        file.truncate(2**20)
        assert plain.hold(tmp_path / "a") == 2**20
        file.truncate(2**40)
    with pytest.raises(OSError, match="of which nearly none was ever written"):
        plain.hold(tmp_path / "a")


def test_a_large_file_with_a_hole_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "SMALL", 2**20)
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2**22)
        file.seek(2**22)
        file.write(b"x" * 2**18)
    assert plain.hold(tmp_path / "a") == 2**22 + 2**18
