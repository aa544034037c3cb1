"""Clean rows, split without leakage.

in   data/<pipeline>/raw
out  data/<pipeline>/prepared/{train,valid,test}.tsv   source, target, attribution, in normal form
                                                   a lone line has no target
     reports/<pipeline>/prepare.json
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
from tqdm import tqdm

from stages import Folders, main
from unroll import artifacts, corpus
from unroll.errors import DataError
from unroll.params import Corpus, OfficialSplit, Pipeline, Prepare

Report = dict[str, float]
KeysOf = dict[str, corpus.Keys]


def run(params: Pipeline, folders: Folders) -> None:
    """Turn raw rows into train, valid and test, and report what became of each row."""
    raw = artifacts.verify(folders.raw, "raw")
    split = params.prepare.split
    with artifacts.writing(folders.prepared, "prepared", {"raw": raw}) as folder:
        report, keys = divide(params.prepare, folders.raw, folder)
        refuse_leakage(keys)
        if isinstance(split, OfficialSplit):
            for name, source in (("valid", split.valid), ("test", split.test)):
                if not isinstance(source, float):
                    counts, keys[name] = keep(params.prepare, source, folders.raw, folder, name)
                    report |= counts
        report |= describe(folder, keys)
    artifacts.write_file(folders.reports / "prepare.json", artifacts.dump_json(report))
    print(summary(report))


def divide(params: Prepare, raw: Path, folder: Path) -> tuple[Report, KeysOf]:
    """Write the rows of the corpus that pass the checks, each to its split; official splits are not among these.

    Raises:
        DataError: no row is left, or a split would be empty.
    """
    checks = corpus.checks_of(params.corpus, params.split, params.filters)
    dropped: Counter[str] = Counter(dict.fromkeys(checks, 0))
    # The rows wait in a file without a name until their hashes are all known.
    with tempfile.TemporaryFile(dir=folder) as waiting:
        rows = cleaned(params, params.corpus, raw, checks, dropped)
        keys = corpus.hash_keys(copied(rows, waiting, pairs=False), params.split.by)
        running = corpus.is_running(params.corpus, params.split)
        division = corpus.divide(keys, params.max_rows, params.split, running)
        report = account(raw, len(keys), dropped, division)
        names = corpus.drawn_splits(params.split)
        refuse_empty(division, names)
        waiting.seek(0)
        paths = [folder / f"{name}.tsv" for name in names]
        deal(waiting, division.of_row.data, paths, corpus.paired(params.corpus))
    return report, {name: keys[np.flatnonzero(division.of_row == number)] for number, name in enumerate(names)}


def keep(params: Prepare, source: Corpus, raw: Path, folder: Path, split: str) -> tuple[Report, corpus.Keys]:
    """Write an official split as it stands, but for rows that lack what they need.

    Raises:
        DataError: no row is left.
    """
    checks = corpus.checks_of(source, params.split, None)
    dropped: Counter[str] = Counter(dict.fromkeys(checks, 0))
    with (folder / f"{split}.tsv").open("wb") as file:
        rows = cleaned(params, source, raw, checks, dropped)
        keys = corpus.hash_keys(copied(rows, file, corpus.paired(source)), params.split.by)
    if not len(keys):
        raise DataError(
            f"{raw}: prepare.split.{split}: no row has all it needs; name the right files, rows and columns"
        )
    return {f"{split}_dropped.{name}": count for name, count in dropped.items()}, keys


def cleaned(
    params: Prepare, source: Corpus, raw: Path, checks: corpus.Checks, dropped: Counter[str]
) -> Iterator[corpus.Row]:
    """Yield the rows of a raw corpus that pass the checks, behind a progress bar on stderr."""
    rows: Iterable[corpus.Row] = tqdm(corpus.read(source, raw), desc="prepare", unit=" rows", disable=None)
    return corpus.clean(rows, params, checks, dropped)


def copied(rows: Iterable[corpus.Row], file: IO[bytes], pairs: bool) -> Iterator[corpus.Row]:
    """Write each row to `file` as it passes by, or its pairs of characters."""
    for row in rows:
        file.write(spread(line(row)) if pairs else line(row))
        yield row


def line(row: corpus.Row) -> bytes:
    """Return a row as a line of a prepared file."""
    return ("\t".join(row) + "\n").encode()


def spread(whole: bytes) -> bytes:
    """Return the lines for every two neighbouring characters of the text in a line."""
    return b"".join(map(line, corpus.pairs(whole.decode().partition("\t")[0])))


def deal(lines: Iterable[bytes], numbers: Iterable[int], paths: list[Path], pairs: bool) -> None:
    """Write each line, or its pairs of characters, to the path of its number, but those that are left out."""
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in paths]
        for whole, number in zip(lines, numbers, strict=True):
            if number != corpus.LEFT_OUT:
                files[number].write(spread(whole) if pairs else whole)


def account(raw: Path, passed: int, dropped: Counter[str], division: corpus.Division) -> Report:
    """Return what became of the rows: those read are those kept and those dropped by one filter or another.

    Raises:
        DataError: no row is left.
    """
    rows_read = passed + dropped.total()
    dropped.update(division.dropped)
    if not division.sizes.size:
        reasons = ", ".join(f"{name} {count:,}" for name, count in dropped.items() if count)
        raise DataError(
            f"{raw}: none of {rows_read:,} rows is left ({reasons or 'empty files'}); mend prepare or the files"
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
    splits = ", ".join(f"{name} {report[f'{name}_rows']:,}" for name in corpus.SPLITS)
    reasons = ", ".join(dropped) or "none"
    return f"prepare: {report['rows_read']:,} rows read; dropped: {reasons}; kept: {splits}"


def refuse_empty(division: corpus.Division, names: Iterable[str]) -> None:
    """Raise if a split of our own got no row.

    Raises:
        DataError: says which, and what to do.
    """
    for number, name in enumerate(names):
        if not (division.of_row == number).any():
            raise DataError(
                f"prepare.split: no row for {name}: the corpus is too small: {division.sizes.sum():,} rows in "
                f"{len(division.sizes):,} groups that share a side, the largest of {division.sizes.max():,} rows; "
                "bring more rows or official splits, raise max_rows, largest_component or the shares, or split by a "
                "single side"
            )


def describe(folder: Path, keys: KeysOf) -> Report:
    """Return the rows of each split's file, and the distinct sources and the leakage of those that are held out."""
    report: Report = {}
    for name in corpus.SPLITS:
        with (folder / f"{name}.tsv").open("rb") as file:
            report[f"{name}_rows"] = sum(1 for _ in file)
    for name in corpus.SPLITS[1:]:
        with (folder / f"{name}.tsv").open("rb") as file:
            report[f"{name}_sources"] = len({whole.partition(b"\t")[0] for whole in file})
        report[f"{name}_leakage_percent"] = round(corpus.leakage(keys["train"], keys[name]), 4)
    return report


def refuse_leakage(keys: KeysOf) -> None:
    """Raise if a split of our own gives a held-out row away: `unroll.corpus` would be at fault, not the data.

    Raises:
        DataError: says how much leaks.
    """
    for name in list(keys)[1:]:
        if leaked := corpus.leakage(keys["train"], keys[name]):
            raise DataError(
                f"prepare.split: {leaked:.4g} % of the rows of {name} have a side in train; please report this"
            )


if __name__ == "__main__":
    main(run)
