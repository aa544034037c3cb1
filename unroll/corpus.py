"""Reading, cleaning and leak-free splitting of raw rows.

Rows stream: a corpus is never held. What stays in memory is three hashes of 8 bytes for each row, of the pair and of
the key of each side; duplicates, connected components and the split follow from them, at a peak of 170 bytes a row.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from unroll.errors import DataError
from unroll.params import Aligned, Corpus, GroupedSplit, Prepare, Tsv

LONGEST_LINE = 2**20
"""bytes; a longer line is a damaged or a binary file, not a sentence, and is refused before it fills the memory"""

SPLITS = ("train", "valid", "test")
LEFT_OUT = -1

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


class Row(NamedTuple):
    """A pair and whom to thank for it. A column that the file lacks is an empty string."""

    source: str
    target: str
    attribution: str


# --- text -------------------------------------------------------------------------------------------------------------

# Control characters but for whitespace; soft hyphen, zero-width spaces, directions, byte-order marks, surrogates
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def normalize(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """Return the normal form in which text travels through a pipeline.

    Unicode form, runs of whitespace as one space, none at the ends, no invisible characters, and "_" for U+2581, which
    marks spaces in subword vocabularies. Normalizing twice changes nothing.
    """
    visible = _INVISIBLE.sub("", text).replace("\u2581", "_")
    return " ".join(unicodedata.normalize(form, visible).split())


class _ByCategory(dict[int, "int | None"]):
    """A table for `str.translate` that keeps characters of some general categories and fills itself as it is used."""

    def __init__(self, kept: str, otherwise: int | None) -> None:
        self.kept, self.otherwise = kept, otherwise

    def __missing__(self, code: int) -> int | None:
        self[code] = code if unicodedata.category(chr(code))[0] in self.kept else self.otherwise
        return self[code]


# Marks belong to the letters before them: without them most of Hindi would not be letters.
_WORDS = _ByCategory("LMN", otherwise=ord(" "))
_LETTERS = _ByCategory("LM", otherwise=None)


def key(text: str) -> str:
    """Return what two texts share that would give each other away: NFKC, lower case, letters and digits only.

    A text without any letter or digit is its own key.
    """
    return " ".join(unicodedata.normalize("NFKC", text).lower().translate(_WORDS).split()) or text


# --- reading ----------------------------------------------------------------------------------------------------------


def lines(path: Path) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 file, plain or gzipped, without their ends ("\n" or "\r\n"; nothing else is one).

    Raises:
        DataError: the file is missing, damaged or not UTF-8 text, or a line is longer than `LONGEST_LINE`.
    """
    try:
        with _opened(path) as file:
            # The limit (and room for BOM and line end) keeps a file that has no line ends out of memory.
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 6), b""), start=1):
                yield _decode(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, f"{path}:{number}")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; have fetch.members bring it, or mend prepare") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}; bring the file anew") from None


def _opened(path: Path) -> IO[bytes]:
    # By its first bytes, not by its name: files are renamed on their way here.
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")


def _decode(line: bytes, where: str) -> str:
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if len(line) > LONGEST_LINE:
        raise DataError(f"{where}: longer than {LONGEST_LINE:,} bytes: no sentence; split it, or remove the line")
    if b"\0" in line:
        raise DataError(f"{where}: a NUL byte: not UTF-8 text; if it is UTF-16: iconv -f UTF-16 -t UTF-8 OLD > NEW")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8, most likely Latin-1; "
            "convert the file: iconv -f LATIN1 -t UTF-8 OLD > NEW"
        ) from None


def read(corpus: Corpus, folder: Path) -> Iterator[Row]:
    """Yield the rows of a corpus under `folder` as they stand there.

    Raises:
        DataError: as in `lines`; or a column that no row has; or aligned files of unequal length.
    """
    return _READERS[corpus.format](corpus, folder)


def _read_tsv(corpus: Tsv, folder: Path) -> Iterator[Row]:
    columns = {f"{side}_column": getattr(corpus, f"{side}_column") for side in Row._fields}
    source, target, attribution = columns.values()
    widest = 0
    for line in lines(folder / corpus.file):
        cells = line.split("\t")
        width = len(cells)
        widest = max(widest, width)
        yield Row(
            cells[source] if source < width else "",
            cells[target] if target < width else "",
            cells[attribution] if attribution is not None and attribution < width else "",
        )
    for name, column in columns.items():
        if widest and column is not None and column >= widest:
            raise DataError(
                f"{folder / corpus.file}: no row has column {column}, the widest has {widest} (tabs part columns, and "
                f"the first is column 0); mend {name}"
            )


def _read_aligned(corpus: Aligned, folder: Path) -> Iterator[Row]:
    sources, targets = folder / corpus.source_file, folder / corpus.target_file
    source_lines = target_lines = 0
    for source, target in zip_longest(lines(sources), lines(targets)):
        source_lines += source is not None
        target_lines += target is not None
        if source is not None and target is not None:
            yield Row(source, target, "")
    if source_lines != target_lines:
        raise DataError(
            f"{sources} has {source_lines:,} lines, but {targets} has {target_lines:,}: they cannot be aligned; "
            "bring files whose n-th lines belong together"
        )


_READERS: dict[str, Callable[[Any, Path], Iterator[Row]]] = {"tsv": _read_tsv, "aligned": _read_aligned}


# --- filters ----------------------------------------------------------------------------------------------------------


def _words(text: str) -> int:
    return text.count(" ") + 1


def _few_letters(text: str, least: float) -> bool:
    return len(text.translate(_LETTERS)) < least * (len(text) - text.count(" "))


Filters = dict[str, Callable[[Row, Prepare], bool]]

ONE_SIDED: Filters = {
    "empty": lambda row, params: not row.source and not row.target,
    "one_sided": lambda row, params: not row.source or not row.target,
}
"""name -> whether to drop a row in normal form: what even an official file is held to"""

FILTERS: Filters = ONE_SIDED | {
    "too_long": lambda row, params: (
        max(len(row.source), len(row.target)) > params.max_characters
        or max(_words(row.source), _words(row.target)) > params.max_words
    ),
    "length_ratio": lambda row, params: (
        max(_words(row.source), _words(row.target))
        > params.max_length_ratio * min(_words(row.source), _words(row.target))
    ),
    "copies": lambda row, params: row.source == row.target,
    "few_letters": lambda row, params: (
        _few_letters(row.source, params.min_letters) or _few_letters(row.target, params.min_letters)
    ),
}
"""the first filter that a row meets drops it; duplicates are found afterwards, by `divide`"""


def clean(rows: Iterable[Row], params: Prepare, filters: Filters, dropped: Counter[str]) -> Iterator[Row]:
    """Yield rows in normal form that pass the filters, and count the others in `dropped` under the filter's name."""
    # Sorting a run of n combining marks takes n * n steps, so what is hopelessly long does not get that far.
    hopeless = 10 * params.max_characters
    for raw in rows:
        if "too_long" in filters and max(len(raw.source), len(raw.target)) > hopeless:
            dropped["too_long"] += 1
            continue
        row = Row(*[normalize(text, params.unicode) for text in raw])
        for name, drops in filters.items():
            if drops(row, params):
                dropped[name] += 1
                break
        else:
            yield row


# --- splitting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keys:
    """8-byte hashes that stand for the rows of a corpus: of the pair as it is, and of the key of each side."""

    pair: Hashes
    source: Hashes
    target: Hashes

    def __len__(self) -> int:
        return len(self.pair)

    def __getitem__(self, rows: npt.NDArray[np.intp]) -> Keys:
        return Keys(self.pair[rows], self.source[rows], self.target[rows])


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def hash_keys(rows: Iterable[Row]) -> Keys:
    """Return the hashes of rows in normal form."""
    pairs, sources, targets = array("Q"), array("Q"), array("Q")
    for row in rows:
        pairs.append(_digest(f"{row.source}\t{row.target}"))
        # The side is hashed too, or a source and an equal target could give two components one name.
        sources.append(_digest(f"source\t{key(row.source)}"))
        targets.append(_digest(f"target\t{key(row.target)}"))
    return Keys(*(np.frombuffer(hashes, dtype=np.uint64) for hashes in (pairs, sources, targets)))


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
    """Join the rows that share a source key or a target key, directly or through others (union-find)."""
    source_keys, source_nodes = np.unique(keys.source, return_inverse=True)
    target_keys, target_nodes = np.unique(keys.target, return_inverse=True)
    target_nodes += len(source_keys)
    parent = array("q", range(len(source_keys) + len(target_keys)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for source, target in zip(source_nodes.data, target_nodes.data, strict=True):
        parent[root(source)] = root(target)
    roots = np.fromiter(map(root, source_nodes.data), dtype=np.int64, count=len(keys))
    _, of_row, sizes = np.unique(roots, return_inverse=True, return_counts=True)
    smallest = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, of_row, np.minimum(keys.source, keys.target))
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


def assign(found: Components, split: GroupedSplit) -> npt.NDArray[np.int8]:
    """Return the number in `SPLITS` for each component; one of more rows than `largest_component` stays in train."""
    drawn = found.draw("split")
    small = found.sizes <= split.largest_component
    sides = np.zeros(len(drawn), dtype=np.int8)
    sides[small & (drawn < split.valid + split.test)] = SPLITS.index("valid")
    sides[small & (drawn < split.test)] = SPLITS.index("test")
    return sides


@dataclass(frozen=True)
class Division:
    """Where each row of a corpus goes."""

    of_row: npt.NDArray[np.int8]
    """the number of the row's split in `SPLITS`, or `LEFT_OUT`"""
    dropped: dict[str, int]
    """rows left out as `duplicates` of an earlier row, or to stay within `max_rows`"""
    sizes: Integers
    """rows of each connected component that is kept"""


def divide(keys: Keys, max_rows: int | None, split: GroupedSplit | None) -> Division:
    """Drop duplicates, cut down to `max_rows`, and split without leakage; without a `split` all goes to train."""
    _, first = np.unique(keys.pair, return_index=True)
    found = components(keys[first])
    kept = sample(found, max_rows)
    sides = assign(found, split) if split else np.zeros(len(kept), dtype=np.int8)
    of_row = np.full(len(keys), LEFT_OUT, dtype=np.int8)
    of_row[first] = np.where(kept, sides, LEFT_OUT)[found.of_row]
    dropped = {"duplicates": len(keys) - len(first), "max_rows": int(found.sizes[~kept].sum())}
    return Division(of_row, dropped, found.sizes[kept])


def leakage(train: Keys, held_out: Keys) -> float:
    """Return the percentage of held-out rows of which the key of either side occurs in train."""
    if not len(held_out):
        return 0.0
    return 100 * float(np.mean(np.isin(held_out.source, train.source) | np.isin(held_out.target, train.target)))


# --- prepared files ---------------------------------------------------------------------------------------------------


def prepared(path: Path) -> Iterator[Row]:
    """Yield the rows of a file that the prepare stage wrote."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield Row(*line.rstrip("\n").split("\t"))


def references(path: Path) -> dict[str, list[str]]:
    """Return {source: its targets} for a prepared file, each distinct source once, in the order of the file."""
    found: dict[str, list[str]] = {}
    for row in prepared(path):
        found.setdefault(row.source, []).append(row.target)
    return found


def far_from(train: Iterable[str], sources: Iterable[str]) -> set[str]:
    """Return the sources that no train source equals but for one word, by their keys.

    Two texts of n words that differ in the word at one place are alike once that word is masked in both.
    """
    masked = {source: {_digest(mask) for mask in _masks(source)} for source in sources}
    wanted = set[int]().union(*masked.values()) if masked else set()
    near = {mask for text in train for mask in map(_digest, _masks(text)) if mask in wanted}
    return {source for source, masks in masked.items() if masks.isdisjoint(near)}


def _masks(text: str) -> Iterator[str]:
    words = key(text).split()
    for place in range(len(words)):
        yield " ".join([*words[:place], "\t", *words[place + 1 :]])
