"""What a manifest says, to the byte: equal contents have one identity, and no bit of it changes unnoticed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.artifacts.manifest import dump_json, hold, identity, sha256, signed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300))
def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("file") / "a"
    path.write_bytes(content)
    assert sha256(path) == hashlib.sha256(content).hexdigest()


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(), VALUES))
def test_equal_values_give_equal_text_whatever_their_order(value: dict[str, Any]) -> None:
    text = dump_json(value)
    assert dump_json(dict(reversed(value.items()))) == text
    assert json.loads(text) == value
    assert text.endswith("\n")


def test_letters_stay_as_they_are_and_numbers_are_finite() -> None:
    assert dump_json({"b": 1, "a": "ñ"}) == '{\n  "a": "ñ",\n  "b": 1\n}\n'
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError):  # noqa: PT011
            dump_json({"a": bad})


RAW = signed("raw", {"spa.tsv": "04ce"}, {})


def test_a_manifest_is_written_to_the_byte() -> None:
    # Every output has these bytes in it: another text here makes every folder of every pipeline over again.
    assert dump_json(RAW) == (
        '{\n  "files": {\n    "spa.tsv": "04ce"\n  },\n  "inputs": {},\n  "kind": "raw",\n'
        f'  "sha256": "{hashlib.sha256(UNSIGNED).hexdigest()}"\n}}\n'
    )


UNSIGNED = b'{\n  "files": {\n    "spa.tsv": "04ce"\n  },\n  "inputs": {},\n  "kind": "raw"\n}\n'


def test_a_manifest_signs_the_rest_of_itself() -> None:
    found = signed("model", {"a": "1"}, {"raw": RAW})
    assert found["sha256"] == identity({name: value for name, value in found.items() if name != "sha256"})
    assert found["inputs"] == {"raw": RAW}


@pytest.mark.parametrize(
    "other",
    [
        signed("model", {"spa.tsv": "04ce"}, {}),
        signed("raw", {"spa.tsv": "04cf"}, {}),
        signed("raw", {"eng.tsv": "04ce"}, {}),
        signed("raw", {"spa.tsv": "04ce", "more": "1"}, {}),
        signed("raw", {"spa.tsv": "04ce"}, {"raw": RAW}),
    ],
    ids=["kind", "content", "name", "another file", "ancestry"],
)
def test_what_differs_anywhere_is_another_folder(other: dict[str, Any]) -> None:
    assert identity(other) != identity(RAW)
    assert other["sha256"] != RAW["sha256"]


HASH = "0" * 64


def form(**changes: Any) -> Any:
    return {"kind": "raw", "files": {"a/b.tsv": HASH}, "inputs": {}, "sha256": HASH} | changes


def test_a_manifest_with_its_ancestry_is_held_to_its_form() -> None:
    hold(form())
    hold(form(kind="model", inputs={"raw": form(), "parts": form(kind="parts")}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "\x1b[2J"},
        {"kind": 3},
        {"kind": ""},
        {"sha256": "0"},
        {"files": []},
        {"files": {"../a": HASH}},
        {"files": {"/a": HASH}},
        {"files": {"a\0": HASH}},
        {"files": {"a" * 256: HASH}},
        {"files": {"./manifest.json": HASH}},
        {"files": {"manifest.json/a": HASH}},
        {"files": {"a": 3}},
        {"files": {"a": "0"}},
        {"inputs": {"raw": 3}},
        {"inputs": {"../raw": form()}},
        {"inputs": {"raw": form(files={"../a": HASH})}},
    ],
)
def test_a_manifest_of_another_form_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        hold(form(**wrong))
