"""A registered model answers as the Predictor does, and refuses what it cannot answer, in one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.exceptions import MlflowException

import unroll
from tests import tiny
from tests.tracked import PAIRS, answers, evaluate, make_folders, register, register_with, settings
from unroll import parts
from unroll.artifacts import manifest, store
from unroll.data import tokenizers
from unroll.data.ids import ID_DTYPE, SPECIAL
from unroll.data.lexicon import Lexicon
from unroll.errors import DataError, IntegrityError
from unroll.folders import Folders
from unroll.nn.model import build
from unroll.params import reading
from unroll.params.reading import dump
from unroll.predict import checkpoints, loading
from unroll.registry import names
from unroll.serve.served import Served
from unroll.shapes import SIDES


@pytest.fixture
def folders(home: Path) -> Folders:
    folders = make_folders(home, answers(3))
    register(folders)
    return folders


def load() -> Any:
    import mlflow

    return mlflow.pyfunc.load_model("models:/translate@champion")


def test_a_registered_model_says_what_the_predictor_says(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    model, texts = load(), [source for source, _ in PAIRS[:3]]
    predictor = loading.load(folders.model, settings().evaluate.search)

    found = model.predict(pd.DataFrame({"text": texts}))
    assert list(found.columns) == ["input", "rank", "text", "score", "truncated", "cut_off"]
    expected = predictor.predict(texts)
    assert list(found["text"]) == [best.text for best, *_ in expected]
    assert list(found["score"]) == pytest.approx([best.score for best, *_ in expected])
    assert list(found["input"]) == [0, 1, 2]

    two = model.predict(pd.DataFrame({"text": texts}), params={"beam": 3, "n_best": 2})
    assert list(two["rank"]) == [1, 2] * 3
    narrow = predictor.search.model_copy(update={"beam": 3})
    assert list(two["text"]) == [answer.text for answers in predictor.predict(texts, 2, narrow) for answer in answers]

    with pytest.raises(MlflowException, match="text"):
        model.predict(pd.DataFrame({"sentence": texts}))


def test_a_tampered_model_is_refused(folders: Folders) -> None:
    weights = names.resolve("models:/translate@champion") / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        load()


CELL = """# a module is run once in a process, by its content: no other test has this one
from unroll.nn.cells import CELLS, GRU

class Mine(GRU):
    "A cell of the project's own."

CELLS["mine"] = Mine
"""
ASK = """
import sys, json, mlflow, pandas
model = mlflow.pyfunc.load_model("models:/translate@champion")
import unroll
found = model.predict(pandas.DataFrame({"text": json.loads(sys.argv[1])}))
print(json.dumps([unroll.__file__, list(found["text"])]))
"""


def test_a_model_of_parts_of_its_own_answers_in_a_process_that_knows_none_of_them(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (home / "lib").mkdir()
    (home / "lib" / "mine.py").write_text(CELL)
    changes = {"parts": "lib/mine.py", "model.encoder.cell": "mine", "model.head.cell": "mine"}
    own = reading.changed(settings(), changes).recipe
    folders = make_folders(home, answers(3))
    inputs = store.verify(folders.model, "model")["inputs"] | parts.bring("lib/mine.py", home)
    size = len(tokenizers.load(folders.tokenized, "source"))
    torch.manual_seed(1)
    network = build(own, dict.fromkeys(SIDES, size), dict.fromkeys(SIDES, np.ones((size, 4), np.float32)))
    checkpoints.save(folders.model, network, own, folders.tokenized, inputs)
    evaluate(folders, answers(3))
    register(folders)

    texts = [source for source, _ in PAIRS[:3]]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    told = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(texts)], cwd=tmp_path_factory.mktemp("elsewhere"),
        env=environment | {"MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlflow.db'}"}, capture_output=True, text=True,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    library, said = json.loads(told.stdout.splitlines()[-1])
    assert Path(library).is_relative_to(home / "mlartifacts")
    predictor = loading.load(folders.model, settings().evaluate.search)
    assert "Mine" in repr(predictor.model)
    assert said == [one.text for one in predictor(texts)]


def test_a_module_of_parts_that_was_altered_is_not_run(tmp_path: Path) -> None:
    small = reading.changed(tiny.pipeline(), {"parts": "mine.py", "model.encoder.cell": "mine"})
    (tmp_path / "mine.py").write_text(f"{CELL}# nor this one\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.py").write_text(f"{CELL}raise SystemExit('it was run')\n")
    store.write_file(tmp_path / "search.json", manifest.dump_json(dump(small.evaluate.search)))
    with store.writing(tmp_path / "model", "model", parts.bring("mine.py", tmp_path)) as aside:
        (aside / "params.json").write_text("{}")
    places = {"model": "model", "search": "search.json", "parts": "other/mine.py"}
    with pytest.raises(IntegrityError, match=r"mine\.py: is not the module with which the model was made"):
        Served().load_context(SimpleNamespace(artifacts={name: str(tmp_path / at) for name, at in places.items()}))


def test_a_registered_model_answers_with_a_shortlist_of_its_lexicon(home: Path) -> None:
    folders = make_folders(home, answers(3))
    size = len(tokenizers.load(folders.tokenized, "source"))
    ids = np.arange(size, dtype=ID_DTYPE)
    with store.writing(
        folders.lexicon, "lexicon", {"tokenized": store.verify(folders.tokenized, "tokenized")}
    ) as aside:
        Lexicon(ids[:, None], ids[len(SPECIAL) : len(SPECIAL) + 3]).save(aside)
    short = settings().evaluate.search.model_copy(update={"shortlist": 2})
    register_with(short, folders)

    beside = names.resolve("models:/translate@champion").parent / "lexicon"
    assert store.verify(beside, "lexicon") == store.verify(folders.lexicon, "lexicon")
    texts = [source for source, _ in PAIRS[:3]]
    answered = loading.load(folders.model, short)(texts)
    assert list(load().predict(pd.DataFrame({"text": texts}))["text"]) == [one.text for one in answered]
    loaded = unroll.load("models:/translate@champion")
    assert loaded.search == short
    assert [one.text for one in loaded(texts)] == [one.text for one in answered]
    shutil.rmtree(folders.lexicon)
    with pytest.raises(DataError, match="no lexicon"):
        loading.load(folders.model, short)(texts)


ROWS = {
    "translate": [("I drink milk", "Bebo leche"), ("I drink tea", "Bebo te")] * 5,
    "language": [("the milk is cold", ""), ("the tea is hot", "")] * 5,
    "classify": [("Who drinks milk ?", "human"), ("Where is it ?", "location")] * 5,
    "frames": [("0 0 0 0 0 0 0 1;1 0 0 0 0 0 0 0", "3 7"), ("0 0 0 0 0 0 0 1", "3")] * 5,
}


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Served]:
    """A function that loads a small model of a pipeline as MLflow would."""

    def load(pipeline: str) -> Served:
        folder, small = tmp_path_factory.mktemp(pipeline), tiny.pipeline(pipeline, hidden=16)
        store.write_file(folder / "search.json", manifest.dump_json(dump(small.evaluate.search)))
        model = tiny.checkpoint(folder, small, ROWS[pipeline])
        served = Served()
        served.load_context(SimpleNamespace(artifacts={"model": str(model), "search": str(folder / "search.json")}))
        return served

    return load


def ask(served: Served, *texts: str, **params: Any) -> pd.DataFrame:
    return served.predict(SimpleNamespace(), pd.DataFrame({"text": texts}), params)


def test_a_classifier_ranks_its_classes(serve: Callable[[str], Served]) -> None:
    found = ask(serve("classify"), "Who ?", "Where ?", n_best=5)
    assert list(found["rank"]) == [1, 2, 1, 2]
    assert sorted(found["text"][:2]) == ["human", "location"]


def test_a_tagger_labels_vectors(serve: Callable[[str], Served]) -> None:
    found = ask(serve("frames"), *(source for source, _ in ROWS["frames"][:2]))
    assert [len(text.split()) for text in found["text"]] == [2, 1]


def test_a_language_model_draws_as_it_is_asked(serve: Callable[[str], Served]) -> None:
    served = serve("language")
    asked = {"n_best": 3, "temperature": 2.0, "top_k": 9, "top_p": 1.0, "max_tokens": 5, "seed": 7}
    found = ask(served, "the milk", "", **asked)
    assert list(found["rank"]) == [1, 2, 3] * 2
    assert all(text.startswith("the milk") for text in found["text"][:3])
    assert all(len(text.split()) <= 2 + 5 for text in found["text"])
    assert found.equals(ask(served, "the milk", "", **asked))
    assert not found.equals(ask(served, "the milk", "", **asked | {"seed": 8}))


@pytest.mark.parametrize(
    ("pipeline", "params", "message"),
    [
        ("translate", {"beam": 0}, "params: beam: should be greater than or equal to 1, not 0"),
        ("translate", {"beam": 10**9}, "beam is 1000000000; needed: at most 100"),
        ("translate", {"beam": 2, "n_best": 3}, "n_best is 3; needed: 1 <= n_best <= beam, and beam is 2"),
        ("classify", {"n_best": 0}, "n_best is 0; needed: 1 <= n_best"),
        ("classify", {"n_best": 101}, "n_best is 101; needed: at most 100"),
        ("language", {"max_tokens": 1001}, "max_tokens is 1001; needed: at most 1000"),
        ("language", {"temperature": 0.0}, "params: temperature: should be greater than 0, not 0.0"),
        ("language", {"temperature": float("nan")}, "params: temperature: should be a finite number, not nan"),
        ("language", {"top_p": 1.5}, "params: top_p: should be less than or equal to 1, not 1.5"),
    ],
)
def test_a_request_out_of_bounds_is_a_400_in_one_line(
    serve: Callable[[str], Served], pipeline: str, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(MlflowException) as refused:
        ask(serve(pipeline), "tea", **params)
    assert (refused.value.message, refused.value.get_http_status_code()) == (message, 400)


@pytest.mark.parametrize(
    ("text", "message"),
    [("1 2", "vector 1 of '1 2': has 2 numbers where 8 are needed"), (None, "text of row 0 is None; needed: a string")],
)
def test_a_text_that_cannot_be_read_is_a_400_in_one_line(
    serve: Callable[[str], Served], text: Any, message: str
) -> None:
    with pytest.raises(MlflowException, match=message) as refused:
        ask(serve("frames"), text)
    assert refused.value.get_http_status_code() == 400
    assert "\n" not in refused.value.message
