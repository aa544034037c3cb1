"""Every row and every token of running text once an epoch, little padding, and the marks where each head wants them."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import tiny
from unroll.data.batches import Batch, Rows, Streams, batches, make_batch, pad, source_batch
from unroll.data.ids import EOS, GO, ID_DTYPE, OFFSET_DTYPE, PAD, VALUE_DTYPE, Ids
from unroll.errors import DataError
from unroll.params.pipeline import Recipe

rows = st.lists(st.lists(st.integers(4, 99), max_size=9), min_size=1, max_size=30)


def recipe(section: str = "translate", **changes: Any) -> Recipe:
    return tiny.recipe(tiny.pipeline(section, **changes))


def write(folder: Path, side: str, data: list[list[Any]], suffix: str = "ids") -> Ids:
    dtype = ID_DTYPE if suffix == "ids" else VALUE_DTYPE
    (folder / f"train.{side}.{suffix}").write_bytes(np.array([i for row in data for i in row], dtype).tobytes())
    offsets = np.cumsum([0, *map(len, data)]).astype(OFFSET_DTYPE)
    (folder / f"train.{side}.offsets").write_bytes(offsets.tobytes())
    return Ids(folder, "train", side)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ids, Ids]:
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("ids")
    data = [[list(random.integers(4, 90, random.integers(1, 12))) for _ in range(500)] for _ in range(2)]
    return write(folder, "source", data[0]), write(folder, "target", data[1])


@given(rows, st.integers(1, 5))
def test_shards_are_the_rows_of_a_batch_and_their_shares_those_of_its_targets(
    data: list[list[int]], count: int
) -> None:
    batch = make_batch(data, data, recipe())
    shards = [batch.shard(number, count) for number in range(count)]
    assert sum(share for _, share in shards) == pytest.approx(1)
    real = [(row, share) for part, share in shards for row in part.output_BT.tolist() if share]
    assert sorted(row for row, _ in real) == sorted(batch.output_BT.tolist())
    assert all(len(part.source_BS) for part, _ in shards)
    targets = int(batch.mask_BT.sum())
    assert all(share in (0, pytest.approx(int(part.mask_BT.sum()) / targets)) for part, share in shards)


@pytest.mark.parametrize("section", ["translate", "language"])
@pytest.mark.parametrize("size", [1, 16, 100, 10_000])
def test_the_length_is_the_number_of_batches(corpus: tuple[Ids, Ids], section: str, size: int) -> None:
    changes = {"train__bptt": min(size, 16)} if section == "language" else {}
    epochs = batches(recipe(section, train__batch_tokens=size, **changes), *corpus)
    assert len(epochs) == len(list(epochs.epoch(0)))


# Layouts


def test_a_decoder_hears_go_and_says_eos() -> None:
    batch = make_batch([np.array([7, 8]), np.array([9])], [np.array([5]), np.array([6, 4])], recipe())
    assert batch.source_BS.tolist() == [[7, 8], [9, PAD]]
    assert batch.source_lengths_B.tolist() == [2, 1]
    assert batch.input_BT.tolist() == [[GO, 5, PAD], [GO, 6, 4]]
    assert batch.output_BT.tolist() == [[5, EOS, PAD], [6, 4, EOS]]
    assert batch.mask_BT.tolist() == [[True, True, False], [True, True, True]]
    assert batch.tokens == 3 + 5
    assert not batch.continues


def test_a_classifier_says_its_label_and_hears_nothing() -> None:
    batch = make_batch([np.array([7, 8]), np.array([9])], [np.array([5]), np.array([6])], recipe("classify"))
    assert batch.source_BS.tolist() == [[7, 8], [9, PAD]]
    assert batch.input_BT.shape == (2, 0)
    assert batch.output_BT.tolist() == [[5], [6]]
    assert batch.tokens == 3 + 2


def test_a_tagger_says_a_label_at_each_position() -> None:
    frames = [np.ones((3, 8), np.float32), np.full((1, 8), 2, np.float32)]
    batch = make_batch(frames, [np.array([5, 6, 5]), np.array([7])], recipe("frames"))
    assert batch.input_BT.shape == (2, 0)
    assert batch.output_BT.tolist() == [[5, 6, 5], [7, PAD, PAD]]
    assert batch.mask_BT.tolist() == (torch.arange(3) < batch.source_lengths_B[:, None]).tolist()


def test_a_tagger_without_a_label_for_each_item_is_refused_in_one_line() -> None:
    expected = r"^a row has 2 items and 1 labels or numbers, .* kinds that part both sides alike$"
    with pytest.raises(DataError, match=expected):
        make_batch([np.ones((2, 8), np.float32)], [np.array([5])], recipe("frames"))


def test_running_text_is_read_behind_eos_and_says_itself() -> None:
    text = [np.array([7, 8], ID_DTYPE), np.array([], ID_DTYPE)]
    batch = make_batch(text, text, recipe("language"))
    assert batch.source_BS.tolist() == [[EOS, 7, 8], [EOS, PAD, PAD]]
    assert batch.source_lengths_B.tolist() == [3, 1]
    assert batch.output_BT.tolist() == [[7, 8, EOS], [EOS, PAD, PAD]]
    assert batch.input_BT.shape == (2, 0)


def test_vectors_are_padded_with_zeros_and_stay_what_they_are() -> None:
    data = [np.arange(16, dtype=np.float32).reshape(2, 8), np.ones((1, 8), np.float32)]
    padded = pad(data)
    assert padded.dtype == torch.float32
    assert padded.shape == (2, 2, 8)
    for row, items in zip(padded, data, strict=True):
        np.testing.assert_array_equal(row[: len(items)], items)
        assert not row[len(items) :].any()
    backwards, lengths = source_batch(data, reverse=True)
    assert lengths.tolist() == [2, 1]
    assert torch.equal(backwards[0], padded[0].flip(0))
    assert torch.equal(backwards[1], padded[1])


@given(rows)
def test_reversal_turns_the_source_alone(data: list[list[int]]) -> None:
    forwards, lengths = source_batch(data, reverse=False)
    backwards, _ = source_batch(data, reverse=True)
    for row, ahead, back, length in zip(data, forwards, backwards, lengths.tolist(), strict=True):
        assert length == max(len(row), 1)
        assert ahead[:length].tolist() == (row or [EOS])
        assert back[:length].flip(0).tolist() == (row or [EOS])
        assert not ahead[length:].any()


def test_reversal_leaves_the_target() -> None:
    batch = make_batch([[7, 8, 9]], [[4, 5]], recipe(model__reverse_source=True))
    assert batch.source_BS.tolist() == [[9, 8, 7]]
    assert batch.output_BT.tolist() == [[4, 5, EOS]]


# Rows


def test_an_epoch_has_every_row_once_and_another_epoch_another_order(corpus: tuple[Ids, Ids]) -> None:
    found = Rows(*corpus, recipe(train__batch_tokens=60))
    plans = [found.plan(epoch) for epoch in (0, 1, 0)]
    for plan in plans:
        assert sorted(np.concatenate(plan)) == list(range(500))
    assert [p.tolist() for p in plans[0]] == [p.tolist() for p in plans[2]]
    assert [p.tolist() for p in plans[0]] != [p.tolist() for p in plans[1]]


def test_another_seed_gives_another_order(corpus: tuple[Ids, Ids]) -> None:
    first, second = (Rows(*corpus, recipe(train__seed=seed)).plan(0) for seed in (1, 2))
    assert [p.tolist() for p in first] != [p.tolist() for p in second]


def test_batches_keep_to_their_tokens_and_hardly_pad(corpus: tuple[Ids, Ids]) -> None:
    found = list(batches(recipe(train__batch_tokens=60), *corpus).epoch(0))
    assert all(batch.output_BT.numel() <= 60 for batch in found)
    real = sum(int(batch.mask_BT.sum()) for batch in found)
    assert real / sum(batch.output_BT.numel() for batch in found) > 0.95


def test_a_row_and_its_target_stay_together(corpus: tuple[Ids, Ids]) -> None:
    source, target = corpus
    wanted = sorted(([*source[row]], [*target[row]]) for row in range(500))
    found = []
    for batch in batches(recipe(), source, target).epoch(3):
        for read, length, said, mask in zip(
            batch.source_BS, batch.source_lengths_B, batch.output_BT, batch.mask_BT, strict=True
        ):
            found.append((read[:length].tolist(), said[mask].tolist()[:-1]))
    assert sorted(found) == wanted


def test_a_batch_of_labels_counts_labels(corpus: tuple[Ids, Ids], tmp_path: Path) -> None:
    labels = write(tmp_path, "target", [[4 + row % 6] for row in range(500)])
    found = list(batches(recipe("classify", train__batch_tokens=60), corpus[0], labels).epoch(0))
    assert [len(batch.output_BT) for batch in found].count(60) == 500 // 60
    assert sum(len(batch.output_BT) for batch in found) == 500


def test_vectors_come_in_batches(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frames = [random.normal(size=(n, 8)).astype(np.float32) for n in (3, 1, 2, 3)]
    source = write(tmp_path, "source", [row.flatten().tolist() for row in frames], "values")
    (tmp_path / "train.source.offsets").write_bytes(np.cumsum([0, 3, 1, 2, 3]).astype(OFFSET_DTYPE).tobytes())
    source = Ids(tmp_path, "train", "source")
    target = write(tmp_path, "target", [[5, 5, 6], [7], [8, 8], [9, 9, 9]])
    (batch,) = batches(recipe("frames", train__batch_tokens=100), source, target).epoch(0)
    first_labels = [5, 7, 8, 9]
    for read, length, said in zip(batch.source_BS, batch.source_lengths_B.tolist(), batch.output_BT, strict=True):
        wanted = frames[first_labels.index(int(said[0]))]
        np.testing.assert_array_equal(read[:length], wanted)
        assert not read[length:].any()


def test_a_row_longer_than_a_batch_stands_alone(tmp_path: Path) -> None:
    source, target = write(tmp_path, "source", [[5], [6]]), write(tmp_path, "target", [[5] * 50, [6]])
    plan = Rows(source, target, recipe(train__batch_tokens=10)).plan(0)
    assert sorted(len(rows) for rows in plan) == [1, 1]


def test_running_text_in_rows_says_each_row_with_its_mark(corpus: tuple[Ids, Ids]) -> None:
    found = batches(recipe("language", train__bptt=None, train__batch_tokens=60), corpus[0])
    assert isinstance(found, Rows)
    said = []
    for batch in found.epoch(0):
        assert not batch.continues
        assert batch.output_BT.numel() <= 60
        for read, row, mask in zip(batch.source_BS, batch.output_BT, batch.mask_BT, strict=True):
            assert read[mask].tolist() == [EOS, *row[mask].tolist()[:-1]]
            said.append(row[mask].tolist())
    assert sorted(said) == sorted([*corpus[0][row], EOS] for row in range(500))


def test_lengths_are_those_of_the_rows(corpus: tuple[Ids, Ids]) -> None:
    assert torch.equal(torch.tensor(corpus[0].lengths), torch.tensor([len(corpus[0][i]) for i in range(500)]))


# Streams


def streams(data: list[list[int]], number: int, steps: int, seed: int = 1) -> Streams:
    return Streams([np.array(row, ID_DTYPE) for row in data], np.array([len(row) for row in data]), number, steps, seed)


def text_of(data: list[list[int]]) -> list[int]:
    return [token for row in data for token in (*row, EOS)]


def joined(found: list[Batch]) -> tuple[torch.Tensor, torch.Tensor]:
    """What each stream reads and says, over all batches."""
    return torch.cat([b.source_BS for b in found], 1), torch.cat([b.output_BT for b in found], 1)


@given(data=rows, number=st.integers(1, 6), steps=st.integers(1, 7), epoch=st.integers(0, 3))
@settings(max_examples=200)
def test_streams_say_every_token_once_in_order_behind_the_one_before(
    data: list[list[int]], number: int, steps: int, epoch: int
) -> None:
    found, text = list(streams(data, number, steps).epoch(epoch)), text_of(data)
    inputs, outputs = joined(found)
    # Stream behind stream, it is the text; what the last ones lack is padding, at their ends.
    real = outputs != PAD
    assert outputs[real].tolist() == text
    assert inputs[real].tolist() == [EOS, *text[:-1]]
    assert all(row.tolist() == sorted(row.tolist(), reverse=True) for row in real)
    # Each output is the next input of its stream.
    following = real[:, 1:]
    assert torch.equal(inputs[:, 1:][following], outputs[:, :-1][following])
    assert 1 <= len(inputs) <= number


@given(data=rows, number=st.integers(1, 6), steps=st.integers(1, 7), epoch=st.integers(0, 3))
def test_stream_batches_have_one_shape_and_continue_each_other(
    data: list[list[int]], number: int, steps: int, epoch: int
) -> None:
    found = list(streams(data, number, steps).epoch(epoch))
    assert [batch.continues for batch in found] == [False] + [True] * (len(found) - 1)
    for batch in found:
        assert batch.source_BS.shape == batch.output_BT.shape == (len(found[0].source_BS), batch.output_BT.shape[1])
        assert 1 <= batch.output_BT.shape[1] <= steps
        assert batch.source_lengths_B.tolist() == [batch.output_BT.shape[1]] * len(batch.output_BT)
        assert batch.input_BT.shape == (len(batch.output_BT), 0)
    widths = [batch.output_BT.shape[1] for batch in found]
    assert all(width == steps for width in widths[1 if epoch else 0 : -1])


@given(data=rows, steps=st.integers(1, 5), numbers=st.tuples(st.integers(1, 3), st.integers(4, 9)))
def test_one_long_stream_and_many_show_the_same_pairs(
    data: list[list[int]], steps: int, numbers: tuple[int, int]
) -> None:
    few, many = (joined(list(streams(data, number, steps).epoch(epoch))) for epoch, number in enumerate(numbers))
    pairs = [list(zip(i[o != PAD].tolist(), o[o != PAD].tolist(), strict=True)) for i, o in (few, many)]
    assert pairs[0] == pairs[1]


def test_streams_are_never_shorter_than_a_batch() -> None:
    data = [[5] * 9]
    assert len(next(streams(data, 100, 4).epoch(0)).source_BS) == 2
    assert len(next(streams(data, 100, 400).epoch(0)).source_BS) == 1


def test_epochs_after_the_first_are_cut_elsewhere() -> None:
    found = streams([[5 + n % 60 for n in range(400)]], 2, 10)

    @cache
    def cuts(epoch: int) -> tuple[int, ...]:
        return tuple(itertools.accumulate(batch.output_BT.shape[1] for batch in found.epoch(epoch)))

    assert cuts(0)[:3] == (10, 20, 30)
    firsts = {cuts(epoch)[0] for epoch in range(1, 60)}
    assert firsts == set(range(1, 11))


def test_an_epoch_is_the_same_whenever_it_is_read() -> None:
    data = [[5 + n % 60 for n in range(100)]]
    fresh, used = streams(data, 3, 7), streams(data, 3, 7)
    for epoch in range(3):
        list(used.epoch(epoch))
    for one, other in zip(fresh.epoch(3), used.epoch(3), strict=True):
        assert torch.equal(one.source_BS, other.source_BS)
        assert torch.equal(one.output_BT, other.output_BT)


def test_another_seed_cuts_elsewhere() -> None:
    data = [[5] * 500]
    firsts = [[next(streams(data, 1, 50, seed).epoch(e)).output_BT.shape[1] for e in range(1, 5)] for seed in (1, 2)]
    assert firsts[0] != firsts[1]


def test_the_recipe_says_how_many_streams_and_how_long(corpus: tuple[Ids, Ids]) -> None:
    found = batches(recipe("language", train__bptt=16, train__batch_tokens=130), corpus[0])
    assert isinstance(found, Streams)
    first = next(found.epoch(0))
    assert first.output_BT.shape == (8, 16)
    said = joined(list(found.epoch(1)))[1]
    assert said[said != PAD].tolist() == text_of([corpus[0][row].tolist() for row in range(500)])


def test_numbers_to_be_answered_are_padded_with_none() -> None:
    sources = [np.ones((2, 1), np.float32), np.ones((1, 1), np.float32)]
    targets = [np.array([[0.0], [2.0]], np.float32), np.array([[5.0]], np.float32)]
    settings = recipe(
        "frames", prepare__corpus__frame=1, tokenize__source__width=1,
        tokenize__target={"kind": "vectors", "width": 1, "scale": None},
        model__head={"kind": "regressor", "context": None, "loss": "squared", "quantiles": None},
        train__select_by="loss", evaluate__search={"kind": "estimate", "batch_sentences": 8},
    )  # fmt: skip
    batch = make_batch(sources, targets, settings)
    assert batch.mask_BT.tolist() == [[True, True], [True, False]]  # a zero is a number
    assert batch.output_BT[batch.mask_BT].flatten().tolist() == [0.0, 2.0, 5.0]
    assert batch.tokens == 6
    with pytest.raises(DataError, match="a row has 2 items and 1 labels or numbers"):
        make_batch(sources, targets[::-1], settings)


def test_a_forecast_has_no_more_steps_than_its_horizon() -> None:
    source, settings = np.ones((3, 1), np.float32), recipe("forecast")
    targets = [np.ones((steps, 1), np.float32) for steps in (4, 2, 5)]
    batch = make_batch([source] * 2, targets[:2], settings)
    assert batch.mask_BT.tolist() == [[True] * 4, [True, True, False, False]]
    with pytest.raises(DataError, match="a row has 5 steps to be said, more than model"):
        make_batch([source], targets[2:], settings)
