from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import unroll
from tests.tracked import (
    answers,
    make_folders,
    register,
    register_with,
    settings,
)
from unroll.artifacts import store
from unroll.errors import ParamsError
from unroll.predict import loading
from unroll.registry import names


@pytest.mark.usefixtures("unloaded")
def test_names_resolve_to_checkpoint_folders(home: Path) -> None:
    folders = make_folders(home, answers(3))
    register(folders)
    assert names.resolve("data/translate/model") == Path("data/translate/model")
    for name in ("models:/translate@champion", "models:/translate/1"):
        found = names.resolve(name)
        assert store.verify(found, "model") == store.verify(folders.model, "model")
        assert (found.parent / "search.json").is_file()
        assert found.is_relative_to(home / "mlartifacts")


@pytest.mark.usefixtures("unloaded")
def test_a_version_on_a_server_is_fetched_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    register(make_folders(home, answers(3)))
    local = names.resolve("models:/translate/1")
    fetched: list[str] = []

    def fetch(artifact_uri: str, dst_path: str) -> str:
        fetched.append(artifact_uri)
        return str(shutil.copytree(local.parent, Path(dst_path) / "artifacts"))

    logged = mlflow.MlflowClient.get_logged_model
    monkeypatch.setattr(mlflow.MlflowClient, "get_logged_model", lambda *args: moved(logged(*args)))
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", fetch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    found = {names.resolve("models:/translate/1") for _ in range(2)}
    assert [store.verify(folder, "model") for folder in found] == [store.verify(local, "model")]
    assert found.pop().is_relative_to(home / "cache")
    assert fetched == ["mlflow-artifacts:/1/models/m/artifacts/artifacts"]


def moved(model: Any) -> Any:
    model._artifact_location = "mlflow-artifacts:/1/models/m/artifacts"
    return model


@pytest.mark.parametrize("name", ["models:/absent@champion", "models:/absent/3", "models:/absent", "models:x"])
def test_an_unknown_model_is_one_line(home: Path, name: str) -> None:
    with pytest.raises(ParamsError, match=f"^{re.escape(name)}: "):
        names.resolve(name)


@pytest.mark.usefixtures("unloaded")
def test_a_registered_model_searches_as_it_was_scored_unless_told_otherwise(home: Path) -> None:
    folders = make_folders(home, answers(3))
    scored = settings().evaluate.search.model_copy(update={"beam": 7, "length_penalty": 0.25})
    register_with(scored, folders)
    assert unroll.load("models:/translate@champion").search == scored
    assert unroll.load("models:/translate/1").search == scored
    other = scored.model_copy(update={"beam": 2})
    assert unroll.load("models:/translate@champion", search=other).search == other
    assert unroll.load(folders.model).search == loading.load(folders.model).search != scored


@pytest.mark.usefixtures("unloaded")
def test_an_alias_that_is_misspelt_is_told_apart_from_a_model_that_is_not_there(home: Path) -> None:
    register(make_folders(home, answers(3)))
    with pytest.raises(ParamsError, match=r"no version of translate is called champ; did you mean 'champion'\?"):
        names.resolve("models:/translate@champ")
    with pytest.raises(ParamsError, match="unroll versions translate shows"):
        names.resolve("models:/translate/9")
    with pytest.raises(ParamsError, match="registered: translate"):
        names.resolve("models:/translat@champion")


def test_asking_makes_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    with pytest.raises(ParamsError, match=r"mlflow\.db: no such store"):
        names.resolve("models:/translate@champion")
    assert not list(tmp_path.iterdir())
