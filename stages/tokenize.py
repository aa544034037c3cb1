"""Text to ids.

in   data/<pipeline>/prepared/{train,valid,test}.tsv
out  data/<pipeline>/tokenized/{source,target}.tokenizer.json, .model     learnt on train alone
                               {train,valid}.{source,target}.{ids,offsets}  memory-mapped
     reports/<pipeline>/tokenize.json
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from stages import Folders, main
from unroll import artifacts, corpus, text
from unroll.params import Pipeline

SIDES = ("source", "target")


def run(params: Pipeline, folders: Folders) -> None:
    """Learn a tokenizer for each language, or one for both, and write every split's ids."""
    prepared = artifacts.verify(folders.prepared, "prepared")
    train = folders.prepared / "train.tsv"
    if params.tokenize.joint:
        both = text.train(chain(column(train, 0), column(train, 1)), params.tokenize)
        tokenizers = {"source": both, "target": both}
    else:
        tokenizers = {side: text.train(column(train, i), params.tokenize) for i, side in enumerate(SIDES)}

    report: dict[str, float] = {}
    with artifacts.writing(folders.tokenized, "tokenized", {"prepared": prepared}) as folder:
        for i, side in enumerate(SIDES):
            tokenizers[side].save(folder, side)
            for split in ("train", "valid"):
                text.write_ids(folder, split, side, tokenizers[side], column(folders.prepared / f"{split}.tsv", i))
            report |= describe(folder, side, tokenizers[side], train, i)
    artifacts.write_file(folders.reports / "tokenize.json", artifacts.dump_json(report))


def column(path: Path, index: int) -> Iterator[str]:
    """Yield one column of a prepared file."""
    return (row[index] for row in corpus.prepared(path))


def describe(folder: Path, side: str, tokenizer: text.Tokenizer, train: Path, index: int) -> dict[str, float]:
    """Return what a person asks of a tokenizer: its vocabulary, tokens a row, tokens a word, share of unknown."""
    ids = text.open_ids(folder, "train", side)
    words = sum(len(row.split()) for row in column(train, index))
    unknown = sum(int((ids.ids == i).sum()) for i, piece in enumerate(tokenizer.vocabulary) if piece.endswith("[UNK]"))
    return {
        f"{side}_vocabulary": len(tokenizer),
        f"{side}_tokens_per_row": round(len(ids.ids) / max(len(ids), 1), 3),
        f"{side}_tokens_per_word": round(len(ids.ids) / max(words, 1), 4),
        f"{side}_unknown_percent": round(100 * unknown / max(len(ids.ids), 1), 3),
    }


if __name__ == "__main__":
    main(run)
