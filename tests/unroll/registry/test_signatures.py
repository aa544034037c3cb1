"""A registered version carries its signatures wherever its files lie."""

from __future__ import annotations

from pathlib import Path

import pytest

import unroll
from tests.tracked import answers, make_folders, register
from tests.unroll.artifacts.test_signing import keys
from unroll.errors import IntegrityError
from unroll.registry import names, signatures

VERSION = "models:/translate/1"


def test_a_version_that_is_signed_is_loaded_with_the_key_and_no_other(home: Path, unloaded: None) -> None:
    register(make_folders(home / "1", answers(3)))
    (secret, public), (_, other) = keys(home), keys(home, "other")
    with pytest.raises(IntegrityError, match="is not signed"):
        unroll.load(VERSION, public_key=public)
    assert signatures.sign("models:/translate@champion", secret) == VERSION
    assert unroll.load(VERSION, public_key=public)("tea").text == unroll.load(VERSION)("tea").text
    with pytest.raises(IntegrityError, match="is not what the owner"):
        unroll.load(VERSION, public_key=other)
    assert not list(names.resolve(VERSION).parent.glob("*.sig"))
