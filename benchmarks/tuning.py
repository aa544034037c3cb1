"""What two thousand pairs of a domain bring to a translator that knows another one: `python -m benchmarks.tuning`.

The domain is what Gramps says, a program for genealogists: messages of three words or more, English -> Spanish, out of
the catalogue in its pinned wheel (GPL-2: it is read here, nothing of it is kept), split without leakage. The translator
is `translate`. `unroll new` writes the pipelines, as in docs/own-data.md; their stages run in a folder that goes again.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

import unroll
from benchmarks.common import ROOT, STAGES, Row, make_project, run, tell
from unroll.artifacts.manifest import MANIFEST
from unroll.begin.looking import Wanted
from unroll.begin.starting import new
from unroll.data import fetching, preparing
from unroll.data.rows import SPLITS, references
from unroll.folders import Folders
from unroll.params.fetch import Wheel
from unroll.params.reading import changed, load
from unroll.training.validation import bleu, chrf

START = "translate"
CATALOGUE, MESSAGES, OLD = "gramps.mo", "messages.tsv", "old-train.tsv"
GRAMPS = Wheel(
    kind="wheel",
    requirement="gramps==6.0.8",
    sha256="56f03bcb643320eb9f9892d4c3f8bbe7c4c4d2e4c71e56f598584af24561ec1c",
    members={"gramps-6.0.8.data/data/share/locale/es/LC_MESSAGES/gramps.mo": CATALOGUE},
)
SHARES = {"prepare.split.valid": 0.07, "prepare.split.test": 0.2}
FEWEST = 3
"""words of a message; what has fewer stands on a button"""
FILLED_IN = re.compile(r"[%{}<>|\\$\n]")
"""marks of markup, and of what the program fills in"""
WAYS = {"alone": (None, False), "tuned": (START, False), "mixed": (START, True)}
"""{pipeline: (the one with whose model it begins, whether old rows are among the new)}"""
Tests = dict[str, dict[str, list[str]]]
"""{whose rows: {source: references}}"""


def main(
    general: Annotated[Path, typer.Option(help="Of the translator: a folder with its model and prepared rows.")]
    = ROOT / "data" / START,
    old: Annotated[int, typer.Option(help="Rows that the translator learnt from, among the new of 'mixed'.")] = 2000,
    sentences: Annotated[int, typer.Option(help="Sources of the translator's own test that are asked.")] = 5000,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
) -> None:  # fmt: skip
    """Print what a model is worth on both tests, the domain's and the translator's: as it is, alone, tuned, mixed."""
    if not (general / "model" / MANIFEST).is_file():
        raise SystemExit(f"benchmarks: {general}: no model in it; make repro makes one, or name another with --general")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        make_project(root, START, threads)
        shutil.copytree(general / "model", Folders(root, START).model)
        domain = make_domain(root)
        (root / OLD).write_text("".join(spread(lines(general / "prepared/train.tsv"), old)), encoding="utf-8")
        known = references(general / "prepared/test.tsv")
        tests = {
            "domain": references(domain["test"]),
            "Tatoeba": {one: known[one] for one in spread([*known], sentences)},
        }
        rows = [scored(root, START, tests, 0.0)]
        for pipeline, (start, mixed) in WAYS.items():
            files = [*domain.values(), *([root / OLD] if mixed else [])]
            for told in new(root, pipeline, files, Wanted(), None, False, start).said:
                print(f"{pipeline}: {told}", flush=True)
            rows.append(scored(root, pipeline, tests, run(root, pipeline, STAGES[:-1])["train"]))
            print(rows[-1], flush=True)
        settings = {f"{split} rows": len(lines(path)) for split, path in domain.items()}
    tell("tuning", rows, **settings, **{"old rows": old, "threads": threads, "seed": 1})


def make_domain(root: Path) -> dict[str, Path]:
    """Fetch the domain's messages, clean and split them as the translator's rows are; return {split: its file}."""
    fetching.fetch(GRAMPS, root, root)
    pairs = dict.fromkeys(messages(root / CATALOGUE))
    (root / MESSAGES).write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
    columns = {"prepare.corpus.file": MESSAGES, "prepare.corpus.attribution_column": None}
    preparing.prepare(changed(load(root, START), columns | SHARES).prepare, root, root)
    return {split: root / f"{split}.tsv" for split in SPLITS}


def messages(catalogue: Path) -> Iterator[tuple[str, str]]:
    """Yield the messages of a catalogue of gettext that are whole texts, and what they become, without access keys.

    Its layout: https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
    """
    packed = catalogue.read_bytes()
    _, _, count, *tables = struct.unpack_from("<5I", packed)

    def text(table: int, number: int) -> str:
        size, begin = struct.unpack_from("<2I", packed, table + 8 * number)
        first, _, _ = packed[begin : begin + size].decode().partition("\0")  # the plural stands behind it
        return first.rpartition("\x04")[2].replace("_", "").strip()  # and where it is said before it

    for number in range(count):
        source, target = (text(table, number) for table in tables)
        if len(source.split()) >= FEWEST and not FILLED_IN.search(source + target):
            yield source, target


def lines(path: Path) -> list[str]:
    """Return the lines of a prepared file, with their ends."""
    with path.open(encoding="utf-8", newline="\n") as file:
        return list(file)


def spread(items: list[str], most: int) -> list[str]:
    """Return at most so many items, evenly from the whole."""
    return items[:: -(-len(items) // most)]


def scored(root: Path, pipeline: str, tests: Tests, minutes: float) -> Row:
    """Return what the model of a pipeline is worth: its updates, minutes, BLEU and chrF."""
    folders = Folders(root, pipeline)
    report = folders.reports / "train.json"
    row: Row = {"model": pipeline, "updates": json.loads(report.read_text())["updates"] if report.is_file() else 0.0}
    row["minutes"] = minutes
    translator = unroll.load(folders.model)
    for name, pairs in tests.items():
        said = [str(answer) for answer in translator([*pairs])]
        wanted = [*pairs.values()]
        row |= {f"{name} BLEU": bleu(said, wanted), f"{name} chrF": chrf(said, wanted)}
    return row


if __name__ == "__main__":
    typer.run(main)
