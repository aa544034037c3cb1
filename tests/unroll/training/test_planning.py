"""Minutes become updates: as many as fit, with the settings that pay off at such a length."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_fabric import Fabric

from tests import tiny, unigram
from unroll.errors import ParamsError
from unroll.params.pipeline import Pipeline
from unroll.training import planning
from unroll.training.loop import Training
from unroll.training.planning import BUDGETS, Budget, Pace, Plan, pace_of, plan


@pytest.mark.parametrize(
    ("minutes", "updates"),
    [(1, 44), (10, 530), (100, 5300)],  # of 1 s; 20 validations take 10 s, a tenth is spared: 44, 530, 5,390
)
def test_as_many_updates_as_fit_to_two_digits(minutes: float, updates: int) -> None:
    assert Pace(update=1.0, validation=0.5, tokens=1, epoch=10).updates(minutes) == updates


def test_too_little_time_is_told_with_what_is_needed() -> None:
    pace = Pace(update=1.0, validation=5.0, tokens=1, epoch=10)
    with pytest.raises(ParamsError, match=r"--minutes 1: too few to learn anything; give at least 3"):
        pace.updates(1)
    assert pace.updates(3) >= planning.VALIDATIONS


def test_the_longest_budget_that_pays_off_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = (
        Budget("short", 0, {}),
        Budget("middle", 6, {"model.dropout": 0.1}),
        Budget("long", 12, {"model.dropout": 0.3}),
    )
    monkeypatch.setitem(planning.BUDGETS, "n_to_m", budgets)
    tried: list[float] = []
    monkeypatch.setattr(planning, "pace_of", lambda training, copies: Pace(1.0, 0.0, 1.0, 100))

    def start(pipeline: Pipeline) -> Any:
        tried.append(pipeline.model.dropout)

    def names(minutes: float) -> list[str]:
        return [found.budget.name for found in plan(tiny.pipeline(), minutes, start)]

    assert names(5) == ["short"]
    assert names(15) == ["short", "middle"]
    assert names(30) == ["short", "middle", "long"]
    assert set(tried) == {0.0, 0.1, 0.3}


@pytest.mark.parametrize(("share", "taken"), [(1.2, False), (0.95, False), (0.8, True)])
@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_products_of_bfloat16_are_taken_where_they_are_worth_it(
    monkeypatch: pytest.MonkeyPatch, share: float, taken: bool, precision: str
) -> None:
    monkeypatch.setitem(planning.BUDGETS, "n_to_m", (Budget("short", 0, {"model.dropout": 0.1}),))
    monkeypatch.setattr(
        planning, "pace_of", lambda precision, copies: Pace({"bf16-mixed": share}.get(precision, 1.0), 0, 1, 9)
    )
    [found] = plan(tiny.pipeline(train__precision=precision), 10, lambda pipeline: pipeline.train.precision)  # type: ignore[arg-type, return-value]
    taken = taken and precision == "32-true"
    assert found.changes.get("train.precision") == ("bf16-mixed" if taken else None)
    assert found.changes["model.dropout"] == 0.1
    assert found.pace.update == (share if taken else 1.0)
    assert str(found).endswith(", bf16-mixed" if taken else "training rows")


def test_every_budget_is_of_parameters_that_there_are() -> None:
    shapes = {"n_to_m": "translate"}
    for shape, budgets in BUDGETS.items():
        for budget in budgets:
            changed = planning.changed(tiny.pipeline(shapes[shape]), budget.changes)
            assert changed.shape == shape
        assert [budget.readings for budget in budgets] == sorted(budget.readings for budget in budgets)
        assert budgets[0].readings == 0


def test_a_plan_is_validated_twenty_times() -> None:
    found = Plan(Budget("short", 0, {"model.dropout": 0.5}), Pace(0.5, 0.0, 1.0, 100), 1234)
    assert found.changes == {"model.dropout": 0.5, "train.updates": 1234, "train.validate_every": 62}
    assert found.readings == 12.34
    assert str(found) == "short     1,234 updates of 500.0 ms, 1 tokens/s: 12.3 readings of the training rows"


def test_a_machine_is_measured_on_the_training_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unigram.Rows, "__len__", lambda rows: 2, raising=False)
    scored: list[float] = []
    rows, fabric = unigram.Rows(), Fabric(accelerator="cpu", devices=1)
    how = unigram.settings(updates=1000)
    training = Training(unigram.Unigram(), unigram.V, rows, rows, lambda loss: scored.append(loss) or 0.0, how, fabric)
    pace = pace_of(training)
    assert training.learner.updates == planning.WARM + planning.ROUNDS * planning.ROUND_UPDATES
    assert 0 < pace.update < 1
    assert 0 < pace.validation < 10
    assert pace.tokens > 0
    assert pace.epoch == 2
    assert len(scored) == 1
