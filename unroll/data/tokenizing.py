"""Prepared rows -> readers of both sides, and the items of train and valid as memory-mapped arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from unroll.data import tokenizers
from unroll.data.ids import Ids, write_ids
from unroll.data.rows import column
from unroll.data.tokenizers import ItemReader, LabelTokenizer, Tokenizer, VectorReader
from unroll.params.tokenize import Pieces, Tokenize
from unroll.shapes import SIDES

Report = dict[str, float]


def tokenize(params: Tokenize, sides: Sequence[str], prepared: Path, folder: Path) -> Report:
    """Learn a reader for each side, or one for both, on train alone; write them, and the items of train and valid.

    Args:
        sides: those that rows have.
    Returns:
        What a person asks of each side.
    """
    learnt = learn(params, sides, prepared / "train.tsv")
    report: Report = {}
    for side in SIDES:
        learnt[side].save(folder, side)
    for side in sides:
        for split in ("train", "valid"):
            write_ids(folder, split, side, learnt[side], column(prepared / f"{split}.tsv", side))
        report |= describe(folder, side, learnt[side], prepared / "train.tsv")
    return report


def parallel(params: Tokenize, sides: Sequence[str]) -> bool:
    """Return whether rows are pairs of texts, so that a token of one becomes tokens of the other."""
    kinds = params.source, params.target or params.source
    return len(sides) > 1 and all(isinstance(kind, Pieces) for kind in kinds)


def learn(params: Tokenize, sides: Sequence[str], train: Path) -> dict[str, ItemReader]:
    """Return the reader of each side, learnt from the sides that train has."""
    if params.target is None:
        both = tokenizers.train(chain.from_iterable(column(train, side) for side in sides), params.source)
        return dict.fromkeys(SIDES, both)
    kinds = {"source": params.source, "target": params.target}
    return {side: tokenizers.train(column(train, side), kind) for side, kind in kinds.items()}


def describe(folder: Path, side: str, reader: ItemReader, train: Path) -> dict[str, float]:
    """Return what a person asks of a side of train: its vocabulary, tokens a row, tokens a word, share of unknown."""
    ids = Ids(folder, "train", side)
    per_row = round(len(ids.ids) / max(len(ids), 1), 3)
    if isinstance(reader, VectorReader):
        return {f"{side}_vectors_per_row": per_row, f"{side}_width": reader.width}
    assert isinstance(reader, Tokenizer)
    placeholders = [i for i, piece in enumerate(reader.vocabulary[: reader.special]) if piece.endswith("[UNK]")]
    unknown = sum(int((ids.ids == i).sum()) for i in placeholders)
    report = {
        f"{side}_vocabulary": len(reader),
        f"{side}_tokens_per_row": per_row,
        f"{side}_unknown_percent": round(100 * unknown / max(len(ids.ids), 1), 3),
    }
    if not isinstance(reader, LabelTokenizer):
        words = sum(len(row.split()) for row in column(train, side))
        report[f"{side}_tokens_per_word"] = round(len(ids.ids) / max(words, 1), 4)
    return report
