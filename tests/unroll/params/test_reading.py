"""A pipeline file and params.yaml are read whole, or refused in one line that names the place."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import recipes
from tests.unroll.params.refusals import ABSENT, changed
from unroll.cli.main import main
from unroll.errors import ParamsError
from unroll.params import reading
from unroll.params.evaluate import Sample
from unroll.params.pipeline import Pipeline, Recipe
from unroll.shapes import SHAPES

ROOT = Path(__file__).parents[3]
NOTHING = {"parts": "unroll/parts.py", "start": "unroll/starts.py"}
SHIPPED = sorted(path.stem for path in (ROOT / "pipelines").glob("*.yaml"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a project with one pipeline."""
    recipes.write_project(tmp_path, "mine", recipes.document("translate"))
    return tmp_path


def refused(root: Path, name: str = "mine") -> str:
    with pytest.raises(ParamsError) as caught:
        reading.load(root, name)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is shipped


def test_the_grid_names_every_file_and_no_other() -> None:
    assert sorted(reading.grid(ROOT)) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_pipeline_is_valid_and_survives_a_round_trip(name: str) -> None:
    pipeline = reading.load(ROOT, name)
    assert reading.parse(Pipeline, reading.dump(pipeline), name) == pipeline
    assert reading.load_file(ROOT / "pipelines" / f"{name}.yaml", reading.dump(pipeline.machine)) == pipeline
    assert pipeline.shape in SHAPES


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_is_written_out_flat(name: str) -> None:
    events = list(yaml.parse((ROOT / "pipelines" / f"{name}.yaml").read_text(encoding="utf-8")))
    assert not [event for event in events if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None)]


@pytest.mark.parametrize("name", SHIPPED)
def test_an_experiment_changes_one_line_of_a_shipped_file(name: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(ROOT / "pipelines" / f"{name}.yaml", tmp_path))
    before = path.read_text(encoding="utf-8").splitlines()
    apply_overrides(path, ["train.patience=77"])
    after = path.read_text(encoding="utf-8").splitlines()
    assert len(before) == len(after)
    assert [new for old, new in zip(before, after, strict=True) if old != new] == ["  patience: 77"]


# Files


def test_a_project_is_its_pipeline_files_and_its_machine(project: Path) -> None:
    found = reading.load(project, "mine")
    assert found == recipes.make("translate")
    assert reading.dump(found.machine) == recipes.MACHINE
    assert reading.grid(project) == {"mine": NOTHING}


def test_a_pipeline_need_not_be_in_the_grid(project: Path) -> None:
    shutil.copy(project / "pipelines/mine.yaml", project / "pipelines/other.yaml")
    assert reading.load(project, "other") == reading.load(project, "mine")


@pytest.mark.parametrize("name", ["..", "a/b", "a b", "sources", "a" * 300, "x; touch Y #", "", "1a", "-a", "ä", "a\n"])
def test_a_name_that_cannot_be_one_is_refused_everywhere_by_one_line(project: Path, name: str) -> None:
    line = refused(project, name)
    assert line.startswith(f"pipeline: {' '.join(repr(name[:60]).split())} is no name for a pipeline; needed: a letter")
    document = {"machine": recipes.MACHINE, "pipelines": {name: NOTHING}}
    (project / "params.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    assert refused(project).startswith(f"{project / 'params.yaml'}: pipelines: {name[:60]!r} is no name")


def test_a_plan_refuses_a_bad_name_with_the_exit_code_of_parameters(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    for name in ("..", "a b", "x; touch Y #", ""):
        monkeypatch.setattr("sys.argv", ["unroll", "plan", "--", name])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert capsys.readouterr().err == f"unroll: {refused(project, name)}\n"
    assert not (project / "Y").exists()


def test_the_longest_name_is_taken(project: Path) -> None:
    name = "Aa_-9" * 10
    shutil.copy(project / "pipelines/mine.yaml", project / f"pipelines/{name}.yaml")
    assert reading.load(project, name).shape == "n_to_m"


def test_an_unknown_pipeline_is_guessed(project: Path) -> None:
    shutil.copy(project / "pipelines/mine.yaml", project / "pipelines/translate.yaml")
    assert refused(project, "translat").endswith("pipelines/translat.yaml: no such file; did you mean 'translate'?")
    assert refused(project, "xyz").endswith("pipelines/xyz.yaml: no such file; known here: mine, translate")


def test_a_machine_in_a_pipeline_file_is_refused(project: Path) -> None:
    section = recipes.document("translate") | {"machine": recipes.MACHINE}
    (project / "pipelines/mine.yaml").write_text(yaml.safe_dump(section), encoding="utf-8")
    assert refused(project) == (
        f"{project}/pipelines/mine.yaml: machine: belongs into params.yaml, where it is the same for all pipelines"
    )


def test_a_missing_or_wrong_machine_is_named(project: Path) -> None:
    (project / "params.yaml").write_text(
        "pipelines: {mine: {parts: unroll/parts.py, start: unroll/starts.py}}", encoding="utf-8"
    )
    assert "machine: " in refused(project)
    recipes.write_project(project, "mine", recipes.document("translate"), threads=0)
    assert "machine.threads: should be greater than or equal to 1, not 0" in refused(project)


@pytest.mark.parametrize(
    ("kind", "name", "said", "watched"),
    [
        ("parts", "parts", "mine.py", "mine.py"),
        ("parts", "parts", None, "unroll/parts.py"),
        ("start", "train.start_from", "translate", "data/translate/model"),
        ("start", "train.start_from", "data/sources/old", "data/sources/old"),
        ("start", "train.start_from", None, "unroll/starts.py"),
    ],
)
def test_what_dvc_does_not_watch_is_refused_with_the_fix(
    project: Path, kind: str, name: str, said: str | None, watched: str
) -> None:
    section = recipes.document("translate", {name: said})
    (project / "pipelines/mine.yaml").write_text(yaml.safe_dump(section), encoding="utf-8")
    other = NOTHING[kind] if said else "other"
    document = {"machine": recipes.MACHINE, "pipelines": {"mine": NOTHING | {kind: other}}}
    (project / "params.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    assert refused(project) == (
        f"{project}/params.yaml: pipelines.mine.{kind}: names {other} where {project}/pipelines/mine.yaml has {name}: "
        f"{said or 'null'}; DVC watches the first: write {watched} there"
    )
    document["pipelines"] = {"mine": NOTHING | {kind: watched}}
    (project / "params.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    found = reading.load(project, "mine")
    assert (found.parts if kind == "parts" else found.train.start_from) == said


def test_a_pipeline_that_starts_from_itself_is_refused(project: Path) -> None:
    recipes.write_project(project, "mine", recipes.document("translate", {"train.start_from": "mine"}))
    assert refused(project).endswith("train.start_from: no pipeline starts from itself; name another, or null")


@pytest.mark.parametrize(
    "grid", [["mine"], "mine", None, 3, {"mine": None}, {"mine": "a.py"}, {"mine": {"parts": "a.py"}}]
)
def test_a_grid_that_is_no_mapping_of_names_to_modules_is_refused(project: Path, grid: Any) -> None:
    (project / "params.yaml").write_text(yaml.safe_dump({"machine": recipes.MACHINE, "pipelines": grid}))
    line = f"{project}/params.yaml: pipelines: needed: lines such as '{reading.grid_line('translate')}'"
    assert refused(project) == line
    with pytest.raises(ParamsError, match=re.escape(line)):
        reading.grid(project)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a"),
        ("train:\n  updates: 1\n  clip: 2\n\n  updates: 3\n", 5, "updates"),
        ("x: {a: 1, b: 2, b: 3}\n", 1, "b"),
        ("x:\n- {a: 1}\n- {c: 1,\n   c: 1}\n", 4, "c"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_line(project: Path, text: str, line: int, key: str) -> None:
    for name in ("params.yaml", "pipelines/mine.yaml"):
        (project / name).write_text(text, encoding="utf-8")
        with pytest.raises(ParamsError) as caught:
            reading.read_yaml(project / name)
        assert str(caught.value) == f"{project / name}: cannot be read: line {line}: the key '{key}' stands there twice"


@pytest.mark.parametrize("content", [b"", b"a: [", b"\xff\xfe", b"- 1", b"mine: 3", b"machine: null", b"a: 2020-13-45"])
def test_a_file_that_is_no_file_of_parameters_is_refused(project: Path, content: bytes) -> None:
    for name in ("pipelines/mine.yaml", "params.yaml"):
        before = (project / name).read_bytes()
        (project / name).write_bytes(content)
        assert str(project / name) in refused(project)
        (project / name).write_bytes(before)


def test_a_file_that_refers_to_itself_is_refused(project: Path) -> None:
    text = yaml.safe_dump(recipes.document("translate", {"fetch": None})).replace(
        "fetch: null", "fetch: &a {members: *a}"
    )
    (project / "pipelines/mine.yaml").write_text(text, encoding="utf-8")
    assert "refers to itself" in refused(project)


def doubling(shape: str, depth: int) -> str:
    """Return YAML in which each name stands for the one before it, twice."""
    lines = [f"a{n}: &a{n} {shape.format(f'*a{n - 1}')}" for n in range(1, depth)]
    return "\n".join(["a0: &a0 {x: 1}", *lines])


@pytest.mark.parametrize("shape", ["[{0}, {0}]", "{{a: {0}, b: {0}}}", "{{<<: [{0}, {0}]}}"])
def test_aliases_that_stand_for_too_much_are_refused(project: Path, shape: str) -> None:
    path = project / "pipelines/mine.yaml"
    path.write_text(doubling(shape, 8), encoding="utf-8")
    assert len(reading.read_yaml(path)) == 8
    path.write_text(doubling(shape, 40), encoding="utf-8")
    with pytest.raises(ParamsError, match="its aliases stand for too much"):
        reading.read_yaml(path)


def test_a_file_has_so_many_levels(project: Path) -> None:
    path = project / "pipelines/mine.yaml"
    for levels in (reading.MOST_DEEP, reading.MOST_DEEP + 1):
        path.write_text("[" * levels + "]" * levels, encoding="utf-8")
        if levels == reading.MOST_DEEP:
            assert reading.read_yaml(path)
    with pytest.raises(ParamsError, match="nested too deeply"):
        reading.read_yaml(path)


def test_a_file_that_is_too_long_or_a_pipe_is_refused(project: Path) -> None:
    path = project / "pipelines/mine.yaml"
    path.write_text("#" * reading.MOST_BYTES, encoding="utf-8")
    assert reading.read_yaml(path) is None
    path.write_text("#" * (reading.MOST_BYTES + 1), encoding="utf-8")
    with pytest.raises(ParamsError, match="larger than"):
        reading.read_yaml(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ParamsError, match="a pipe in the place of a file"):
        reading.read_yaml(path)


def test_a_merged_block_is_resolved_and_what_follows_it_differs(project: Path) -> None:
    section = recipes.document("letter")
    train = section.pop("train")
    (project / "pipelines/mine.yaml").write_text(
        f"{json.dumps(section)[:-1]}, train: {{<<: {json.dumps(train)}, clip: 0.5}}}}", encoding="utf-8"
    )
    merged, plain = reading.load(project, "mine"), recipes.make("letter")
    assert plain.train.clip != 0.5
    assert merged == plain.model_copy(update={"train": plain.train.model_copy(update={"clip": 0.5})})


# Sections


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("trian.updates", r"trian: no such parameter; did you mean 'train'\?"),
        ("model.head.cel.size", r"model\.head\.cel: no such parameter; did you mean 'cell'\?"),
        ("shape.size", r"shape: should be 'one_to_one'"),
    ],
)
def test_a_change_in_a_section_that_is_not_there_is_refused(name: str, says: str) -> None:
    with pytest.raises(ParamsError, match=says):
        reading.changed(recipes.make(), {name: 5})


def test_a_changed_pipeline_is_checked_again() -> None:
    pipeline = recipes.make("translate")
    assert reading.changed(pipeline, {"train.updates": 9, "train.warmup": 2}) == recipes.make(
        "translate", **{"train.updates": 9, "train.warmup": 2}
    )
    with pytest.raises(ParamsError, match=r"^params: train\.warmup must be smaller than train\.updates$"):
        reading.changed(pipeline, {"train.updates": 9})


@pytest.mark.parametrize("name", recipes.NAMES)
def test_a_recipe_and_a_search_come_back_from_json(name: str, tmp_path: Path) -> None:
    pipeline = recipes.make(name)
    for section, load in ((pipeline.recipe, reading.load_recipe), (pipeline.evaluate.search, reading.load_search)):
        (tmp_path / "section.json").write_text(json.dumps(reading.dump(section)), encoding="utf-8")
        assert load(tmp_path / "section.json") == section


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"3"])
def test_json_that_cannot_be_read_is_one_line(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    for load in (reading.load_recipe, reading.load_search):
        with pytest.raises(ParamsError, match=r"x\.json: "):
            load(tmp_path / "x.json")


def test_a_search_is_of_the_kind_that_it_names() -> None:
    document = recipes.document("name")["evaluate"]["search"]
    assert isinstance(reading.search(document, "here"), Sample)
    with pytest.raises(ParamsError, match=r"^here: top_p: should be less than or equal to 1, not 2\.0$"):
        reading.search(document | {"top_p": 2.0}, "here")


def test_parse_takes_any_section() -> None:
    recipe = recipes.make("rows").recipe
    assert reading.parse(Recipe, reading.dump(recipe), "here") == recipe


# Whatever is written


def paths(section: Any, above: str = "") -> Iterator[str]:
    for name, value in section.items() if isinstance(section, dict) else ():
        if isinstance(name, str) and "." not in name:
            yield above + name
            yield from paths(value, f"{above}{name}.")


def value_at(name: str, path: str) -> Any:
    here = changed(name, {})
    for part in path.split("."):
        here = here[part]
    return copy.deepcopy(here)


def refusal(name: str, changes: dict[str, Any]) -> str | None:
    try:
        reading.parse(Pipeline, changed(name, changes), "p")
    except ParamsError as error:
        return str(error)
    return None


PATHS = [(name, path) for name in recipes.NAMES for path in paths(changed(name, {}))]
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
blocks = st.sampled_from(PATHS).map(lambda at: value_at(*at))


@given(at=st.sampled_from(PATHS), value=trees | blocks)
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_a_section_it_is_valid_or_refused(at: tuple[str, str], value: Any) -> None:
    name, path = at
    assert (refusal(name, {path: value}) or "p: ").startswith("p: ")


@pytest.mark.parametrize("name", recipes.NAMES)
def test_whatever_is_missing_is_named(name: str) -> None:
    for path in paths(changed(name, {})):
        parent, _, last = path.rpartition(".")
        if parent.endswith(("members", "files", "target_names")):
            continue  # the keys of these are no parameters
        line = refusal(name, {path: ABSENT})
        assert line is not None, path
        # A block that does not say its kind is not known by its other parameters.
        untold = last in ("kind", "format") and line.startswith(f"p: {parent}")
        assert untold or line.startswith(f"p: {path}: is missing"), line
