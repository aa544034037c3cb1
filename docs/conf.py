"""How the pages become a site: `make docs`. Nothing in it is loaded from another host."""

from __future__ import annotations

import importlib.metadata
import os
import pkgutil
import re
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sphinx.application import Sphinx

import unroll

ROOT = Path(__file__).parents[1]
BORROWED = {"contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}
"""{page: the file beside README.md that it shows}"""
# All are imported before one is documented: that turns annotations into text, of which pydantic makes no more models.
MODULES = [importlib.import_module(found.name) for found in pkgutil.walk_packages(unroll.__path__, "unroll.")]

project = "Unroll"
release = importlib.metadata.version("unroll")
extensions = ["myst_nb", "sphinx.ext.apidoc", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
suppress_warnings = ["ref.python"]  # two classes of one name: the link goes to one of them

html_theme = "furo"
html_title = f"Unroll {release}"

myst_heading_anchors = 4
# A notebook is run while the site is built only where there is a model to ask.
nb_execution_mode = "force" if "UNROLL_MODEL" in os.environ else "off"
nb_execution_raise_on_error = True
nb_execution_timeout = 300

apidoc_modules = [{"path": "../unroll", "destination": "api"}]
apidoc_separate_modules = apidoc_module_first = True
apidoc_max_depth = 1
# What has no docstring is not shown: a method that overrides another does what the other says.
apidoc_automodule_options = ["members", "show-inheritance"]
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
# Signatures name a type as the code does: `State`, not the tuple that it stands for.
NAMES = [(name, value) for module in MODULES for name, value in vars(module).items()]
CLASSES = {name for name, value in NAMES if isinstance(value, type)}
autodoc_type_aliases = {name: name for name, value in NAMES if typing.get_origin(value) and name not in CLASSES}
napoleon_use_ivar = True  # an attribute that its class documents is no object of its own
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 100
default_role = "py:obj"  # `name` is a link where the name is known, and code where it is not


def drawn(lines: list[str]) -> bool:
    """Return whether a paragraph is a drawing or equations: indented, gaps inside of lines, or all lines equations."""
    if re.fullmatch(r"\w+:", lines[0]):
        return False  # Args: and the like
    gaps = any(re.search(r"\S {2,}\S|[─-╿]", line) for line in lines)
    indented = all(line.startswith("  ") for line in lines)
    return gaps or indented or (len(lines) > 1 and all(" = " in line for line in lines))


def escaped(text: str) -> str:
    """Return prose as reStructuredText that reads the same: only code in backticks keeps a meaning."""
    prose, *rest = re.split(r"`([^`]+)`", text)
    parts = [plain(prose)]
    for code, after in zip(rest[::2], rest[1::2], strict=True):
        mark = "`" if re.fullmatch(r"[A-Za-z_][\w.]*", code) else "``"
        parts += [f"{mark}{code}{mark}", "\\ " * bool(re.match(r"\w", after)), plain(after)]
    return "".join(parts)


def plain(text: str) -> str:
    """Return text without what would be taken for emphasis, a substitution, the name of a link, or an item: "C. "."""
    return re.sub(r"[\\*|`]|(?<=\w)_(?!\w)|(?<=\b\w)\.(?=\s)", r"\\\g<0>", text)


def restructure(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Turn a docstring of this house, which is plain text, into reStructuredText, in place."""
    paragraphs = [paragraph.split("\n") for paragraph in re.split(r"\n\s*\n", "\n".join(lines).strip())]
    lines.clear()
    for paragraph in paragraphs:
        if paragraph[0].lstrip().startswith(">>>"):
            lines += [*paragraph, ""]
        elif drawn(paragraph):
            lines += ["::", "", *(f"    {line}" for line in paragraph), ""]
        else:
            lines += [*escaped("\n".join(paragraph)).split("\n"), ""]
    if what in ("attribute", "data", "property"):
        lines[0] = f":{lines[0]}"  # napoleon takes what stands before the first colon for a type: there is none


def shorten(
    app: Sphinx, what: str, name: str, obj: object, options: Any, arguments: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Name types as the code does, also inside of others; of a section of parameters give the fields' names alone."""
    if isinstance(obj, type) and issubclass(obj, BaseModel):
        return f"({', '.join(['*', *obj.model_fields] if obj.model_fields else [])})", None
    arguments, returned = (
        part and re.sub(r"TypeAliasForwardRef\('(.+?)'\)", r"\1", part) for part in (arguments, returned)
    )
    return arguments, returned


def skip(app: Sphinx, what: str, name: str, obj: object, skipped: bool, options: Any) -> bool | None:
    """Leave out a named tuple's fields, which its class documents, and bounded types, whose bounds are no prose."""
    return True if type(obj).__name__ == "_tuplegetter" or typing.get_origin(obj) is typing.Annotated else None


def borrow(app: Sphinx, page: str, source: list[str]) -> None:
    """Fill a page with the file that it shows, if it is there."""
    if page in BORROWED and (ROOT / BORROWED[page]).is_file():
        app.env.note_dependency(ROOT / BORROWED[page])
        text = (ROOT / BORROWED[page]).read_text(encoding="utf-8")
        source[0] = re.sub(r"\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)", lowered, text)


def lowered(link: re.Match[str]) -> str:
    """Return a link as it reads one folder below; of one to what the site lacks, README.md or a folder, its words."""
    words, target = link.groups()
    file = target.partition("#")[0]
    if file in BORROWED.values():
        return f"[{words}]({target.lower()})"
    found = (ROOT / file).is_file() and (file.startswith("docs/") or not file.endswith(".md"))
    return f"[{words}](../{target})" if found else words


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.connect("autodoc-process-docstring", restructure, priority=400)  # before napoleon, which has 500
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-skip-member", skip)
    app.connect("source-read", borrow)
