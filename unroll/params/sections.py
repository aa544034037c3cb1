"""What every section of a pipeline file has in common, and the kinds of numbers and names that several have."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""of a part; `unroll.nn.model.check` knows which there are"""


def _inside(path: str) -> str:
    if not path or path.startswith("/") or ".." in path.split("/") or "\\" in path:
        raise ValueError(f"'{path}' must be a path inside the folder: relative, without '..' or backslashes")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]


class Section(BaseModel):
    """A part of a pipeline file: frozen, strict about types, without defaults, and with no names but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


AnySection = TypeVar("AnySection", bound=Section)
