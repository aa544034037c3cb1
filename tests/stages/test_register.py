from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages import register
from tests.tracked import answers, evaluate, make_folders, settings
from unroll.artifacts import lineage
from unroll.errors import IntegrityError
from unroll.registry import runs


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

    monkeypatch.setattr(runs, "record", fail)
    folders = make_folders(home, answers(3))
    (folders.evaluation / "test.jsonl").write_text("{}\n")
    with pytest.raises(IntegrityError, match=r"test\.jsonl"):
        register.run(settings(), folders)
    evaluate(folders, answers(3))
    make_folders(home / "other", answers(3), seed=2).model.rename(home / "model")
    with pytest.raises(IntegrityError):
        lineage.verify(home / "model", folders.evaluation)
