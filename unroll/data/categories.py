"""Characters by their general category of Unicode, as tables for `str.translate`."""

from __future__ import annotations

import unicodedata


class _ByCategory(dict[int, "int | None"]):
    """A table for `str.translate` that keeps characters of some general categories and fills itself as it is used."""

    def __init__(self, kept: str, otherwise: int | None) -> None:
        self.kept, self.otherwise = kept, otherwise

    def __missing__(self, code: int) -> int | None:
        self[code] = code if unicodedata.category(chr(code))[0] in self.kept else self.otherwise
        return self[code]


# Marks belong to the letters before them: without them most of Hindi would not be letters.
WORDS = _ByCategory("LMN", otherwise=ord(" "))
LETTERS = _ByCategory("LM", otherwise=None)
