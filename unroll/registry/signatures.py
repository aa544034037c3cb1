"""Signatures of registered versions: tags, so that a version has them wherever its files lie."""

from __future__ import annotations

from pathlib import Path

from unroll.artifacts import signing
from unroll.registry import held
from unroll.registry.names import version_of
from unroll.registry.tracking import reaching

TAG = "signature."


def sign(model: str, key: Path) -> str:
    """Sign a registered version, and return its name.

    Args:
        model: models:/NAME@ALIAS or models:/NAME/VERSION.
    Raises:
        IntegrityError: it is not what was registered.
        ParamsError: there is no such version, or the key is none.
        ResourceError: the store cannot be reached, or the package that signs is not installed.
    """
    version, folder = version_of(model)
    held.check(version, folder)
    signatures = signing.sign(folder, key)
    with reaching() as client:
        for kind, signature in signatures.items():
            client.set_model_version_tag(version.name, str(version.version), TAG + kind, signature)
    return f"models:/{version.name}/{version.version}"


def read(model: str) -> dict[str, str]:
    """Return the signatures of a registered version.

    Raises:
        ParamsError, ResourceError: as `sign`.
    """
    tags = version_of(model)[0].tags
    return {kind: tags[TAG + kind] for kind in signing.KINDS if TAG + kind in tags}
