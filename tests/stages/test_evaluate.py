from __future__ import annotations

import csv
import json
import shutil
from typing import Any

import pytest

from stages import evaluate
from unroll.artifacts import store
from unroll.data.rows import references as references_of
from unroll.errors import DataError, IntegrityError
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline
from unroll.predict import loading
from unroll.training import validation


@pytest.fixture(scope="module")
def rows(ran: Folders) -> list[dict[str, Any]]:
    text = (ran.evaluation / "test.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1]]


@pytest.fixture(scope="module")
def report(ran: Folders) -> dict[str, Any]:
    return dict(json.loads((ran.reports / "evaluate.json").read_text()))


def test_each_distinct_source_is_answered_as_the_predictor_does(
    small: Pipeline, ran: Folders, rows: list[dict[str, Any]]
) -> None:
    references = references_of(ran.prepared / "test.tsv")
    assert {row["source"]: row["references"] for row in rows} == references
    predictor = loading.load(ran.model, small.evaluate.search, threads=1)
    answers = predictor.predict(list(references))
    assert [row["hypothesis"] for row in rows] == [best.text for best, *_ in answers]


def test_scores_are_those_of_the_rows(rows: list[dict[str, Any]], report: dict[str, Any]) -> None:
    references = [row["references"] for row in rows]
    for name, column in (("", "hypothesis"), ("_greedy", "greedy")):
        said = [row[column] for row in rows]
        assert report[f"bleu{name}"] == pytest.approx(validation.bleu(said, references), abs=1e-3)
        assert report[f"chrf{name}"] == pytest.approx(validation.chrf(said, references), abs=1e-3)
    assert report["bleu"] > 20
    assert report["sentences"] == len(rows)
    assert report["sentences_far"] == sum(row["far"] for row in rows)
    assert "tok:13a" in report["signature"]


def test_validation_is_scored_apart(ran: Folders, report: dict[str, Any]) -> None:
    train = json.loads((ran.reports / "train.json").read_text())
    assert set(references_of(ran.prepared / "valid.tsv")).isdisjoint(references_of(ran.prepared / "test.tsv"))
    assert {"valid.bleu", "valid.bleu_greedy"} <= report.keys()
    assert report["valid.bleu_greedy"] > train["best_valid_score"] / 2


def test_worst_median_and_best_are_shown(ran: Folders, rows: list[dict[str, Any]]) -> None:
    table = (ran.evaluation / "examples.md").read_text(encoding="utf-8")
    ranked = sorted(rows, key=lambda row: (row["chrf"], row["source"]))
    for name, row in (("worst", ranked[0]), ("best", ranked[-1])):
        assert f"| {name} | {row['chrf']:.2f} | {row['source']} |" in table
    assert "| median |" in table


def test_the_breakdown_covers_every_sentence(ran: Folders, rows: list[dict[str, Any]]) -> None:
    with (ran.reports / "breakdown.csv").open(encoding="utf-8", newline="") as file:
        groups = {row["group"]: row for row in csv.DictReader(file)}
    assert sum(int(row["count"]) for row in groups.values()) == len(rows)
    short = [row for row in rows if len(row["source"].split()) <= 4]
    expected = validation.bleu([row["hypothesis"] for row in short], [row["references"] for row in short])
    assert float(groups["1-4"]["score"]) == pytest.approx(expected, abs=1e-3)


def test_pictures_are_there(ran: Folders) -> None:
    for name in ("attention", "curves", "breakdown"):
        assert (ran.reports / "pictures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_of_other_parts_is_refused(small: Pipeline, ran: Folders) -> None:
    folders = Folders(ran.root, "mixed")
    shutil.copytree(ran.model, folders.model)
    shutil.copytree(ran.prepared, folders.prepared)
    shutil.copytree(ran.reports, folders.reports)
    (folders.model / "source.tokenizer.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"source\.tokenizer\.json"):
        evaluate.run(small, folders)
    assert not folders.evaluation.exists()


def copied(ran: Folders, pipeline: str) -> Folders:
    folders = Folders(ran.root, pipeline)
    for kind in ("model", "lexicon", "prepared", "reports"):
        shutil.copytree(getattr(ran, kind), getattr(folders, kind))
    return folders


def with_shortlist(small: Pipeline) -> Pipeline:
    search = small.evaluate.search.model_copy(update={"shortlist": 30})
    return small.model_copy(update={"evaluate": small.evaluate.model_copy(update={"search": search})})


def test_a_shortlist_is_of_the_lexicon_beside_the_model(small: Pipeline, ran: Folders) -> None:
    folders = copied(ran, "short")
    evaluate.run(with_shortlist(small), folders)
    report = json.loads((folders.reports / "evaluate.json").read_text())
    assert report["bleu"] > 20
    shutil.rmtree(folders.lexicon)
    with pytest.raises(DataError, match="this model has no lexicon"):
        evaluate.run(with_shortlist(small), folders)


def test_a_lexicon_of_other_tokenizers_is_refused(small: Pipeline, ran: Folders) -> None:
    folders = copied(ran, "foreign")
    tokenized = store.verify(ran.tokenized, "tokenized")
    with store.writing(folders.lexicon, "lexicon", {"tokenized": tokenized | {"files": {}}}) as aside:
        shutil.copy(ran.lexicon / "target.lexicon.safetensors", aside)
    with pytest.raises(IntegrityError, match=r"lexicon: is not of the tokenizers in .*model"):
        evaluate.run(small, folders)
    assert not folders.evaluation.exists()


def test_the_same_model_gives_the_same_bytes(small: Pipeline, ran: Folders) -> None:
    folders = copied(ran, "again2")
    evaluate.run(small, folders)
    assert store.verify(folders.evaluation, "evaluation") == store.verify(ran.evaluation, "evaluation")
    pictures = (f"pictures/{name}.png" for name in ("attention", "curves", "breakdown"))
    for name in ("evaluate.json", "breakdown.csv", *pictures):
        assert (folders.reports / name).read_bytes() == (ran.reports / name).read_bytes()
