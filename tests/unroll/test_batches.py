"""Every row once an epoch, little padding, and the marks where teacher forcing wants them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unroll.batches import Batches, make_batch, source_batch
from unroll.text import EOS, GO, ID_DTYPE, OFFSET_DTYPE, PAD, Ids

rows = st.lists(st.lists(st.integers(4, 99), max_size=9), min_size=1, max_size=30)


def write(folder: Path, side: str, data: list[list[int]]) -> Ids:
    (folder / f"train.{side}.ids").write_bytes(np.array([i for row in data for i in row], ID_DTYPE).tobytes())
    offsets = np.cumsum([0, *map(len, data)]).astype(OFFSET_DTYPE)
    (folder / f"train.{side}.offsets").write_bytes(offsets.tobytes())
    return Ids(folder, "train", side)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ids, Ids]:
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("ids")
    data = [[list(random.integers(4, 90, random.integers(1, 12))) for _ in range(500)] for _ in range(2)]
    return write(folder, "source", data[0]), write(folder, "target", data[1])


def test_inputs_start_with_go_and_outputs_end_with_eos() -> None:
    batch = make_batch([np.array([7, 8]), np.array([9])], [np.array([5]), np.array([6, 4])], reverse=False)
    assert batch.source_BS.tolist() == [[7, 8], [9, PAD]]
    assert batch.input_BT.tolist() == [[GO, 5, PAD], [GO, 6, 4]]
    assert batch.output_BT.tolist() == [[5, EOS, PAD], [6, 4, EOS]]
    assert batch.mask_BT.tolist() == [[True, True, False], [True, True, True]]
    assert batch.tokens == 3 + 5


@given(rows)
def test_reversal_turns_the_source_alone(data: list[list[int]]) -> None:
    forwards, lengths = source_batch(data, reverse=False)
    backwards, _ = source_batch(data, reverse=True)
    for row, ahead, back, length in zip(data, forwards, backwards, lengths.tolist(), strict=True):
        assert length == max(len(row), 1)
        assert ahead[:length].tolist() == (row or [EOS])
        assert back[:length].flip(0).tolist() == (row or [EOS])


def test_an_epoch_has_every_row_once_and_another_epoch_another_order(corpus: tuple[Ids, Ids]) -> None:
    batches = Batches(*corpus, batch_tokens=60, reverse=False, seed=1)
    plans = [batches.plan(epoch) for epoch in (0, 1, 0)]
    for plan in plans:
        assert sorted(np.concatenate(plan)) == list(range(500))
    assert [p.tolist() for p in plans[0]] == [p.tolist() for p in plans[2]]
    assert [p.tolist() for p in plans[0]] != [p.tolist() for p in plans[1]]


def test_batches_keep_to_their_tokens_and_hardly_pad(corpus: tuple[Ids, Ids]) -> None:
    batches = list(Batches(*corpus, batch_tokens=60, reverse=False, seed=1).epoch(0))
    assert all(batch.output_BT.numel() <= 60 for batch in batches)
    real = sum(int(batch.mask_BT.sum()) for batch in batches)
    assert real / sum(batch.output_BT.numel() for batch in batches) > 0.95


def test_a_row_longer_than_a_batch_stands_alone(tmp_path: Path) -> None:
    source, target = write(tmp_path, "source", [[5], [6]]), write(tmp_path, "target", [[5] * 50, [6]])
    plan = Batches(source, target, batch_tokens=10, reverse=False, seed=1).plan(0)
    assert sorted(len(rows) for rows in plan) == [1, 1]


def test_ids_are_memory_mapped(corpus: tuple[Ids, Ids]) -> None:
    assert isinstance(corpus[0].ids, np.memmap)
    assert torch.equal(torch.tensor(corpus[0].lengths), torch.tensor([len(corpus[0][i]) for i in range(500)]))
