"""Clean pairs, split without leakage.

    in   data/<pipeline>/raw
    out  data/<pipeline>/prepared/{train,valid,test}.tsv   source, target, attribution, in normal form
         reports/<pipeline>/prepare.json
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages import Folders, main
from unroll import artifacts, corpus
from unroll.errors import DataError
from unroll.params import Corpus, GroupedSplit, OfficialSplit, Pipeline, Prepare, Tsv

Report = dict[str, float]
AllKeys = dict[str, corpus.Keys]


def run(params: Pipeline, folders: Folders) -> None:
    """Turn raw rows into train, valid and test, and report what became of each row."""
    raw = artifacts.verify(folders.raw, "raw")
    split = params.prepare.split
    with artifacts.writing(folders.prepared, "prepared", {"raw": raw}) as folder:
        report, keys = divide(params.prepare, folders.raw, folder)
        if isinstance(split, OfficialSplit):
            for name, source in (("valid", split.valid), ("test", split.test)):
                counts, keys[name] = keep(params.prepare, source, folders.raw, folder, name)
                report |= counts
        report |= describe(folder, keys)
        if isinstance(split, GroupedSplit):
            refuse_leakage(report)
    artifacts.write_file(folders.reports / "prepare.json", artifacts.dump_json(report))


def divide(params: Prepare, raw: Path, folder: Path) -> tuple[Report, AllKeys]:
    """Write the rows of the corpus that pass all filters, each to its split; all go to train if the split is official.

    Raises:
        DataError: no row is left, or a split would be empty.
    """
    dropped: Counter[str] = Counter(dict.fromkeys(corpus.FILTERS, 0))
    split = params.split if isinstance(params.split, GroupedSplit) else None
    with tempfile.TemporaryFile(dir=folder) as aside:
        rows = cleaned(params, params.corpus, raw, corpus.FILTERS, dropped, "corpus")
        keys = corpus.hash_keys(copied(rows, aside))
        division = corpus.divide(keys, params.max_rows, split)
        report = account(raw, len(keys), dropped + Counter(division.dropped), division)
        names = corpus.SPLITS if split else corpus.SPLITS[:1]
        if split:
            refuse_empty(division)
        aside.seek(0)
        deal(aside, division.of_row.tolist(), [folder / f"{name}.tsv" for name in names])
    return report, {name: keys[np.flatnonzero(division.of_row == number)] for number, name in enumerate(names)}


def copied(rows: Iterable[corpus.Row], file: IO[bytes]) -> Iterator[corpus.Row]:
    """Write each row to `file` as it passes by."""
    for row in rows:
        file.write(("\t".join(row) + "\n").encode())
        yield row


def deal(lines: Iterable[bytes], numbers: Iterable[int], paths: list[Path]) -> None:
    """Write each line to the path of its number; lines of number `LEFT_OUT` go nowhere."""
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in paths]
        for line, number in zip(lines, numbers, strict=True):
            if number != corpus.LEFT_OUT:
                files[number].write(line)


def account(raw: Path, passed: int, dropped: Counter[str], division: corpus.Division) -> Report:
    """Return what became of each row: read = kept + dropped by one filter or another.

    Raises:
        DataError: no row is left.
    """
def cleaned(
    params: Prepare, source: Corpus, raw: Path, filters: corpus.Filters, dropped: Counter[str], what: str
) -> Iterator[corpus.Row]:
    """Yield the rows of a raw corpus that pass the filters, behind a progress bar on stderr."""
    rows: Iterable[corpus.Row] = tqdm(corpus.read(source, raw), desc=f"prepare: {what}", unit=" rows", disable=None)
    return corpus.clean(rows, params, filters, dropped)


def refuse_empty(counts: list[int], components: int, largest: int) -> None:
    """Raise if one of our own splits got no row.

    Raises:
        DataError: says which, and what to do.
    """
    for name, count in zip(corpus.SPLITS, counts, strict=True):
        if not count:
            raise DataError(
                f"prepare.split: no row falls to {name}: {sum(counts):,} rows make {components:,} groups of sentences "
                f"that share a side (the largest has {largest:,} rows), too few to split; bring a larger corpus, raise "
                "max_rows, the shares of valid and test, or largest_component, or bring official splits"
            )


def describe(folder: Path) -> Report:
    """Read the splits as they were written, and return their rows, distinct sources and leakage."""
    keys = {name: corpus.hash_keys(_written(folder, name)) for name in corpus.SPLITS}
    return {
        **{f"{name}_rows": len(keys[name]) for name in corpus.SPLITS},
        **{f"{name}_sources": len({row.source for row in _written(folder, name)}) for name in ("valid", "test")},
        **{
            f"{name}_leakage_percent": round(corpus.leakage(keys["train"], keys[name]), 4) for name in ("valid", "test")
        },
    }


def _written(folder: Path, name: str) -> Iterator[corpus.Row]:
    columns = {"source_column": 0, "target_column": 1, "attribution_column": 2}
    return corpus.read(Tsv.model_validate({"format": "tsv", "file": f"{name}.tsv", **columns}), folder)


def refuse_leakage(report: Report) -> None:
    """Raise if our own split gives away a held-out row.

    Raises:
        DataError: there is leakage; the fault is in `unroll.corpus`, not in the data.
    """
    for name in ("valid", "test"):
        if report[f"{name}_leakage_percent"]:
            raise DataError(f"{name}.tsv: {report[f'{name}_leakage_percent']} % of its rows have a side in train.tsv")


if __name__ == "__main__":
    main(run)
