"""A pipeline file as a whole, and the part of it that shapes a model."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from unroll.asking import ASKINGS, able
from unroll.params.embed import Embed
from unroll.params.evaluate import Evaluate
from unroll.params.fetch import Source
from unroll.params.misfits import MISFITS
from unroll.params.model import HEADS, Model, OwnHead
from unroll.params.noise import Noise
from unroll.params.prepare import FORMATS, OwnCorpus, Prepare
from unroll.params.register import Register
from unroll.params.sections import RelativePath, Section
from unroll.params.series import Series
from unroll.params.tokenize import Tokenize
from unroll.params.train import Machine, Train
from unroll.shapes import READS_ON, SHAPES, sides


class Recipe(Section):
    """The part of a pipeline that shapes its model, and the machine's; a checkpoint remembers it."""

    shape: Literal["one_to_one", "one_to_n", "n_to_n", "n_to_one", "n_to_m"]
    parts: RelativePath | None
    """a module with cells, attentions, heads or readers of one's own; see `unroll.parts`"""
    prepare: Prepare
    noise: Noise | None
    """null: training rows as they are"""
    tokenize: Tokenize
    embed: Embed
    model: Model
    train: Train
    machine: Machine

    @property
    def reads_on(self) -> bool:
        """Whether it makes a language model: rows are their own targets, and it reads on from what it said."""
        return self.model.head.family == READS_ON

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of a row that have items."""
        return sides(self.model.head.family)

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        self._refuse_unknown("prepare.corpus.format", self.prepare.corpus, OwnCorpus, FORMATS, "reader")
        self._refuse_unknown("model.head.kind", self.model.head, OwnHead, HEADS, "head")
        shape, encoder, head = SHAPES[self.shape], self.model.encoder.kind, self.model.head.family
        if encoder != shape.encoder:
            raise ValueError(f"model.encoder.kind: '{encoder}' is not of the shape {self.shape}; set '{shape.encoder}'")
        if head not in shape.heads:
            fitting = " or ".join(f"'{kind}'" for kind in shape.heads)
            raise ValueError(f"model.head.kind: '{head}' is not of the shape {self.shape}; set {fitting}")
        for misfit in MISFITS:
            if misfit.found(self):
                raise ValueError(misfit.message)
        return self

    def _refuse_unknown(
        self, name: str, found: Section, own: type[Section], known: Mapping[str, object], what: str
    ) -> None:
        """Raise if a section can only be one's own, and the pipeline names no module for it."""
        if isinstance(found, own) and self.parts is None:
            word = str(getattr(found, name.rpartition(".")[2]))
            close = difflib.get_close_matches(word, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"
            raise ValueError(f"{name}: '{word}' is not known; {hint} (a {what} of your own: name its module in parts)")


class Pipeline(Recipe):
    """One row of the grid: everything between raw files and a registered model."""

    fetch: Source
    evaluate: Evaluate
    register_: Annotated[Register, Field(alias="register")]

    @property
    def recipe(self) -> Recipe:
        """What a checkpoint is to remember."""
        return Recipe(**{name: getattr(self, name) for name in Recipe.model_fields})

    @model_validator(mode="after")
    def _search_fits(self) -> Pipeline:
        kind, head = self.evaluate.search.kind, self.model.head.family
        if head not in ASKINGS[kind].heads:
            fitting = " or ".join(f"'{asking.kind}'" for asking in able(head))
            raise ValueError(f"evaluate.search.kind '{kind}' cannot ask a {head}: set {fitting}")
        corpus = self.prepare.corpus
        if self.evaluate.baseline == "seasonal_naive" and not (isinstance(corpus, Series) and corpus.shown):
            raise ValueError(
                "evaluate.baseline 'seasonal_naive' says again what was: it needs prepare.corpus.format 'series' with "
                "answer 'ahead' and the target among the channels; set another"
            )
        return self
