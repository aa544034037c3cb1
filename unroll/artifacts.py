"""A folder that names its parts: written aside, hashed, renamed into place, and verified when it is read.

Every stage passes its results on as such a folder. `manifest.json` holds the SHA-256 of each file and, under `inputs`,
the manifests of the folders it was made from, so the last folder of a pipeline carries its whole ancestry.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unroll.errors import IntegrityError

MANIFEST = "manifest.json"
Manifest = dict[str, Any]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dump_json(value: Any) -> str:
    """Return JSON with sorted keys and a final newline: equal values give equal bytes."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def identity(manifest: Manifest) -> str:
    """Return the SHA-256 that stands for a folder with all its files and its whole ancestry."""
    return hashlib.sha256(dump_json(manifest).encode()).hexdigest()


def write_file(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=path.parent, delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


@contextmanager
def writing(folder: Path, kind: str, inputs: Mapping[str, Manifest]) -> Iterator[Path]:
    """Yield an empty folder to fill; on success give it a manifest and put it in the place of `folder`.

    If the body raises, `folder` stays as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    os.chmod(aside, 0o755)
    try:
        yield aside
        files = {path.relative_to(aside).as_posix(): sha256(path) for path in _files(aside)}
        write_file(aside / MANIFEST, dump_json({"kind": kind, "files": files, "inputs": dict(inputs)}))
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(aside, folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def verify(folder: Path, kind: str) -> Manifest:
    """Return the manifest of a folder after checking every file it names.

    Raises:
        IntegrityError: the manifest is missing or of another kind, or a file is missing, altered, or not named in it.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        expected, found_kind = manifest["files"], manifest["kind"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{folder}: no readable {MANIFEST} ({error}); make the folder anew with dvc repro"
        ) from None
    if found_kind != kind:
        raise IntegrityError(f"{folder}: holds '{found_kind}' where '{kind}' is needed")
    present = {path.relative_to(folder).as_posix() for path in _files(folder)} - {MANIFEST}
    for name in sorted(present ^ expected.keys()):
        what = "is missing" if name in expected else f"is not named in {MANIFEST}"
        raise IntegrityError(f"{folder / name}: {what}; make the folder anew with dvc repro, or dvc pull it")
    for name, digest in sorted(expected.items()):
        if sha256(folder / name) != digest:
            raise IntegrityError(
                f"{folder / name}: SHA-256 differs from {MANIFEST}: the file was altered; dvc pull or dvc repro"
            )
    return manifest


def _files(folder: Path) -> list[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise IntegrityError(f"{path}: a link; an artifact holds plain files only")
    return sorted(path for path in folder.rglob("*") if path.is_file())
