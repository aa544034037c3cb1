"""Prepared rows -> readers of both sides, and the items of train and valid as memory-mapped arrays."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from unroll.data import glossary, noise, reusing, tokenizers
from unroll.data.ids import Ids, write_ids
from unroll.data.lengths import length
from unroll.data.noise import Chance, Pair
from unroll.data.rows import column, read_rows
from unroll.data.targets import refuse_numbers
from unroll.data.tokenizers import ItemReader, LabelTokenizer, Tokenizer, VectorReader
from unroll.data.typed import Normalizer
from unroll.params.noise import Noise
from unroll.params.tokenize import Labels, Pieces, Tokenize
from unroll.shapes import SIDES
from unroll.starts import Start

Report = dict[str, float]
NO_READERS: Mapping[str, ItemReader] = {}


def tokenize(
    params: Tokenize,
    noisiness: Noise | None,
    sides: Sequence[str],
    prepared: Path,
    folder: Path,
    start: Start | None = None,
) -> Report:
    """Learn a reader for each side, or one for both, on train alone; write them, and the items of train and valid.

    With noise the rows that training reads are a split of their own, `noisy`: copies of train, each changed anew.

    Args:
        sides: those that rows have.
        start: the model whose readers are taken for the sides that `params.from_start` names.
    Returns:
        What a person asks of each side.
    Raises:
        DataError: the targets are numbers, and are to be classes; or as the tokenizers.
        ParamsError: as `reusing.check`.
    """
    known = reusing.readers(params, start.folder) if start else {}
    if isinstance(params.target, Labels):
        refuse_numbers(Counter(column(prepared / "train.tsv", "target")))
    normalizer = None
    if params.typed:
        normalizer = Normalizer.learn(params.typed, pairs_of(prepared / "train.tsv"))
        normalizer = reusing.normalizer(normalizer, start.folder) if start else normalizer
        normalizer.save(folder)
    with tempfile.TemporaryDirectory() as aside:
        rows = prepared
        if normalizer:
            rows = Path(aside)
            for split in ("train", "valid"):
                write_pairs(rows / f"{split}.tsv", read(normalizer, pairs_of(prepared / f"{split}.tsv")))
        learnt = learn(params, sides, rows / "train.tsv", normalizer.symbols if normalizer else (), known)
        report: Report = {}
        for side in SIDES:
            learnt[side].save(folder, side)
        for side in sides:
            for split in ("train", "valid"):
                write_ids(folder, split, side, learnt[side], column(rows / f"{split}.tsv", side))
            report |= describe(folder, side, learnt[side], rows / "train.tsv")
        if noisiness:
            texts = parallel(params, sides)
            noisy = Path(aside) / "noisy.tsv"
            write_pairs(noisy, noisy_rows(noisiness, normalizer, prepared / "train.tsv", texts))
            for side in sides:
                write_ids(folder, "noisy", side, learnt[side], column(noisy, side))
            report["noisy_rows"] = len(Ids(folder, "noisy", sides[0]))
    return report


def pairs_of(path: Path) -> Iterator[Pair]:
    """Yield the source and target of each row of a prepared file."""
    return ((row.source, row.target) for row in read_rows(path))


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Write pairs as rows of a prepared file."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{source}\t{target}\t\n" for source, target in pairs)


def read(
    normalizer: Normalizer | None, pairs: Iterable[Pair], chance: Chance | None = None, names: float = 0.0
) -> Iterable[Pair]:
    """Return pairs as a model reads and says them; the arguments are those of `Normalizer.pair`."""
    if normalizer is None:
        return pairs
    return (normalizer.pair(source, target, chance, names) for source, target in pairs)


def noisy_rows(params: Noise, normalizer: Normalizer | None, train: Path, texts: bool) -> Iterator[Pair]:
    """Yield `params.copies` copies of the training rows, each with noise of its own, as a model reads and says them."""
    known = glossary.learn(islice(pairs_of(train), glossary.ROWS)) if texts and params.words else {}
    for copy in range(params.copies):
        pairs = noise.noisy(pairs_of(train), params, (params.seed, copy, 0), texts)
        pairs = noise.with_words(pairs, known, params.words, (params.seed, copy, 1))
        chance = np.random.default_rng((params.seed, copy, 2))
        told = tqdm(pairs, f"noise, copy {copy + 1} of {params.copies}", unit=" rows", disable=None)
        yield from read(normalizer, told, chance, params.names)


def parallel(params: Tokenize, sides: Sequence[str]) -> bool:
    """Return whether rows are pairs of texts, so that a token of one becomes tokens of the other."""
    kinds = params.source, params.target or params.source
    return len(sides) > 1 and all(isinstance(kind, Pieces) for kind in kinds)


def learn(
    params: Tokenize,
    sides: Sequence[str],
    train: Path,
    symbols: Sequence[str] = (),
    known: Mapping[str, ItemReader] = NO_READERS,
) -> dict[str, ItemReader]:
    """Return the reader of each side, learnt from the sides that train has, but for those that are `known`.

    Args:
        symbols: as in `tokenizers.train`.
    """
    if all(side in known for side in SIDES):
        return dict(known)
    if params.target is None:
        both = tokenizers.train(chain.from_iterable(column(train, side) for side in sides), params.source, symbols)
        return dict.fromkeys(SIDES, both)
    kinds = {"source": params.source, "target": params.target}
    return {
        side: known[side] if side in known else tokenizers.train(column(train, side), kind, symbols)
        for side, kind in kinds.items()
    }


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
        words = sum(length(row) for row in column(train, side))
        report[f"{side}_tokens_per_word"] = round(len(ids.ids) / max(words, 1), 4)
    return report
