"""The files of a source become a folder with hashes, all of it or nothing; what a source may be: test_fetching."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stages import fetch
from tests import recipes
from unroll.artifacts import store
from unroll.artifacts.manifest import MANIFEST, sha256
from unroll.errors import DataError, IntegrityError
from unroll.folders import Folders

CONTENT = b"Hi.\tHola.\n" * 1000


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A project in which the user put a file."""
    found = Folders(tmp_path, "translate")
    found.sources.mkdir(parents=True)
    (found.sources / "mine.tsv").write_bytes(CONTENT)
    return found


def run(folders: Folders, source: dict[str, Any]) -> None:
    fetch.run(recipes.make(fetch=source), folders)


def of_files(**members: str) -> dict[str, Any]:
    return {"kind": "files", "members": {f"{name}.tsv": member for name, member in members.items()}}


def of_url(folders: Folders, digest: str) -> dict[str, Any]:
    url = (folders.sources.resolve() / "mine.tsv").as_uri()
    return {"kind": "url", "url": url, "sha256": digest, "bytes": None, "member": "rows.tsv"}


def test_files_are_brought_and_hashed(folders: Folders) -> None:
    run(folders, of_files(mine="rows.tsv"))
    manifest = store.verify(folders.raw, "raw")
    assert manifest["files"] == {"rows.tsv": sha256(folders.sources / "mine.tsv")}
    assert manifest["inputs"] == {}
    assert (folders.raw / "rows.tsv").read_bytes() == CONTENT


def test_another_file_than_the_pinned_one_leaves_nothing(folders: Folders) -> None:
    with pytest.raises(IntegrityError, match="has SHA-256"):
        run(folders, of_url(folders, "0" * 64))
    assert not folders.raw.exists()
    run(folders, of_url(folders, sha256(folders.sources / "mine.tsv")))
    store.verify(folders.raw, "raw")


def test_a_failed_fetch_leaves_the_last_one(folders: Folders) -> None:
    run(folders, of_files(mine="rows.tsv"))
    with pytest.raises(DataError):
        run(folders, of_files(mine="rows.tsv", none="none"))
    store.verify(folders.raw, "raw")
    assert [path.name for path in folders.raw.parent.iterdir()] == ["raw"]


def test_two_fetches_write_the_same_bytes(folders: Folders) -> None:
    manifests = []
    for _ in range(2):
        run(folders, of_files(mine="rows.tsv"))
        manifests.append((folders.raw / MANIFEST).read_bytes())
    assert manifests[0] == manifests[1]
