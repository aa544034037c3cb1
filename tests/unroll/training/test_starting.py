"""A model takes the weights of another one: rows by their token, all else as it is, or it says what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests import tiny
from tests.grammar import PAIRS
from unroll.data import tokenizers
from unroll.data.tokenizers import Tokenizer
from unroll.errors import IntegrityError, ParamsError
from unroll.nn.model import Network
from unroll.params.pipeline import Pipeline
from unroll.predict import checkpoints
from unroll.shapes import SIDES
from unroll.training.starting import ROWS, Taken, begin, fits

BEFORE, AFTER = PAIRS[:100], [*PAIRS[100:], ("Tom ate rice.", "Tom comió arroz.")]
APART = {"tokenize__target": {"kind": "word", "vocab_size": 60, "lowercase": False}, "model__tied": False}
LABELS = [("good day", "yes"), ("bad day", "no"), ("milk day", "yes"), ("red day", "no")] * 5
CLASSES = {
    "tokenize__source": {"kind": "word", "vocab_size": 60, "lowercase": False}, "model__encoder__hidden": 32,
    "embed__kind": "random", "embed__source_vectors": None,
}  # fmt: skip


def settings(section: str = "translate", /, **changes: Any) -> Pipeline:
    return tiny.pipeline(section, **{"train__start_from": "data/sources/old"} | changes)


def fresh(folder: Path, params: Pipeline, pairs: tiny.Pairs = AFTER, seed: int = 5) -> Network:
    """Return a model that has learnt nothing, with its ids and tokenizers in a folder."""
    readers = tiny.tokenize(folder, params, pairs)
    torch.manual_seed(seed)
    return tiny.build_model(params, readers)


def started(
    root: Path, old: Pipeline, new: Pipeline, pairs: tiny.Pairs = AFTER
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], Taken]:
    """Return the weights of a model as it was, with those of another one, and that one's own; and what was taken."""
    start = tiny.checkpoint(root / "old", old, BEFORE)
    network = fresh(root / "new", new, pairs)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    taken = begin(network, new.recipe, root / "new", start)
    return before, network.state_dict(), checkpoints.load(start).model.state_dict(), taken


def vocabulary(folder: Path, side: str) -> list[str]:
    found = tokenizers.load(folder, side)
    assert isinstance(found, Tokenizer)
    return found.vocabulary


@pytest.mark.parametrize("changes", [{}, APART, {"embed__kind": "random", "model__tied": False}])
def test_rows_are_found_by_their_token_and_all_else_is_as_it_was(tmp_path: Path, changes: dict[str, Any]) -> None:
    before, now, theirs, taken = started(tmp_path, settings(**changes), settings(**changes))
    assert now.keys() == theirs.keys()
    for name, value in now.items():
        if name not in ROWS:
            assert torch.equal(value, theirs[name]), name
            continue
        ours, known = (vocabulary(tmp_path / place, ROWS[name]) for place in ("new", "old/tokenized"))
        both = set(ours) & set(known)
        assert 5 < len(both) < len(ours)
        for index, piece in enumerate(ours):
            row = theirs[name][known.index(piece)] if piece in both else before[name][index]
            assert torch.equal(value[index], row), (name, piece)
    assert taken.tensors == taken.of
    share, often = taken.tokens["target"]
    assert 0 < share < 100
    assert 0 < often < 100


def test_with_the_same_vocabulary_it_is_the_other_model(tmp_path: Path) -> None:
    _, now, theirs, taken = started(tmp_path, settings(), settings(), BEFORE)
    assert all(torch.equal(now[name], value) for name, value in theirs.items())
    assert set(taken.tokens.values()) == {(100.0, 100.0)}
    assert taken.report["start_target_tokens_percent"] == 100
    assert str(taken).startswith(f"start: {taken.of} of {taken.of} tensors as in {taken.folder}; of the source's voc")


def test_one_vocabulary_takes_from_two_and_two_from_one(tmp_path: Path) -> None:
    one, two = settings(model__tied=False), settings(**APART)
    _, now, theirs, _ = started(tmp_path / "a", two, one)
    ours, known = vocabulary(tmp_path / "a/new", "target"), vocabulary(tmp_path / "a/old/tokenized", "target")
    word = ours.index("leche")
    assert torch.equal(now["head.embedding.weight"][word], theirs["head.embedding.weight"][known.index("leche")])
    _, now, theirs, _ = started(tmp_path / "b", one, two)
    ours, known = vocabulary(tmp_path / "b/new", "source"), vocabulary(tmp_path / "b/old/tokenized", "source")
    milk = theirs["encoder.embedding.weight"][known.index("milk")]
    assert torch.equal(now["encoder.embedding.weight"][ours.index("milk")], milk)


def test_chance_stays_where_it_was(tmp_path: Path) -> None:
    start = tiny.checkpoint(tmp_path / "old", settings(), BEFORE)
    network = fresh(tmp_path / "new", settings())
    before = torch.get_rng_state()
    begin(network, settings().recipe, tmp_path / "new", start)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("parts", [("encoder",), ("encoder.embedding",), ("head.stack", "encoder.stack")])
def test_parts_alone_are_taken(tmp_path: Path, parts: tuple[str, ...]) -> None:
    new = settings(train__start_parts=list(parts), **APART)
    before, now, theirs, taken = started(tmp_path, settings(**APART), new)
    for name, value in now.items():
        inside = any(name.startswith(f"{part}.") for part in parts)
        assert torch.equal(value, before[name]) != inside, name
        if inside and name not in ROWS:
            assert torch.equal(value, theirs[name]), name
    assert 0 < taken.tensors < taken.of


def test_the_encoder_of_a_translator_reads_for_a_classifier(tmp_path: Path) -> None:
    new = settings("classify", train__start_parts=["encoder"], **CLASSES, model__encoder__cell="lstm")
    _, now, theirs, taken = started(tmp_path, settings(), new, LABELS)
    fits(new.recipe, tmp_path / "old/model")
    taken_over = [name for name in now if name.startswith("encoder.stack")]
    assert taken_over
    assert all(torch.equal(now[name], theirs[name]) for name in taken_over)
    assert set(taken.tokens) == {"source"}


MISFITS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"hidden": 16}, {}, r"model\.encoder\.hidden is 32 here and 16 there"),
    ({"model__encoder__layers": 2}, {}, r"is there alone: model\.encoder\.layers is 1 here and 2 there"),
    ({}, {"model__encoder__layers": 2}, r"is here alone: model\.encoder\.layers is 2 here and 1 there"),
    ({"embed__dimensions": 8}, {}, r"embed\.dimensions is 16 here and 8 there"),
    ({"model__encoder__cell": "gru"}, {}, r"model\.encoder\.cell is lstm here and gru there"),
    (
        {"hidden": 32, "model__encoder__cell": "gru"},
        {"model__encoder__cell": "gru_cho"},
        r"encoder\.cell is gru",
    ),
    ({"model__head__attention": "additive"}, {}, r"model\.head\.attention is general here and additive there"),
    ({"model__encoder__bidirectional": False}, {}, r"model\.encoder\.bidirectional is True here and False there"),
    (
        {"embed__kind": "one_hot", "model__tied": False},
        {"model__tied": False},
        r"embed\.kind is skipgram here",
    ),
    (
        {},
        {"train__start_parts": ["head.bridges"]},
        r"this model has no weights in head\.bridges; it has enc",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), MISFITS)
def test_what_does_not_fit_is_refused_in_one_line_before_anything_is_changed(
    tmp_path: Path, old: dict[str, Any], new: dict[str, Any], message: str
) -> None:
    start = tiny.checkpoint(tmp_path / "old", settings(**old), BEFORE)
    network = fresh(tmp_path / "new", settings(**new))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for attempt in (
        lambda: begin(network, settings(**new).recipe, tmp_path / "new", start),
        lambda: fits(settings(**new).recipe, start),
    ):
        with pytest.raises(ParamsError, match=message) as refused:
            attempt()
        assert "\n" not in str(refused.value)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_without_embeddings_the_vocabulary_has_to_be_the_same(tmp_path: Path) -> None:
    bare = settings(embed__kind="one_hot", model__tied=False)
    _, now, theirs, _ = started(tmp_path / "same", bare, bare, BEFORE)
    assert all(torch.equal(now[name], value) for name, value in theirs.items())
    fits(bare.recipe, tmp_path / "same/old/model")
    with pytest.raises(ParamsError, match=r"with embed\.kind one_hot the source's vocabularies have to be the same"):
        started(tmp_path / "other", bare, bare)


def test_numbers_keep_the_scale_on_which_they_were_learnt(tmp_path: Path) -> None:
    pairs = [(f"word {n}", f"{n}.5") for n in range(20)]
    head = {"kind": "regressor", "context": "last", "loss": "squared", "quantiles": None}
    numbers = {
        "tokenize__target": {"kind": "vectors", "width": 1, "scale": "standard"},
        "model__head": head,
        "train__select_by": "loss",
    }
    numbers["evaluate__search"] = {"kind": "estimate", "batch_sentences": 64}
    new = settings("classify", **CLASSES, **numbers)
    start = tiny.checkpoint(tmp_path / "old", new, pairs)
    network = fresh(tmp_path / "new", new, pairs)
    network.head.mean_W.fill_(7)  # type: ignore[union-attr, operator]
    begin(network, new.recipe, tmp_path / "new", start)
    assert (network.head.mean_W == 0).all()  # type: ignore[union-attr, comparison-overlap, attr-defined]


def test_an_altered_start_is_refused(tmp_path: Path) -> None:
    start = tiny.checkpoint(tmp_path / "old", settings(), BEFORE)
    network = fresh(tmp_path / "new", settings())
    with (start / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(IntegrityError, match="the file was altered"):
        begin(network, settings().recipe, tmp_path / "new", start)


def test_a_language_model_goes_on_too(tmp_path: Path) -> None:
    texts = [(source, source) for source, _ in PAIRS]
    new = settings("language")
    start = tiny.checkpoint(tmp_path / "old", new, texts)
    network = fresh(tmp_path / "new", new, texts)
    taken = begin(network, new.recipe, tmp_path / "new", start)
    theirs = checkpoints.load(start).model.state_dict()
    assert all(torch.equal(theirs[name], value) for name, value in network.state_dict().items())
    assert set(taken.tokens) == set(SIDES)
