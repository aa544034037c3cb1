"""A training that was killed goes on from its snapshot to the same points and the same bytes, and is heard of twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from tests.unigram import Rows, Unigram, V, settings
from unroll.training.curves import shown
from unroll.training.following import follow, lead
from unroll.training.loop import Training
from unroll.training.snapshots import Snapshots

Heard = list[tuple[dict[str, float], int]]


class KilledError(Exception):
    """Stands in for the end of a process."""


def training(sampled_softmax: int = 3) -> Training:
    how = settings(log_every=5, weight_decay=0.1, decay="cosine", sampled_softmax=sampled_softmax, average=2)
    fabric = Fabric(accelerator="cpu", devices=1)
    return Training(Unigram(), V, Rows(), Rows(), lambda loss: -loss, how, fabric)  # type: ignore[arg-type]


def nobody(metrics: Mapping[str, float], update: int) -> None:
    """Hear nothing."""


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot is due whenever there may be one."""
    monkeypatch.setenv("UNROLL_SNAPSHOT_SECONDS", "0")


def test_points_come_when_they_are_due_and_somebody_hears_of_each(tmp_path: Path) -> None:
    heard: Heard = []
    points = lead(training(), Snapshots(tmp_path, "f"), lambda metrics, update: heard.append((dict(metrics), update)))
    assert [point["update"] for point in points] == list(range(5, 45, 5))
    assert [update for _, update in heard] == list(range(5, 45, 5))
    for (metrics, _), point in zip(heard, points, strict=True):
        assert metrics.pop("tokens_per_second") > 0
        assert metrics == shown(point)


@pytest.mark.parametrize("killed_at", [5, 20, 35])
def test_one_that_was_killed_goes_on_to_the_same_points_and_bytes(tmp_path: Path, killed_at: int) -> None:
    whole = training()
    points = lead(whole, Snapshots(tmp_path / "whole", "f"), nobody)

    def kill(metrics: Mapping[str, float], update: int) -> None:
        if update == killed_at + 5:
            raise KilledError

    with pytest.raises(KilledError):
        lead(training(), Snapshots(tmp_path / "killed", "f"), kill)
    heard: Heard = []
    after = training()
    found = lead(
        after, Snapshots(tmp_path / "killed", "f"), lambda metrics, update: heard.append((dict(metrics), update))
    )
    assert found == points
    assert after.learner.updates == whole.learner.updates
    assert [update for _, update in heard] == list(range(5, 45, 5))  # those before too: they may not have been heard
    assert ["tokens_per_second" in metrics for metrics, _ in heard] == [update > killed_at for _, update in heard]
    for name, value in whole.model.state_dict().items():
        assert torch.equal(after.model.state_dict()[name], value)


def test_one_that_was_done_is_done_again_without_an_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLL_SNAPSHOT_SECONDS", "3600")
    whole = training()
    points = lead(whole, Snapshots(tmp_path, "f"), nobody)
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["000000040"]
    again = training()
    monkeypatch.setattr("unroll.training.loop.learn", lambda *_: pytest.fail("learnt again"))
    assert lead(again, Snapshots(tmp_path, "f"), nobody) == points
    for name, value in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)


def test_one_that_follows_learns_the_same(tmp_path: Path) -> None:
    first, second = training(), training()
    lead(first, Snapshots(tmp_path, "f"), nobody)
    follow(second)
    assert torch.equal(first.model.state_dict()["logits"], second.model.state_dict()["logits"])
