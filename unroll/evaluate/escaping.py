"""Text of a corpus in what other programs show: it stays text."""

from __future__ import annotations

import re

from unroll.data.normal import printable

_MARKUP = re.compile(r"([\\|`*_<>\[\]#~&])")
_FORMULA = re.compile(r"[=+\-@\t\r|%]")
"""What makes a cell a formula, or a command of some spreadsheet (OWASP, CSV injection)."""


def markdown(text: str, longest: int) -> str:
    r"""Return text for a page of Markdown: in one line, cut, without markup.

    >>> print(markdown("<b>a|b</b>\n\\\\ cdefghij", 20))
    \<b\>a\|b\</b\> \\\\ cdefg…
    """
    text = " ".join(printable(text).split())
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return _MARKUP.sub(r"\\\1", text) or "…"


def cell(text: str) -> str:
    """Return text for a cell of a CSV file: what a spreadsheet would compute has an apostrophe before it.

    >>> [cell(text) for text in ("=1+1", "-0.5", "- Yes.", "a=b")]
    ["'=1+1", '-0.5', "'- Yes.", 'a=b']
    """
    return f"'{text}" if _FORMULA.match(text.lstrip(" ")) and not _number(text) else text


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
