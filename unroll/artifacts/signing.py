"""Signatures: whoever holds a key says that a model is theirs; whoever has its public half asks no other.

Hashes tell what was altered by accident. Whoever alters a file on purpose can write new hashes beside it, but no
signature. A signature lies beside its folder, `model.sig`, so that the folder stays what its manifest says: a Sigstore
bundle of OpenSSF Model Signing, whose `model_signing verify key` reads it too. No network is asked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unroll.artifacts import store
from unroll.artifacts.manifest import MANIFEST
from unroll.errors import IntegrityError, ParamsError
from unroll.extras import needing

KINDS = ("model", "lexicon")
"""What is signed of a model: its folder, and the lexicon beside it, which can put words into its mouth too."""
Signatures = Mapping[str, str]
"""{kind: the signature of its folder}"""


def sign(model: Path, key: Path) -> dict[str, str]:
    """Return the signatures of a model.

    Args:
        model: a checkpoint folder.
        key: a private key of an elliptic curve (P-256, P-384 or P-521), in PEM and without a password.
    Raises:
        IntegrityError: a file is not the one that the manifest names.
        ParamsError: the key is none.
        ResourceError: the package that signs is not installed.
    """
    with needing("signing", "a signature"):
        from model_signing.signing import Config

    signer = _with_key(key, lambda: Config().use_elliptic_key_signer(private_key=key))
    found = {}
    for kind, folder in _folders(model).items():
        store.verify(folder, kind)
        with tempfile.TemporaryDirectory() as aside:
            signer.sign(folder, Path(aside) / "sig")
            found[kind] = (Path(aside) / "sig").read_text(encoding="utf-8")
    return found


def check(model: Path, signatures: Signatures, key: Path) -> None:
    """Refuse a model that the owner of a key has not signed as it is.

    Args:
        key: the public half, in PEM.
    Raises:
        IntegrityError: it is not signed, by another key, or was altered.
        ParamsError, ResourceError: as `sign`.
    """
    with needing("signing", "a signature"):
        from model_signing.verifying import Config

    for kind, folder in _folders(model).items():
        verifier = _with_key(key, lambda: Config().use_elliptic_key_verifier(public_key=key))
        if kind not in signatures:
            raise IntegrityError(f"{folder}: is not signed, and only what {key} has signed is asked; unroll sign signs")
        with tempfile.TemporaryDirectory() as aside:
            (Path(aside) / "sig").write_text(signatures[kind], encoding="utf-8")
            try:
                verifier.verify(folder, Path(aside) / "sig")
            except Exception as error:  # whatever it stumbles over, this is no signature of the folder
                cause = str(error)[:200] or type(error).__name__
                raise IntegrityError(f"{folder}: is not what the owner of {key} has signed: {cause}") from None


def write(model: Path, signatures: Signatures) -> list[Path]:
    """Write signatures beside a model, and return their files."""
    folders, found = _folders(model), []
    for kind, signature in signatures.items():
        found.append(_file(folders[kind]))
        store.write_file(found[-1], signature)
    return found


def read(model: Path) -> dict[str, str]:
    """Return the signatures that lie beside a model."""
    files = {kind: _file(folder) for kind, folder in _folders(model).items()}
    return {kind: file.read_text(encoding="utf-8", errors="replace") for kind, file in files.items() if file.is_file()}


def _folders(model: Path) -> dict[str, Path]:
    lexicon = model.parent / "lexicon"
    return {"model": model} | ({"lexicon": lexicon} if (lexicon / MANIFEST).exists() else {})


def _file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.sig")


def _with_key(key: Path, use: Callable[[], Any]) -> Any:
    try:
        return use()
    except OSError as error:
        raise ParamsError(f"{key}: cannot be read: {error.strerror}; name a key in PEM") from None
    except Exception as error:  # each kind of file that is no such key has an exception of its own
        raise ParamsError(
            f"{key}: is no such key of an elliptic curve, in PEM and without a password: {str(error)[:100]}; to make a "
            "pair: openssl ecparam -name prime256v1 -genkey -out key.pem; openssl ec -in key.pem -pubout -out key.pub"
        ) from None
