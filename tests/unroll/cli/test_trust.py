"""Where a model comes from, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests import tiny
from tests.listening import free_port
from tests.unroll.artifacts.test_signing import keys


def test_lineage_prints_the_ancestry(unroll: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    code, out, _ = unroll("lineage", folder)
    assert code == 0
    for name in ("model", "tokenized", "prepared"):
        assert re.search(rf"\b{name}\b", out)


def test_with_a_public_key_only_what_its_owner_signed_is_asked(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    folder, (secret, public) = tiny.checkpoint(tmp_path), keys(tmp_path)
    asked, verified = ("translate", "tea", "--model", folder), ("verify", folder)
    unsigned = unroll(*asked, "--public-key", public)
    assert (unsigned[0], unsigned[1], unsigned[2].count("\n")) == (4, "", 1)
    assert unsigned[2] == unroll("serve", folder, "--public-key", public, "--port", free_port())[2]
    assert unroll(*verified)[1] == f"whole\t{folder}\tnot signed\n"
    assert unroll(*verified, "--public-key", public)[:2] == (4, f"whole\t{folder}\tnot signed\n")
    files = "".join(f"signed\t{tmp_path / name}.sig\n" for name in ("model", "lexicon"))
    assert unroll("sign", folder, "--key", secret)[:2] == (0, files)
    assert unroll(*verified) == (0, f"whole\t{folder}\tsigned, not checked\n", "")
    assert unroll(*verified, "--public-key", public) == (0, f"whole\t{folder}\tsigned\n", "")
    assert unroll(*asked, "--public-key", public) == unroll(*asked)
    other = keys(tmp_path, "other")[1]
    assert unroll(*asked, "--public-key", other)[0] == 4
    assert unroll(*verified, "--public-key", other)[:2] == (4, f"whole\t{folder}\twrongly signed\n")
