"""What leaves an archive: plain members that were asked for, and no bomb."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unroll import plain
from unroll.data.archives import from_tar, from_zip
from unroll.errors import DataError, ParamsError, ResourceError

CONTENT = b"Hi.\tHola.\n" * 1000


def tar(path: Path, *members: tuple[str, bytes, dict[str, Any]]) -> Path:
    """Write an archive of members, each with other fields of its header."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content, fields in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def sdist(tmp_path: Path) -> Path:
    return tar(
        tmp_path / "a.tar.gz",
        ("a/folder", b"", {"type": tarfile.DIRTYPE}),
        ("a/rows.tsv", CONTENT, {}),
        ("a/link.tsv", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
        ("a/hard.tsv", b"", {"type": tarfile.LNKTYPE, "linkname": "a/rows.tsv"}),
        ("a/pipe", b"", {"type": tarfile.FIFOTYPE}),
        ("a/../../evil", b"x", {}),
    )


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    link = zipfile.ZipInfo("tiny/link.tsv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("tiny/rows.tsv", CONTENT)
        archive.writestr(link, "/etc/passwd")
        archive.mkdir("tiny/folder")
    return tmp_path / "a.whl"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def test_members_come_out_under_the_names_that_they_get(sdist: Path, wheel: Path, raw: Path) -> None:
    from_tar(sdist, {"a/rows.tsv": "one.tsv", "a/../../evil": "below/two"}, raw)
    from_zip(wheel, {"tiny/rows.tsv": "three.tsv"}, raw)
    assert (raw / "one.tsv").read_bytes() == (raw / "three.tsv").read_bytes() == CONTENT
    assert sorted(path.name for path in raw.rglob("*") if path.is_file()) == ["one.tsv", "three.tsv", "two"]


@pytest.mark.parametrize("member", ["a/folder", "a/link.tsv", "a/hard.tsv", "a/pipe"])
def test_only_plain_members_leave_a_source_archive(sdist: Path, raw: Path, member: str) -> None:
    with pytest.raises(DataError, match=f"'{member}' is no plain file"):
        from_tar(sdist, {member: "x"}, raw)


@pytest.mark.parametrize("member", ["tiny/link.tsv", "tiny/folder/"])
def test_only_plain_members_leave_a_wheel(wheel: Path, raw: Path, member: str) -> None:
    with pytest.raises(DataError, match=f"'{member}' is no plain file"):
        from_zip(wheel, {member: "x"}, raw)


def test_a_member_that_is_not_there_is_told_with_one_that_is(sdist: Path, wheel: Path, raw: Path) -> None:
    with pytest.raises(DataError, match=r"has no 'a/row\.tsv'; did you mean 'a/rows\.tsv'\?"):
        from_tar(sdist, {"a/row.tsv": "x"}, raw)
    with pytest.raises(DataError, match=r"has no 'tiny/row\.tsv'; did you mean 'tiny/rows\.tsv'\?"):
        from_zip(wheel, {"tiny/row.tsv": "x"}, raw)


def test_of_a_folder_all_files_come_out_below_its_name(wheel: Path, tmp_path: Path, raw: Path) -> None:
    sdist = tar(
        tmp_path / "b.tar.gz",
        ("a", b"", {"type": tarfile.DIRTYPE}),
        ("a/one", b"1", {}),
        ("a/b/two", b"2", {}),
        ("ab/three", b"3", {}),
    )
    from_tar(sdist, {"a/": "mine", "ab/three": "three"}, raw)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny/folder/below/rows.tsv", CONTENT)
    from_zip(wheel, {"tiny/folder/": "yours"}, raw)
    files = {path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()}
    assert files == {"mine/one", "mine/b/two", "three", "yours/below/rows.tsv"}


def test_no_file_of_a_folder_leads_out_of_it_or_is_a_link(wheel: Path, sdist: Path, tmp_path: Path, raw: Path) -> None:
    away = tar(tmp_path / "b.tar.gz", ("a/../../evil", b"x", {}))
    for archive, member in ((away, r"a/\.\./\.\./evil"), (sdist, r"a/link\.tsv")):
        with pytest.raises(DataError, match=f"'{member}' is no plain file"):
            from_tar(archive, {"a/": "x"}, raw)
    with pytest.raises(DataError, match=r"'tiny/link\.tsv' is no plain file"):
        from_zip(wheel, {"tiny/": "y"}, raw)


def test_a_member_that_stands_there_twice_is_refused(tmp_path: Path, raw: Path) -> None:
    twice = tar(tmp_path / "b.tar.gz", ("a", b"1", {}), ("a", b"2", {}))
    with pytest.raises(DataError, match="'a' stands in the archive twice"):
        from_tar(twice, {"a": "x"}, raw)


def test_a_bomb_is_refused_though_it_lies_before_what_is_wanted(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "SMALL", 1000)
    bomb = tar(tmp_path / "b.tar.gz", ("zeros", bytes(2**20), {}), ("a", b"1", {}))
    with pytest.raises(DataError, match=r"'zeros' has .* bytes and would become 1,049,\d+: no corpus does"):
        from_tar(bomb, {"a": "x"}, raw)
    with zipfile.ZipFile(tmp_path / "b.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2**20))
    with pytest.raises(DataError, match=r"would become 1,048,576: no corpus does"):
        from_zip(tmp_path / "b.whl", {"zeros": "x"}, raw)


def test_without_room_nothing_is_copied(sdist: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=9))
    with pytest.raises(ResourceError, match=r"a/rows\.tsv: has 10,000 bytes, and .* has room for 9"):
        from_tar(sdist, {"a/rows.tsv": "x"}, raw)
    assert not list(raw.iterdir())


def test_two_members_of_one_name_are_refused(sdist: Path, raw: Path) -> None:
    with pytest.raises(ParamsError, match="'x' is taken"):
        from_tar(sdist, {"a/rows.tsv": "x", "a/../../evil": "x"}, raw)
