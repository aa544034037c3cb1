from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tracked import (
    answers,
    client,
    evaluate,
    make_folders,
    register,
    runs,
    settings,
    version,
)
from unroll.params.pipeline import Pipeline
from unroll.registry.versions import Registration, summary


@pytest.mark.usefixtures("unloaded")
def test_the_same_model_with_the_same_scores_keeps_its_version(home: Path) -> None:
    folders = make_folders(home, answers(3))
    first = register(folders)
    before, run = version("1").last_updated_timestamp, runs()[0]
    again = register(folders)
    assert (again.version, again.created, again.verdict) == ("1", False, first.verdict)
    assert version("1").last_updated_timestamp == before
    assert len(client().search_model_versions("name = 'translate'")) == 1
    assert runs()[0].info.end_time == run.info.end_time

    evaluate(folders, answers(6))  # the same model, scored again, meets its earlier self
    assert register(folders).verdict.startswith("better than version 1")


@pytest.mark.usefixtures("unloaded")
def test_a_version_that_was_not_judged_is_judged_later(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = make_folders(home, answers(3))
    with monkeypatch.context() as patch:
        patch.setattr("unroll.registry.versions.judge", lambda *_: "killed before it was judged")
        register(folders)
    found = register(folders)
    assert (found.version, found.verdict, found.aliases) == ("1", "first", ["challenger", "champion"])


def test_a_summary_of_a_version_that_was_there() -> None:
    done = Registration("translate", "3", False, [], "first", {"bleu": 43.71})
    told = summary(done, settings().evaluate.search).splitlines()
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
    done = Registration(pipeline, "1", True, ["champion"], "first", {"accuracy": 97.5})
    told = summary(done, make_params(pipeline).evaluate.search)
    assert f"  use      unroll {command} --model models:/{pipeline}/1" in told.splitlines()
