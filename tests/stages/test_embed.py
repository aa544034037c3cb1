from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages import embed
from tests.grammar import PAIRS
from unroll.artifacts import store
from unroll.data import ids, tables, tokenizers
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline
from unroll.params.tokenize import Labels, Pieces, Vectors

BPE = Pieces(kind="bpe", vocab_size=400, lowercase=False)
WORDS = Pieces(kind="word", vocab_size=200, lowercase=False)
LABEL = Labels(kind="label")
DIGITS = [(f"{i} 0; 1 {i}", f"label {i % 2}") for i in range(20)]
NAMES = [("milk", "Dutch"), ("water", "Czech"), ("tea", "Dutch")] * 9
SMALL = {"dimensions": 16, "epochs": 20, "neighbours_of": ("milk", "Tom")}
Run = Callable[..., Folders]


@pytest.fixture
def embedded(make_params: Callable[..., Pipeline], tmp_path: Path) -> Run:
    """A function that runs the stage on pairs, tokenized for it, with changes of `embed`."""

    def run(
        pairs: list[tuple[str, str]],
        source: tokenizers.Params,
        target: tokenizers.Params | None,
        pipeline: str = "small",
        **changes: Any,
    ) -> Folders:
        folders = Folders(tmp_path, pipeline)
        columns = {side: [pair[i] for pair in pairs] for i, side in enumerate(("source", "target"))}
        both = tokenizers.train(iter([*columns["source"], *columns["target"]]), source) if target is None else None
        with store.writing(folders.tokenized, "tokenized", {}) as folder:
            for side, kind in (("source", source), ("target", target)):
                tokenizer = both or tokenizers.train(columns[side], kind or source)
                tokenizer.save(folder, side)
                if any(columns[side]):
                    ids.write_ids(folder, "train", side, tokenizer, columns[side])
        params = make_params("translate" if any(columns["target"]) else "language")
        embed.run(params.model_copy(update={"embed": params.embed.model_copy(update=SMALL | changes)}), folders)
        return folders

    return run


def report(folders: Folders) -> dict[str, float]:
    found: dict[str, float] = json.loads((folders.reports / "embed.json").read_text())
    return found


def neighbours(folders: Folders) -> list[dict[str, str]]:
    with (folders.reports / "embed" / "neighbours.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files(folders: Folders) -> set[str]:
    return set(store.verify(folders.embedded, "embedded")["files"])


@pytest.fixture
def shown(embedded: Run) -> Folders:
    return embedded(PAIRS, WORDS, None)


def test_each_side_has_a_row_for_each_id(shown: Folders) -> None:
    for side in ("source", "target"):
        vocabulary = len(tokenizers.load(shown.tokenized, side))
        assert tables.load(shown.embedded, side).shape == (vocabulary, 16)
    assert report(shown)["source_tokens_percent"] == 100


def test_neighbours_and_their_picture_are_kept(shown: Folders) -> None:
    rows = neighbours(shown)
    assert {row["word"] for row in rows} == {"milk", "Tom"}
    for word in ("milk", "Tom"):
        cosines = [float(row["cosine"]) for row in rows if row["word"] == word]
        assert cosines == sorted(cosines, reverse=True)
    assert (shown.reports / "embed" / "embeddings.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in (shown.reports / "embed").iterdir()} == {"neighbours.csv", "embeddings.png"}


def test_the_same_tokens_give_the_same_bytes(embedded: Run, shown: Folders) -> None:
    again = embedded(PAIRS, WORDS, None, pipeline="again")
    assert store.verify(again.embedded, "embedded") == store.verify(shown.embedded, "embedded")
    for name in ("embed.json", "embed/neighbours.csv", "embed/embeddings.png"):
        assert (again.reports / name).read_bytes() == (shown.reports / name).read_bytes()


def test_random_embeddings_cover_nothing_and_keep_no_company(embedded: Run, shown: Folders) -> None:
    folders = embedded(PAIRS, BPE, None, kind="random")
    assert report(folders)["source_tokens_percent"] == 0
    assert neighbours(folders) == []
    assert [path.name for path in (folders.reports / "embed").iterdir()] == ["neighbours.csv"]


@pytest.mark.parametrize(
    ("pairs", "source", "target", "kind", "tables", "covered"),
    [
        (PAIRS, WORDS, WORDS, "skipgram", {"source", "target"}, {"source", "target"}),
        (NAMES, WORDS, LABEL, "cbow", {"source", "target"}, {"source"}),
        (NAMES, LABEL, WORDS, "fasttext", {"source", "target"}, {"target"}),
        (NAMES, LABEL, LABEL, "skipgram", {"source", "target"}, set()),
        (NAMES, LABEL, None, "skipgram", {"source", "target"}, set()),
        (DIGITS, Vectors(kind="vectors", width=2, scale=None), LABEL, "skipgram", {"target"}, set()),
        (DIGITS, Vectors(kind="vectors", width=2, scale=None), WORDS, "skipgram", {"target"}, {"target"}),
        (PAIRS, WORDS, WORDS, "random", {"source", "target"}, set()),
        (PAIRS, WORDS, WORDS, "one_hot", set(), set()),
        (DIGITS, Vectors(kind="vectors", width=2, scale=None), LABEL, "one_hot", set(), set()),
    ],
)
def test_each_side_starts_as_it_can(
    embedded: Run,
    pairs: list[tuple[str, str]],
    source: tokenizers.Params,
    target: tokenizers.Params | None,
    kind: str,
    tables: set[str],
    covered: set[str],
) -> None:
    folders = embedded(pairs, source, target, kind=kind, epochs=1)
    assert files(folders) == {f"{side}.safetensors" for side in tables}
    found = report(folders)
    assert found.keys() == ({"dimensions"} if tables else set()) | {
        f"{side}_{name}_percent" for side in tables for name in ("vocabulary", "tokens")
    }
    assert {side for side in tables if found[f"{side}_tokens_percent"] == 100} == covered
    header = "word,rank,neighbour,cosine\n"
    assert (folders.reports / "embed" / "neighbours.csv").read_text(encoding="utf-8").startswith(header)
    if "source" not in covered:
        assert neighbours(folders) == []


def test_lines_learn_from_the_source_alone(embedded: Run) -> None:
    folders = embedded([(source, "") for source, _ in PAIRS], WORDS, None, kind="skipgram", epochs=1)
    assert files(folders) == {"source.safetensors", "target.safetensors"}
    assert (tables.load(folders.embedded, "source") == tables.load(folders.embedded, "target")).all()
    assert report(folders).keys() == {"dimensions", "source_vocabulary_percent", "source_tokens_percent"}
    assert neighbours(folders)


@pytest.mark.parametrize("joint", [True, False])
def test_imported_vectors_start_the_pieces_they_name(embedded: Run, tmp_path: Path, joint: bool) -> None:
    with store.writing(Folders(tmp_path, "small").raw, "raw", {}) as raw:
        (raw / "glove.txt").write_text("milk 1 2\nTom 3 5\n")
    folders = embedded(
        PAIRS, WORDS, None if joint else WORDS, kind="imported", source_vectors="glove.txt", dimensions=2
    )  # fmt: skip
    vectors, pieces = tables.load(folders.embedded, "source"), tokenizers.load(folders.tokenized, "source").vocabulary
    milk, tom = (vectors[pieces.index(word)] for word in ("milk", "Tom"))
    assert milk[1] / milk[0] == pytest.approx(2)
    assert tom / milk[0] == pytest.approx([3, 5])
    assert "raw" in store.verify(folders.embedded, "embedded")["inputs"]
    assert (report(folders)["target_tokens_percent"] > 0) == joint
    assert len(neighbours(folders)) > 0
