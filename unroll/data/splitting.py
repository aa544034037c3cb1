"""Splitting without leakage: rows that share a side, directly or through others, go to one split.

What stays in memory is three hashes of 8 bytes for each row, of the pair and of the key of each side; duplicates,
connected components and the split follow from them, at a peak of 170 bytes a row.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from unroll.data.categories import WORDS
from unroll.data.lengths import words_of
from unroll.data.rows import SPLITS, Row
from unroll.params.prepare import By, GroupedSplit, OfficialSplit

LEFT_OUT = -1
BLANK = 0
"""the hash of a text that is empty"""

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


def key(text: str) -> str:
    """Return what two texts share that would give each other away: NFKC, lower case, letters and digits only.

    A text without any letter or digit is its own key.
    """
    return " ".join(unicodedata.normalize("NFKC", text).lower().translate(WORDS).split()) or text


@dataclass(frozen=True)
class Keys:
    """8-byte hashes that stand for the rows of a corpus: of the pair as it is, and of its keys.

    Rows belong together by the keys of both sides, or of one alone: then `one` and `other` are equal.
    """

    pair: Hashes
    one: Hashes
    other: Hashes

    def __len__(self) -> int:
        return len(self.pair)

    def __getitem__(self, rows: npt.NDArray[np.intp]) -> Keys:
        return Keys(self.pair[rows], self.one[rows], self.other[rows])


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def hash_keys(rows: Iterable[Row], by: By) -> Keys:
    """Return the hashes of rows in normal form that belong together `by` these sides."""
    pairs, ones, others = array("Q"), array("Q"), array("Q")
    for row in rows:
        one, other = _sides(row, by)
        pairs.append(_digest(f"{row.source}\t{row.target}"))
        ones.append(one)
        others.append(other)
    return Keys(*(np.frombuffer(hashes, dtype=np.uint64) for hashes in (pairs, ones, others)))


def _sides(row: Row, by: By) -> tuple[int, int]:
    if row.kin:  # numbers are relatives by where they are from; those that are the same wherever that is
        return _digest(f"kin\t{row.kin}"), _digest(f"source\t{row.source}")
    # The side is hashed too, or a source and an equal target could give two components one name.
    source = _digest(f"source\t{key(row.source)}") if row.source else BLANK
    target = _digest(f"target\t{key(row.target)}") if row.target else BLANK
    # Rows do not belong together by what they lack: the other side stands for it.
    source, target = source or target, target or source
    both = source, target
    return {"both": both, "group": both, "source": (source, source), "target": (target, target)}[by]


@dataclass(frozen=True)
class Components:
    """The connected components of the graph whose nodes are keys and whose edges are rows."""

    of_row: Integers
    """the component of each row"""
    sizes: Integers
    """rows in each component"""
    smallest: Hashes
    """the smallest hash of a key in each: its name, whatever the order of the rows"""

    def draw(self, purpose: str) -> npt.NDArray[np.float64]:
        """Return a number in [0, 1) for each component; draws for different purposes are independent."""
        digests = (_digest(f"{purpose}\t{name}") for name in self.smallest.data)
        return np.fromiter(digests, dtype=np.uint64, count=len(self.smallest)) / 2.0**64


def components(keys: Keys) -> Components:
    """Join the rows that share a key, directly or through others (union-find)."""
    ones, one_nodes = np.unique(keys.one, return_inverse=True)
    others, other_nodes = np.unique(keys.other, return_inverse=True)
    other_nodes += len(ones)
    parent = array("q", range(len(ones) + len(others)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for one, other in zip(one_nodes.data, other_nodes.data, strict=True):
        parent[root(one)] = root(other)
    roots = np.fromiter(map(root, one_nodes.data), dtype=np.int64, count=len(keys))
    _, of_row, sizes = np.unique(roots, return_inverse=True, return_counts=True)
    smallest = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, of_row, np.minimum(keys.one, keys.other))
    return Components(of_row, sizes, smallest)


def sample(found: Components, max_rows: int | None) -> npt.NDArray[np.bool_]:
    """Say which components stay when a corpus is cut down to `max_rows`: whole ones, in the order of a hash."""
    kept = np.ones(len(found.sizes), dtype=np.bool_)
    if max_rows is not None:
        room = max_rows
        for component in np.argsort(found.draw("sample"), kind="stable"):
            kept[component] = found.sizes[component] <= room
            room -= int(found.sizes[component]) * bool(kept[component])
    return kept


def assign(found: Components, split: GroupedSplit | OfficialSplit) -> npt.NDArray[np.int8]:
    """Return the number in `SPLITS` for each component; one of too many rows stays in train.

    Those are more than `largest_component`, or, where but the validation rows are drawn, more than their share. Each
    component is drawn by itself, and stays where it is as a corpus grows; groups, which may be few and large, fill the
    splits one by one until these have their share.
    """
    valid, test, largest = 0.0, 0.0, 0.0
    if isinstance(split, GroupedSplit):
        valid, test, largest = split.valid, split.test, split.largest_component
    elif isinstance(split.valid, float):
        valid = split.valid
        largest = np.inf if split.by == "group" else valid * found.sizes.sum()
    drawn = found.draw("split")
    small = found.sizes <= largest
    sides = np.zeros(len(drawn), dtype=np.int8)
    if split.by == "group":
        order = (component for component in np.argsort(drawn, kind="stable") if small[component])
        for name, share in (("test", test), ("valid", valid)):
            room = share * found.sizes.sum()
            while room > 0 and (component := next(order, None)) is not None:
                sides[component] = SPLITS.index(name)
                room -= found.sizes[component]
        return sides
    sides[small & (drawn < valid + test)] = SPLITS.index("valid")
    sides[small & (drawn < test)] = SPLITS.index("test")
    return sides


def drawn_splits(split: GroupedSplit | OfficialSplit) -> tuple[str, ...]:
    """Return the splits that rows of the corpus go to; the others are official files of their own."""
    if isinstance(split, GroupedSplit):
        return SPLITS
    return SPLITS[:2] if isinstance(split.valid, float) else SPLITS[:1]


@dataclass(frozen=True)
class Division:
    """Where each row of a corpus goes."""

    of_row: npt.NDArray[np.int8]
    """the number of the row's split in `SPLITS`, or `LEFT_OUT`"""
    dropped: dict[str, int]
    """rows left out as `duplicates` of an earlier row, or to stay within `max_rows`"""
    sizes: Integers
    """rows of each connected component that is kept"""


def divide(keys: Keys, max_rows: int | None, split: GroupedSplit | OfficialSplit, running: bool = False) -> Division:
    """Drop duplicates, cut down to `max_rows`, and split without leakage.

    A running text keeps its duplicates, and of `max_rows` the first.
    """
    rows = np.arange(len(keys))[:max_rows] if running else np.unique(keys.pair, return_index=True)[1]
    found = components(keys[rows])
    kept = sample(found, None if running else max_rows)
    of_row = np.full(len(keys), LEFT_OUT, dtype=np.int8)
    of_row[rows] = np.where(kept, assign(found, split), LEFT_OUT)[found.of_row]
    lost = len(keys) - len(rows)
    duplicates, cut = (0, lost) if running else (lost, int(found.sizes[~kept].sum()))
    return Division(of_row, {"duplicates": duplicates, "max_rows": cut}, found.sizes[kept])


def leakage(train: Keys, held_out: Keys) -> float:
    """Return the percentage of held-out rows with a key that occurs in train; blank rows are not counted."""
    held_out = held_out[np.flatnonzero(held_out.one != BLANK)]
    if not len(held_out):
        return 0.0
    return 100 * float(np.mean(np.isin(held_out.one, train.one) | np.isin(held_out.other, train.other)))


def far_from(train: Iterable[str], sources: Iterable[str]) -> set[str]:
    """Return the sources that no train source equals but for one word, by their keys.

    Two texts of n words that differ in the word at one place are alike once that word is masked in both.
    """
    masked = {source: {_digest(mask) for mask in _masks(source)} for source in sources}
    wanted = set[int]().union(*masked.values()) if masked else set()
    near = {mask for text in train for mask in map(_digest, _masks(text)) if mask in wanted}
    return {source for source, masks in masked.items() if masks.isdisjoint(near)}


def _masks(text: str) -> Iterator[str]:
    words = words_of(key(text))
    for place in range(len(words)):
        yield " ".join([*words[:place], "\t", *words[place + 1 :]])
