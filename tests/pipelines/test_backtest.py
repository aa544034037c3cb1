"""What benchmarks/backtest.py cuts: nothing behind a cut reaches what lies before it; and that the whole of it runs."""

from __future__ import annotations

import doctest
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import backtest
from stages import fetch, prepare, tokenize
from tests import recipes
from tests.pipelines import waves
from unroll.data.numbers import read
from unroll.data.rows import read_rows
from unroll.errors import ParamsError
from unroll.folders import Folders
from unroll.nn.model import scaled
from unroll.params.reading import changed
from unroll.training.setup import first_model

HOURS = 400
SHARES = backtest.folds(3, 0.55)


def test_the_examples_hold() -> None:
    assert doctest.testmod(backtest).failed == 0


@pytest.mark.parametrize("cuts", [1, 2, 3, 4, 7, 12])
def test_each_fold_goes_on_where_the_one_before_it_stood(cuts: int) -> None:
    folds = backtest.folds(cuts, 0.6)
    parts = [list(shares.values()) for shares in folds.values()]
    assert len(folds) == cuts
    for cut, (train, valid, test) in zip(folds, parts, strict=True):
        assert (train[0], train[1], valid[1]) == (0, valid[0], test[0])
        assert cut == test[0]
        assert valid[1] - valid[0] == pytest.approx(test[1] - test[0], abs=1e-5)
    for (_, valid, test), (_, next_valid, _) in pairwise(parts):
        assert next_valid == test != valid
    assert parts[-1][2][1] == 1


@pytest.mark.parametrize(("cuts", "first"), [(1, 0.5), (1, 0.2), (4, 0.1), (2, 1.0), (2, 0.0)])
def test_a_first_cut_before_which_there_is_nothing_to_learn_from_is_refused(cuts: int, first: float) -> None:
    with pytest.raises(ParamsError, match="--first"):
        backtest.folds(cuts, first)


def made(root: Path, cut: float, numbers: np.ndarray) -> dict[str, bytes]:
    """Return the files of a fold as its training finds them, by name."""
    waves.write(root, numbers)
    pipeline, folders = changed(recipes.make("forecast", **waves.SMALL), SHARES[cut]), Folders(root, "forecast")
    for stage in (fetch, prepare, tokenize):
        stage.run(pipeline, folders)
    files = [*folders.prepared.glob("*.tsv"), *folders.tokenized.iterdir()]
    return {path.name: path.read_bytes() for path in files if path.name != "manifest.json"}


@pytest.mark.parametrize("cut", SHARES)
def test_nothing_behind_a_cut_reaches_what_is_learnt_or_validated(cut: float, tmp_path: Path) -> None:
    begin = SHARES[cut]["prepare.split.valid.part"][0]
    plain = waves.waves(HOURS)
    found = made(tmp_path / "plain", cut, plain)
    for edge, untouched in ((begin, ("train",)), (cut, ("train", "valid"))):
        later = np.where(np.arange(HOURS) < int(edge * HOURS), plain, 1000 + plain)
        other = made(tmp_path / f"{edge}", cut, later)
        behind = {"train", "valid", "test"} - set(untouched)
        same = {name for name in found if name.partition(".")[0] not in behind}  # the readers of both sides, too
        assert {f"{split}.{kind}" for split in untouched for kind in ("tsv", "source.values")} < same
        assert {name: other[name] for name in same} == {name: found[name] for name in same}
        assert all(other[name] != found[name] for name in ("test.tsv", "valid.tsv")[: 3 - len(untouched)])


@pytest.mark.parametrize("cut", SHARES)
def test_no_two_parts_of_a_fold_share_an_hour(cut: float, tmp_path: Path) -> None:
    made(tmp_path, cut, np.arange(HOURS))
    hours = {}
    for split in ("train", "valid", "test"):
        rows = list(read_rows(Folders(tmp_path, "forecast").prepared / f"{split}.tsv"))
        hours[split] = {int(hour) for row in rows for text in (row.source, row.target) for hour in read(text).ravel()}
    assert max(hours["train"]) < int(SHARES[cut]["prepare.split.valid.part"][0] * HOURS) <= min(hours["valid"])
    assert max(hours["valid"]) < int(cut * HOURS) <= min(hours["test"])


@pytest.mark.parametrize("cut", SHARES)
def test_the_scale_is_learnt_from_train_alone(cut: float, tmp_path: Path) -> None:
    begin = int(SHARES[cut]["prepare.split.valid.part"][0] * HOURS)
    made(tmp_path, cut, np.where(np.arange(HOURS) < begin, waves.waves(HOURS), 1000))
    folders = Folders(tmp_path, "forecast")
    recipe = changed(recipes.make("forecast", **waves.SMALL), SHARES[cut]).recipe
    seen = np.concatenate([read(row.source) for row in read_rows(folders.prepared / "train.tsv")])
    scale = scaled(first_model(recipe, folders), recipe)["source"]
    assert (scale.mean_W.item(), scale.deviation_W.item()) == pytest.approx((seen.mean(), seen.std()), rel=1e-4)
    assert abs(seen).max() < 3


def test_folds_are_trained_and_judged(tmp_path: Path, blank_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waves.write(tmp_path / "project", waves.waves(HOURS))
    monkeypatch.setattr(backtest, "run", waves.run_here(monkeypatch, blank_store, tmp_path))
    rows = backtest.backtest(tmp_path / "project", "forecast", 2, 0.6, 1)
    kept = json.loads((tmp_path / "results/backtest-forecast.json").read_text(encoding="utf-8"))["rows"]
    assert kept == rows
    assert [row["cut"] for row in rows] == ["0.6", "0.8", "mean"]
    first, second, mean = rows
    assert float(second["train rows"]) - float(first["train rows"]) == 0.2 * HOURS
    for name in ("MAE", "MASE", "coverage %", "seasonal naive", "ridge"):
        assert float(mean[name]) == pytest.approx((float(first[name]) + float(second[name])) / 2)
    # Noise of 0.2 on both sides: |N(0, 0.2 sqrt 2)| is 0.23 on average.
    assert float(mean["seasonal naive"]) == pytest.approx(0.226, abs=0.06)
    assert 0.1 < float(mean["ridge"]) < float(mean["seasonal naive"]) < float(mean["MAE"])  # 20 updates teach little
    backtest.draw(rows, "forecast")
    assert (tmp_path / "results/backtest-forecast.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_forecast_is_refused() -> None:
    with pytest.raises(ParamsError, match="no forecast that can be cut"):
        backtest.refuse_other(recipes.make("letter"), "letter")
    backtest.refuse_other(recipes.make("forecast"), "forecast")
