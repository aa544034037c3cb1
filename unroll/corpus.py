"""Reading, cleaning and leak-free splitting of raw rows.

Rows stream: a corpus is never held. What stays in memory is three hashes of 8 bytes for each row, of the pair and of
the key of each side; duplicates, connected components and the split follow from them, at a peak of 170 bytes a row.
"""

from __future__ import annotations

import csv
import gzip
import math
import re
import unicodedata
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice, pairwise, zip_longest
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt

from unroll.errors import DataError
from unroll.params import (
    Aligned,
    By,
    Corpus,
    Csv,
    Filters,
    GroupedSplit,
    Labelled,
    Lines,
    OfficialSplit,
    Prepare,
    Span,
    Table,
    Tsv,
)

LONGEST_LINE = 2**20
"""bytes; a longer line is a damaged or a binary file, not a sentence, and is refused before it fills the memory"""

SPLITS = ("train", "valid", "test")
LEFT_OUT = -1
BLANK = 0
"""the hash of a text that is empty"""

Item = TypeVar("Item")
Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


class Row(NamedTuple):
    """A pair and whom to thank for it. What the file lacks is an empty string, the target of a lone line too."""

    source: str
    target: str
    attribution: str


# --- text -------------------------------------------------------------------------------------------------------------

# Control characters but for whitespace; soft hyphen, zero-width spaces, directions, byte-order marks, surrogates
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def spaced(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """Return text in a Unicode form, with runs of whitespace as one space and none at the ends.

    U+2581, which marks spaces in subword vocabularies, becomes "_".
    """
    return " ".join(unicodedata.normalize(form, text.replace("\u2581", "_")).split())


def normalize(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """Return the normal form in which text travels through a pipeline: `spaced`, and without invisible characters.

    Normalizing twice changes nothing.
    """
    return spaced(_INVISIBLE.sub("", text), form)


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
        DataError: as in `lines`; or a column that no row has; aligned files of unequal length; a quote that is not
            closed; a cell without a name; or, in a table, what is not a number or not as wide as the rows before it.
    """
    return _READERS[corpus.format](corpus, folder)


def _read_tsv(corpus: Tsv, folder: Path) -> Iterator[Row]:
    path = folder / corpus.file
    rows = ((number, line.split("\t")) for number, line in enumerate(lines(path), start=1))
    columns = {side: getattr(corpus, f"{side}_column") for side in Row._fields}
    return _columns(path, rows, columns, None)


def _read_csv(corpus: Csv, folder: Path) -> Iterator[Row]:
    path = folder / corpus.file
    columns = {"source": corpus.source_column, "target": corpus.target_column}
    return _columns(path, _part(_csv_rows(path), corpus.rows), columns, corpus.target_names)


def _columns(
    path: Path,
    rows: Iterable[tuple[int, list[str]]],
    columns: Mapping[str, int | None],
    target_names: dict[str, str] | None,
) -> Iterator[Row]:
    """Yield the wanted cells of rows that come with their line numbers."""
    widest = 0
    for number, cells in rows:
        widest = max(widest, len(cells))
        found = {side: cells[at] for side, at in columns.items() if at is not None and at < len(cells)}
        if "target" in found:
            found["target"] = _named(found["target"], target_names, f"{path}:{number}")
        yield Row(found.get("source", ""), found.get("target", ""), found.get("attribution", ""))
    for side, column in columns.items():
        if widest and column is not None and column >= widest:
            raise DataError(
                f"{path}: no row has column {column}, the widest has {widest} (tabs part the columns of format 'tsv', "
                f"commas those of 'csv', and the first is column 0); mend {side}_column"
            )


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of its first line; csv's limit for a cell ends what an open quote swallows."""
    reader = csv.reader((f"{line}\n" for line in lines(path)), strict=True)
    while True:
        first = reader.line_num + 1
        try:
            yield first, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path}:{first}: no row of cells: {error}; close the quote that opens there, and double a quote "
                "inside a cell"
            ) from None


def _part(rows: Iterable[Item], part: Span | None) -> Iterator[Item]:
    return islice(rows, *(part or (0, None)))


def _named(cell: str, names: dict[str, str] | None, where: str) -> str:
    if names is None:
        return cell
    if cell.strip() not in names:
        raise DataError(
            f"{where}: '{cell[:40]}' is not in target_names; name it there, or leave the line out with rows"
        )
    return names[cell.strip()]


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


def _read_lines(corpus: Lines, folder: Path) -> Iterator[Row]:
    return (Row(line, "", "") for file in corpus.files for line in lines(folder / file))


def _read_labelled(corpus: Labelled, folder: Path) -> Iterator[Row]:
    for label, file in corpus.files.items():
        for line in lines(folder / file):
            yield Row(line, label, "") if corpus.label == "target" else Row(label, line, "")


def _read_table(corpus: Table, folder: Path) -> Iterator[Row]:
    rows = _table_rows(corpus, folder / corpus.file)
    if corpus.join is None:
        yield from (Row("; ".join(frames), label, "") for frames, label in rows)
        return
    for group in zip(*[rows] * corpus.join, strict=False):  # the last one may be incomplete
        frames = chain.from_iterable(frames for frames, _ in group)
        yield Row("; ".join(frames), " ".join(label for frames, label in group for _ in frames), "")


def _table_rows(corpus: Table, path: Path) -> Iterator[tuple[list[str], str]]:
    """Yield the frames of each row, as text, and its label."""
    first, end = corpus.columns
    width = 0
    for number, line in _part(enumerate(lines(path), start=1), corpus.rows):
        where, cells = f"{path}:{number}", line.split(",")
        width = width or len(cells)
        if len(cells) != width or width < max(end, corpus.target_column + 1):
            raise DataError(
                f"{where}: {len(cells)} cells, where the first row has {width} and columns and target_column need "
                f"{max(end, corpus.target_column + 1)}; mend the line, or prepare"
            )
        label = _named(cells[corpus.target_column].strip(), corpus.target_names, where)
        if corpus.join and len(label.split()) != 1:
            raise DataError(f"{where}: the label '{label[:40]}' is not one word, as join needs it; mend target_names")
        numbers = [_number(cell, corpus.divisor, where) for cell in cells[first:end]]
        yield [" ".join(numbers[i : i + corpus.frame]) for i in range(0, len(numbers), corpus.frame)], label


def _number(cell: str, divisor: float, where: str) -> str:
    try:
        value = float(cell) / divisor
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: '{cell[:40]}' is not a finite number; mend the line, or leave it out with rows")
    return f"{value:.4g}"


_READERS: dict[str, Callable[[Any, Path], Iterator[Row]]] = {
    "tsv": _read_tsv,
    "aligned": _read_aligned,
    "lines": _read_lines,
    "labelled": _read_labelled,
    "csv": _read_csv,
    "table": _read_table,
}


def paired(corpus: Corpus) -> bool:
    """Return whether the rows of a corpus are to be written as `pairs`."""
    return isinstance(corpus, Lines) and corpus.pairs


def pairs(line: str) -> Iterator[Row]:
    """Yield a row for every two neighbouring characters of a line, its beginning and its end as empty texts."""
    return (Row(one, other, "") for one, other in pairwise(["", *line, ""]))


# --- filters ----------------------------------------------------------------------------------------------------------


def _words(text: str) -> int:
    return text.count(" ") + 1


def _few_letters(text: str, least: float) -> bool:
    return len(text.translate(_LETTERS)) < least * (len(text) - text.count(" "))


Checks = dict[str, Callable[[Row, Any], bool]]
"""name -> whether to drop a row in normal form, given `Filters`"""

SOURCELESS: Checks = {"empty": lambda row, _: not row.source}
"""what lines are held to, which have no target"""

ONE_SIDED: Checks = {
    "empty": lambda row, _: not row.source and not row.target,
    "one_sided": lambda row, _: not row.source or not row.target,
}
"""what pairs are held to in an official file, or without filters"""

FILTERS: Checks = ONE_SIDED | {
    "too_long": lambda row, limits: (
        max(len(row.source), len(row.target)) > limits.max_characters
        or max(_words(row.source), _words(row.target)) > limits.max_words
    ),
    "length_ratio": lambda row, limits: (
        max(_words(row.source), _words(row.target))
        > limits.max_length_ratio * min(_words(row.source), _words(row.target))
    ),
    "copies": lambda row, _: row.source == row.target,
    "few_letters": lambda row, limits: (
        _few_letters(row.source, limits.min_letters) or _few_letters(row.target, limits.min_letters)
    ),
}
"""the first check that a row fails drops it; duplicates are found afterwards, by `divide`"""


def is_running(corpus: Corpus, split: GroupedSplit | OfficialSplit) -> bool:
    """Return whether rows are a running text, all of which is kept in its order: lines that come officially split."""
    return isinstance(corpus, Lines) and not corpus.pairs and isinstance(split, OfficialSplit)


def checks_of(corpus: Corpus, split: GroupedSplit | OfficialSplit, filters: Filters | None) -> Checks:
    """Return what the rows of a corpus are held to."""
    if is_running(corpus, split):
        return {}
    if isinstance(corpus, Lines):
        return SOURCELESS
    return FILTERS if filters else ONE_SIDED


def clean(rows: Iterable[Row], params: Prepare, checks: Checks, dropped: Counter[str]) -> Iterator[Row]:
    """Yield rows in normal form that pass the checks, and count the others in `dropped` under the check's name."""
    # Sorting a run of n combining marks takes n * n steps, so what is hopelessly long does not get that far.
    hopeless = 10 * params.filters.max_characters if params.filters and "too_long" in checks else math.inf
    # A running text, which nothing is held to, counts what is invisible among its tokens.
    form = normalize if checks else spaced
    for raw in rows:
        if max(len(raw.source), len(raw.target)) > hopeless:
            dropped["too_long"] += 1
            continue
        row = Row(*[form(text, params.unicode) for text in raw])
        for name, drops in checks.items():
            if drops(row, params.filters):
                dropped[name] += 1
                break
        else:
            yield row


# --- splitting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keys:
    """8-byte hashes that stand for the rows of a corpus: of the pair as it is, and of its keys.

    Rows hang together by the keys of both sides, or of one alone: then `one` and `other` are equal.
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
    """Return the hashes of rows in normal form that hang together `by` these sides."""
    pairs, ones, others = array("Q"), array("Q"), array("Q")
    for row in rows:
        one, other = _sides(row, by)
        pairs.append(_digest(f"{row.source}\t{row.target}"))
        ones.append(one)
        others.append(other)
    return Keys(*(np.frombuffer(hashes, dtype=np.uint64) for hashes in (pairs, ones, others)))


def _sides(row: Row, by: By) -> tuple[int, int]:
    # The side is hashed too, or a source and an equal target could give two components one name.
    source = _digest(f"source\t{key(row.source)}") if row.source else BLANK
    target = _digest(f"target\t{key(row.target)}") if row.target else BLANK
    # Rows do not hang together by what they lack: the other side stands for it.
    source, target = source or target, target or source
    return {"both": (source, target), "source": (source, source), "target": (target, target)}[by]


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

    Those are more than `largest_component`, or, where but the validation rows are drawn, more than their share.
    """
    valid, test, largest = 0.0, 0.0, 0.0
    if isinstance(split, GroupedSplit):
        valid, test, largest = split.valid, split.test, split.largest_component
    elif isinstance(split.valid, float):
        valid, largest = split.valid, split.valid * found.sizes.sum()
    drawn = found.draw("split")
    small = found.sizes <= largest
    sides = np.zeros(len(drawn), dtype=np.int8)
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


# --- prepared files ---------------------------------------------------------------------------------------------------


def prepared(path: Path) -> Iterator[Row]:
    """Yield the rows of a file that the prepare stage wrote."""
    return (Row(*cells) for cells in _cells(path))


def column(path: Path, side: str) -> Iterator[str]:
    """Yield one side of a file that the prepare stage wrote, in half the time of its rows."""
    place = Row._fields.index(side)
    return (cells[place] for cells in _cells(path))


def _cells(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


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
