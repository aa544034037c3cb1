"""Sequences of numbers in long tables -> rows.

read        a corpus -> rows to learn from: windows of each sequence, with their answers
questions   a new table -> what a model is asked: the same, without answers
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unroll.data.frames import Frames, sequences
from unroll.data.numbers import written
from unroll.data.rows import Row
from unroll.errors import DataError
from unroll.params.columns import files_of
from unroll.params.series import LONGEST, Series


def read(corpus: Series, folder: Path) -> Iterator[Row]:
    """Yield a row for each window of each sequence; its `kin` says whose windows are its relatives.

    Raises:
        DataError: as `sequences`; or a sequence has several answers where it needs one, or more frames than are read
            at once.
    """
    for file in files_of(corpus.file):
        for one in sequences(corpus, folder / file, answered=True):
            yield from _rows(corpus, one, folder / file)


def questions(corpus: Series, path: Path) -> Iterator[tuple[str, str]]:
    """Yield (its name, a sequence as text) for each window of a table that lacks the answers; no two windows overlap.

    The name is that of the sequence, or of the file that is one, and behind a tab where a window begins, if there are
    windows: the line of its first frame. To be asked what follows, a sequence has one window, its last.

    Raises:
        DataError: as `sequences`.
    """
    whole = corpus.model_copy(update={"part": None, "where": None})
    for one in sequences(whole, path, answered=False):
        vectors = one.vectors(len(corpus.channels))
        if corpus.horizon:
            yield one.name or path.name, written(vectors[-(corpus.window or 0) :])
            continue
        for first in range(0, len(one), corpus.window or len(one)):
            end = first + (corpus.window or len(one))
            where = f"\t{one.lines[first]}" if corpus.window else ""
            yield f"{one.name or path.name}{where}", written(vectors[first:end])


def windows(length: int, window: int | None, step: int | None) -> list[tuple[int, int]]:
    """Return where windows begin and end, so that each frame is in one: the last one ends with the sequence.

    >>> windows(10, 4, 3), windows(9, 4, 4), windows(3, 4, 4)
    ([(0, 4), (3, 7), (6, 10)], [(0, 4), (4, 8), (5, 9)], [(0, 3)])
    """
    if window is None or step is None or length <= window:
        return [(0, length)]
    firsts = [*range(0, length - window, step), length - window]
    return [(first, first + window) for first in firsts]


def _rows(corpus: Series, one: Frames, path: Path) -> Iterator[Row]:
    if corpus.window is None and len(one) > LONGEST:
        raise DataError(
            f"{path}:{one.lines[0]}: sequence '{one.name[:40]}' has {len(one):,} frames, of which at most {LONGEST:,} "
            "are read at once: cut it: window: 128, step: 64"
        )
    ahead = corpus.horizon or 0
    if not (corpus.each_frame or ahead):
        _refuse_several(corpus, one, path)
    vectors, joint = one.vectors(len(corpus.channels)), "; " if corpus.numeric else " "
    if ahead and len(one) < (corpus.window or 0) + ahead:
        return  # too short for a window and what follows it
    for first, end in windows(len(one) - ahead, corpus.window, corpus.step):
        if ahead:
            target = joint.join(one.targets[end : end + ahead])
        else:
            target = joint.join(one.targets[first:end]) if corpus.each_frame else one.targets[0]
        yield Row(written(vectors[first:end]), target, "", one.kin)


def _refuse_several(corpus: Series, one: Frames, path: Path) -> None:
    for line, target in zip(one.lines, one.targets, strict=True):
        if target != one.targets[0]:
            raise DataError(
                f"{path}:{line}: '{target[:40]}' where sequence '{one.name[:40]}' has '{one.targets[0][:40]}' in line "
                f"{one.lines[0]}: add the columns to id that tell the two apart, or say each frame's: answer: "
                f"{'numbers' if corpus.numeric else 'labels'}, in the shape n_to_n"
            )
