from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stages import Folders
from tests.tracked import PAIRS, answers, make_folders, settings
from unroll import registry
from unroll.errors import IntegrityError
from unroll.predictor import Predictor


@pytest.fixture
def folders(home: Path) -> Folders:
    folders = make_folders(home, answers(3))
    run = registry.record(settings().evaluate.search, settings().register_, folders)
    registry.register(settings().evaluate.search, settings().register_, folders, run)
    return folders


def load() -> Any:
    import mlflow

    return mlflow.pyfunc.load_model("models:/translate@champion")


def test_a_registered_model_says_what_the_predictor_says(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd
    from mlflow.exceptions import MlflowException

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    model, texts = load(), [source for source, _ in PAIRS[:3]]
    search = settings().evaluate.search
    predictor = Predictor.load(folders.model, search)

    found = model.predict(pd.DataFrame({"text": texts}))
    assert list(found.columns) == ["input", "rank", "text", "score", "truncated"]
    expected = predictor.predict(texts, search.beam, 1)
    assert list(found["text"]) == [best.text for best, *_ in expected]
    assert list(found["score"]) == pytest.approx([best.score for best, *_ in expected])
    assert list(found["input"]) == [0, 1, 2]

    two = model.predict(pd.DataFrame({"text": texts}), params={"beam": 3, "n_best": 2})
    assert list(two["rank"]) == [1, 2] * 3
    assert list(two["text"]) == [answer.text for answers in predictor.predict(texts, 3, 2) for answer in answers]

    for asked in ({"beam": 0}, {"beam": 2, "n_best": 3}, {"n_best": 0}, {"beam": 10**9}):
        with pytest.raises(MlflowException, match="needed: 1 <= n_best <= beam"):
            model.predict(pd.DataFrame({"text": texts}), params=asked)
    with pytest.raises(MlflowException, match="text"):
        model.predict(pd.DataFrame({"sentence": texts}))


def test_a_tampered_model_is_refused(folders: Folders) -> None:
    weights = registry.resolve("models:/translate@champion") / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        load()
