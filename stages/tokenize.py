"""Text to ids, or to vectors.

in   data/<pipeline>/prepared/{train,valid,test}.tsv
out  data/<pipeline>/tokenized/{source,target}.tokenizer.json, .model     learnt on train alone
                               {train,valid}.{source,target}.{ids,offsets}  memory-mapped; vectors: .values for .ids
                               none of the target where rows are lines, which have none
                               target.lexicon.safetensors   what tokens become, where both sides are text
     reports/<pipeline>/tokenize.json
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from stages import Folders, main
from unroll import artifacts, corpus, lexicon, text
from unroll.params import Pieces, Pipeline, Tokenize

SIDES = ("source", "target")


def run(params: Pipeline, folders: Folders) -> None:
    """Learn a tokenizer for each side, or one for both, and write the ids of train and valid."""
    prepared = artifacts.verify(folders.prepared, "prepared")
    sides = SIDES[:1] if params.autoregressive else SIDES
    tokenizers = learn(params.tokenize, sides, folders.prepared / "train.tsv")
    report: dict[str, float] = {}
    with artifacts.writing(folders.tokenized, "tokenized", {"prepared": prepared}) as folder:
        for side in SIDES:
            tokenizers[side].save(folder, side)
        for side in sides:
            for split in ("train", "valid"):
                texts = corpus.column(folders.prepared / f"{split}.tsv", side)
                text.write_ids(folder, split, side, tokenizers[side], texts)
            report |= describe(folder, side, tokenizers[side], folders.prepared / "train.tsv")
        if parallel(params):
            source, target = (text.open_ids(folder, "train", side) for side in SIDES)
            sizes = len(tokenizers["source"]), len(tokenizers["target"])
            lexicon.learn(source, target, sizes, params.tokenize.joint).save(folder)
    artifacts.write_file(folders.reports / "tokenize.json", artifacts.dump_json(report))


def parallel(params: Pipeline) -> bool:
    """Return whether rows are pairs of texts, so that a token of one becomes tokens of the other."""
    kinds = params.tokenize.source, params.tokenize.target or params.tokenize.source
    return all(isinstance(kind, Pieces) for kind in kinds) and not params.autoregressive


def learn(params: Tokenize, sides: Sequence[str], train: Path) -> dict[str, text.Tokenizer]:
    """Return the tokenizer of each side, learnt from the sides that train has."""
    if params.target is None:
        both = text.train(chain.from_iterable(corpus.column(train, side) for side in sides), params.source)
        return dict.fromkeys(SIDES, both)
    kinds = {"source": params.source, "target": params.target}
    return {side: text.train(corpus.column(train, side), kind) for side, kind in kinds.items()}


def describe(folder: Path, side: str, tokenizer: text.Tokenizer, train: Path) -> dict[str, float]:
    """Return what a person asks of a side of train: its vocabulary, tokens a row, tokens a word, share of unknown."""
    ids = text.open_ids(folder, "train", side)
    per_row = round(len(ids.ids) / max(len(ids), 1), 3)
    if isinstance(tokenizer, text.VectorReader):
        return {f"{side}_vectors_per_row": per_row, f"{side}_width": tokenizer.width}
    placeholders = [i for i, piece in enumerate(tokenizer.vocabulary[: tokenizer.special]) if piece.endswith("[UNK]")]
    unknown = sum(int((ids.ids == i).sum()) for i in placeholders)
    report = {
        f"{side}_vocabulary": len(tokenizer),
        f"{side}_tokens_per_row": per_row,
        f"{side}_unknown_percent": round(100 * unknown / max(len(ids.ids), 1), 3),
    }
    if not isinstance(tokenizer, text.LabelTokenizer):
        words = sum(len(row.split()) for row in corpus.column(train, side))
        report[f"{side}_tokens_per_word"] = round(len(ids.ids) / max(words, 1), 4)
    return report


if __name__ == "__main__":
    main(run)
