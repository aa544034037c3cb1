"""Sequences of numbers in the .ts files of the UEA and UCR archives: a line each, colons part channels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unroll.data.columns import named
from unroll.data.files import lines
from unroll.data.frames import number_of
from unroll.data.numbers import written
from unroll.data.rows import Row
from unroll.errors import DataError
from unroll.params.columns import files_of
from unroll.params.series import LONGEST, Ts


def read(corpus: Ts, folder: Path) -> Iterator[Row]:
    """Yield a row for each sequence of .ts files; without a target where they have none.

    Raises:
        DataError: as `lines`; a line has another number of channels or frames than it should, or something that is no
            number; or sequences have time stamps.
    """
    for file in files_of(corpus.file):
        yield from _rows(corpus, folder / file)


def questions(corpus: Ts, path: Path) -> Iterator[tuple[str, str]]:
    """Yield (its line, a sequence as text) for each sequence of a .ts file, whose answers are not asked for.

    Raises:
        DataError: as `read`.
    """
    return ((row.kin.rpartition(" ")[2], row.source) for row in _rows(corpus, path))


def _rows(corpus: Ts, path: Path) -> Iterator[Row]:
    head: dict[str, str] = {}
    width = 0
    for number, line in enumerate(lines(path), start=1):
        where, text = f"{path}:{number}", line.strip()
        if not text or text.startswith(("#", "%")):
            continue
        if "data" not in head:
            key, _, value = text.lower().removeprefix("@").partition(" ")
            head[key] = value.strip()
            continue
        if head.get("timestamps", "false").startswith("true"):
            raise DataError(f"{where}: time stamps in a .ts file are not read; make a long table, for format 'series'")
        *channels, label = text.split(":") if _answered(head) else [*text.split(":"), ""]
        frames = [[number_of(cell.strip(), where) for cell in channel.split(",")] for channel in channels]
        width = width or len(channels)
        if len(channels) != width or len(set(map(len, frames))) != 1:
            raise DataError(f"{where}: channels of one length are needed, as many as the first line has ({width})")
        if len(frames[0]) > LONGEST:
            raise DataError(f"{where}: {len(frames[0]):,} frames, of which at most {LONGEST:,} are read at once")
        target = named(label.strip(), corpus.target_names, where) if label else ""
        yield Row(written(np.array(frames).T), target, "", f"{path.name} {number}")
    if not width:
        raise DataError(f"{path}: no sequences behind a line @data: is it a .ts file?")


def _answered(head: dict[str, str]) -> bool:
    return any(head.get(key, "").startswith("true") for key in ("classlabel", "targetlabel"))
