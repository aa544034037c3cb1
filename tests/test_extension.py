"""What comes from outside the package: parts of one's own, and pipelines that are a file of YAML."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests import recipes, tiny
from unroll.artifacts import store
from unroll.data import readers
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.errors import IntegrityError, ParamsError
from unroll.nn import model
from unroll.nn.attention import ATTENTIONS, Global, Memory
from unroll.nn.cells import CELLS, Cell, State
from unroll.nn.model import HEADS
from unroll.params.pipeline import Pipeline
from unroll.predict import checkpoints, loading
from unroll.predict.predictor import Predictor

ROOT = Path(__file__).parents[1]
ALL = """
import runpy, sys
for stage in ("fetch", "prepare", "tokenize", "embed", "train", "evaluate", "register"):
    sys.argv[1:], asked = ["mine"], sys.argv[1:]
    runpy.run_module(f"stages.{stage}", run_name="__main__")
    sys.argv[1:] = asked
from unroll.cli.main import main
main()
"""
"""What `python -m stages.<name> mine`, stage by stage, and `unroll` do, in one process that loads torch once."""
PAIRS = [(f"I drink {n}", f"Bebo {n}") for n in ("milk", "water", "tea", "wine", "it")] * 8


class Mine(Cell):
    """The minimal gated unit (Zhou 2016): one gate alone."""

    def __init__(self, input_size: int, hidden: int) -> None:
        super().__init__(input_size, hidden)
        self.gate = nn.Linear(input_size + hidden, hidden)
        self.new = nn.Linear(input_size + hidden, hidden)

    def step(self, x_BD: Tensor, state: State) -> State:
        h = state[0]
        f = torch.sigmoid(self.gate(torch.cat([x_BD, h], 1)))
        return ((1 - f) * h + f * torch.tanh(self.new(torch.cat([x_BD, f * h], 1))),)


class Cosine(Global):
    """Scores by the cosine between query and key, which may be of two sizes."""

    def __init__(self, query_size: int, memory_size: int, bound: int | None) -> None:
        super().__init__(query_size, memory_size, bound)
        self.turn = nn.Linear(memory_size, query_size, bias=False)

    def score(self, query_BTH: Tensor, keys_BSH: Tensor) -> Tensor:
        keys_BSH = nn.functional.normalize(self.turn(keys_BSH), dim=2)
        return 8 * nn.functional.normalize(query_BTH, dim=2) @ keys_BSH.transpose(1, 2)


def trained_saved_and_loaded(folder: Path, settings: Pipeline) -> tuple[Predictor, Predictor]:
    """A predictor of a model that was trained a little, and the same from its files."""
    network, before, _ = tiny.train(folder / "learnt", settings, PAIRS)
    with store.writing(folder / "tokenized", "tokenized", {}) as aside:
        tiny.tokenize(aside, settings, PAIRS)
    inputs = {"tokenized": store.verify(folder / "tokenized", "tokenized")}
    checkpoints.save(folder / "model", network, tiny.recipe(settings), folder / "tokenized", inputs)
    return before, loading.load(folder / "model")


@pytest.mark.parametrize(
    "changes",
    [
        {"model__encoder__cell": "mine", "model__head__cell": "mine"},
        {"model__encoder__cell": "mine", "model__head__cell": "lstm", "model__encoder__layers": 2},
        {"model__head__attention": "cosine"},
        {"model__head__attention": "cosine", "model__head__query": "before", "hidden": None, "model__head__hidden": 24},
    ],
    ids=["a cell everywhere", "a cell in deep encoders", "an attention", "an attention of two sizes"],
)
def test_a_class_and_a_line_are_all_that_a_new_part_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    settings = tiny.pipeline(train__updates=60, train__validate_every=60, **changes)
    with pytest.raises(ParamsError, match=r"'(mine|cosine)' is not known"):
        model.check(tiny.recipe(settings))
    monkeypatch.setitem(CELLS, "mine", Mine)
    monkeypatch.setitem(ATTENTIONS, "cosine", Cosine)

    before, after = trained_saved_and_loaded(tmp_path, settings)
    sources = sorted({source for source, _ in PAIRS})
    said, again = ([best.text for (best,) in one.predict(sources)] for one in (before, after))
    assert said == again == [dict(PAIRS)[source] for source in sources]
    assert any(isinstance(part, Mine | Cosine) for part in after.model.modules())


def test_a_new_cell_tags_and_classifies_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS, "mine", Mine)
    pairs = [(f"{sign}0.5", "yes" if sign else "no") for sign in ("", "-")] * 30
    for section in ("frames", "rows"):
        settings = tiny.pipeline(
            section, model__encoder__cell="mine", prepare__corpus__frame=1, tokenize__source__width=1,
            train__updates=40,
        )  # fmt: skip
        _, _, right = tiny.train(tmp_path / section, settings, pairs)
        assert right == 1


class Twice(nn.Module):
    """An answer for each state of the memory, or for their mean, by two layers."""

    def __init__(
        self, embedding: nn.Module, vocabulary: int, memory_size: int, settings: Any, dropout: float, tied: bool
    ) -> None:
        super().__init__()
        self.once = settings.like == "classifier"
        self.hidden = nn.Linear(memory_size, settings.width)
        self.logits = nn.Linear(settings.width, vocabulary)

    def forward(self, memory: Memory) -> Tensor:
        states_BSH = memory.states_BSH.mean(1, keepdim=True) if self.once else memory.states_BSH
        return torch.tanh(self.hidden(states_BSH))


@pytest.mark.parametrize(("like", "section"), [("classifier", "rows"), ("tagger", "frames")])
def test_a_head_says_which_one_it_is_like_and_is_fed_and_asked_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, like: str, section: str
) -> None:
    pairs = [(f"{sign}0.5", "yes" if sign else "no") for sign in ("", "-")] * 30
    changes = {"parts": "mine.py", "model__head": {"kind": "twice", "like": like, "width": 24}}
    settings = tiny.pipeline(
        section, prepare__corpus__frame=1, tokenize__source__width=1, train__updates=40, **changes
    )  # fmt: skip
    with pytest.raises(ParamsError, match=r"model\.head\.kind: 'twice' is not known"):
        model.check(settings.recipe)
    monkeypatch.setitem(HEADS, "twice", Twice)  # type: ignore[arg-type]
    network, _, right = tiny.train(tmp_path, settings, pairs)
    assert right == 1
    assert isinstance(network.head, Twice)


def test_a_reader_of_ones_own_takes_a_function_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = {"format": "marked", "file": "a", "mark": " = "}
    with pytest.raises(
        ParamsError, match=r"prepare\.corpus\.format: 'marked' is not known; .* name its module in parts"
    ):
        recipes.make("translate", **{"prepare.corpus": corpus, "prepare.filters": None})
    settings = recipes.make("translate", **{"prepare.corpus": corpus, "prepare.filters": None, "parts": "mine.py"})

    with pytest.raises(ParamsError, match=r"prepare\.corpus\.format: 'marked' is not known; known here: tsv, "):
        readers.read(settings.prepare.corpus, tmp_path)

    def read(corpus: Any, folder: Path) -> list[Row]:
        return [Row(*line.split(corpus.mark), "") for line in (folder / corpus.file).read_text().splitlines()]

    monkeypatch.setitem(READERS, "marked", read)  # type: ignore[arg-type]
    (tmp_path / "a").write_text("milk = leche\ntea = té\n", encoding="utf-8")
    assert list(readers.read(settings.prepare.corpus, tmp_path)) == [Row("milk", "leche", ""), Row("tea", "té", "")]


# A pipeline is a file. Each function writes files of the user's own and returns the changes to the tests' recipe of the
# same shape that is nearest, with a command and what it is to answer to the last argument.

Own = tuple[str, dict[str, Any], list[str], set[str]]
GROUPED = {"kind": "grouped", "by": "source", "valid": 0.15, "test": 0.15, "largest_component": 50}
WORDS = ["milk", "water", "tea", "wine", "bread", "rice", "fish", "soup", "salt", "cake"]


def write(folder: Path, name: str, lines: list[str]) -> dict[str, Any]:
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {"kind": "files", "members": {name: name}}


def one_to_one(sources: Path) -> Own:
    """Two numbers -> the sign of their product."""
    rng = random.Random(1)
    rows = [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(400)]
    lines = [f"{'same' if x * y > 0 else 'other'},{x:.3f},{y:.3f}" for x, y in rows]
    changes = {
        "fetch": write(sources, "signs.csv", lines),
        "prepare.corpus": {
            "format": "table", "file": "signs.csv", "rows": None, "columns": [1, 3], "frame": 2, "divisor": 1.0,
            "target_column": 0, "target_names": None, "join": None,
        },
        "tokenize.source.width": 2, "model.encoder.layers": 1,
    }  # fmt: skip
    return "digit", changes, ["classify", "0.5 0.5"], {"same"}


def one_to_n(sources: Path) -> Own:
    """A name -> a sentence; some names have many."""
    spoken = [f"{name}\tI am {name} and like {word}" for name in ("Ann", "Bob", "Cy") for word in WORDS]
    changes = {
        "fetch": write(sources, "said.tsv", spoken),
        "prepare.corpus": {
            "format": "tsv", "file": "said.tsv", "source_column": 0, "target_column": 1, "attribution_column": None,
        },
        "prepare.split": GROUPED | {"by": "target"},
        "tokenize.target": {"kind": "space", "vocab_size": 60, "lowercase": False},
    }  # fmt: skip
    return "name", changes, ["generate", "--temperature", "0.1", "Bob"], {f"I am Bob and like {w}" for w in WORDS}


def n_to_n(sources: Path) -> Own:
    """Words -> whether each is a number."""
    rng = random.Random(1)
    rows = [rng.choices([*WORDS, *map(str, range(9))], k=rng.randint(2, 6)) for _ in range(300)]
    lines = [f"{' '.join(row)}\t{' '.join('number' if item.isdigit() else 'word' for item in row)}" for row in rows]
    changes = {
        "fetch": write(sources, "tagged.tsv", lines),
        "prepare.corpus": {
            "format": "tsv", "file": "tagged.tsv", "source_column": 0, "target_column": 1, "attribution_column": None,
        },
        "tokenize.source": {"kind": "space", "vocab_size": 60, "lowercase": False},
    }  # fmt: skip
    return "frames", changes, ["tag", "milk 7 tea"], {"word number word"}


def running_text(sources: Path) -> Own:
    """A text that says the same again and again."""
    changes = {
        "fetch": write(sources, "text.txt", [f"row {n} : one two three four five six ." for n in range(200)]),
        "prepare.corpus.files": ["text.txt"], "prepare.split": GROUPED,
        "tokenize.source.vocab_size": 60, "embed.dimensions": 32, "train.sampled_softmax": 0,
    }  # fmt: skip
    return (
        "language",
        changes,
        ["generate", "--max-tokens", "3", "--temperature", "0.1", "one two"],
        {"one two three four five"},
    )


def n_to_one(sources: Path) -> Own:
    """A line -> the file that it is from."""
    rng = random.Random(1)
    fetched: dict[str, str] = {}
    for name, words in (("food", WORDS), ("tools", ["saw", "axe", "drill", "nail", "rope", "file", "vice", "bolt"])):
        lines = [" ".join(rng.sample(words, rng.randint(2, 5))) for _ in range(150)]
        fetched |= write(sources, f"{name}.txt", lines)["members"]
    changes = {
        "fetch": {"kind": "files", "members": fetched},
        "prepare.corpus": {
            "format": "labelled", "label": "target", "files": {"Food": "food.txt", "Tools": "tools.txt"}
        },
    }  # fmt: skip
    return "nationality", changes, ["classify", "saw axe nail"], {"Tools"}


def n_to_m(sources: Path) -> Own:
    """Words -> the same backwards, from two files."""
    rng = random.Random(1)
    rows = [rng.sample(WORDS, rng.randint(2, 4)) for _ in range(600)]
    fetched = write(sources, "there.txt", [" ".join(row) for row in rows])["members"]
    fetched |= write(sources, "back.txt", [" ".join(row[::-1]) for row in rows])["members"]
    changes = {
        "fetch": {"kind": "files", "members": fetched},
        "prepare.corpus": {"format": "aligned", "source_file": "there.txt", "target_file": "back.txt"},
        "prepare.split": GROUPED,
        "tokenize.source": {"kind": "space", "vocab_size": 60, "lowercase": False}, "embed.dimensions": 32,
        "model.head.hidden": 32, "train.sampled_softmax": 0, "train.label_smoothing": 0.0, "train.updates": 400,
    }  # fmt: skip
    return "translate", changes, ["translate", "milk tea bread"], {"bread tea milk"}


SMALL = {
    "model.encoder.hidden": 32, "model.dropout": 0.0, "train.updates": 200, "train.warmup": 10,
    "train.learning_rate": 0.01, "train.batch_tokens": 128, "train.validate_every": 100, "train.validation_rows": 40,
    "evaluate.pictures": 1, "register.resamples": 20, "register.name": "mine",
}  # fmt: skip


@pytest.mark.parametrize(
    "own", [one_to_one, one_to_n, n_to_n, running_text, n_to_one, n_to_m], ids=lambda own: own.__name__
)
def test_a_pipeline_is_a_file_and_nothing_else(tmp_path: Path, blank_store: Path, own: Callable[[Path], Own]) -> None:
    (tmp_path / "data/sources").mkdir(parents=True)
    nearest, changes, command, expected = own(tmp_path / "data/sources")
    recipes.write_project(tmp_path, "mine", recipes.document(nearest, SMALL | changes))
    done = made_and_asked(tmp_path, blank_store, command)
    assert "mine version 1 (challenger, champion), new" in done.stdout
    assert done.stdout.splitlines()[-1] in expected


def made_and_asked(folder: Path, blank_store: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run every stage of the pipeline `mine`, and a command on its champion."""
    shutil.copy(blank_store, folder / "mlflow.db")
    dropped = ("MLFLOW_", "DVC_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    asking, *arguments = command
    done = subprocess.run(
        [sys.executable, "-c", ALL, asking, "--model", "models:/mine@champion", *arguments],
        cwd=folder, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done


# Parts of one's own, in a module that the pipeline file names.

PARTS = """
import torch
from torch import nn

from unroll.data.files import lines
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.nn.model import HEADS


class Deep(nn.Module):
    'One answer, by two layers of the mean state.'

    def __init__(self, embedding, vocabulary, memory_size, settings, dropout, tied):
        super().__init__()
        self.hidden = nn.Linear(memory_size, settings.width)
        self.logits = nn.Linear(settings.width, vocabulary)

    def forward(self, memory):
        mask_BS1 = memory.mask_BS[:, :, None]
        mean_BH = (memory.states_BSH * mask_BS1).sum(1) / mask_BS1.sum(1)
        return torch.tanh(self.hidden(mean_BH))[:, None]


def read(corpus, folder):
    for line in lines(folder / corpus.file):
        label, text = line.split(corpus.mark, 1)
        yield Row(text, label, "")


HEADS["deep"] = Deep
READERS["marked"] = read
"""
OWN_PARTS = SMALL | {
    "parts": "pipelines/mine.py",
    "prepare.corpus": {"format": "marked", "file": "marked.txt", "mark": " <- "},
    "model.head": {"kind": "deep", "like": "classifier", "width": 24},
}


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """A project with a corpus in a form of its own, and the module of parts that reads it."""
    rng = random.Random(1)
    tools = ["saw", "axe", "drill", "nail", "rope", "file", "vice", "bolt"]
    rows = [
        f"{label} <- {' '.join(rng.sample(words, rng.randint(2, 5)))}"
        for label, words in (("Food", WORDS), ("Tools", tools))
        for _ in range(150)
    ]
    (tmp_path / "data/sources").mkdir(parents=True)
    fetched = write(tmp_path / "data/sources", "marked.txt", rows)
    recipes.write_project(tmp_path, "mine", recipes.document("nationality", OWN_PARTS | {"fetch": fetched}))
    (tmp_path / "pipelines/mine.py").write_text(PARTS, encoding="utf-8")
    return tmp_path


def test_a_head_and_a_reader_of_ones_own_go_through_all_stages(
    marked: Path, blank_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = made_and_asked(marked, blank_store, ["classify", "saw axe nail"])
    assert "mine version 1 (challenger, champion), new" in done.stdout
    assert done.stdout.splitlines()[-1] == "Tools"

    # It is answered with the very module it was made with, and says so where that is another one or none.
    monkeypatch.chdir(marked)
    module = Path("pipelines/mine.py")
    module.write_text(f"{PARTS}# a remark\n", encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"pipelines/mine\.py: is not the module with which the model was made"):
        loading.load(Path("data/mine/model"))
    module.unlink()
    with pytest.raises(IntegrityError, match=r"its own parts are in pipelines/mine\.py: ask it where that file is"):
        loading.load(Path("data/mine/model"))
