"""Any bytes at every door: an answer, or one line; never another exception."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import recipes, tiny
from tests.faults.conftest import Project
from unroll.data import imports, readers
from unroll.errors import UnrollError
from unroll.params import reading
from unroll.params.pipeline import Pipeline
from unroll.predict import loading
from unroll.predict.predictor import Predictor

pytestmark = pytest.mark.fault("fuzzed reader")

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
PLAIN = st.text(alphabet="ab1 ,.;\t\n\r\"'-é\u202e\u200b\U0001f600", max_size=200).map(str.encode)
CONTENT = PLAIN | st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"a\tb\n" * 3 + tail)
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "tsv": ("translate", {"file": "a"}),
    "aligned": ("translate", {"format": "aligned", "source_file": "a", "target_file": "b"}),
    "lines": ("language", {"files": ["a", "b"]}),
    "pairs": ("letter", {"files": ["a", "b"]}),
    "labelled": ("name", {"files": {"Italian": "a", "Welsh": "b"}}),
    "csv": ("classify", {"file": "a"}),
    "table": ("rows", {"file": "a"}),
    "joined": ("frames", {"file": "a"}),
}
"""{form: (a recipe that reads it, what is changed in its corpus)}"""


@contextmanager
def one_line_at_most() -> Iterator[None]:
    """Let what a person can mend through, if it is told in one line."""
    try:
        yield
    except UnrollError as error:
        hold_to_one_line(error)


def hold_to_one_line(error: Exception) -> None:
    assert str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("form", FORMATS)
@MANY
@given(a=CONTENT, b=CONTENT)
def test_corpora(tmp_path: Path, form: str, a: bytes, b: bytes) -> None:
    (tmp_path / "a").write_bytes(a)
    (tmp_path / "b").write_bytes(b)
    name, changes = FORMATS[form]
    document = recipes.document(name)
    kept = {} if "format" in changes else document["prepare"]["corpus"]
    document["prepare"]["corpus"] = kept | changes
    read = reading.parse(Pipeline, document | {"machine": recipes.MACHINE}, form).prepare.corpus
    with one_line_at_most():
        for row in readers.read(read, tmp_path):
            assert "\n" not in row.source


@MANY
@given(content=CONTENT | st.binary(max_size=80).map(lambda tail: b"2 3\nmilk 1 2 3\n" + tail))
@pytest.mark.parametrize("suffix", [".txt", ".gz", ".bz2"])
def test_vectors_in_text_form(tmp_path: Path, content: bytes, suffix: str) -> None:
    (tmp_path / f"v{suffix}").write_bytes(content)
    with one_line_at_most():
        for _, vector in imports.read_vectors(tmp_path / f"v{suffix}", 3, ["milk", "a", "1"]):
            assert vector.shape == (3,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, inner in value.items():
        yield (*path, name)
        if isinstance(inner, dict):
            yield from places(inner, (*path, name))


@pytest.mark.parametrize("name", ["translate", "language", "rows"])
@MANY
@given(data=st.data())
def test_parameters(name: str, data: st.DataObject) -> None:
    document = recipes.document(name) | {"machine": dict(recipes.MACHINE)}
    *owners, last = data.draw(st.sampled_from(list(places(document))))
    owner = document
    for part in owners:
        owner = owner[part]
    owner[last] = data.draw(JSON)
    with one_line_at_most():
        reading.parse(Pipeline, document, "pipelines/x.yaml")


@pytest.mark.parametrize("file", ["params.yaml", "pipelines/mine.yaml"])
@MANY
@given(
    content=CONTENT
    | JSON.flatmap(
        lambda value: st.sampled_from([value, {"pipelines": value}, {"machine": value}]).map(
            lambda document: yaml.safe_dump(document).encode()
        )
    )
)
def test_parameter_files(tmp_path: Path, file: str, content: bytes) -> None:
    recipes.write_project(tmp_path, "mine", recipes.document("translate"))
    (tmp_path / file).write_bytes(content)
    with one_line_at_most():
        reading.load(tmp_path, "mine")


@pytest.fixture(scope="module")
def model(undisturbed: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(undisturbed.folder / "data" / "mine" / "model", tmp_path_factory.mktemp("fuzz") / "m"))


@pytest.mark.parametrize("name", ["model.safetensors", "params.json", "target.tokenizer.json", "target.model"])
@FEW
@given(content=CONTENT | JSON.map(lambda value: json.dumps(value).encode()), at=st.floats(0, 1))
def test_checkpoint_folders(model: Path, name: str, content: bytes, at: float) -> None:
    path = model / name
    whole = path.read_bytes()
    cut = int(at * len(whole))
    try:
        for forged in (content, whole[:cut] + content + whole[cut + len(content) :]):
            path.write_bytes(forged)
            tiny.sign(model)
            with one_line_at_most():
                loading.load(model).predict(["a"])
    finally:
        path.write_bytes(whole)
        tiny.sign(model)


@pytest.fixture(scope="module")
def predictor(model: Path) -> Predictor:
    return loading.load(model)


@FEW
@given(texts=st.lists(st.text(max_size=60), max_size=5))
def test_texts(predictor: Predictor, texts: list[str]) -> None:
    with one_line_at_most():
        assert len(predictor.predict(texts)) == len(texts)


STRANGE = {
    "nothing": "",
    "spaces": " \t ",
    "unknown": "ζηθ ζηθ",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈",
    "right to left": "\u202eמה שלומך\u202c",
    "zero width": "I\u200b dr\u200dink\ufeff milk",
    "NUL": "I drink\0 milk.",
    "combining": "e" + "\u0301" * 500,
    "100,000 tokens": "I drink milk. " * 25_000,
    "one word of a million letters": "a" * 1_000_000,
}


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_texts_are_answered_and_the_next_one_too(predictor: Predictor, kind: str) -> None:
    (strange,), (plain,) = predictor.predict([STRANGE[kind], "I drink milk."])
    assert strange.truncated == (len(STRANGE[kind]) > 20_000)
    (alone,) = predictor.predict(["I drink milk."])
    assert plain.text == alone[0].text


@FEW
@given(
    rows=st.lists(JSON, max_size=4), asked=st.dictionaries(st.sampled_from(["beam", "n_best"]), st.integers(-3, 200))
)
def test_requests(predictor: Predictor, rows: list[Any], asked: dict[str, int]) -> None:
    from mlflow.exceptions import MlflowException

    from unroll.serve.served import Served

    served = Served()
    served.predictor, served.search = predictor, predictor.search
    try:
        answers = served.predict(None, pd.DataFrame({"text": rows}, dtype=object), asked)  # type: ignore[arg-type]
        assert set(answers["input"]) == set(range(len(rows)))
    except MlflowException as error:
        hold_to_one_line(error)


BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
REQUESTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("params", "inputs", "instances", "dataframe_records", "dataframe_split"), JSON),
).map(lambda request: json.dumps(request).encode())


@FEW
@given(body=BODIES | REQUESTS)
def test_bodies(predictor: Predictor, body: bytes) -> None:
    from unroll.serve.answering import answer
    from unroll.serve.http import RefusedError, read

    try:
        with one_line_at_most():
            texts, params = read(body)
            assert {row.input for row in answer(predictor, predictor.search, texts, params)} == set(range(len(texts)))
    except RefusedError as refused:
        hold_to_one_line(refused)


LONE = [chr(0xD800), "a" + chr(0xDFFF)]


@pytest.mark.parametrize("lone", LONE)
def test_half_a_character_is_one_line_or_an_answer(predictor: Predictor, lone: str) -> None:
    with one_line_at_most():
        assert len(predictor.predict([lone])) == 1
