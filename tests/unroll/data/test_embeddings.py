"""Where embeddings start from: one scale, what is not known drawn, and which side learns from what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.recipes import embed as settings
from unroll.data import embeddings
from unroll.data.ids import Ids, write_ids
from unroll.data.tokenizers import LabelTokenizer, Tokenizer, WordTokenizer
from unroll.params.tokenize import Labels, Pieces

TEXTS = ["I drink milk", "I drink tea", "you drink milk"] * 5


@pytest.fixture
def words(tmp_path: Path) -> tuple[Tokenizer, Ids]:
    tokenizer = WordTokenizer.train(iter(TEXTS), Pieces(kind="word", vocab_size=60, lowercase=False))
    write_ids(tmp_path, "train", "source", tokenizer, TEXTS)
    return tokenizer, Ids(tmp_path, "train", "source")


def test_a_table_has_one_scale_and_draws_what_is_not_known() -> None:
    random = np.random.default_rng(0)
    known = {row: random.normal(0.3, 7, 8).astype(np.float32) for row in range(500)}
    made = embeddings.table(1000, known, settings())
    assert made.shape == (1000, 8)
    assert made.dtype == np.float32
    for part, tolerance in ((made[:500], 1e-2), (made[500:], 0.05)):
        assert np.sqrt((part**2).sum(1).mean()) == pytest.approx(settings().row_length, rel=tolerance)
    assert (made == embeddings.table(1000, known, settings())).all()
    assert (made[500:] != embeddings.table(1000, known, settings(seed=2))[500:]).any()
    np.testing.assert_allclose(made[1] / made[0], known[1] / known[0], rtol=1e-4)


def test_coverage_counts_what_is_used(words: tuple[Tokenizer, Ids]) -> None:
    tokenizer, rows = words
    used = len(set(rows.ids.tolist()))
    one = int(rows.ids[0])
    found = embeddings.coverage(tokenizer, rows, {one: np.zeros(8, np.float32)})
    assert found["vocabulary_percent"] == pytest.approx(100 / used, abs=1e-3)
    assert found["tokens_percent"] == pytest.approx(100 * float((rows.ids == one).mean()), abs=1e-3)
    assert embeddings.coverage(tokenizer, rows, {}) == {"vocabulary_percent": 0, "tokens_percent": 0}


def test_both_sides_of_one_vocabulary_start_from_the_same_vectors(words: tuple[Tokenizer, Ids], tmp_path: Path) -> None:
    tokenizer, rows = words
    both, ids = {"source": tokenizer, "target": tokenizer}, {"source": rows, "target": rows}
    found = embeddings.start(settings(epochs=1), both, ids, tmp_path)
    assert found["source"] is found["target"]
    assert found["source"].keys() == set(rows.ids.tolist())
    (tmp_path / "v.txt").write_text("milk 1 2\n", encoding="utf-8")
    imported = settings("imported", dimensions=2, source_vectors="v.txt")
    found = embeddings.start(imported, both, ids, tmp_path)
    assert found["source"] == found["target"] != {}


def test_labels_and_what_is_drawn_learn_nothing(words: tuple[Tokenizer, Ids], tmp_path: Path) -> None:
    tokenizer, rows = words
    label = LabelTokenizer.train(iter(["yes", "no"]), Labels(kind="label"))
    write_ids(tmp_path, "train", "target", label, ["yes", "no"])
    sides = {"source": tokenizer, "target": label}
    ids = {"source": rows, "target": Ids(tmp_path, "train", "target")}
    found = embeddings.start(settings(epochs=1), sides, ids, tmp_path)
    assert found["source"]
    assert found["target"] == {}
    assert embeddings.start(settings("random"), sides, ids, tmp_path) == {"source": {}, "target": {}}
