"""What an encoder makes of texts, as files: arrays of numpy without pickle, or a line of JSON for each text."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from unroll.errors import ParamsError, naming
from unroll.predict.predictor import Encoding


def lines(found: Iterable[Encoding], states: bool) -> Iterator[str]:
    """Yield a line of JSON for each text: its number from 0, and C; or its tokens and the state at each."""
    for number, one in enumerate(found):
        told = {"tokens": one.tokens, "states": _short(one.vectors)} if states else {"vector": _short(one.vectors)}
        yield json.dumps({"input": number, **told}, ensure_ascii=False)


def _short(values: np.ndarray) -> list[float]:
    """Return numbers in the fewest digits that read back as the same float32."""
    digits: list[float] = values.astype(str).astype(float).tolist()
    return digits


def save_lines(path: Path, found: Iterable[Encoding], states: bool) -> str:
    """Write such lines into a file; return what to tell of it."""
    count = 0
    with _opened(path) as file:
        for line in lines(found, states):
            file.write(f"{line}\n".encode())
            count += 1
    return f"{path}\t{count} lines"


def save_npy(path: Path, found: Iterable[Encoding], states: bool, width: int) -> str:
    """Write float32 of a width, without pickle; return what to tell of it. Memory does not grow with the texts.

    A row for each text, C; or with `states` a row for each token, text behind text: then `NAME.offsets.npy` beside it,
    int64, says where each text begins, and at the end how many rows there are.
    """
    offsets = [0]
    with _opened(path) as file:
        _header(file, 0, width)
        begin = file.tell()
        for one in found:
            rows = np.ascontiguousarray(np.atleast_2d(one.vectors), "<f4")
            file.write(rows.tobytes())
            offsets.append(offsets[-1] + len(rows))
        file.seek(0)
        _header(file, offsets[-1], width)  # numpy leaves room in it for the number of rows
        assert file.tell() == begin, "the header outgrew its room"
    if not states:
        return f"{path}\t{offsets[-1]} x {width}"
    beside = path.with_name(f"{path.name.removesuffix('.npy')}.offsets.npy")
    with _opened(beside) as file:
        np.lib.format.write_array(file, np.array(offsets, "<i8"), allow_pickle=False)
    return f"{path}\t{offsets[-1]} x {width}\n{beside}\t{len(offsets)}"


def _header(file: BinaryIO, rows: int, width: int) -> None:
    described = {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
    np.lib.format.write_array_header_1_0(file, described)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with placing(path) as aside, aside.open("wb") as file:
        yield file


@contextmanager
def placing(path: Path) -> Iterator[Path]:
    """Yield a file aside, which takes the place of `path` once it is whole.

    Raises:
        ParamsError: there is no such folder.
    """
    if not path.parent.is_dir() or path.is_dir():
        raise ParamsError(f"--output {path}: {'a folder' if path.is_dir() else 'its folder is not there'}; name a file")
    aside = path.with_name(f".part.{path.name}")  # whoever writes it may look at how the name ends
    try:
        with naming(path):
            yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
