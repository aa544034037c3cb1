from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.tracked import (
    PAIRS,
    answers,
    champion,
    client,
    evaluate,
    make_folders,
    record,
    register,
    register_with,
    settings,
    version,
)
from unroll.registry import contest, names, versions
from unroll.registry.card import Answers


@pytest.mark.usefixtures("unloaded")
def test_the_champion_moves_only_when_beaten(home: Path) -> None:
    first = register(make_folders(home, answers(3)))
    assert (first.version, first.created, first.verdict) == ("1", True, "first")
    assert first.aliases == ["challenger", "champion"]

    equal = register(make_folders(home, answers(3), seed=2))
    assert (equal.version, equal.aliases) == ("2", ["challenger"])
    assert equal.verdict.startswith("not better than version 1: +0.00 BLEU")
    assert champion() == "1"

    better = register(make_folders(home, answers(6), seed=3))
    assert better.verdict.startswith("better than version 1: +")
    assert champion() == "3"
    tags = version("3").tags
    assert tags["verdict.against"] == "1"
    assert tags["verdict.resamples"] == str(settings().register_.resamples)
    assert float(tags["verdict.delta"]) > 0
    assert float(tags["verdict.p_value"]) < settings().register_.p_value
    assert tags["bleu"] == "100.00"

    worse = register(make_folders(home, answers(1), seed=4))
    assert worse.verdict.startswith("not better than version 3: -")
    assert champion() == "3"


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(("before", "after", "promoted"), [(6, 0, False), (6, 6, True), (0, 6, True), (None, 0, True)])
def test_a_model_that_is_worse_as_people_type_is_no_champion(
    home: Path, before: int | None, after: int, promoted: bool
) -> None:
    first = make_folders(home / "first", answers(2))
    evaluate(first, answers(2), stress=[] if before is None else answers(before))
    register(first)
    second = make_folders(home / "second", answers(6), seed=2)
    evaluate(second, answers(6), stress=answers(after))
    verdict = register(second).verdict
    assert (champion() == "2") == promoted
    assert verdict.startswith("better than version 1: +")
    assert (", but worse under lower: -" in verdict) == (not promoted)


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(("ours", "theirs", "ends_as"), [(6, 5, "3"), (4, 6, "2")])
def test_a_version_that_was_overtaken_looks_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, ours: int, theirs: int, ends_as: str
) -> None:
    def compare(params: Any, before: Answers, after: Answers, champion: Any) -> tuple[bool, dict[str, str]]:
        return right(after.rows) > right(before.rows), {"verdict": "compared"}

    monkeypatch.setattr(contest, "_compare", compare)
    register(make_folders(home / "first", answers(1)))
    register(make_folders(home / "theirs", answers(theirs), seed=2))
    store = type(client())
    write = store.set_registered_model_alias
    once = iter([True])

    def overtaken(self: Any, name: str, alias: str, number: str) -> None:
        write(self, name, alias, number)
        if (alias, number) == ("champion", "3") and next(once, False):
            write(self, name, alias, "2")

    write(client(), "translate", "champion", "1")
    monkeypatch.setattr(store, "set_registered_model_alias", overtaken)
    register(make_folders(home / "ours", answers(ours), seed=3))
    assert champion() == ends_as
    assert version("3").tags["verdict.against"] == "2"


def right(rows: list[Any]) -> int:
    return sum(row["hypothesis"] in row["references"] for row in rows)


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    ("main", "unit"), [("accuracy", r"\+50\.00 accuracy points"), ("perplexity", r"\+0\.750 nats per token")]
)
def test_rows_with_values_are_judged_by_them(home: Path, main: str, unit: str) -> None:
    folders = make_folders(home, answers(3))
    for right, verdict in (
        (3, "first"),
        (6, f"better than version 1: {unit}, p = 0.0"),
        (5, "not better than version 2: -"),
    ):
        evaluate(folders, answers(right), main)
        assert re.match(verdict, register(folders).verdict)
    assert champion() == "2"
    assert version("2").tags["main"] == main


@pytest.mark.usefixtures("unloaded")
def test_scores_of_different_kinds_are_not_compared(home: Path) -> None:
    folders = make_folders(home, answers(3))
    evaluate(folders, answers(3), "accuracy")
    register(folders)
    evaluate(folders, answers(6), "accuracy", weight=2)
    assert register(folders).verdict == "version 1 counts other tokens: not comparable"
    evaluate(folders, answers(6), "perplexity")
    assert register(folders).verdict == "main scores differ: not comparable"
    assert champion() == "1"


@pytest.mark.usefixtures("unloaded")
def test_a_champion_whose_hypotheses_are_lost_is_asked_anew(home: Path) -> None:
    run = record(make_folders(home, answers(3)))
    register(make_folders(home, answers(3)))
    shutil.rmtree(home / "mlartifacts" / "translate" / run / "artifacts" / "evaluation")
    found = register(make_folders(home, answers(6), seed=2))  # and has learnt nothing, whatever it is said to have said
    assert re.match("better than version 1: .* version 1 was asked anew: its hypotheses are lost", found.verdict)
    assert champion() == "2"


@pytest.mark.usefixtures("unloaded")
def test_a_champion_that_cannot_be_asked_stays(home: Path) -> None:
    register(make_folders(home, answers(3)))
    weights = names.resolve("models:/translate/1") / "model.safetensors"
    weights.write_bytes(b"")
    found = register(make_folders(home, answers(6), seed=2, corpus="another"))
    assert found.verdict.startswith("version 1: its test set was another, and it cannot be asked anew: ")
    assert "\n" not in found.verdict
    assert champion() == "1"


RIGHT, BETTER = (0, 0, 3, 3, 1, 6, 6, 5, 6, 0), (1, 3, 6)
NIGHTS = [(right, number in BETTER) for number, right in enumerate(RIGHT, 1)]
"""(rows that the model of a night has right, whether it becomes champion)"""


@pytest.mark.usefixtures("unloaded")
def test_ten_nights_of_a_growing_corpus_are_all_decided(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = {str(number): night for number, (night, _) in enumerate(NIGHTS, 1)}
    rows = [{"source": source, "references": [target]} for source, target in PAIRS]

    def asked_anew(champion: Any, **_: Any) -> Answers:
        said = answers(right[str(champion.version)])
        return Answers([row | {"hypothesis": one} for row, one in zip(rows, said, strict=True)], {})

    monkeypatch.setattr(versions, "asked_anew", asked_anew)
    reigns = "1"
    for number, (night, promoted) in enumerate(NIGHTS, 1):
        found = register(make_folders(home, answers(night), seed=number, corpus=f"night {number}"))
        assert found.version == str(number)
        assert "not comparable" not in found.verdict
        if number > 1:
            assert f"version {reigns} was asked anew: its test set was another" in found.verdict
            assert "rows that are in both test sets" in version(str(number)).tags["verdict.common"]
        reigns = str(number) if promoted else reigns
        assert champion() == reigns, (number, found.verdict)


@pytest.mark.usefixtures("unloaded")
def test_the_same_answers_differ_by_nothing_and_not_by_chance(home: Path) -> None:
    register(make_folders(home, answers(3)))
    assert "+0.00 BLEU, p = 1.000" in register(make_folders(home, answers(3), seed=2)).verdict


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    ("main", "floor", "right", "crowned"),
    [("bleu", 50.0, 2, False), ("bleu", 50.0, 6, True), ("bleu", None, 0, True), ("perplexity", 60.0, 6, False),
     ("perplexity", 60.0, 3, True), ("bleu", "baseline", 0, True)],
)  # fmt: skip
def test_nothing_beneath_the_floor_is_champion(home: Path, main: str, floor: Any, right: int, crowned: bool) -> None:
    how = settings().register_.model_copy(update={"floor": floor})
    folders = make_folders(home, answers(right))
    evaluate(folders, answers(right), main)
    found = register_with(settings().evaluate.search, folders, how)
    assert ("champion" in found.aliases) == crowned
    if not crowned:
        assert re.fullmatch(rf"not champion: {main} [\d.]+ is worse than the floor {floor}", found.verdict)


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(("main", "unit"), [("chrf", "chrF"), ("macro_recall", "points of macro recall")])
def test_what_a_model_is_selected_by_decides(home: Path, main: str, unit: str) -> None:
    folders = make_folders(home, answers(3))
    for right, verdict in ((3, "first"), (6, rf"better than version 1: \+\d+\.\d\d {unit}, p = 0.0")):
        evaluate(folders, answers(right), main)
        assert re.match(verdict, register(folders).verdict)
    assert champion() == "2"
