"""A dictionary of pronunciations: the reader of pipelines/pronounce.yaml, for the CMU Pronouncing Dictionary's form.

    tomato T AH0 M EY1 T OW2
    tomato(2) T AH0 M AA1 T OW2
    aalto AA1 L T OW2 # name, finnish

A line is a word and its sounds in ARPAbet, a digit behind each vowel for its stress. A number in brackets tells a
further pronunciation of a word, `#` a remark. Every pronunciation is a row, so that each is a reference of its word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unroll.data.files import lines
from unroll.data.readers import READERS
from unroll.data.rows import Placed, Row
from unroll.errors import DataError

_ENTRY = re.compile(r"(?P<word>\S+?)(?:\(\d+\))?\s+(?P<sounds>[A-Z]+[012]?(?: [A-Z]+[012]?)*)")
_REMARK = re.compile(r"^;;;.*|\s+#.*")
_STRESS = re.compile(r"[012]\b")


def read(corpus: Any, folder: Path) -> Iterator[Row]:
    """Yield a row for each pronunciation of `file`: a word and its sounds; without `stress` these have no digits.

    Raises:
        DataError: a line is no word with sounds behind it.
    """
    path = folder / corpus.file
    for number, line in enumerate(lines(path), start=1):
        entry = _REMARK.sub("", line).strip()
        if not entry:
            continue
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise DataError(f"{path}:{number}: '{entry[:40]}' is not as 'tomato T AH0 M EY1 T OW2'; fix the line")
        sounds = found["sounds"] if corpus.stress else _STRESS.sub("", found["sounds"])
        yield Placed.at(f"{path}:{number}", found["word"], sounds, "")


READERS["pronunciations"] = read
