"""What `import unroll` offers: names that cost nothing until they are used, `load`, and `train` on rows in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import unroll
from tests import recipes
from unroll.errors import DataError, ParamsError
from unroll.nn.attention import ATTENTIONS
from unroll.nn.cells import CELLS
from unroll.params.evaluate import Beam
from unroll.params.pipeline import Pipeline
from unroll.predict.predictor import Prediction, Predictor

ROOT = Path(__file__).parents[2]
NAMES = {"ATTENTIONS", "CELLS", "Prediction", "Predictor", "__version__", "load", "train"}
HEAVY = ("torch", "mlflow", "numpy", "pydantic", "gensim", "sklearn", "matplotlib")
SMALL = {
    "prepare.split": {"kind": "grouped", "by": "both", "valid": 0.2, "test": 0.1, "largest_component": 50},
    "embed.dimensions": 16, "model.encoder.hidden": 16, "train.updates": 20, "train.warmup": 2,
    "train.batch_tokens": 64, "train.validate_every": 10, "train.log_every": 5, "train.validation_rows": 9,
    "train.sampled_softmax": 0,
}  # fmt: skip
PAIRS = {
    "tokenize.source": {"kind": "word", "vocab_size": 60, "lowercase": False}, "model.head.hidden": 16,
    "embed.kind": "random",
}  # fmt: skip
TEXTS = {"tokenize.source.vocab_size": 60, "train.bptt": 8, "prepare.split.by": "source"}
ROWS = [(f"I drink {a} and {b}", f"Bebo {a} y {b}") for a in "abcdefg" for b in "hijklmn"]
LOADED = "print(*sorted(name for name in sys.modules if name in {heavy}))"


def pipeline(name: str = "translate", **changes: Any) -> Pipeline:
    return recipes.make(name, **(SMALL | (TEXTS if name == "language" else PAIRS) | changes))


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Predictor]:
    """A translator of rows in memory, and its folder."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    return folder, unroll.train(pipeline(), ROWS, folder)


# Names


@pytest.mark.parametrize("program", ["import unroll", "import unroll; dir(unroll)", "import unroll; unroll.load"])
def test_importing_it_loads_nothing_heavy(program: str) -> None:
    program = f"import sys; {program}; {LOADED.format(heavy=HEAVY)}"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == []


def test_a_cell_loads_torch_and_no_mlflow() -> None:
    program = f"import sys, unroll; unroll.CELLS; {LOADED.format(heavy=('torch', 'mlflow'))}"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["torch"]


def test_its_names_are_listed_and_lead_where_they_say() -> None:
    assert set(unroll.__all__) == NAMES
    assert set(dir(unroll)) >= NAMES
    assert unroll.CELLS is CELLS
    assert unroll.ATTENTIONS is ATTENTIONS
    assert (unroll.Predictor, unroll.Prediction) == (Predictor, Prediction)
    assert all(getattr(unroll, name) for name in NAMES)


def test_a_name_that_it_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(AttributeError, match=r"^module 'unroll' has no attribute 'lod'; it has ATTENTIONS, CELLS, "):
        _ = unroll.lod


# Models


def test_a_folder_is_loaded_by_its_path_or_its_name(tiny_model_folder: Path) -> None:
    by_name, by_path = unroll.load(str(tiny_model_folder)), unroll.load(tiny_model_folder)
    assert by_name("I drink milk").text == by_path("I drink milk").text
    assert by_name.search == by_path.search
    beam = Beam(
        kind="beam", beam=2, length_penalty=0.5, max_length_ratio=1.0, int8=False, shortlist=0, batch_sentences=3
    )
    assert unroll.load(tiny_model_folder, search=beam).search is beam


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    for place in (tmp_path / "none", str(tmp_path / "none")):
        with pytest.raises(ParamsError) as caught:
            unroll.load(place)
        assert str(caught.value) == (
            f"{tmp_path}/none: no such folder; make one with make repro, or name a registered version: "
            "models:/NAME@champion"
        )


def test_a_version_that_is_not_registered_is_one_line(home: Path) -> None:
    with pytest.raises(ParamsError, match=r"^models:/none@champion: no such model in the .*; registered: none yet$"):
        unroll.load("models:/none@champion")
    with pytest.raises(ParamsError, match=r"^models:none: not a model; write models:/NAME@champion"):
        unroll.load("models:none")


def test_a_lone_text_gets_one_answer_and_several_a_list(tiny_model_folder: Path) -> None:
    predictor = unroll.load(tiny_model_folder)
    one, several = predictor("I drink milk"), predictor(["I drink milk", "tea"])
    assert isinstance(one, Prediction)
    assert isinstance(several, list)
    assert [type(answer) for answer in several] == [Prediction, Prediction]
    assert str(one) == one.text == several[0].text
    assert predictor([]) == []
    assert [best.text for best, *_ in predictor.predict(["I drink milk", "tea"])] == list(map(str, several))


def test_a_lone_text_is_not_read_as_a_list_of_letters(tiny_model_folder: Path) -> None:
    with pytest.raises(DataError, match=r"^predict takes a list of texts; for one text call the predictor with it$"):
        unroll.load(tiny_model_folder).predict("text")


def test_a_predictor_says_what_it_is(tiny_model_folder: Path) -> None:
    told = repr(unroll.load(tiny_model_folder))
    assert told.startswith("<Predictor: n_to_m, lstm 32 ")
    assert "Beam(kind='beam', beam=5" in told
    assert "\n" not in told


# Training


def test_rows_become_a_model_that_answers(trained: tuple[Path, Predictor]) -> None:
    folder, predictor = trained
    assert isinstance(predictor("I drink a and h").text, str)
    assert predictor.recipe == pipeline().recipe
    again = unroll.load(folder)
    texts = [source for source, _ in ROWS[:5]]
    assert list(map(str, again(texts))) == list(map(str, predictor(texts)))


def test_the_same_rows_give_the_same_bytes(trained: tuple[Path, Predictor], tmp_path: Path) -> None:
    unroll.train(pipeline(), iter(ROWS), str(tmp_path / "model"))
    assert files(tmp_path / "model") == files(trained[0])
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_pipeline_file_is_read_from_wherever_it_is(trained: tuple[Path, Predictor], tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(recipes.section(pipeline())), encoding="utf-8")
    for number, place in enumerate((path, str(path))):
        unroll.train(place, ROWS, tmp_path / f"model{number}")
        assert files(tmp_path / f"model{number}") == files(trained[0])


def test_texts_become_a_language_model(tmp_path: Path) -> None:
    settings = pipeline("language", **{"prepare.split": SMALL["prepare.split"] | {"by": "source"}})
    predictor = unroll.train(settings, [source for source, _ in ROWS], tmp_path / "model")
    assert predictor.recipe.reads_on
    assert predictor("I drink").text.startswith("I drink")


def test_an_official_split_is_refused(tmp_path: Path) -> None:
    changes = {"prepare.split": recipes.document("language")["prepare"]["split"]}
    says = r"^prepare\.split\.kind: 'official' names files; for rows of your own set 'grouped'$"
    with pytest.raises(ParamsError, match=says):
        unroll.train(pipeline("language", **changes), ["a b c"] * 9, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("a", "b"), ("a", "b", "c")], r"^rows: row 2 is neither a text nor a pair of texts: "),
        ([("a", 3)], r"^rows: row 1 is neither a text nor a pair of texts: "),
        ([("a b", "b a")], r"^prepare\.split: no row for "),
        ([], r"^rows: none of 0 rows is left"),
        ([("", "b")] * 3, r"^rows: none of 3 rows is left \(one_sided 3\)"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_one_line(rows: list[Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        unroll.train(pipeline(), rows, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
