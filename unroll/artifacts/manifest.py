"""What a manifest says, to the byte: the names of a folder's files with their hashes, and the manifests of its inputs.

    {"kind": "model", "files": {"model.safetensors": "04ce…"}, "inputs": {"tokenized": {…}}, "sha256": "9f3b…"}

So the last folder of a pipeline carries its whole ancestry, and `sha256`, over all the rest, lets no bit change
unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.errors import naming
from unroll.params.sections import inside

FORMAT = 1
"""To be raised with what a manifest says: DVC watches this number, and then makes every output again."""
MANIFEST = "manifest.json"
Manifest = dict[str, Any]
_KIND, _DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}"), re.compile(r"[0-9a-f]{64}")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with naming(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dump_json(value: Any) -> str:
    """Return JSON with sorted keys and a final newline: equal values give equal bytes.

    >>> print(dump_json({"b": 1, "a": "ñ"}), end="")
    {
      "a": "ñ",
      "b": 1
    }
    """
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def identity(manifest: Manifest) -> str:
    """Return the SHA-256 that stands for a folder with all its files and its whole ancestry."""
    return hashlib.sha256(dump_json(manifest).encode()).hexdigest()


def signed(kind: str, files: Mapping[str, str], inputs: Mapping[str, Manifest]) -> Manifest:
    """Return a manifest with its own hash in it."""
    unsigned = {"kind": kind, "files": dict(files), "inputs": dict(inputs)}
    return unsigned | {"sha256": identity(unsigned)}


def hold(manifest: Any) -> None:
    """Do nothing if a manifest, and each in it, has the form above: kinds, files inside their folder, and hashes.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it has not.
    """
    if not _KIND.fullmatch(manifest["kind"]) or not _DIGEST.fullmatch(manifest["sha256"]):
        raise ValueError("no kind, or no hash")
    for name, digest in manifest["files"].items():
        if inside(name).split("/")[0] == MANIFEST or not _DIGEST.fullmatch(digest):
            raise ValueError(f"'{name}' is no file with a hash")
    for kind, parent in manifest["inputs"].items():
        if not _KIND.fullmatch(kind):
            raise ValueError(f"'{kind}' is no kind")
        hold(parent)
