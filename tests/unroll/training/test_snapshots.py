"""Two snapshots are kept, the latest that is whole is taken, and another fingerprint finds none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from unroll.errors import ParamsError
from unroll.folders import DONE
from unroll.training.loop import Standing
from unroll.training.snapshots import Snapshots


def standing(updates: int) -> Standing:
    tensors = {"model.a": torch.full((3,), float(updates)), "random.torch": torch.get_rng_state()}
    return Standing(tensors, {"updates": updates, "best": [[0.1 + 0.2, 4]]})


def folders(snapshots: Snapshots) -> list[str]:
    return sorted(path.name for path in snapshots.folder.iterdir())


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "mine", "f1")


def test_what_was_saved_comes_back_to_the_bit(snapshots: Snapshots) -> None:
    assert snapshots.latest() is None
    snapshots.save(standing(20), [{"update": 20, "train_loss": 0.1 + 0.2}])
    found = snapshots.latest()
    assert found
    state, points = found
    assert points == [{"update": 20, "train_loss": 0.1 + 0.2}]
    assert state.values == standing(20).values
    assert all(torch.equal(state.tensors[name], value) for name, value in standing(20).tensors.items())


def test_the_latest_two_are_kept(snapshots: Snapshots) -> None:
    for updates in (9, 10, 1000):
        snapshots.save(standing(updates), [])
    assert folders(snapshots) == ["000000010", "000001000"]


@pytest.mark.parametrize("name", ["state.safetensors", "state.json", "manifest.json"])
def test_one_that_is_damaged_is_reported_and_the_one_before_taken(
    snapshots: Snapshots, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for updates in (10, 20):
        snapshots.save(standing(updates), updates)
    damaged = snapshots.folder / "000000020" / name
    damaged.write_bytes(damaged.read_bytes()[:-1])
    found = snapshots.latest()
    assert found
    assert found[1] == 10
    assert "this snapshot is left out" in capsys.readouterr().err


def test_what_was_cut_off_is_none_and_is_cleared(snapshots: Snapshots) -> None:
    snapshots.save(standing(10), 10)
    (snapshots.folder / ".000000020.part").mkdir()
    found = snapshots.latest()
    assert found
    assert found[1] == 10
    snapshots.save(standing(20), 20)
    assert folders(snapshots) == ["000000010", "000000020"]


def test_another_fingerprint_starts_from_the_beginning_and_says_so(
    snapshots: Snapshots, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshots.save(standing(10), 10)
    other = Snapshots(snapshots.home, "f2")
    assert other.latest() is None
    said = capsys.readouterr().err
    assert "1 other training of it stopped half-way with other parameters, data or code; starting from the" in said
    found = snapshots.latest()
    assert found
    assert found[1] == 10  # and the first one can still go on


def test_of_one_that_is_done_the_latest_stays_and_nothing_of_others(
    snapshots: Snapshots, capsys: pytest.CaptureFixture[str]
) -> None:
    Snapshots(snapshots.home, "f2").save(standing(5), 5)
    for updates in (10, 20):
        snapshots.save(standing(updates), updates)
    snapshots.done()
    assert [path.name for path in snapshots.home.iterdir()] == ["f1"]
    assert folders(snapshots) == ["000000020", DONE]
    found = snapshots.latest()
    assert found
    assert found[1] == 20
    assert "was done already" in capsys.readouterr().err
    assert Snapshots(snapshots.home, "f3").latest() is None
    assert capsys.readouterr().err == ""  # one that is done has not stopped half-way


def test_seconds_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLL_SNAPSHOT_SECONDS", "abc")
    with pytest.raises(ParamsError, match=r"^UNROLL_SNAPSHOT_SECONDS: 'abc' is no number of seconds"):
        Snapshots(tmp_path, "f1")


def test_the_first_is_due_after_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Snapshots(tmp_path, "f1").due()
    monkeypatch.setenv("UNROLL_SNAPSHOT_SECONDS", "0")
    assert Snapshots(tmp_path, "f1").due()
