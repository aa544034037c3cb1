"""What a training starts from: the model, its rows, its score, the processes; and what stands for all of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import tiny
from tests.grammar import PAIRS
from unroll.artifacts.manifest import signed
from unroll.data import tables
from unroll.data.ids import write_ids
from unroll.errors import ParamsError, ResourceError
from unroll.folders import Folders
from unroll.nn.model import EncoderDecoder
from unroll.params.pipeline import Recipe
from unroll.training.setup import fingerprint, first_model, processes_of, spread, start

VALID = [*PAIRS[:40], *PAIRS[:20]]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """The folders of the stages before, with tables of ones and twos."""
    found = Folders(tmp_path, "mine")
    settings = tiny.pipeline(tokenize__target={"kind": "word", "vocab_size": 40, "lowercase": False}, model__tied=False)
    readers = tiny.tokenize(found.tokenized, settings, PAIRS)
    for place, side in enumerate(("source", "target")):
        write_ids(found.tokenized, "valid", side, readers[side], [pair[place] for pair in VALID])
    found.prepared.mkdir(parents=True)
    (found.prepared / "valid.tsv").write_text("".join(f"{s}\t{t}\t\n" for s, t in VALID), encoding="utf-8")
    found.embedded.mkdir(parents=True)
    for number, side in enumerate(("source", "target"), start=1):
        tables.save(found.embedded, side, np.full((len(readers[side]), 16), number, np.float32))
    return found


def recipe(**changes: Any) -> Recipe:
    target = {"kind": "word", "vocab_size": 40, "lowercase": False}
    return tiny.pipeline(**({"tokenize__target": target, "model__tied": False} | changes)).recipe


def test_a_model_starts_from_the_tables_of_its_sides(folders: Folders) -> None:
    network = first_model(recipe(), folders)
    assert isinstance(network, EncoderDecoder)
    assert (network.encoder.embedding.weight == 1).all()
    assert (network.head.embedding.weight == 2).all()
    assert len(network.encoder.embedding.weight) != len(network.head.embedding.weight)


def test_the_same_seed_starts_with_the_same_weights_and_another_with_others(folders: Folders) -> None:
    first, same, other = (start(recipe(train__seed=seed), folders)[0].state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(same[name], value) for name, value in first.items())
    assert not torch.equal(first["head.readout.weight"], other["head.readout.weight"])


def test_threads_are_those_of_the_machine(folders: Folders) -> None:
    torch.set_num_threads(2)
    try:
        start(recipe(), folders)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(1)


def test_it_learns_from_train_and_is_validated_on_some_rows(folders: Folders) -> None:
    _, training = start(recipe(train__validation_rows=10), folders)
    assert len(training.feed.epochs) > 1
    assert next(iter(training.feed)).source_BS.shape[0] > 1
    assert sum(batch.mask_BT.any(1).sum() for batch in training.valid.epoch(0)) == len(VALID)


@pytest.mark.parametrize("select_by", ["loss", "bleu"])
def test_it_is_scored_by_its_loss_or_by_its_answers(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, select_by: str
) -> None:
    asked: list[dict[str, list[str]]] = []
    monkeypatch.setattr("unroll.training.validation.score", lambda predictor, pairs: asked.append(pairs) or 42.0)
    _, training = start(recipe(train__select_by=select_by, train__validation_rows=10), folders)
    assert training.score(1.5) == (-1.5 if select_by == "loss" else 42.0)
    sources = list(dict.fromkeys(source for source, _ in VALID))
    assert [list(pairs) for pairs in asked] == ([] if select_by == "loss" else [sources[::4]])


def test_validation_looks_at_the_whole_of_its_split() -> None:
    pairs = {str(n): [str(n)] for n in range(10)}
    assert list(spread(pairs, 5)) == ["0", "2", "4", "6", "8"]
    assert list(spread(pairs, 4)) == ["0", "3", "6", "9"]
    assert spread(pairs, 99) == pairs
    assert spread({}, 9) == {}


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without CUDA says")
def test_an_accelerator_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ResourceError, match=r"machine\.accelerator: cuda cannot be used here") as caught:
        processes_of(tiny.pipeline(machine__accelerator="cuda").recipe)
    assert "\n" not in str(caught.value)


def test_another_number_of_processes_than_was_started_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ParamsError, match=r"machine\.processes is 1, but 3 were started; make the two equal"):
        processes_of(recipe())


def test_one_process_is_the_first() -> None:
    fabric = processes_of(recipe())
    assert fabric.world_size == 1
    assert fabric.is_global_zero
    assert fabric.device.type == "cpu"


def test_a_fingerprint_stands_for_data_recipe_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"tokenized": signed("tokenized", {"a": "1"}, {})}
    known = fingerprint(inputs, recipe())
    assert fingerprint(inputs, recipe()) == known
    others = [
        fingerprint({"tokenized": signed("tokenized", {"a": "2"}, {})}, recipe()),
        fingerprint(inputs, recipe(train__seed=2)),
        fingerprint(inputs, recipe(machine__threads=2)),
    ]
    monkeypatch.setattr("unroll.artifacts.origin.sources_sha256", lambda: "other code")
    others.append(fingerprint(inputs, recipe()))
    assert len({known, *others}) == 5
