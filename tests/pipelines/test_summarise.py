"""The docstrings of pipelines/summarise.yaml: what is a summary, what of a description is read, and what is whose."""

from __future__ import annotations

import doctest
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines import summarise
from pipelines.summarise import NEW, PARTS, WORDS, docstrings, part_of, plain, prose, summarised
from unroll import parts
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.errors import DataError

ROOT = Path(__file__).parents[2]
BODY = "Every word of it is read, {}, and what was read is told to whoever asked."
NUMPYDOC = """Compute the `width` of a tree,
with care.

The width is the most nodes
that a level has [1]_. For example::

    width(tree)

.. note:: it is slow

    As it may be.

Parameters
----------
tree : Tree
    Which is measured.

Notes
-----
- Levels count from the root,
  as ever.

>>> width(tree)
3
4

See Also
--------
height
"""


def test_the_examples_hold() -> None:
    assert doctest.testmod(summarise).failed == 0


def test_of_a_description_the_sentences_stay() -> None:
    assert summarised(NUMPYDOC) == (
        "The width is the most nodes that a level has. For example: - Levels count from the root, as ever.",
        "Compute the width of a tree, with care.",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.\n\nArgs:\n    x: what\n        it is.\n\nTwo.", "One.\nTwo."),
        ("One.\n\n@param x: what\n    it is.\n@return: y", "One."),
        ("One.\n:param x: what\n    it is.", "One."),
        (":class:`Tree` is\none.", ":class:`Tree` is\none."),
        ("One.\n\n    An aside.\n\nTwo\nlines.", "One.\nTwo\nlines."),
        ("One.\n\n#### References\n\nBooks.\n\n#### Details\n\nTwo.", "One.\nTwo."),
        ("One.\n```python\nx = 1\n```\nTwo.\n```\nx", "One.\n\nTwo."),
        ("One.\n\n>>> x\n1\n\nTwo.", "One.\nTwo."),
    ],
)
def test_fields_examples_and_code_are_left_out(text: str, expected: str) -> None:
    assert prose(text).split() == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a :class:`~b.c.D`, :py:func:`e`", "a D, e"),
        ("an L{a.B}, C{None}, L{the text<a.b>}", "an a.B, None, the text"),
        ("``*args`` and **all** of *it*, a * b * c", "*args and all of it, a * b * c"),
        ("`a text <https://host.example>`_ and `a < b`", "a text and a < b"),
        ("*args, **kwargs", "*args, **kwargs"),
    ],
)
def test_markup_is_left_out_and_its_text_stays(text: str, expected: str) -> None:
    assert plain(text) == expected


@pytest.mark.parametrize(
    "first",
    [
        "See the other one.",
        "width(tree, level)",
        "return the width.",
        "Return the width. It is a number.",
        "Width:",
        "Width.",
        " ".join(["Word"] * 26) + ".",
        "Compute 1 + 2 - 3 * 4 / 5.",
    ],
)
def test_what_is_no_sentence_is_no_summary(first: str) -> None:
    assert summarised(f"Return the width.\n\n{BODY}") is not None
    assert summarised(f"{first}\n\n{BODY}") is None


def test_a_sentence_needs_a_description() -> None:
    assert summarised("Return the width.\n\nIt is a number.") is None
    assert summarised(f"Return the width.\n{BODY}") is None


def test_a_description_is_cut_and_a_sentence_gets_its_end() -> None:
    found = summarised(f"Return the width\n\n{BODY * 20}")
    assert found is not None
    assert found[1] == "Return the width."
    assert len(found[0].split()) == WORDS[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files whose docstrings are all of them summaries, but for what stands in tests, twice, or alone."""
    files = {
        **{f"tree/part{number}.py": (f"Return node {number}.", f"node {number}") for number in range(200)},
        "tree/twice.py": ("Return node 1.", "another one"),
        "tree/again.py": ("Return some node.", "node 1"),
        "tree/tests/part.py": ("Return a test.", "a test"),
        f"{NEW['test'][0]}/leaf.py": ("Return a leaf.", "a leaf"),
        f"{NEW['valid'][0]}/leaf.py": ("Return a root.", "a root"),
    }
    for name, (first, told) in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text = f'raise SystemExit\nclass A:\n    def f():\n        """{first}\n\n        {BODY.format(told)}"""\n'
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def read(folder: Path, part: str) -> list[Row]:
    parts.bring("pipelines/summarise.py", ROOT)
    return list(READERS["docstrings"](SimpleNamespace(part=part), folder))


def test_a_row_is_in_one_part_and_what_stands_twice_is_one(folder: Path) -> None:
    found = {part: read(folder, part) for part in PARTS}
    every = [row for rows in found.values() for row in rows]
    assert {len(every), len({row.source for row in every}), len({row.target for row in every})} == {
        203
    }  # of again, twice and part1 two
    assert len(found["train"]) > len(found["test"]) > 1 < len(found["valid"])
    assert "Return a test." not in {row.target for row in every}
    for part, packages in NEW.items():
        assert {row.attribution.split("/")[0] for row in found[part]} == {"tree", packages[0]}
    assert {row.attribution.split("/")[0] for row in found["train"]} == {"tree"}


def test_files_of_one_name_go_together_in_a_package() -> None:
    names = [f"f{number}.py" for number in range(400)]
    assert all(part_of(f"a/{name}") == part_of(f"a/deep/er/{name}") for name in names)
    shares = [sum(part_of(f"a/{name}") == part for name in names) / 400 for part in ("train", "valid", "test")]
    assert shares == pytest.approx([0.9, 0.05, 0.05], abs=0.03)
    assert [part_of(f"a/{name}") for name in names] != [part_of(f"b/{name}") for name in names]


def test_the_lines_of_docstrings_are_told_and_nothing_is_run(folder: Path) -> None:
    assert [line for line, _ in docstrings(folder / "tree/part1.py")] == [4]


def test_what_is_no_python_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nprint 'x'\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.py:2: no Python: .*fetch\.members"):
        read(tmp_path, "train")
