"""A new pipeline from files: look at them, choose settings, write its file, and give it a line in the grid."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from unroll.artifacts import store
from unroll.begin.looking import Look, Section, Wanted, look
from unroll.begin.settings import TASKS, bleu_tokenizer, grouped, settings
from unroll.begin.stock import Side, Stock
from unroll.begin.writing import pipeline_file, with_pipeline
from unroll.data import readers
from unroll.data.rows import Row
from unroll.errors import DataError, ParamsError
from unroll.folders import PIPELINE_FILES, Folders
from unroll.params.pipeline import Pipeline
from unroll.params.prepare import Prepare
from unroll.params.reading import GRID, dump, grid, grid_line, load, parse
from unroll.shapes import SHAPES, SIDES

FEWEST = 30
"""rows; fewer cannot be parted into train, valid and test"""
SEQUENCES = ("sequences", "quantities", "frames", "ahead")
"""tasks that read numbers"""
SHORT = 30
"""characters of what is spelled rather than read word by word"""
LETTERS = 4
"""of a name or a word in a script that puts no spaces between words"""
WORDS_FROM = 5_000_000
"""characters of a running text that is worth a vocabulary of words"""
SUBWORDS = ("bpe", "unigram", "char")
SLOWER = 4
"""how much smaller the rate is with which a model that has learnt goes on"""
MACHINE = {"accelerator": "cpu", "processes": 1, "threads": 2}


class New(NamedTuple):
    """A pipeline that was written, and what to tell of it, a line each."""

    file: Path
    said: list[str]


def new(
    root: Path,
    name: str,
    files: Sequence[Path],
    wanted: Wanted,
    like: str | None,
    force: bool,
    start_from: str | None = None,
) -> New:
    """Write the file of a pipeline for some files, put these under data/sources, and name it in the grid.

    Args:
        root: of the project.
        like: another pipeline, whose settings are taken; None: those that fit what the rows are.
        force: a file of that name may be written over.
        start_from: another pipeline, with whose model it begins, and whose settings are taken unless `like` names some.
    Raises:
        ParamsError: there is a pipeline of that name already, no other one, or the settings do not fit the rows.
        DataError: a file is not there or cannot be read, or nothing is to be learnt of it.
    """
    folders, known = Folders(root, name), grid(root)
    file = root / PIPELINE_FILES / f"{name}.yaml"
    if not force and (file.exists() or name in known):
        raise ParamsError(f"{file}: is there already; take another name, or --force to write over it")
    if wanted.shape and wanted.shape not in SHAPES:
        raise ParamsError(f"--shape {wanted.shape}: needed: one of {', '.join(SHAPES)}")
    if missing := [str(path) for path in files if not path.exists()]:
        raise DataError(f"{', '.join(missing)}: no such file; name files that are there")
    found = look(files, wanted)
    with gathered(files) as folder:
        stock = _stock(found, folder)
        document, task = _document(root, name, files, found, stock, wanted, like, start_from)
    text = pipeline_file(f"{_title(task)} of {', '.join(path.name for path in files)[:80]}", name, document)
    line = grid_line(name, document["parts"], document["train"]["start_from"])
    listed = (root / GRID).read_text(encoding="utf-8")
    listed = listed if name in known else with_pipeline(listed, line, str(root / GRID))
    placed = _place(files, folders)
    store.write_file(file, text)
    store.write_file(root / GRID, listed)
    return New(
        file,
        [*found.said, *_said(found, stock, task, document["prepare"]["split"]), *placed, *_next(name, document, task)],
    )


@contextmanager
def gathered(files: Sequence[Path]) -> Iterator[Path]:
    """Yield a folder that holds links to files under their names, as `fetch` will bring them.

    What is wrong with one is told by its name alone.
    """
    if len({path.name for path in files}) < len(files):
        raise ParamsError("two of the files have one name; rename one, they will stand in one folder")
    with tempfile.TemporaryDirectory() as temporary:
        for path in files:
            (Path(temporary) / path.name).symlink_to(path.resolve())
        try:
            yield Path(temporary)
        except DataError as error:
            raise DataError(str(error).replace(f"{temporary}/", "")) from None


def _rows(found: Look, part: str, folder: Path) -> Iterator[Row]:
    # What stands beside the corpus is chosen by what is counted of it: here it only makes the section whole.
    beside = {"unicode": "NFC", "filters": None, "max_rows": None, "split": grouped(FEWEST, "both")}
    rows = readers.read(parse(Prepare, {"corpus": found.corpora[part]} | beside, "prepare").corpus, folder)
    if found.rows not in SEQUENCES:
        return rows
    return (row._replace(source=row.source.partition(";")[0]) for row in rows)  # of its frames one tells the width


def _stock(found: Look, folder: Path) -> Stock:
    """Count the rows of all parts.

    Raises:
        DataError: they cannot be read, or are too few.
    """
    rows = chain.from_iterable(_rows(found, part, folder) for part in found.corpora)
    stock = Stock.of(rows, sided=found.rows != "running")
    if stock.rows < FEWEST:
        raise DataError(
            f"{stock.rows} rows with all they need, {stock.lacking} without: at least {FEWEST} are needed to train, "
            "validate and test"
        )
    return stock


def _task(found: Look, stock: Stock, wanted: Wanted) -> str:
    """Return what the rows are, by the names of `TASKS`.

    Raises:
        ParamsError: another shape was asked for than they can have.
    """
    source, target = stock.source, stock.target
    short = source.length <= (2 if source.spaced else LETTERS) and source.characters / source.rows <= SHORT
    if found.rows == "pairs":
        task = "spellings" if short and target.length <= (1.5 if target.spaced else LETTERS) else "pairs"
    elif found.rows == "classes":
        task = "new names" if wanted.turned else "names" if short else "classes"
    elif found.rows == "numbers":
        task = "numbers"
    elif found.rows == "running":
        task = "words" if source.characters >= WORDS_FROM and source.spaced and not short else "letters"
    else:
        task = found.rows
    if wanted.shape not in (None, TASKS[task].shape):
        raise ParamsError(f"--shape {wanted.shape}: these rows are of the shape {TASKS[task].shape}; leave it away")
    return task


def _document(
    root: Path,
    name: str,
    files: Sequence[Path],
    found: Look,
    stock: Stock,
    wanted: Wanted,
    like: str | None,
    start_from: str | None,
) -> tuple[Section, str]:
    """Return the pipeline as its file will hold it, and what its rows are.

    Raises:
        ParamsError: the settings do not fit the rows.
    """
    task = _task(found, stock, wanted)
    running = found.rows == "running" and not _lone_lines(stock)
    corpora = found.corpora
    if running and "test" not in corpora:
        corpora = _in_order(corpora["train"], stock.rows + stock.lacking)
    by = {"pairs": "both", "new names": "target"}.get(task, "group" if task in SEQUENCES else "source")
    split = grouped(stock.rows, by)
    if "test" in corpora:
        split = {"kind": "official", "by": by, "valid": corpora.get("valid", 0.1), "test": corpora["test"]}
    made: Section = dict(settings(task, stock, split, running))
    shape: Any = TASKS[task].shape
    if like := like or start_from:
        alone, (shape, made) = made, _like(root, like, split)
        if made["train"]["bleu_tokenizer"]:
            made["train"]["bleu_tokenizer"] = bleu_tokenizer(stock.target)
    if start_from:
        _begin_with(made, alone, start_from)
    if task == "ahead" and not like:
        season, window = corpora["train"]["season"] or 1, corpora["train"]["window"]
        made["model"]["head"]["seasons"] = sorted({season, max(window - window % season, season)})
    made["prepare"] = {"corpus": corpora["train"], **made["prepare"]}
    made["register"] = made.get("register") or {"resamples": 1000, "p_value": 0.05, "seed": 1, "floor": "baseline"}
    if task == "letters" and running:
        made["register"]["floor"] = None  # xz has read all of the text that a short training reads a part of
    made["register"] = {"name": name, **{key: value for key, value in made["register"].items() if key != "name"}}
    document = {"shape": shape, "parts": made.pop("parts", None), "fetch": _fetch(root, name, files), **made}
    parse(Pipeline, document | {"machine": MACHINE}, f"--like {like}" if like else name)
    return document, task


def _like(root: Path, like: str, split: Section) -> tuple[str, Section]:
    """Return another pipeline's shape and settings, without its files."""
    other = dump(load(root, like))
    if other["embed"]["kind"] == "imported":  # vectors that these files do not bring
        other["embed"] |= {"kind": "random", "source_vectors": None, "target_vectors": None}
    prepare = {key: value for key, value in other["prepare"].items() if key != "corpus"} | {"split": split}
    kept = {key: value for key, value in other.items() if key not in ("machine", "shape", "fetch")}
    return other["shape"], kept | {"prepare": prepare}


def _begin_with(made: Section, alone: Section, start_from: str) -> None:
    """Let settings go on from a model: with its subwords, for as long as the rows need alone, at a quarter of the rate.

    Args:
        alone: the settings that the rows would have by themselves.
    """
    tokens = {side: made["tokenize"][side] or made["tokenize"]["source"] for side in SIDES}
    pieces = [side for side, items in tokens.items() if items["kind"] in SUBWORDS]  # words are found by themselves
    made["tokenize"] |= {"from_start": "both" if len(pieces) == len(SIDES) else next(iter(pieces), None)}
    made["model"] |= {"dropout": max(made["model"]["dropout"], alone["model"]["dropout"])}
    kept = {key: alone["train"][key] for key in ("updates", "warmup", "validate_every")}
    slower = made["train"]["learning_rate"] / SLOWER
    made["train"] |= {"start_from": start_from, "start_parts": None, "learning_rate": slower} | kept


def _lone_lines(stock: Stock) -> bool:
    """Return whether lines are names and the like, each of which stands alone."""
    return (
        stock.source.length <= (3 if stock.source.spaced else LETTERS)
        and stock.source.characters / stock.source.rows <= SHORT
    )


def _in_order(corpus: Section, count: int) -> dict[str, Section]:
    """Return a running text as its first nine tenths, and a twentieth each to validate and to test."""
    first, second = count * 90 // 100, count * 95 // 100
    spans = {"train": [0, first], "valid": [first, second], "test": [second, count]}
    return {part: corpus | {"rows": span} for part, span in spans.items()}


def _fetch(root: Path, name: str, files: Sequence[Path]) -> Section:
    return {"kind": "files", "members": {_member(root, name, path): path.name for path in files}}


def _member(root: Path, name: str, path: Path) -> str:
    """Return a file's path below data/sources: where it is, or where it is to be copied."""
    sources = (root / "data" / "sources").resolve()
    whole = path.absolute()
    return whole.relative_to(sources).as_posix() if whole.is_relative_to(sources) else f"{name}/{path.name}"


def _place(files: Sequence[Path], folders: Folders) -> list[str]:
    """Copy files that lie elsewhere to data/sources; return what to tell of it."""
    copied = []
    for path in files:
        place = folders.sources / _member(folders.root, folders.pipeline, path)
        if place.resolve() == path.resolve():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, place, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, place)
        copied.append(path.name)
    return [f"copied to {folders.sources / folders.pipeline}: {', '.join(copied)}"] if copied else []


def _title(task: str) -> str:
    return {
        "pairs": "n-to-m: a text -> a text,", "spellings": "n-to-m: a word -> a word, letter by letter,",
        "classes": "n-to-one: a text -> its class,", "names": "n-to-one: a name -> its class, by its letters,",
        "numbers": "n-to-one: a text -> a number,",
        "sequences": "n-to-one: numbers, frame by frame, -> a class,",
        "quantities": "n-to-one: numbers, frame by frame, -> a number,",
        "frames": "n-to-n: numbers, frame by frame, -> the class of each,",
        "ahead": "n-to-m: numbers, frame by frame, -> those that follow,",
        "tags": "n-to-n: words -> their tags,", "letters": "n-to-n: a letter -> the next one,",
        "words": "n-to-n: a word -> the next one,", "new names": "one-to-n: a class -> new texts,",
    }[task]  # fmt: skip


def _said(found: Look, stock: Stock, task: str, split: Section) -> Iterator[str]:
    source, target = stock.source, stock.target
    running = found.rows == "running"
    what = "lines that are empty" if running else "without a source or a target are left out"
    yield f"{stock.rows:,} rows" + (f", {stock.lacking:,} {what}" if stock.lacking else "")
    if task not in ("new names", *SEQUENCES):
        yield f"read: {_long(source)}"
    if task in ("classes", "names", "sequences"):
        yield stock.classes(target)
    elif task == "new names":
        yield stock.classes(source)
    elif task in ("numbers", "quantities"):
        numbers = sorted(map(float, target.texts))
        yield f"said: numbers, from {numbers[0]:g} to {numbers[-1]:g}"
    elif task == "ahead":
        yield f"said: numbers, {next(iter(target.texts)).count(';') + 1} steps ahead"
    elif task in ("tags", "frames"):
        what = "tags" if task == "tags" else "labels"
        yield f"{len(target.words):,} {what}: {', '.join(tag for tag, _ in target.words.most_common(8))}"
    elif task in ("pairs", "spellings"):
        yield f"said: {_long(target)}"
    if task == "pairs" and not (source.spaced and target.spaced):
        yield "no spaces part the words of a side: filters and BLEU count its letters (prepare.filters, bleu_tokenizer)"
    yield _split(split)
    if running and sum(text[:1].isspace() for text in source.texts) > len(source.texts) / 20:
        yield "tabs and runs of spaces become one space: indentation is not learnt"


def _split(split: Section) -> str:
    """Say how rows are parted."""
    if split["kind"] == "grouped":
        sides = {
            "both": "a source or a target", "source": "a source", "target": "a target",
            "group": "a sequence or a group",
        }[split["by"]]  # fmt: skip
        return f"{split['valid']:.0%} to validate, {split['test']:.0%} to test; rows that share {sides} stay together"
    if split["test"].get("part"):
        return (
            "of each sequence the first 70 % are to train with, the next 15 % to validate, the last 15 % to test, but "
            "for a window before each"
        )
    if "rows" in split["test"] and split["test"]["format"] == "lines":
        return "the first 90 % are to train with, 5 % to validate, the last 5 % to test"
    return "test rows are kept as somebody set them apart" + (
        f"; {split['valid']:.0%} of the others validate"
        if isinstance(split["valid"], float)
        else ", and rows to validate"
    )


def _long(side: Side) -> str:
    script = side.script.capitalize() or "no"
    each = f"{side.length:.1f} words and " if side.spaced else ""
    return f"{script} letters, {each}{side.characters / side.rows:.0f} characters on average"


def _next(name: str, document: Section, task: str) -> list[str]:
    updates = document["train"]["updates"]
    minutes = max(1, round(updates * TASKS[task].milliseconds / 60_000))
    asked = TASKS[task].asked
    return [
        f"about {minutes} minute{'s' * (minutes > 1)} of training on two cores: {updates:,} updates",
        f"next: dvc repro register@{name}",
        f"then: unroll {asked} --model data/{name}/model" + (" --table NEW.csv" if task in SEQUENCES else ""),
    ]
