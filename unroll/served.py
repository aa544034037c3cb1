"""The registered model as code: a thin door to the Predictor, run by MLflow when the model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from unroll.errors import DataError, ParamsError, UnrollError
from unroll.params import Search, dump, load_search, parse

if TYPE_CHECKING:
    from unroll.predictor import Predictor

LARGEST = {"beam": 100, "n_best": 100, "max_tokens": 1000}
"""A request for more is refused: one caller must not take the memory of all."""


class Served(PythonModel):
    """A column of texts in, a row for each answer out."""

    predictor: Predictor
    search: Search

    def load_context(self, context: PythonModelContext) -> None:
        """Read the checkpoint folder, and how it is to be asked.

        Raises:
            IntegrityError: a file is not the one that the manifest names.
        """
        from unroll.predictor import Predictor

        self.search = load_search(Path(context.artifacts["search"]))
        self.predictor = Predictor.load(Path(context.artifacts["model"]), self.search)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Answer every text of the column `text`.

        Args:
            params: what the signature names, by the kind of search; what is not given is as the model was scored.
        Returns:
            Columns: input (the row answered, from 0), rank (from 1, best first), text, score, truncated.
        """
        try:
            n_best, search = self._asked(params or {})
            predictions = self.predictor.predict(_texts(model_input), n_best, search)
        except UnrollError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        rows = [
            (number, rank, answer.text, answer.score, answer.truncated)
            for number, answers in enumerate(predictions)
            for rank, answer in enumerate(answers, start=1)
        ]
        return pd.DataFrame(rows, columns=["input", "rank", "text", "score", "truncated"])

    def _asked(self, params: Mapping[str, Any]) -> tuple[int, Search]:
        """Return (n_best, search) of a request."""
        settings = {"n_best": 1} | dump(self.search)
        settings |= {name: type(settings[name])(value) for name, value in params.items()}
        for name, most in LARGEST.items():
            if settings.get(name, 0) > most:
                raise ParamsError(f"{name} is {settings[name]}; needed: at most {most}")
        n_best = settings.pop("n_best")
        search = parse(type(self.search), settings, "params")
        if not 1 <= n_best <= settings.get("beam", n_best):
            beam = f" <= beam, and beam is {settings['beam']}" if "beam" in settings else ""
            raise ParamsError(f"n_best is {n_best}; needed: 1 <= n_best{beam}")
        return n_best, search


def _texts(table: pd.DataFrame) -> list[str]:
    texts = list(table["text"])
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text of row {number} is {text!r}; needed: a string, which may be empty")
    return texts


set_model(Served())
