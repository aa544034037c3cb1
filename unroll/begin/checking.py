"""All that is wrong with a pipeline, its parameters and its data, before anything is made or removed."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import Field, ValidationError, create_model

from unroll import parts, starts
from unroll.artifacts.manifest import MANIFEST
from unroll.data import fetching, preparing, reusing
from unroll.data.rows import column
from unroll.data.targets import refuse_numbers
from unroll.errors import DataError, ParamsError, UnrollError
from unroll.folders import PIPELINE_FILES, Folders
from unroll.params.explaining import explanations, suggest
from unroll.params.fetch import Files
from unroll.params.misfits import MISFITS
from unroll.params.pipeline import Pipeline
from unroll.params.prepare import Corpus, OfficialSplit
from unroll.params.reading import grid, load, read_yaml, tuples
from unroll.params.sections import Section
from unroll.params.tokenize import Labels, Tokenize
from unroll.shapes import SIDES
from unroll.training import starting

RARE = 20
"""rows; classes of fewer are hardly learnt"""


class Checked(NamedTuple):
    """What is wrong with a pipeline, parameters first; and what else a person wants to know of its rows."""

    wrong: list[UnrollError]
    said: list[str]


def check(root: Path, name: str) -> Checked:
    """Return all that is wrong with a pipeline; its rows are read once the parameters are right.

    Raises:
        ParamsError: the file cannot be read at all.
    """
    if wrong := list(parameters(root, name)):
        return Checked([*wrong], [])
    pipeline = load(root, name)
    with tempfile.TemporaryDirectory() as temporary:
        found = data(pipeline, Folders(root, name), Path(temporary))
        # Each of them once, and in the folder where the stages will find it.
        told = {str(one).replace(temporary, str(Folders(root, name).raw.parent)): type(one) for one in found.wrong}
    start = _start(root, pipeline)
    return Checked([*start.wrong, *(kind(line) for line, kind in told.items())], [*start.said, *found.said])


def _start(root: Path, pipeline: Pipeline) -> Checked:
    """Return what is wrong with the model that a pipeline is to go on from."""
    name = pipeline.train.start_from
    if name in grid(root) and not (Folders(root, name).model / MANIFEST).is_file():
        return Checked([], [f"the model to start from, of {name}, is not made yet: dvc repro makes it first"])
    try:
        if start := starts.find(name, root):
            reusing.check(pipeline.tokenize, start.folder)
            starting.fits(pipeline.recipe, start.folder)
            return Checked([], list(_other_pieces(pipeline.tokenize)))
    except UnrollError as error:
        return Checked([error], [])
    return Checked([], [])


def _other_pieces(tokenize: Tokenize) -> Iterator[str]:
    """Yield what a person wants to know whose model goes on from another one with subwords of its own."""
    kinds = {side: tokenize.of(side).kind for side in SIDES if side not in tokenize.reused}
    if own := [side for side, kind in kinds.items() if kind in ("bpe", "unigram")]:
        yield (
            f"the {own[0]}'s subwords are learnt anew: to the model to start from they mean something else; "
            "tokenize.from_start takes its own"
        )


def parameters(root: Path, name: str) -> Iterator[ParamsError]:
    """Yield every parameter that is wrong, and every two that do not fit each other."""
    Folders(root, name)
    path = root / PIPELINE_FILES / f"{name}.yaml"
    document = read_yaml(path)
    if isinstance(document, dict):
        told = [f"{path}: {line}" for line in dict.fromkeys(_in_file(document))]
        yield from map(ParamsError, told)
        if told:
            return
    try:
        load(root, name)
    except ParamsError as error:
        yield error


def _in_file(document: dict[str, Any]) -> Iterator[str]:
    fields = {field.alias or name: field for name, field in Pipeline.model_fields.items() if name != "machine"}
    for section in document.keys() - fields.keys() - {"machine"}:
        yield f"{section}: no such parameter{suggest(str(section), [*fields])}"
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in document:
            yield f"{name}: is missing; add it (nothing has a default outside the file)"
            continue
        kind = create_model(
            "_One", __base__=Section, value=(cast(Any, field.annotation), Field(discriminator=field.discriminator))
        )
        try:
            found[name] = getattr(kind.model_validate({"value": tuples(document[name])}), "value")  # noqa: B009
        except ValidationError as error:
            yield from (
                f"{name}{line.removeprefix('value')}" if line.startswith("value") else f"{name}: {line}"
                for line in explanations(kind, error, {"value": document[name]})
            )
        except RecursionError:
            yield f"{name}: refers to itself, or is nested too deeply; write it out flat"
    if len(found) == len(fields):
        # Each section is right, so whether they fit can be asked without what stops at the first that does not.
        whole = Pipeline.model_construct(**{name: value for name, value in found.items() if name != "register"})
        yield from (misfit.message for misfit in MISFITS if misfit.found(whole))


def data(pipeline: Pipeline, folders: Folders, aside: Path) -> Checked:
    """Return what is wrong with the files of a pipeline and their rows."""
    parts.bring(pipeline.parts, folders.root)
    raw = folders.raw
    if isinstance(pipeline.fetch, Files):
        lacking = [member for member in pipeline.fetch.members if not (folders.sources / member).exists()]
        if lacking:
            told = [
                f"{folders.sources / member}: no such file; put it there, or fix fetch.members" for member in lacking
            ]
            return Checked([DataError(line) for line in told], [])
        raw = aside / "raw"
        raw.mkdir()
        fetching.fetch(pipeline.fetch, folders.sources, raw)
    elif not (raw / MANIFEST).is_file():
        return Checked([], ["its files are not fetched yet, so its rows were not read"])
    return _prepared(pipeline, raw, aside)


def _corpora(pipeline: Pipeline) -> list[Corpus]:
    split = pipeline.prepare.split
    official = [split.valid, split.test] if isinstance(split, OfficialSplit) else []
    return [pipeline.prepare.corpus, *(corpus for corpus in official if not isinstance(corpus, float))]


def _unreadable(corpus: Corpus, raw: Path, tags: bool) -> list[UnrollError]:
    try:
        for _ in preparing.read(corpus, raw, tags):
            pass
    except UnrollError as error:
        return [error]
    return []


def _prepared(pipeline: Pipeline, raw: Path, aside: Path) -> Checked:
    folder, tags = aside / "prepared", preparing.tags_words(pipeline.model.head.family, pipeline.tokenize.source.kind)
    folder.mkdir()
    try:
        report = preparing.prepare(pipeline.prepare, raw, folder, tags)
    except UnrollError as error:  # which is of the first corpus that cannot be read: others may be as bad
        return Checked(
            [wrong for corpus in _corpora(pipeline) for wrong in _unreadable(corpus, raw, tags)] or [error], []
        )
    said = [preparing.summary(report)]
    if not isinstance(pipeline.tokenize.target, Labels):
        return Checked([], said)
    counts = {split: Counter(column(folder / f"{split}.tsv", "target")) for split in ("train", "valid", "test")}
    return Checked(list(_classes(counts)), said + list(_rare(counts)))


def _classes(counts: dict[str, Counter[str]]) -> Iterator[DataError]:
    """Yield what is wrong with classes: a single one, or numbers."""
    train = counts["train"]
    if len(train) < 2:
        yield DataError(
            f"prepare: train has a single class, '{next(iter(train))[:40]}': there is nothing to tell apart"
        )
    try:
        refuse_numbers(train)
    except DataError as error:
        yield error


def _rare(counts: dict[str, Counter[str]]) -> Iterator[str]:
    """Yield what a person wants to know of classes."""
    train = counts["train"]
    lacking = sorted((counts["valid"] | counts["test"]).keys() - train.keys())
    if lacking:
        yield f"{len(lacking):,} classes have no row in train: {_some(lacking)}"
    if rare := sorted(label for label, count in train.items() if count < RARE):
        yield f"{len(rare):,} of {len(train):,} classes have fewer than {RARE} rows in train: {_some(rare)}"


def _some(labels: list[str]) -> str:
    return ", ".join(label[:40] for label in labels[:8]) + (", ..." if len(labels) > 8 else "")
