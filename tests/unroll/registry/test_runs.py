from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tracked import (
    answers,
    client,
    evaluate,
    history,
    make_folders,
    recipe,
    record,
    runs,
    settings,
)
from unroll.artifacts import lineage, store
from unroll.artifacts.manifest import sha256
from unroll.errors import IntegrityError, ResourceError
from unroll.registry.live import live


def test_a_run_is_made_from_files_and_made_once(home: Path) -> None:
    folders = make_folders(home, answers(3))
    run = record(folders)
    assert record(folders) == run
    found = client().get_run(run)
    assert found.info.status == "FINISHED"
    assert found.data.metrics["bleu"] == 50.0
    assert found.data.metrics["train.best_valid_score"] == 9.5
    assert found.data.params["tokenize.source.kind"] == "char"
    assert found.data.params["model.encoder.cell"] == "lstm"
    assert found.data.tags["evaluate.main"] == "bleu"
    assert found.data.tags["evaluate.signature"] == "nrefs:var|case:mixed"
    assert found.data.tags["search.beam"] == str(settings().evaluate.search.beam)
    assert found.data.tags["model.sha256"] == lineage.verify(folders.model, folders.evaluation)["model"]
    assert "Leo un libro" in found.data.tags["mlflow.note.content"]
    assert history(run, "train_loss") == [(2, 3.5), (4, 2.25)]
    assert history(run, "valid_score") == [(4, 9.5)]
    assert history(run, "bleu") == [(0, 50.0)]
    files = {file.path for file in client().list_artifacts(run)}
    assert files == {"pictures", "evaluation", "lineage.txt", "lineage.json"}
    pictures = [file.path for file in client().list_artifacts(run, "pictures")]
    assert pictures == ["pictures/attention.png", "pictures/embeddings.png"]


def test_a_run_names_the_rows_it_stands_on(home: Path) -> None:
    folders = make_folders(home, answers(3))
    store.write_file(folders.reports / "prepare.json", '{"train_rows": 6}')
    for _ in range(2):
        run = record(folders)
    inputs = client().get_run(run).inputs.dataset_inputs
    files = store.read_manifest(folders.prepared)["files"]
    found = {one.tags[0].value: one.dataset for one in inputs}
    assert len(inputs) == len(found) == 3
    for context, split in (("training", "train"), ("validation", "valid"), ("test", "test")):
        assert found[context].name == f"translate {split}"
        assert found[context].digest == files[f"{split}.tsv"][:36]
        place = json.loads(found[context].source)
        assert place == {"uri": f"data/translate/prepared/{split}.tsv", "sha256": sha256(home / place["uri"])}
    assert json.loads(found["training"].profile) == {"num_rows": 6}


def test_a_live_run_is_completed_not_doubled(home: Path) -> None:
    folders = make_folders(home, answers(3))
    with live("translate", recipe(), "f1") as run:
        run.log({"train_loss": 3.5}, 2)
        run.adopt(lineage.verify(folders.model, folders.evaluation)["model"])
    (before,) = runs()
    assert record(folders) == before.info.run_id
    assert history(before.info.run_id, "train_loss") == [(2, 3.5), (4, 2.25)]
    assert runs()[0].info.end_time == before.info.end_time


def test_a_new_score_takes_the_place_of_the_old(home: Path) -> None:
    folders = make_folders(home, answers(3))
    run = record(folders)
    evaluate(folders, answers(6))
    assert record(folders) == run
    assert client().get_run(run).data.metrics["bleu"] == 100.0
    assert len(client().list_artifacts(run, "evaluation")) == 2


def test_an_altered_model_is_not_recorded(home: Path) -> None:
    folders = make_folders(home, answers(3))
    with (folders.model / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        record(folders)


def test_a_dead_server_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = make_folders(tmp_path, answers(3))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with pytest.raises(ResourceError, match=r"tracking store http://127\.0\.0\.1:1: "):
        record(folders)
