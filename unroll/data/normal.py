"""The normal form in which text travels through a pipeline, and is read from whoever types it."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

# Control characters but for whitespace; soft hyphen, zero-width spaces, directions, byte-order marks, surrogates
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def spaced(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """Return text in a Unicode form, with runs of whitespace as one space and none at the ends.

    U+2581, which marks spaces in subword vocabularies, becomes "_".
    """
    return " ".join(unicodedata.normalize(form, text.replace("\u2581", "_")).split())


def normalize(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """Return the normal form in which text travels through a pipeline: `spaced`, and without invisible characters.

    Normalizing twice changes nothing.
    """
    return spaced(_INVISIBLE.sub("", text), form)


def printable(text: str) -> str:
    """Return text without control characters and line ends, each of which becomes a space."""
    return _CONTROL.sub(" ", text)
