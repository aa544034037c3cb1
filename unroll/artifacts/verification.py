"""Every hash there is, computed again: of folders and their ancestry, of DVC's cache, of a remote.

DVC takes a file of its cache as good as long as its size and times are those it knows: a bit that rots passes
`dvc status` and is pushed to others. Here every byte is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from unroll import plain
from unroll.artifacts import store
from unroll.artifacts.manifest import MANIFEST
from unroll.errors import IntegrityError, ParamsError, ResourceError
from unroll.folders import is_folder

OBJECT = re.compile(r"[0-9a-f]{32}(\.dir)?")


def folders(place: Path) -> list[Path]:
    """Return the artifacts at or below a place, in order.

    Raises:
        ParamsError: there is none.
    """
    if is_folder(place) and (found := sorted(path.parent for path in place.rglob(MANIFEST))):
        return found
    raise ParamsError(f"{place}: no artifact here or below: name a model, data/PIPELINE, or models:/NAME@champion")


def wrong(folder: Path) -> Iterator[str]:
    """Yield what is wrong with an artifact: with its files, or with what it was made from where that lies beside it."""
    try:
        manifest = store.verify(folder, store.read_manifest(folder)["kind"])
    except IntegrityError as error:
        yield str(error)
        return
    for kind, parent in manifest["inputs"].items():
        beside = folder.parent / kind
        if (beside / MANIFEST).exists() and store.read_manifest(beside) != parent:
            yield f"{folder}: was made from another '{kind}' than {beside}; make it again with dvc repro"


def rotten(lock: Path, remote: bool) -> Iterator[str]:
    """Yield the objects of DVC's cache, and of the default remote, whose content is not what their name says.

    An object that is not there is not rotten: `dvc pull` or `dvc push` brings it.

    Args:
        lock: a dvc.lock, which names the objects.
    Raises:
        IntegrityError: it is no such file.
        ResourceError: the remote cannot be read.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    outs = _outs(lock)
    try:
        with Repo(str(lock.parent)) as repo:
            stores = {"cache": repo.cache.local} | ({"remote": repo.cloud.get_remote_odb()} if remote else {})
            for name, store in stores.items():
                read: set[str] = set()
                for path, oid in tqdm(outs.items(), desc=f"verify {name}", unit=" outs", disable=None, leave=False):
                    yield from _rotten(store, path, oid, read)
    except (DvcException, OSError) as error:
        raise ResourceError(f"DVC's cache or remote cannot be read: {error}; see dvc remote list") from None


def _outs(lock: Path) -> dict[str, str]:
    """Return {path: the hash of what DVC has for it} of a dvc.lock."""
    try:
        stages = yaml.load(plain.read_text(lock), getattr(yaml, "CSafeLoader", yaml.SafeLoader)).get("stages", {})
        outs = [out for stage in stages.values() for out in stage.get("outs", []) if "md5" in out]
        return {str(out["path"]): _object(out["md5"]) for out in outs}
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError, yaml.YAMLError) as error:
        raise IntegrityError(f"{lock}: not what DVC wrote: {error}; git checkout {lock.name}") from None


def _object(name: Any) -> str:
    """Return the name of an object of DVC's cache, which is below its folder.

    Raises:
        ValueError: it is no such name.
    """
    if not isinstance(name, str) or not OBJECT.fullmatch(name):
        raise ValueError(f"'{str(name)[:60]}' names no object")
    return name


def _rotten(store: Any, path: str, oid: str, read: set[str]) -> Iterator[str]:
    """Yield an object's complaint, and those of the files that it lists; what was `read` before is passed over."""
    file = store.oid_to_path(oid)
    if oid in read or not store.fs.exists(file):
        return
    read.add(oid)
    with store.fs.open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "md5").hexdigest()
    if digest != oid.removesuffix(".dir"):
        yield f"{file}: is not what DVC put there for {path}; delete it, then dvc fetch or dvc repro makes it again"
    elif oid.endswith(".dir"):
        try:
            listed = json.loads(store.fs.read_text(file))
            inner = [(f"{path}/{entry['relpath']}", _object(entry["md5"])) for entry in listed]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            yield f"{file}: is no list of the files of {path}: {error}; delete it, then dvc fetch or dvc repro"
            return
        for name, entry in inner:
            yield from _rotten(store, name, entry, read)
