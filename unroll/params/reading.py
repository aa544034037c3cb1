"""A pipeline file -> frozen, validated sections, or one line that names the parameter.

A pipeline file is complete: nothing here has a default, so whatever shapes a result can be read in it, and in the
`machine` of params.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from unroll import plain
from unroll.errors import ParamsError
from unroll.folders import PIPELINE_FILES, check_name, start_folder
from unroll.params.evaluate import Search
from unroll.params.explaining import explain, suggest
from unroll.params.older import renewed
from unroll.params.pipeline import Pipeline, Recipe
from unroll.params.sections import AnySection, Section
from unroll.params.train import Machine

GRID = "params.yaml"
NO_PARTS, NO_START = "unroll/parts.py", "unroll/starts.py"
"""What the grid names for a pipeline without parts of its own, and for one that starts from no model."""


MECAB = {"ja-mecab": "MeCab", "ko-mecab": "mecab_ko"}
"""{train.bleu_tokenizer: the package that it needs}"""

MOST_BYTES, MOST_NODES, MOST_DEEP = 2**16, 2**16, 50
"""Of a YAML file: its length, its keys and values where every alias is written out, and its levels."""


class _Loader(yaml.SafeLoader):
    """YAML as it is everywhere, but a key that stands twice is refused instead of forgotten, and so is a bomb."""

    deep = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.deep += 1
        if self.deep > MOST_DEEP:
            raise yaml.composer.ComposerError(None, None, "it is nested too deeply; write it out flat")
        node = super().compose_node(parent, index)
        self.deep -= 1
        return node

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if _nodes(node, {}) > MOST_NODES:
            raise yaml.composer.ComposerError(None, None, "its aliases stand for too much; write it out")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            name = self.construct_object(key, deep=True)
            if not isinstance(name, Hashable):
                raise yaml.constructor.ConstructorError(None, None, f"line {_line(key)}: a list or section for a key")
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"line {_line(key)}: the key '{name}' stands there twice"
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _nodes(node: Any, known: dict[int, int]) -> int:
    """Return how many nodes a node stands for, each alias counted as what it names.

    Raises:
        RecursionError: it is part of itself, or nested too deeply.
    """
    if id(node) not in known:
        inner = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = (part for entry in inner for part in (entry if isinstance(entry, tuple) else (entry,)))
        known[id(node)] = 1 + sum(_nodes(part, known) for part in parts)
    return known[id(node)]


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        ParamsError: it is missing, no plain file, too long or not YAML, a key stands twice, or its aliases stand for
            more than any pipeline needs.
    """
    try:
        return yaml.load(plain.read_text(path, MOST_BYTES), _Loader)
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file{_others(path)}") from None
    except RecursionError:
        raise ParamsError(f"{path}: refers to itself, or is nested too deeply; write it out flat") from None
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:  # a ValueError: 2020-13-45
        raise ParamsError(f"{path}: cannot be read: {error}") from None


def _others(path: Path) -> str:
    known = sorted(other.stem for other in path.parent.glob(f"*{path.suffix}"))
    return suggest(path.stem, known) if path.parent.name == PIPELINE_FILES else ""


def grid(root: Path) -> dict[str, dict[str, str]]:
    """Return {pipeline: {"parts": the module with its own parts, "start": the folder of the model it starts from}}.

    Raises:
        ParamsError: params.yaml has no such mapping, or a name cannot be one.
    """
    found = _machines_file(root).get("pipelines")
    if not isinstance(found, dict) or not all(_watches(entry) for entry in found.values()):
        raise ParamsError(f"{root / GRID}: pipelines: needed: lines such as '{grid_line('translate')}'")
    for name in found:
        check_name(name, f"{root / GRID}: pipelines")
    return found


def _watches(entry: Any) -> bool:
    is_whole = isinstance(entry, dict) and entry.keys() == {"parts", "start"}
    return is_whole and all(isinstance(path, str) for path in entry.values())


def grid_line(name: str, parts: str | None = None, start_from: str | None = None) -> str:
    """Return what params.yaml says of a pipeline.

    >>> grid_line("mine", start_from="translate")
    'mine: {parts: unroll/parts.py, start: data/translate/model}'
    """
    return f"{name}: {{parts: {parts or NO_PARTS}, start: {start_folder(start_from) if start_from else NO_START}}}"


def _machines_file(root: Path) -> dict[str, Any]:
    found = read_yaml(root / GRID)
    if not isinstance(found, dict):
        raise ParamsError(f"{root / GRID}: holds no names; needed: machine and pipelines")
    return found


def load(root: Path, pipeline: str) -> Pipeline:
    """Read one pipeline of a project: its file, and the machine from params.yaml.

    Raises:
        ParamsError: names the first parameter that is wrong, and how to fix it.
    """
    check_name(pipeline, "pipeline")
    path, machine = root / PIPELINE_FILES / f"{pipeline}.yaml", _machines_file(root).get("machine")
    parse(_Machines, {"machine": machine}, str(root / GRID))  # where what is wrong with it is to be fixed
    found = load_file(path, machine)
    _refuse_tokenizer(found, path)
    _refuse_unwatched(root, pipeline, found, path)
    return found


def _refuse_tokenizer(found: Pipeline, path: Path) -> None:
    """Raise if BLEU is to part texts with what is not installed."""
    tokenizer = found.train.bleu_tokenizer or ""
    needed = MECAB.get(tokenizer)
    if needed and not find_spec(needed):
        raise ParamsError(
            f"{path}: train.bleu_tokenizer: '{tokenizer}' needs the package {needed}, which is not installed: "
            f"pip install 'sacrebleu[{tokenizer[:2]}]'; or set 'char', which needs none"
        )


def _refuse_unwatched(root: Path, pipeline: str, found: Pipeline, path: Path) -> None:
    """Raise if the grid has DVC watch something else than what a pipeline is made of."""
    start = found.train.start_from
    if start == pipeline:
        raise ParamsError(f"{path}: train.start_from: no pipeline starts from itself; name another, or null")
    if (watched := grid(root).get(pipeline)) is None:
        return
    needed = {"parts": found.parts or NO_PARTS, "start": start_folder(start) if start else NO_START}
    said = {"parts": f"parts: {found.parts or 'null'}", "start": f"train.start_from: {start or 'null'}"}
    for name in (name for name in needed if watched[name] != needed[name]):
        raise ParamsError(
            f"{root / GRID}: pipelines.{pipeline}.{name}: names {watched[name]} where {path} has {said[name]}; "
            f"DVC watches the first: write {needed[name]} there"
        )


def load_file(path: Path, machine: Any) -> Pipeline:
    """Read a pipeline file.

    Args:
        machine: what `Machine` takes.
    Raises:
        ParamsError: as `load`.
    """
    document = read_yaml(path)
    if not isinstance(document, dict):
        raise ParamsError(f"{path}: holds no sections; take one of the shipped files as a model")
    if "machine" in document:
        raise ParamsError(f"{path}: machine: belongs into {GRID}, where it is the same for all pipelines")
    return parse(Pipeline, document | {"machine": machine}, where=str(path))


def parse(kind: type[AnySection], section: Any, where: str) -> AnySection:
    """Validate a section that was already read; `where` begins the message.

    Raises:
        ParamsError: as in `load`.
    """
    try:
        return kind.model_validate(tuples(section))
    except ValidationError as error:
        raise ParamsError(f"{where}: {explain(kind, error, section)}") from None
    except RecursionError:
        raise ParamsError(f"{where}: refers to itself, or is nested too deeply; write it out flat") from None


def changed(pipeline: Pipeline, changes: Mapping[str, Any]) -> Pipeline:
    """Return a pipeline with other values of some parameters, by their dotted names.

    Raises:
        ParamsError: as in `load`.
    """
    document = dump(pipeline)
    for name, value in changes.items():
        *parts, last = name.split(".")
        owner = document
        for part in parts:
            if not isinstance(owner.get(part), dict):
                owner[part] = {}  # no such section, which `parse` says better
            owner = owner[part]
        owner[last] = value
    return parse(Pipeline, document, "params")


def load_recipe(path: Path) -> Recipe:
    """Read the recipe of a checkpoint, also of one that an earlier version wrote.

    Raises:
        ParamsError: as in `load`.
    """
    return parse(Recipe, renewed(_read_json(path)), str(path))


def load_search(path: Path) -> Search:
    """Read a search, of whichever kind, that was written as JSON.

    Raises:
        ParamsError: as in `load`.
    """
    return search(_read_json(path), str(path))


def search(settings: Any, where: str) -> Search:
    """Return a search of whichever kind.

    Raises:
        ParamsError: as in `load`.
    """
    try:
        return parse(_Asked, {"search": settings}, where).search
    except ParamsError as error:  # what was read holds the search alone, not under this name
        raise ParamsError(str(error).replace(f"{where}: search.", f"{where}: ", 1)) from None


class _Asked(Section):
    search: Search


class _Machines(Section):
    machine: Machine


def _read_json(path: Path) -> Any:
    try:
        return json.loads(plain.read_text(path, MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from None


def dump(section: Section) -> dict[str, Any]:
    """Return what `parse` would turn into an equal section; what its file left out is not in it either."""
    return section.model_dump(mode="json", by_alias=True, exclude_unset=True)


def leaves(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ("section.parameter", value) for every value of nested sections.

    >>> dict(leaves({"train": {"updates": 9}, "shape": "n_to_m"}))
    {'train.updates': 9, 'shape': 'n_to_m'}
    """
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def tuples(value: Any) -> Any:
    """Return what YAML or JSON holds with tuples for its lists: strict validation wants these."""
    if isinstance(value, Mapping):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value
