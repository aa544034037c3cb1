"""The registered model as code: a thin wrapper of the Predictor, run by MLflow when the model is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from unroll.errors import UnrollError
from unroll.params.evaluate import Search
from unroll.params.reading import load_search
from unroll.serve.answering import Row, answer

if TYPE_CHECKING:
    from unroll.predict.predictor import Predictor


class Served(PythonModel):
    """A column of texts in, a row for each answer out."""

    predictor: Predictor
    search: Search

    def load_context(self, context: PythonModelContext) -> None:
        """Read the checkpoint folder, and how it is to be asked.

        Raises:
            IntegrityError: a file is not the one that the manifest names.
        """
        from unroll import parts
        from unroll.artifacts import store
        from unroll.predict import loading

        folder = Path(context.artifacts["model"])
        if "parts" in context.artifacts:  # cells and so on of its own, which came with the model's code
            module = Path(context.artifacts["parts"])
            inherited = store.read_manifest(folder)["inputs"].get("parts", {"files": {}})
            digest = next(iter(inherited["files"].values()), None)
            parts.bring_again(module.name, module.parent, {"files": {module.name: digest}})
        self.search = load_search(Path(context.artifacts["search"]))
        self.predictor = loading.load(folder, self.search)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Answer every text of the column `text`.

        Args:
            params: what the signature names, by the kind of search; what is not given is as the model was scored.
        Returns:
            Columns: input (the row answered, from 0), rank (from 1, best first), text, score, truncated, cut_off.
        """
        # What MLflow read from the request by its signature may be numpy's.
        given = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in (params or {}).items()
        }
        try:
            rows = answer(self.predictor, self.search, list(model_input["text"]), given)
        except UnrollError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return pd.DataFrame(rows, columns=Row._fields)


set_model(Served())
