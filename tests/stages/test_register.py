from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stages import register
from tests.tracked import answers, evaluate, make_folders, settings
from unroll import lineage, registry
from unroll.errors import IntegrityError
from unroll.params import Pipeline


def test_a_registration_is_told_and_its_report_is_the_same_each_time(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = make_folders(home, answers(3))
    register.run(settings(), folders)
    report = folders.registered.read_bytes()
    assert json.loads(report) == lineage.verify(folders.model, folders.evaluation)
    told = capsys.readouterr().out
    for word in (
        "translate version 1 (challenger, champion), new",
        "verdict  first",
        "bleu 50.00",
        "models:/translate/1",
    ):
        assert word in told

    (home / "mlflow.db").unlink()  # a store of one's own: other run ids, the same report
    folders.registered.unlink()
    register.run(settings(), folders)
    assert folders.registered.read_bytes() == report


def test_an_altered_evaluation_is_not_registered(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("nothing may be recorded")

    monkeypatch.setattr(registry, "record", fail)
    folders = make_folders(home, answers(3))
    (folders.evaluation / "test.jsonl").write_text("{}\n")
    with pytest.raises(IntegrityError, match=r"test\.jsonl"):
        register.run(settings(), folders)
    evaluate(folders, answers(3))
    make_folders(home / "other", answers(3), seed=2).model.rename(home / "model")
    with pytest.raises(IntegrityError):
        lineage.verify(home / "model", folders.evaluation)


def test_a_summary_of_a_version_that_was_there() -> None:
    done = registry.Registration("translate", "3", False, [], "first", {"bleu": 43.71})
    told = register.summary(done, settings().evaluate.search).splitlines()
    assert told[0] == "translate version 3, registered before"
    assert told[2].split() == ["scores", "bleu", "43.71"]


@pytest.mark.parametrize(
    ("pipeline", "command"),
    [
        ("translate", "translate"),
        ("name", "generate"),
        ("language", "generate"),
        ("rows", "classify"),
        ("frames", "tag"),
    ],
)
def test_a_summary_names_the_command_that_can_ask_the_model(
    make_params: Callable[..., Pipeline], pipeline: str, command: str
) -> None:
    done = registry.Registration(pipeline, "1", True, ["champion"], "first", {"accuracy": 97.5})
    told = register.summary(done, make_params(pipeline).evaluate.search)
    assert f"  use      unroll {command} --model models:/{pipeline}/1" in told.splitlines()
