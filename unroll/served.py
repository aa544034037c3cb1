"""The registered model as code: a thin door to the Predictor, run by MLflow when the model is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from unroll.errors import UnrollError
from unroll.params import Search, load_json

if TYPE_CHECKING:
    from unroll.predictor import Predictor

LARGEST_BEAM = 100
"""A request for more is refused: one caller must not take the memory of all."""


class Served(PythonModel):
    """A column of texts in, a row for each answer out."""

    predictor: Predictor
    search: Search

    def load_context(self, context: PythonModelContext) -> None:
        """Read the checkpoint folder, and how it is to search.

        Raises:
            IntegrityError: a file is not the one that the manifest names.
        """
        from unroll.predictor import Predictor

        self.search = load_json(Search, Path(context.artifacts["search"]))
        self.predictor = Predictor.load(Path(context.artifacts["model"]), self.search)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Answer every text of the column `text`.

        Args:
            params: `beam` and `n_best`; what is not given is as the model was scored.
        Returns:
            Columns: input (the row answered, from 0), rank (from 1, best first), text, score, truncated.
        """
        asked = {"beam": self.search.beam, "n_best": 1} | (params or {})
        beam, n_best = int(asked["beam"]), int(asked["n_best"])
        if not 1 <= n_best <= beam <= LARGEST_BEAM:
            raise MlflowException.invalid_parameter_value(
                f"beam is {beam}, n_best is {n_best}; needed: 1 <= n_best <= beam <= {LARGEST_BEAM}"
            )
        try:
            predictions = self.predictor.predict(list(model_input["text"]), beam, n_best)
        except UnrollError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        rows = [
            (number, rank, answer.text, answer.score, answer.truncated)
            for number, answers in enumerate(predictions)
            for rank, answer in enumerate(answers, start=1)
        ]
        return pd.DataFrame(rows, columns=["input", "rank", "text", "score", "truncated"])


set_model(Served())
