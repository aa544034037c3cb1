"""From minutes to updates: a machine is measured, and the number of updates that fits goes into its file.

The clock itself never ends a training, so the same parameters give the same model on a slower machine too, only later.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from unroll.errors import ParamsError
from unroll.params.pipeline import Pipeline
from unroll.params.reading import changed

if TYPE_CHECKING:
    from unroll.training.loop import Training

WARM, ROUNDS, ROUND_UPDATES = 10, 9, 10
"""Updates before the clock runs; rounds whose median counts; updates in each."""
SPARE = 0.1
"""The share of the time that is kept back: so much slower was a machine over 40 minutes than over their first."""
VALIDATIONS = 20
"""How often a training is scored on the way."""
WORTH = 0.1
"""What products of bfloat16 have to save of an update's time to be taken: some processors lose by them."""


@dataclass(frozen=True)
class Budget:
    """Settings that were best on validation for trainings of some length; docs/experiments.md has the search.

    Attributes:
        readings: of the training rows that a training has to reach for these settings to pay off.
        changes: parameters of a pipeline, by their dotted names.
    """

    name: str
    readings: float
    changes: dict[str, Any]


AS_IT_IS = Budget("as it is", 0, {})
BUDGETS = {
    "n_to_m": (
        Budget("short", 0, {}),
        Budget("long", 12, {
            "model.encoder.hidden": 384, "model.head.hidden": 384, "model.dropout": 0.2,
            "train.learning_rate": 0.003, "train.average": 3, "train.patience": VALIDATIONS,
        }),
    ),
}  # fmt: skip
"""{shape: its budgets, the shortest first}; other shapes train with the settings that they have."""


@dataclass(frozen=True)
class Pace:
    """How fast this machine learns.

    Attributes:
        update, validation: seconds that one takes.
        tokens: source and target tokens a second.
        epoch: updates in one reading of the training rows.
    """

    update: float
    validation: float
    tokens: float
    epoch: int

    def updates(self, minutes: float) -> int:
        """Return how many updates fit, to two digits, with VALIDATIONS validations among them.

        Raises:
            ParamsError: none does.
        """
        seconds = 60 * minutes * (1 - SPARE) - VALIDATIONS * self.validation
        fitting = int(seconds / self.update)
        if fitting < VALIDATIONS:
            least = (VALIDATIONS * (self.validation + self.update)) / (1 - SPARE) / 60
            raise ParamsError(f"--minutes {minutes:g}: too few to learn anything; give at least {math.ceil(least)}")
        return fitting - fitting % int(10 ** max(len(str(fitting)) - 2, 0))


@dataclass(frozen=True)
class Plan:
    """What to train for the time at hand."""

    budget: Budget
    pace: Pace
    updates: int

    def __str__(self) -> str:
        precision = self.budget.changes.get("train.precision", "")
        return (
            f"{self.budget.name:9} {self.updates:,} updates of {1000 * self.pace.update:.1f} ms, "
            f"{self.pace.tokens:,.0f} tokens/s: {self.readings:.1f} readings of the training rows"
            + (f", {precision}" if precision else "")
        )

    @property
    def readings(self) -> float:
        """Return how often the training rows are read."""
        return self.updates / self.pace.epoch

    @property
    def changes(self) -> dict[str, Any]:
        """Return the parameters that make it so, by their dotted names."""
        every = math.ceil(self.updates / VALIDATIONS)
        return self.budget.changes | {"train.updates": self.updates, "train.validate_every": every}


def plan(pipeline: Pipeline, minutes: float, start: Callable[[Pipeline], Training]) -> Iterator[Plan]:
    """Measure this machine with the settings of each budget; yield what each one comes to, the one to take last.

    Where a processor multiplies bfloat16 so much faster that it is worth it, a plan says so.

    Args:
        minutes: of training; the stages before and after it come on top.
        start: returns a training of a pipeline before its first update.
    Raises:
        ParamsError: as `Pace.updates`.
    """
    for budget in BUDGETS.get(pipeline.shape, (AS_IT_IS,)):
        found = quickest(pipeline, budget, minutes, start)
        if found.readings < budget.readings:
            return
        yield found


def quickest(pipeline: Pipeline, budget: Budget, minutes: float, start: Callable[[Pipeline], Training]) -> Plan:
    """Return the plan of a budget, with the products that are faster here."""
    copies = pipeline.noise.copies if pipeline.noise else 1
    exact = pace_of(start(changed(pipeline, budget.changes)), copies)
    if changed(pipeline, budget.changes).train.precision == "32-true":
        rounded = replace(budget, changes=budget.changes | {"train.precision": "bf16-mixed"})
        pace = pace_of(start(changed(pipeline, rounded.changes)), copies)
        if pace.update < (1 - WORTH) * exact.update:
            return Plan(rounded, pace, pace.updates(minutes))
    return Plan(budget, exact, exact.updates(minutes))


def pace_of(training: Training, copies: int = 1) -> Pace:
    """Return how fast this machine makes updates of a training and validates it, by the median of some rounds.

    A model that has learnt nothing answers at length, so a validation is rather over- than underrated.

    Args:
        copies: of the training rows in an epoch; see `noise`.
    """
    from tqdm import trange

    from unroll.training.learner import learn, measure

    learner, stream = training.learner, iter(training.feed)

    def timed(updates: int) -> tuple[float, int]:
        begin = time.perf_counter()
        _, tokens = learn(learner, islice(stream, updates))
        return time.perf_counter() - begin, tokens

    timed(WARM)
    rounds = [timed(ROUND_UPDATES) for _ in trange(ROUNDS, desc="measuring", unit=" rounds", leave=False)]
    begin = time.perf_counter()
    training.score(measure(training.model, training.valid.epoch(0), training.fabric.device))
    validation = time.perf_counter() - begin
    update = statistics.median(seconds for seconds, _ in rounds) / ROUND_UPDATES
    tokens = statistics.median(tokens / seconds for seconds, tokens in rounds)
    return Pace(update, validation, tokens, -(-len(training.feed.epochs) // copies))
