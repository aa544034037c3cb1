"""Raw rows -> train, valid and test: cleaned, split without leakage, and each row accounted for."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from tqdm import tqdm

from unroll.data import filters, readers, splitting
from unroll.data.rows import SPLITS, Placed, Row
from unroll.errors import DataError
from unroll.params.prepare import Corpus, OfficialSplit, Prepare

Report = dict[str, float]
KeysOf = dict[str, splitting.Keys]


def prepare(params: Prepare, raw: Path, folder: Path, tags: bool = False) -> Report:
    """Write train.tsv, valid.tsv and test.tsv into a folder; return what became of each row.

    Args:
        raw: the folder of the files that `params` names.
        tags: a target has a tag for each word of its source.
    Raises:
        DataError: a file cannot be read, no row is left, a split would be empty, or words lack tags.
    """
    reading = partial(read, raw=raw, tags=tags)
    report, keys = divide(params, reading(params.corpus), raw, folder)
    refuse_leakage(keys)
    if isinstance(params.split, OfficialSplit):
        for name, source in (("valid", params.split.valid), ("test", params.split.test)):
            if not isinstance(source, float):
                counts, keys[name] = keep(params, source, reading(source), raw, folder, name)
                report |= counts
    return report | describe(folder, keys)


def read(corpus: Corpus, raw: Path, tags: bool) -> Iterator[Row]:
    """Yield the rows of a corpus; with `tags` none whose words are more than its tags, or fewer.

    Raises:
        DataError: one is; or as `readers.read`.
    """
    for number, row in enumerate(readers.read(corpus, raw), start=1):
        words, said = (len(text.split()) for text in row[:2]) if tags else (0, 0)
        if words != said and words and said:  # what lacks a side is dropped, and counted
            where = row.where if isinstance(row, Placed) else f"{raw}: row {number}"
            raise DataError(f"{where}: {words} words and {said} tags: each word has one; fix the line, or remove it")
        yield row


def tags_words(family: str, kind: str) -> bool:
    """Return whether a target has a tag for each word of its source, as spaces part them.

    Args:
        family: of the head.
        kind: of the tokenizer of the source.
    """
    return family == "tagger" and kind in ("space", "suffix")


def divide(params: Prepare, rows: Iterable[Row], raw: Path, folder: Path) -> tuple[Report, KeysOf]:
    """Write the rows of the corpus that pass the checks, each to its split; official splits are not among these.

    Args:
        raw: where they are from, for messages.
    Raises:
        DataError: no row is left, or a split would be empty.
    """
    checks = filters.checks_of(params.corpus, params.split, params.filters)
    dropped: Counter[str] = Counter(dict.fromkeys(checks, 0))
    # The rows wait in a file without a name until their hashes are all known.
    with tempfile.TemporaryFile(dir=folder) as waiting:
        kept = cleaned(params, rows, checks, dropped)
        keys = splitting.hash_keys(copied(kept, waiting, pairs=False), params.split.by)
        running = filters.is_running(params.corpus, params.split)
        division = splitting.divide(keys, params.max_rows, params.split, running)
        report = account(raw, len(keys), dropped, division)
        names = splitting.drawn_splits(params.split)
        refuse_empty(division, names)
        waiting.seek(0)
        paths = [folder / f"{name}.tsv" for name in names]
        deal(waiting, division.of_row.data, paths, readers.paired(params.corpus))
    return report, {name: keys[np.flatnonzero(division.of_row == number)] for number, name in enumerate(names)}


def keep(
    params: Prepare, source: Corpus, found: Iterable[Row], raw: Path, folder: Path, split: str
) -> tuple[Report, splitting.Keys]:
    """Write an official split as it stands, but for rows that lack what they need.

    Raises:
        DataError: no row is left.
    """
    checks = filters.checks_of(source, params.split, None)
    dropped: Counter[str] = Counter(dict.fromkeys(checks, 0))
    with (folder / f"{split}.tsv").open("wb") as file:
        rows = cleaned(params, found, checks, dropped)
        keys = splitting.hash_keys(copied(rows, file, readers.paired(source)), params.split.by)
    if not len(keys):
        raise DataError(
            f"{raw}: prepare.split.{split}: no row has all it needs; name the right files, rows and columns"
        )
    return {f"{split}_dropped.{name}": count for name, count in dropped.items()}, keys


def cleaned(params: Prepare, rows: Iterable[Row], checks: filters.Checks, dropped: Counter[str]) -> Iterator[Row]:
    """Yield the rows that pass the checks, behind a progress bar on stderr."""
    return filters.clean(tqdm(rows, desc="prepare", unit=" rows", disable=None), params, checks, dropped)


def copied(rows: Iterable[Row], file: IO[bytes], pairs: bool) -> Iterator[Row]:
    """Write each row to `file` as it passes by, or its pairs of characters."""
    for row in rows:
        file.write(spread(line(row)) if pairs else line(row))
        yield row


def line(row: Row) -> bytes:
    """Return a row as a line of a prepared file."""
    return ("\t".join((row.source, row.target, row.attribution)) + "\n").encode()


def spread(whole: bytes) -> bytes:
    """Return the lines for every two neighbouring characters of the text in a line."""
    return b"".join(map(line, readers.pairs(whole.decode().partition("\t")[0])))


def deal(lines: Iterable[bytes], numbers: Iterable[int], paths: list[Path], pairs: bool) -> None:
    """Write each line, or its pairs of characters, to the path of its number, but those that are left out."""
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in paths]
        for whole, number in zip(lines, numbers, strict=True):
            if number != splitting.LEFT_OUT:
                files[number].write(spread(whole) if pairs else whole)


def account(raw: Path, passed: int, dropped: Counter[str], division: splitting.Division) -> Report:
    """Return what became of the rows: those read are those kept and those dropped by one filter or another.

    Raises:
        DataError: no row is left.
    """
    rows_read = passed + dropped.total()
    dropped.update(division.dropped)
    if not division.sizes.size:
        reasons = ", ".join(f"{name} {count:,}" for name, count in dropped.items() if count)
        raise DataError(
            f"{raw}: none of {rows_read:,} rows is left ({reasons or 'empty files'}); fix prepare or the files"
        )
    return {
        "rows_read": rows_read,
        "rows_kept": int(division.sizes.sum()),
        "components": len(division.sizes),
        "largest_component": int(division.sizes.max()),
        **{f"dropped.{name}": count for name, count in dropped.items()},
    }


def summary(report: Report) -> str:
    """Return what became of the rows, in a line."""
    dropped = (
        f"{name.removeprefix('dropped.')} {count:,}" for name, count in report.items() if "dropped." in name and count
    )
    splits = ", ".join(f"{name} {report[f'{name}_rows']:,}" for name in SPLITS)
    reasons = ", ".join(dropped) or "none"
    leaked = report["test_leakage_percent"]
    told = f"; {leaked:.3g} % of the test rows have a side or a relative in train" if leaked else ""
    return f"prepare: {report['rows_read']:,} rows read; dropped: {reasons}; kept: {splits}{told}"


def refuse_empty(division: splitting.Division, names: Iterable[str]) -> None:
    """Raise if a split of our own got no row.

    Raises:
        DataError: says which, and what to do.
    """
    for number, name in enumerate(names):
        if not (division.of_row == number).any():
            raise DataError(
                f"prepare.split: no row for {name}: the corpus is too small: {division.sizes.sum():,} rows in "
                f"{len(division.sizes):,} groups that share a side, the largest of {division.sizes.max():,} rows; "
                "bring more rows or official splits, raise max_rows, largest_component or the shares, split by a "
                "single side, or sequences in time by part"
            )


def describe(folder: Path, keys: KeysOf) -> Report:
    """Return the rows of each split's file, and the distinct sources and the leakage of those that are held out."""
    report: Report = {}
    for name in SPLITS:
        with (folder / f"{name}.tsv").open("rb") as file:
            report[f"{name}_rows"] = sum(1 for _ in file)
    for name in SPLITS[1:]:
        with (folder / f"{name}.tsv").open("rb") as file:
            report[f"{name}_sources"] = len({whole.partition(b"\t")[0] for whole in file})
        report[f"{name}_leakage_percent"] = round(splitting.leakage(keys["train"], keys[name]), 4)
    return report


def refuse_leakage(keys: KeysOf) -> None:
    """Raise if a split of our own gives a held-out row away: `unroll.data.splitting` would be at fault, not the data.

    Raises:
        DataError: says how much leaks.
    """
    for name in list(keys)[1:]:
        if leaked := splitting.leakage(keys["train"], keys[name]):
            raise DataError(
                f"prepare.split: {leaked:.4g} % of the rows of {name} have a side in train; please report this"
            )
