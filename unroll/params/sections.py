"""What every section of a pipeline file has in common, and the kinds of numbers and names that several have."""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from unroll.telling import line

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=10**15)]
Size = Annotated[int, Field(ge=1, le=2**20)]
"""of a vector"""
Depth = Annotated[int, Field(ge=1, le=100)]
"""of layers"""
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""of a part; `unroll.nn.model.check` knows which there are"""


LONGEST_NAME, LONGEST_PATH = 255, 1000
"""Bytes of a name in a folder, and of all of a path: what file systems take."""
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def inside(path: str) -> str:
    """Return a path if it is a plain one that leads to a file inside a folder.

    Raises:
        ValueError: it leads elsewhere, or no file system would take it.
    """
    parts, told = path.split("/"), line(path)[:60]
    if not path or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError(f"'{told}' must be a path inside the folder: relative, without '..' or backslashes")
    if "" in parts or "." in parts or _UNSEEN.search(path):
        raise ValueError(f"'{told}' must be a plain path: without '.', '//' or what cannot be seen")
    if len(path.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_NAME for part in parts):
        raise ValueError(f"'{told}…' is too long: at most {LONGEST_NAME} bytes a name, {LONGEST_PATH} in all")
    return path


RelativePath = Annotated[str, AfterValidator(inside)]


class Section(BaseModel):
    """A part of a pipeline file: frozen, strict about types, without defaults, and with no names but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


AnySection = TypeVar("AnySection", bound=Section)
