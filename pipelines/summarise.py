"""Docstrings of Python packages, and the line that each begins with: the corpus of pipelines/summarise.yaml.

The form is that of PEP 257: a sentence, an empty line, and the description. The description is the source, without
examples, tables of parameters, indented formulas and markup; the sentence is the target. The files are read as text and
parsed, never imported.

Some packages are in no training row; of the others files of one name go to one part, such as those of a function and of
the class that wraps it. A description or a sentence that stands twice anywhere is a row once.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

from unroll.data.readers import READERS
from unroll.data.rows import Placed, Row
from unroll.data.splitting import key
from unroll.errors import DataError

NEW = {"valid": ("geopandas", "librosa"), "test": ("control", "networkx")}
"""{part: the packages that are its own}"""
PARTS = {"test": range(0, 1), "valid": range(1, 2), "train": range(2, 20)}
"""{part: which of twenty names of files, by their hash}"""
WORDS, SENTENCE = (8, 60), (2, 25)
"""Words of a description, at least, and after which it is cut off; of a sentence, at least and at most."""
LETTERS = 0.7
"""the least share of letters in a text, spaces not counted"""
PROSE = {
    "description", "details", "explanation", "extended summary", "mathematical details", "note", "notes", "overview",
    "summary",
}  # fmt: skip
"""Sections that go on in sentences; the others are tables, examples and literature."""

# --- a docstring ------------------------------------------------------------------------------------------------------

_RULE = re.compile(r"([-=~^#*+\"'])\1{2,}\s*")
_EXAMPLE = re.compile(r"^ *```.*?(?:^ *```|\Z)|^ *(?:>>>|In \[\d+\]).*?(?=^\s*$|\Z)", re.MULTILINE | re.DOTALL)
"""Code within fences; what is typed at a prompt and what it says, up to an empty line."""
_FIELD = re.compile(r"[A-Z][\w ]{1,25}:\s*$|@\w+|:[A-Za-z][^:`]*:(?!`)|\.\. ")
"""What begins a table, a field or a directive: what is indented below it belongs to it."""
_SENTENCE = re.compile(r"[A-Z].*[\w)\]\"']\.?")
_ENDED = re.compile(r"(?<=[^.\s][.!?])\s+(?=[A-Z])")
_POINTER = re.compile(r"(See|Same as|Alias|Deprecated|Test|Tests|Like|Please|Inherited|Overrid\w+|TODO|Wrapper) ")
_MARKUP = (
    (re.compile(r"(?::[\w+.-]+)+:`(?:~[\w.]*\.)?([^`]*?)(?:\s*<[^`<>]*>)?`"), r"\1"),  # roles
    (re.compile(r"\b[A-Z]\{([^{}<]*)(?:<[^{}]*>)?\}"), r"\1"),  # epytext
    (re.compile(r"`+([^`]+?)(?:\s*<[^`<>]*>)?`+_*|`"), r"\1"),
    (re.compile(r"(?<![\w*])(\*{1,2})(?=\w)([^*]+?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"\s*\[[\w#*]+\]_"), ""),  # footnotes
)


def summarised(docstring: str) -> tuple[str, str] | None:
    """Return the description in a docstring without its indentation, and the sentence before it, if both are there.

    >>> summarised('''Return the :class:`~a.Tree` of a text.
    ...
    ... The text is read once, from its first line to its last one, by `parse`.
    ...
    ... Args:
    ...     text: what to read.
    ... ''')
    ('The text is read once, from its first line to its last one, by parse.', 'Return the Tree of a text.')
    >>> summarised("Return a tree.")
    """
    first, _, rest = docstring.strip().partition("\n\n")
    target, source = plain(first), plain(prose(rest))
    words = target.split()
    if not SENTENCE[0] <= len(words) <= SENTENCE[1] or not _SENTENCE.fullmatch(target) or _POINTER.match(target):
        return None
    if _ENDED.search(target) or min(map(wordy, (target, source))) < LETTERS or len(source.split()) < WORDS[0]:
        return None
    return " ".join(source.split()[: WORDS[1]]), target.rstrip(".") + "."


def prose(text: str) -> str:
    """Return the lines of a description that are sentences.

    >>> prose("One.\\n\\nNotes\\n-----\\nTwo::\\n\\n    code\\n\\nReturns\\n-------\\nx : int\\n    It.")
    'One.\\nTwo:'
    """
    kept: list[str] = []
    lines, wanted, below = [*_EXAMPLE.sub("", text).splitlines(), ""], True, True
    for line, following in pairwise(lines):
        if line.startswith("#") or (line.strip() and _RULE.fullmatch(following)):
            wanted = line.strip("# :").lower() in PROSE
        elif not line.strip() or _FIELD.match(line) or _RULE.fullmatch(line):
            below = True
        elif line[0] != " ":
            below = line.startswith(("...", "|"))
            kept += [re.sub(r"::$", ":", line)] * (wanted and not below)
        elif wanted and not below:  # it goes on with the line before
            kept.append(line.strip())
    return "\n".join(kept)


def plain(text: str) -> str:
    """Return a text in a line, without markup of reStructuredText and epytext.

    >>> plain("Turn :func:`a.b` and L{C.d}\\n into ``e(*f)``, **always** [1]_.")
    'Turn a.b and C.d into e(*f), always.'
    """
    for pattern, kept in _MARKUP:
        text = pattern.sub(kept, text)
    return " ".join(text.split())


def wordy(text: str) -> float:
    """Return the share of letters among what is no space."""
    dense = "".join(text.split())
    return sum(map(str.isalpha, dense)) / max(len(dense), 1)


# --- the corpus -------------------------------------------------------------------------------------------------------


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a file, of its functions, classes and itself, each with the number of its line.

    Raises:
        DataError: it is no Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of backslashes in what is not ours
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError) as error:
            line = getattr(error, "lineno", None) or 1
            raise DataError(f"{path}:{line}: no Python: {error}; leave the file out of fetch.members") from None
    for node in ast.walk(tree):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if documented and (found := ast.get_docstring(node)):
            yield node.body[0].lineno, found


def part_of(file: str) -> str:
    """Return the part of the corpus that a file belongs to, by its package or, if that is in all parts, by its name."""
    package, name = file.split("/")[0], file.rpartition("/")[2]
    drawn = crc32(f"{package} {name}".encode()) % 20
    own = (part for part, packages in NEW.items() if package in packages)
    return next(own, next(part for part, numbers in PARTS.items() if drawn in numbers))


@cache
def rows(folder: Path) -> tuple[Placed, ...]:
    """Return the rows of all packages in a folder, in the order of their files; whose they are is their attribution."""
    found: list[Placed] = []
    seen: set[str] = set()
    for path in sorted(folder.rglob("*.py")):
        file = path.relative_to(folder).as_posix()
        if {"test", "tests", "_vendor", "vendored"} & {*file.split("/")[1:-1]}:
            continue
        for line, docstring in docstrings(path):
            pair = summarised(docstring)
            keys = set(map(key, pair)) if pair else set()
            if pair and seen.isdisjoint(keys):
                seen |= keys
                found.append(Placed.at(f"{path}:{line}", *pair, file))
    return tuple(found)


def read(corpus: Any, folder: Path) -> Iterator[Row]:
    """Yield the rows of a `part`: train, valid or test."""
    return (row for row in rows(folder) if part_of(row.attribution) == corpus.part)


READERS["docstrings"] = read
