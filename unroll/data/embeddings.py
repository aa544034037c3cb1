"""Where embeddings start from: pretrained here, imported, or drawn at random.

Every table is V x D, float32. Pretrained and imported vectors are scaled so that a row's root mean square length is
`embed.row_length`; rows without a vector are drawn from a normal of the same scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unroll.data import tables, tokenizers
from unroll.data.ids import Ids
from unroll.data.imports import imported
from unroll.data.pretraining import Known, pretrain
from unroll.data.tables import Table
from unroll.data.tokenizers import LabelTokenizer, Tokenizer
from unroll.params.embed import Embed
from unroll.shapes import SIDES


@dataclass(frozen=True)
class Embedded:
    """What the sides start from; each mapping is by side, of those that have tokens.

    Attributes:
        tokenizers: of each side.
        ids: of train, where rows have that side.
        known: the vectors that are not drawn.
        tables: the whole of each table.
    """

    tokenizers: dict[str, Tokenizer]
    ids: dict[str, Ids]
    known: dict[str, Known]
    tables: dict[str, Table]


def embed(params: Embed, sides: Sequence[str], tokenized: Path, raw: Path, folder: Path) -> Embedded:
    """Write a table for each side that has tokens; none with one_hot.

    Args:
        sides: those that rows have.
        tokenized: the folder of tokenizers and ids.
        raw: of the vectors to import, if any.
        folder: where the tables go.
    Raises:
        DataError: as `imported`.
    """
    readers = {side: tokenizers.load(tokenized, side) for side in SIDES}
    spoken = {
        side: reader for side, reader in readers.items() if isinstance(reader, Tokenizer) and params.kind != "one_hot"
    }
    ids = {side: Ids(tokenized, "train", side) for side in spoken if side in sides}
    known = start(params, spoken, ids, raw)
    made = {side: table(len(tokenizer), known[side], params) for side, tokenizer in spoken.items()}
    for side, vectors in made.items():
        tables.save(folder, side, vectors)
    return Embedded(spoken, ids, known, made)


def start(params: Embed, tokenizers: dict[str, Tokenizer], ids: dict[str, Ids], raw: Path) -> dict[str, Known]:
    """Return the vectors each side starts from; a vocabulary that both share is learnt from both and has one table.

    Labels keep no company that could be learnt from: what is not imported for them is drawn.
    """
    found: dict[str, Known] = {side: {} for side in tokenizers}
    joint = len({tuple(tokenizer.vocabulary) for tokenizer in tokenizers.values()}) < len(tokenizers)
    if params.kind == "imported":
        files = {"source": params.source_vectors, "target": params.target_vectors}
        for side, tokenizer in tokenizers.items():
            if file := files[side]:
                found[side] = imported(raw / file, tokenizer, params)
        return {side: {**found["source"], **found["target"]} for side in SIDES} if joint else found
    if params.kind == "random":
        return found
    spoken = [side for side in tokenizers if not isinstance(tokenizers[side], LabelTokenizer)]
    if joint and spoken:
        return dict.fromkeys(SIDES, pretrain(list(ids.values()), params))
    return found | {side: pretrain([ids[side]], params) for side in spoken}


def table(vocabulary: int, vectors: Known, params: Embed) -> Table:
    """Return the whole table: known vectors scaled to `row_length`, the others drawn from a normal of that scale."""
    scale = params.row_length / params.dimensions**0.5
    drawn = np.random.default_rng(params.seed).normal(0, scale, (vocabulary, params.dimensions)).astype(np.float32)
    if vectors:
        rows = sorted(vectors)
        known = np.stack([vectors[row] for row in rows]).astype(np.float32)
        drawn[rows] = known * (scale / max(float(known.std()), 1e-12))
    return drawn


def coverage(tokenizer: Tokenizer, ids: Ids, vectors: Known) -> dict[str, float]:
    """Return the share of a vocabulary, and of the tokens of its corpus, that has a vector, in percent."""
    counts = np.bincount(ids.ids, minlength=len(tokenizer))
    known = np.isin(np.arange(len(tokenizer)), list(vectors))
    used = counts > 0
    return {
        "vocabulary_percent": round(100 * float(known[used].mean()), 3) if used.any() else 0.0,
        "tokens_percent": round(100 * float(counts[known].sum() / max(counts.sum(), 1)), 3),
    }
