from __future__ import annotations

import csv
import json
import shutil

import pytest

from stages import Folders, embed
from unroll import artifacts, embeddings, text
from unroll.params import Pipeline


def rerun(small: Pipeline, ran: Folders, pipeline: str, **changes: object) -> Folders:
    folders = Folders(ran.root, pipeline)
    shutil.copytree(ran.tokenized, folders.tokenized)
    embed.run(small.model_copy(update={"embed": small.embed.model_copy(update=changes)}), folders)
    return folders


def test_each_side_has_a_row_for_each_id(small: Pipeline, ran: Folders) -> None:
    for side in ("source", "target"):
        vocabulary = len(text.load(ran.tokenized, side))
        assert embeddings.load(ran.embedded, side).shape == (vocabulary, small.embed.dimensions)
    report = json.loads((ran.reports / "embed.json").read_text())
    assert report["source_tokens_percent"] == 100


def test_neighbours_and_their_picture_are_kept(ran: Folders) -> None:
    with (ran.reports / "neighbours.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["word"] for row in rows} == {"milk", "Tom"}
    for word in ("milk", "Tom"):
        cosines = [float(row["cosine"]) for row in rows if row["word"] == word]
        assert cosines == sorted(cosines, reverse=True)
    assert (ran.reports / "embeddings.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_tokens_give_the_same_bytes(small: Pipeline, ran: Folders) -> None:
    again = rerun(small, ran, "again")
    assert artifacts.verify(again.embedded, "embedded") == artifacts.verify(ran.embedded, "embedded")
    for name in ("embed.json", "neighbours.csv", "embeddings.png"):
        assert (again.reports / name).read_bytes() == (ran.reports / name).read_bytes()


def test_random_embeddings_cover_nothing(small: Pipeline, ran: Folders) -> None:
    folders = rerun(small, ran, "random", kind="random")
    assert json.loads((folders.reports / "embed.json").read_text())["source_tokens_percent"] == 0


def test_imported_vectors_start_the_pieces_they_name(small: Pipeline, ran: Folders) -> None:
    folders = Folders(ran.root, "imported")
    with artifacts.writing(folders.raw, "raw", {}) as raw:
        (raw / "glove.txt").write_text("milk 1 2\nTom 3 5\n")
    rerun(small, ran, "imported", kind="imported", source_vectors="glove.txt", dimensions=2)
    vectors, pieces = embeddings.load(folders.embedded, "source"), text.load(ran.tokenized, "source").vocabulary
    milk, tom = (vectors[pieces.index(f"▁{word}")] for word in ("milk", "Tom"))
    assert milk[1] / milk[0] == pytest.approx(2)
    assert tom / milk[0] == pytest.approx([3, 5])
    assert "raw" in artifacts.verify(folders.embedded, "embedded")["inputs"]
