"""What is told to a person, so that no terminal obeys it: files may hold anything, and are quoted."""

from __future__ import annotations

import os
import re

LONGEST = 2000
"""Characters of a line: a message may quote what a file holds."""

SECRETS, HIDDEN = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD"), "…"
"""Variables that nothing shows; what stands in their place."""

_OWNER = re.compile(r"(?<=://)(?:[^\s'\"]*:[^\s'\"]*|[^/\s'\"]+)@")
"""A password may have anything in it but what ends an address."""
_PASSWORD = re.compile(r"(?<=password=)[^&\s]+")
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tabs and line ends; what turns the direction of writing. U+200D and its like join letters."""


def line(text: str) -> str:
    r"""Return a message as one line: what is not to be seen is spelt, and an address loses its name and password.

    >>> print(line("no\n file \x1b[2J of http://me:secret@host/a"))
    no file \x1b[2J of http://host/a
    """
    text = secretless(" ".join(text.split()))
    if len(text) > LONGEST:  # its beginning says where, its end how to mend it
        text = f"{text[: LONGEST * 3 // 4]} … {text[-LONGEST // 4 :]}"
    return "".join(map(_spelt, text))


def secretless(text: str) -> str:
    """Return a text without the names and passwords of addresses in it, nor those that the environment holds.

    >>> secretless("postgresql://me:secret@host/db?password=secret")
    'postgresql://host/db?password=…'
    """
    text = _PASSWORD.sub(HIDDEN, _OWNER.sub("", text))
    for secret in filter(None, map(os.environ.get, SECRETS)):
        text = text.replace(secret, HIDDEN)
    return text


def _spelt(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


def harmless(text: str) -> str:
    r"""Return an answer, of one line or more, without what would move a cursor, set a title or turn the line round.

    >>> harmless("a\tb\x1b]0;title\x07\u202ecd\u00a0e\n")
    'a\tb]0;titlecd\xa0e\n'
    """
    return _OBEYED.sub("", text)
