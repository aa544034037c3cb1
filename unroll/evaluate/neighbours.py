"""Which words are near each other in a table of embeddings: as cosines, as a table, and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unroll.data.ids import Ids
from unroll.data.tables import Table
from unroll.data.tokenizers import WORD_START, Tokenizer
from unroll.evaluate import plots

BACKGROUND = 250
"""frequent words that the picture shows in grey"""
Near = dict[str, list[tuple[str, float]]]
"""{word: its neighbours and their cosines}"""


def neighbours(words: Sequence[str], tokenizer: Tokenizer, vectors: Table, count: int) -> Near:
    """Return for each word that is one token its nearest whole words, with their cosines, nearest first."""
    names = whole_words(tokenizer)
    rows = np.array(list(names), dtype=np.int64)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    by_name = {name: row for row, name in reversed(list(names.items()))}
    found: Near = {}
    for word in words:
        if (row := by_name.get(word)) is not None:
            cosines = unit[rows] @ unit[row]
            order = [i for i in np.argsort(-cosines, kind="stable") if rows[i] != row][:count]
            found[word] = [(names[int(rows[i])], float(cosines[i])) for i in order]
    return found


def whole_words(tokenizer: Tokenizer) -> dict[int, str]:
    """Return {id: word} for the pieces that can be a word of their own: they start one and have letters only."""
    subwords = any(piece.startswith(WORD_START) for piece in tokenizer.vocabulary)
    pieces = enumerate(tokenizer.vocabulary)
    starts = ((i, p.removeprefix(WORD_START)) for i, p in pieces if p.startswith(WORD_START) == subwords)
    return {i: word for i, word in starts if i >= tokenizer.special and len(word) > 1 and word.isalpha()}


def plane(vectors: Table) -> Table:
    """Return vectors laid out in the plane so that near ones stay near: t-SNE (van der Maaten 2008) over cosines."""
    from sklearn.manifold import TSNE

    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    perplexity = min(12.0, (len(unit) - 1) / 3)
    layout = TSNE(perplexity=perplexity, metric="cosine", init="random", random_state=0, n_jobs=1)
    return np.asarray(layout.fit_transform(unit))


def neighbours_csv(near: Near) -> str:
    """Return a row for each neighbour: word, rank, neighbour, cosine."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["word", "rank", "neighbour", "cosine"])
    for word, found in near.items():
        writer.writerows([word, rank, name, f"{cosine:.4f}"] for rank, (name, cosine) in enumerate(found, 1))
    return out.getvalue()


def picture(near: Near, tokenizer: Tokenizer, ids: Ids, table: Table, path: Path) -> None:
    """Draw the chosen words with their neighbours, each group in a colour, among frequent words in grey."""
    rows = {name: row for row, name in reversed(list(whole_words(tokenizer).items()))}
    counts = np.bincount(ids.ids, minlength=len(tokenizer))
    group_of = dict.fromkeys(sorted(rows, key=lambda name: (-counts[rows[name]], name))[:BACKGROUND], -1)
    for number, (word, found) in reversed(list(enumerate(near.items()))):
        group_of |= dict.fromkeys([name for name, _ in found] + [word], number)
    for number, word in enumerate(near):
        group_of[word] = number
    if len(group_of) > 10:
        points = plane(table[[rows[name] for name in group_of]])
        plots.embeddings(list(group_of), list(group_of.values()), points, list(near), path)
