"""A module of one's own: run once, held to its hash, and refused in one line where it is missing, broken or another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import recipes
from unroll.artifacts.manifest import sha256, signed
from unroll.data import readers
from unroll.data.rows import Row
from unroll.errors import IntegrityError, ParamsError
from unroll.nn import model
from unroll.params.pipeline import Pipeline
from unroll.params.reading import parse
from unroll.parts import bring, bring_again

MODULE = """
from unroll.data.files import lines
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.nn.attention import ATTENTIONS
from unroll.nn.cells import CELLS
from unroll.nn.heads import Classifier
from unroll.nn.model import HEADS


class Mine(Classifier):
    pass


def read_pairs(corpus, folder):
    for line in lines(folder / corpus.file):
        yield Row(*line.split(" = ", 1), "")


CELLS["my_cell"] = CELLS["gru"]
ATTENTIONS["my_attention"] = ATTENTIONS["dot"]
HEADS["my_head"] = Mine
READERS["my_pairs"] = read_pairs
COUNT.append(1)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of parts in it."""
    runs: list[int] = []
    monkeypatch.setattr("builtins.COUNT", runs, raising=False)
    # The path makes each module's hash its own, so that none counts as run by an earlier test.
    (tmp_path / "mine.py").write_text(f"# {tmp_path}\n{MODULE}", encoding="utf-8")
    return tmp_path


def runs() -> int:
    import builtins

    return len(builtins.COUNT)  # type: ignore[attr-defined]


def own(**changes: object) -> Pipeline:
    section = recipes.document("classify", {"parts": "mine.py", **changes}) | {"machine": recipes.MACHINE}
    return parse(Pipeline, section, "mine")


def test_without_a_module_there_is_nothing_to_bring(tmp_path: Path) -> None:
    assert bring(None, tmp_path) == {}
    bring_again(None, tmp_path, None)


def test_a_module_is_run_once_and_its_manifest_is_handed_on(project: Path) -> None:
    first, second = bring("mine.py", project), bring("mine.py", project)
    assert runs() == 1
    assert first == second == {"parts": signed("parts", {"mine.py": sha256(project / "mine.py")}, {})}


def test_what_it_defines_is_known_by_its_names(project: Path) -> None:
    pipeline = own(**{
        "model.encoder.cell": "my_cell", "model.head": {"kind": "my_head", "like": "classifier", "context": "max"},
        "prepare.corpus": {"format": "my_pairs", "file": "pairs.txt"},
    })  # fmt: skip
    decoder = recipes.make("translate", **{"parts": "mine.py", "model.head.attention": "my_attention"})
    for recipe in (pipeline.recipe, decoder.recipe):
        with pytest.raises(ParamsError, match="is not known"):
            model.check(recipe)
    bring("mine.py", project)
    model.check(pipeline.recipe)
    model.check(decoder.recipe)
    (project / "pairs.txt").write_text("one = uno\ntwo = dos = 2\n", encoding="utf-8")
    assert list(readers.read(pipeline.prepare.corpus, project)) == [Row("one", "uno", ""), Row("two", "dos = 2", "")]


def test_a_module_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as caught:
        bring("mine.py", tmp_path)
    assert str(caught.value) == (
        f"parts: {tmp_path}/mine.py: no such file; name the module that defines your parts, or nothing"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("raise ValueError('a\\nb')", "ValueError: a b"),
        ("def f(:", "SyntaxError: "),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("from unroll.nn.cells import Nothing", "ImportError: cannot import name 'Nothing'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_cannot_be_run_is_one_line_each_time(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "mine.py").write_text(f"# {tmp_path}\n{content}\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(ParamsError) as caught:
            bring("mine.py", tmp_path)
        assert str(caught.value).startswith(f"parts: {tmp_path}/mine.py: cannot be run: {says}")
        assert str(caught.value).endswith("; fix it")
        assert "\n" not in str(caught.value)


def test_what_is_no_python_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(f"# {tmp_path}", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"mine\.txt: not a Python module; its name ends in \.py$"):
        bring("mine.txt", tmp_path)


def test_a_model_is_answered_with_the_module_that_it_was_made_with(project: Path) -> None:
    inherited = bring("mine.py", project)["parts"]
    bring_again("mine.py", project, inherited)
    assert runs() == 1
    bring_again("mine.py", project / "elsewhere", inherited)  # where there is none, the model may need none
    with (project / "mine.py").open("a", encoding="utf-8") as file:
        file.write("\n")
    says = rf"^{re.escape(str(project))}/mine\.py: is not the module with which the model was made; bring that one back"
    for known in (inherited, None, {}, {"files": {}}):
        with pytest.raises(IntegrityError, match=says):
            bring_again("mine.py", project, known)
    assert runs() == 1, "another module is not run"
