"""A checkpoint as MLflow keeps a model: the folder, the code that reads it, and what it takes and gives."""

from __future__ import annotations

import importlib.metadata
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import unroll
from unroll.artifacts import lineage, store
from unroll.artifacts.manifest import dump_json
from unroll.asking import ASKINGS
from unroll.folders import Folders
from unroll.params.evaluate import Search
from unroll.params.reading import dump
from unroll.registry import card

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature

REQUIREMENTS = ("mlflow", "numpy", "pandas", "pydantic", "pyyaml", "safetensors", "sentencepiece", "sentencex", "torch")
CODE = "served.py"
"""Of the package `serve`: what MLflow runs when the model is loaded."""


def log_model(client: MlflowClient, search: Search, name: str, folders: Folders, run: str) -> LoggedModel:
    """Log the checkpoint folder, with the code that reads it, under its run."""
    import mlflow
    import pandas as pd

    package, ended = Path(unroll.__file__).parent, client.get_run(run).info.end_time
    with tempfile.TemporaryDirectory() as aside, mlflow.start_run(run_id=run):
        settings = Path(aside) / "search.json"
        store.write_file(settings, dump_json(dump(search)))
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(package / "serve" / CODE),
            artifacts={"search": str(settings)} | _folders(folders),
            code_paths=[str(package)],
            signature=_signature(search),
            input_example=pd.DataFrame({"text": [card.rows(folders.evaluation)[0]["source"]]}),
            pip_requirements=[f"{name}=={_installed(name)}" for name in REQUIREMENTS],
        )
    client.set_terminated(run, "FINISHED", ended)  # the run lasted as long as training did
    return client.get_logged_model(info.model_id)


def _folders(folders: Folders) -> dict[str, str]:
    """Return the parts of a model, by the names under which `served` finds them."""
    found = {"model": str(folders.model)}
    if folders.lexicon.is_dir():
        found["lexicon"] = str(folders.lexicon)
    if (parts := lineage.read_recipe(folders.model).parts) is not None:
        found["parts"] = str(folders.root / parts)
    return found


def _signature(search: Search) -> ModelSignature:
    """Return what the registered model takes and gives: see `served`."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    settings, kinds = {"n_best": 1} | dump(search), {int: "long", float: "double"}
    asked = [ParamSpec(name, kinds[type(settings[name])], settings[name]) for name in ASKINGS[search.kind].requests]
    answer = {"input": "long", "rank": "long", "text": "string", "score": "double"}
    answer |= {"truncated": "boolean", "cut_off": "boolean"}
    return ModelSignature(
        Schema([ColSpec("string", "text")]),
        Schema([ColSpec(kind, name) for name, kind in answer.items()]),
        ParamSchema(asked),
    )


def _installed(package: str) -> str:
    """Return the version at work here, as constraints.txt pins it, without a local mark like +cpu."""
    return importlib.metadata.version(package).split("+")[0]
