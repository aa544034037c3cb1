"""Who signed a model, and what is refused of whom: other keys, other bytes, other signatures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests import tiny
from unroll.artifacts import signing, store
from unroll.errors import IntegrityError, ParamsError


def keys(folder: Path, name: str = "key", private: ec.EllipticCurvePrivateKey | None = None) -> tuple[Path, Path]:
    """Write a pair of keys; return the files of (the private one, the public one)."""
    private = private or ec.generate_private_key(ec.SECP256R1())
    secret, public = folder / f"{name}.pem", folder / f"{name}.pub"
    secret.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return secret, public


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny.checkpoint(tmp_path)


def test_what_is_signed_is_taken_and_the_folders_stay_as_they_are(model: Path, tmp_path: Path) -> None:
    secret, public = keys(tmp_path)
    files = signing.write(model, signing.sign(model, secret))
    assert files == [tmp_path / "model.sig", tmp_path / "lexicon.sig"]
    signing.check(model, signing.read(model), public)
    store.verify(model, "model")
    moved = shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-moved")) / "model"
    signing.check(moved, signing.read(moved), public)


def test_without_a_signature_it_is_refused(model: Path, tmp_path: Path) -> None:
    secret, public = keys(tmp_path)
    with pytest.raises(IntegrityError, match="is not signed"):
        signing.check(model, {}, public)
    with pytest.raises(IntegrityError, match="lexicon: is not signed"):
        signing.check(model, {"model": signing.sign(model, secret)["model"]}, public)


def test_another_key_is_refused(model: Path, tmp_path: Path) -> None:
    signatures = signing.sign(model, keys(tmp_path, "theirs")[0])
    with pytest.raises(IntegrityError, match=r"ours\.pub has signed"):
        signing.check(model, signatures, keys(tmp_path, "ours")[1])


@pytest.mark.parametrize("folder", ["model", "lexicon"])
def test_an_altered_file_is_refused_even_if_its_hashes_agree(model: Path, tmp_path: Path, folder: str) -> None:
    secret, public = keys(tmp_path)
    signatures = signing.sign(model, secret)
    file = next(path for path in sorted((tmp_path / folder).iterdir()) if path.name != "manifest.json")
    file.write_bytes(file.read_bytes() + b" ")
    tiny.sign(tmp_path / folder)
    store.verify(tmp_path / folder, folder)
    with pytest.raises(IntegrityError, match=f"{folder}: is not what the owner"):
        signing.check(model, signatures, public)


def test_an_added_file_is_refused(model: Path, tmp_path: Path) -> None:
    secret, public = keys(tmp_path)
    signatures = signing.sign(model, secret)
    (model / "more.txt").write_text("more")
    with pytest.raises(IntegrityError, match="is not what the owner"):
        signing.check(model, signatures, public)


@pytest.mark.parametrize("signature", ["", "{}", "[1]", "signed!", '{"mediaType": 7}'])
def test_what_is_no_signature_is_refused(model: Path, tmp_path: Path, signature: str) -> None:
    _, public = keys(tmp_path)
    with pytest.raises(IntegrityError, match="is not what the owner") as refused:
        signing.check(model, {"model": signature, "lexicon": signature}, public)
    assert "\n" not in str(refused.value)


def test_signatures_of_two_folders_are_not_exchanged(model: Path, tmp_path: Path) -> None:
    secret, public = keys(tmp_path)
    found = signing.sign(model, secret)
    with pytest.raises(IntegrityError, match="is not what the owner"):
        signing.check(model, {"model": found["lexicon"], "lexicon": found["model"]}, public)


def test_what_is_rotten_is_not_signed(model: Path, tmp_path: Path) -> None:
    (model / "params.json").write_text("{}")
    with pytest.raises(IntegrityError, match="SHA-256 differs"):
        signing.sign(model, keys(tmp_path)[0])


def test_what_is_no_key_is_told_with_how_to_make_one(model: Path, tmp_path: Path) -> None:
    other = rsa.generate_private_key(65537, 1024)
    (tmp_path / "rsa").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for name, said in (("none", "cannot be read"), ("model", "cannot be read"), ("rsa", "openssl ecparam")):
        with pytest.raises(ParamsError, match=said):
            signing.sign(model, tmp_path / name)
    secret, _ = keys(tmp_path)
    with pytest.raises(ParamsError, match="openssl ecparam"):
        signing.check(model, {}, secret)
