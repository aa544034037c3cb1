"""The whole model: what is shared, what the sampled softmax sees, that padding does not matter, reading on."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests import tiny
from unroll.data.batches import Batch, Streams, make_batch
from unroll.data.ids import EOS, GO, PAD
from unroll.errors import ParamsError
from unroll.nn.attention import Memory
from unroll.nn.heads import Classifier, Tagger
from unroll.nn.layers import Frames, OneHot
from unroll.nn.losses import cross_entropy
from unroll.nn.model import HEADS, Candidates, EncoderDecoder, LanguageModel, Network, build, check, parameters, scaled
from unroll.params.model import OwnHead
from unroll.params.pipeline import Recipe

V, D, W = 20, 6, 4
TABLE = np.random.default_rng(0).normal(0, 0.5, (V, D)).astype(np.float32)
SECTIONS: dict[str, dict[str, Any]] = {
    "translate": {"model__encoder__layers": 2},
    "letter": {},
    "digit": {"tokenize__source__width": W, "prepare__corpus__frame": W, "prepare__corpus__columns": [0, W]},
    "name": {},
    "caption": {"tokenize__source__width": W, "prepare__corpus__frame": W, "prepare__corpus__columns": [0, W]},
    "language": {"hidden": D},
    "frames": {"tokenize__source__width": W, "prepare__corpus__frame": W},
    "classify": {},
    "rows": {"tokenize__source__width": W, "prepare__corpus__frame": W},
}
"""one pipeline of each kind, and what makes it smaller"""
WORDS = {"kind": "word", "vocab_size": 60, "lowercase": False}
ITEMS = {
    "letter": (1, 1), "digit": (1, 1), "name": (1, None), "caption": (1, None), "classify": (None, 1), "rows": (None, 1)
}  # fmt: skip
"""how many items a source and a target have, where that is settled"""


def recipe(section: str = "translate", **changes: Any) -> Recipe:
    small = {"hidden": 8, "embed__dimensions": D} | SECTIONS[section]
    return tiny.recipe(tiny.pipeline(section, **(small | changes)))


def make(section: str = "translate", **changes: Any) -> Network:
    torch.manual_seed(0)
    settings = recipe(section, **changes)
    sizes = {"source": V, "target": V if settings.tokenize.joint else V - 3}
    vectors = {side: TABLE[:size] for side, size in sizes.items()}
    return build(settings, sizes, vectors).double().eval()


def pairs_of(section: str) -> list[tuple[Any, list[int]]]:
    """Three pairs of rows, the second source or target the longest."""
    random = np.random.default_rng(1)
    found = []
    for source_length, target_length in ((3, 2), (1, 4), (2, 0)):
        n, m = ITEMS.get(section, (None, None))
        n, m = n or source_length, m or target_length
        if section in ("frames", "language"):
            m = n
        settings = recipe(section).tokenize.source
        source = random.normal(size=(n, W)) if settings.kind == "vectors" else list(random.integers(4, V, n))
        found.append((source, [int(token) for token in random.integers(4, V - 3, m)]))
    if section == "language":
        found = [(source, source) for source, _ in found]
    return found


def batch_of(section: str, rows: slice = slice(None), **changes: Any) -> Batch:
    pairs = pairs_of(section)[rows]
    batch = make_batch([source for source, _ in pairs], [target for _, target in pairs], recipe(section, **changes))
    return replace(batch, source_BS=batch.source_BS.double()) if batch.source_BS.is_floating_point() else batch


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("translate", EncoderDecoder),
        ("name", EncoderDecoder),
        ("caption", EncoderDecoder),
        ("language", LanguageModel),
        ("frames", Network),
        ("letter", Network),
        ("classify", Network),
    ],
)
def test_the_names_in_the_parameters_say_what_is_built(section: str, kind: type[Network]) -> None:
    assert type(make(section)) is kind


@pytest.mark.parametrize("section", SECTIONS)
def test_rows_learn_the_same_alone_and_beside_longer_ones(section: str) -> None:
    model = make(section)
    together = model.reading(batch_of(section))
    alone = [model.reading(batch_of(section, slice(row, row + 1))) for row in range(3)]
    torch.testing.assert_close(together.logits_NV, torch.cat([one.logits_NV for one in alone]))
    assert together.labels_N.tolist() == torch.cat([one.labels_N for one in alone]).tolist()
    assert PAD not in together.labels_N
    for layer, state in enumerate(together.final):
        for place, part in enumerate(state):
            torch.testing.assert_close(part, torch.cat([one.final[layer][place] for one in alone]))


@pytest.mark.parametrize("section", SECTIONS)
def test_the_sampled_softmax_is_the_exact_one_over_its_candidates(section: str) -> None:
    model, batch = make(section), batch_of(section)
    ids = torch.tensor(sorted({0, 2, 15, *batch.output_BT.flatten().tolist()}))
    offsets = torch.linspace(-1, 1, len(ids), dtype=torch.float64)
    exact, sampled = model.reading(batch), model.reading(batch, Candidates(ids, offsets))
    torch.testing.assert_close(sampled.logits_NV, exact.logits_NV[:, ids] + offsets)
    assert ids[sampled.labels_N].tolist() == exact.labels_N.tolist()


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_outcome_is_the_cross_entropy_of_the_logits(section: str, smoothing: float) -> None:
    model, batch = make(section), batch_of(section)
    outcome, at = model(batch, smoothing=smoothing), model.reading(batch)
    torch.testing.assert_close(outcome.loss, cross_entropy(at.logits_NV, at.labels_N, smoothing))
    log_p_N = at.logits_NV.log_softmax(1)[range(len(at.labels_N)), at.labels_N]
    torch.testing.assert_close(outcome.nats_N, -log_p_N.detach())


@pytest.mark.parametrize("section", SECTIONS)
def test_every_weight_learns(section: str) -> None:
    model = make(section)
    model.reading(batch_of(section)).logits_NV.sin().sum().backward()
    assert {name for name, weight in model.named_parameters() if weight.grad is None} == set()


# Embeddings


def test_a_joint_vocabulary_shares_one_embedding() -> None:
    joint, apart = make(), make(tokenize__target=WORDS)
    assert joint.encoder.embedding is joint.head.embedding
    assert apart.encoder.embedding is not apart.head.embedding
    # The source's own table, less the rows and biases of the three tokens that cannot be said.
    assert parameters(apart) - parameters(joint) == V * D - 3 * (D + 1)


def test_a_language_model_reads_and_says_with_one_embedding() -> None:
    tied, free = make("language"), make("language", model__tied=False)
    assert tied.head.logits.weight is tied.encoder.embedding.weight
    assert free.head.logits.weight is not free.encoder.embedding.weight
    assert parameters(free) - parameters(tied) == V * D


def test_embeddings_start_from_what_was_given() -> None:
    model = make(tokenize__target=WORDS)
    np.testing.assert_array_equal(model.encoder.embedding.weight.detach().float().numpy(), TABLE)
    np.testing.assert_array_equal(model.head.embedding.weight.detach().float().numpy(), TABLE[: V - 3])


@pytest.mark.parametrize("section", ["translate", "name", "language", "classify"])
def test_frozen_embeddings_stay_as_they_start(section: str) -> None:
    model = make(section, embed__frozen=True, model__tied=False)
    model.reading(batch_of(section)).logits_NV.sin().sum().backward()
    tables = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    assert tables == {name for name, _ in model.named_parameters() if "embedding" in name}
    assert all(weight.grad is None for name, weight in model.named_parameters() if name in tables)
    assert parameters(model) == sum(w.numel() for name, w in model.named_parameters() if name not in tables)


@pytest.mark.parametrize("section", ["translate", "name", "language", "letter"])
def test_one_hot_has_no_table(section: str) -> None:
    model = make(section, embed__kind="one_hot", model__tied=False)
    assert isinstance(model.encoder.embedding, OneHot)
    assert not any("embedding" in name for name, _ in model.named_parameters())
    assert not any("embedding" in name for name in model.state_dict())
    assert torch.isfinite(model.reading(batch_of(section)).logits_NV).all()


def test_vectors_are_read_as_they_are() -> None:
    model = make("rows")
    assert isinstance(model.encoder.embedding, Frames)
    assert model.encoder.embedding.embedding_dim == W


def test_raw_vectors_are_read_on_the_scale_of_train_which_is_among_the_weights() -> None:
    settings = tiny.pipeline("rows", tokenize__source__scale="standard").recipe
    model = make("rows", tokenize__source__scale="standard").float()
    vectors_NW = np.random.default_rng(1).normal(5e4, 20, (500, W)).astype(np.float32)
    (part,) = scaled(model, settings).values()
    assert not scaled(make("rows"), tiny.pipeline("rows").recipe)
    part.take_scale(vectors_NW)
    read = model.encoder.embedding(torch.from_numpy(vectors_NW))
    assert read.mean(0).abs().max() < 1e-3
    assert (read.std(0) - 1).abs().max() < 0.01
    kept = {name: weight for name, weight in model.state_dict().items() if "embedding" in name}
    assert set(kept) == {"encoder.embedding.mean_W", "encoder.embedding.deviation_W"}
    assert not any(weight.requires_grad for weight in kept.values())


# Steps


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("tied", [True, False])
def test_a_language_model_says_step_by_step_what_it_says_at_once(layers: int, tied: bool) -> None:
    model = make("language", model__encoder__layers=layers, model__tied=tied)
    assert isinstance(model, LanguageModel)
    text = [EOS, 7, 9, 4, 4, 12]
    ids = torch.tensor([text, text[::-1]])
    nothing = torch.empty(2, 0, dtype=torch.long)
    at_once = model.reading(Batch(ids, torch.tensor([6, 6]), nothing, torch.full_like(ids, 5), False)).logits_NV
    empty = model.encode(ids[:, :1], torch.tensor([1, 1]))
    state = model.initial(empty)
    stepped = [model.head.logits(empty.states_BSH[:, 0])]
    for t in range(1, 6):
        logits, state = model.step(ids[:, t], state)
        stepped.append(logits)
    torch.testing.assert_close(torch.stack(stepped, 1).flatten(0, 1), at_once)
    assert state.weights_BS.shape == (2, 0)
    assert state.scored_B.tolist() == [0, 0]


def test_a_reader_has_a_row_for_each_beam_and_rows_can_be_chosen() -> None:
    model = make("language")
    memory = model.encode(torch.tensor([[5, 6], [7, 8]]), torch.tensor([2, 2]))
    state = model.initial(memory, beams=3)
    for layer, final in zip(state.layers, memory.final, strict=True):
        for part, wanted in zip(layer, final, strict=True):
            assert torch.equal(part, wanted[[0, 0, 0, 1, 1, 1]])
    rows = torch.tensor([5, 0, 0])
    chosen, _ = model.step(torch.tensor([4, 5, 6]), state.select(rows))
    for place, row in enumerate(rows.tolist()):
        every, _ = model.step(torch.full((6,), 4 + place), state)
        torch.testing.assert_close(chosen[place], every[row])


@pytest.mark.parametrize("section", ["translate", "name", "caption"])
def test_a_decoder_says_step_by_step_what_it_says_at_once(section: str) -> None:
    model, batch = make(section), batch_of(section)
    state = model.initial(model.encode(batch.source_BS, batch.source_lengths_B))
    logits = []
    for t in range(batch.input_BT.shape[1]):
        logits_BV, state = model.step(batch.input_BT[:, t], state)
        logits.append(logits_BV)
    torch.testing.assert_close(torch.stack(logits, 1)[batch.mask_BT], model.reading(batch).logits_NV)
    assert batch.input_BT[:, 0].tolist() == [GO] * 3


@pytest.mark.parametrize("tied", [True, False])
def test_a_batch_that_continues_another_reads_on_from_its_states(tied: bool) -> None:
    model = make("language", model__tied=tied)
    text = [np.array([5 + n % 14 for n in range(30)])]
    whole, pieces = ([*Streams(text, np.array([30]), 1, steps, 1).epoch(0)] for steps in (31, 8))
    expected = model.reading(whole[0])
    found, final = [], None
    for batch in pieces:
        piece = model.reading(batch, start=final if batch.continues else None)
        found.append(piece.logits_NV)
        final = piece.final
    torch.testing.assert_close(torch.cat(found), expected.logits_NV)
    torch.testing.assert_close(final, expected.final)
    afresh = torch.cat([model.reading(batch).logits_NV for batch in pieces])
    assert not torch.allclose(afresh, expected.logits_NV)


def test_a_share_of_own_tokens_changes_what_a_decoder_hears() -> None:
    model, batch = make(), batch_of("translate")
    forced, none, all_own = (model.reading(batch, own=own).logits_NV for own in (0.0, 1e-12, 1.0))
    torch.testing.assert_close(none, forced)
    assert not torch.allclose(all_own, forced)


def test_hard_attention_tells_of_its_choices_in_training() -> None:
    model, batch = make(model__head__attention="hard", model__head__positions=9), batch_of("translate")
    assert model(batch).policy is None
    model.train()
    outcome = model(batch)
    assert outcome.policy is not None
    log_probs_N, baselines_N = outcome.policy
    assert log_probs_N.shape == baselines_N.shape == outcome.nats_N.shape
    assert (log_probs_N <= 0).all()
    assert make().train()(batch).policy is None


# What cannot be built


@pytest.mark.parametrize(
    ("section", "changes", "expected"),
    [
        (
            "translate",
            {"model__encoder__cell": "lstn"},
            "model.encoder.cell: 'lstn' is not known; did you mean 'lstm'?",
        ),
        ("translate", {"model__head__cell": "gruu"}, "model.head.cell: 'gruu' is not known; did you mean 'gru'?"),
        (
            "translate",
            {"model__head__attention": "genral"},
            "model.head.attention: 'genral' is not known; did you mean",
        ),
        (
            "translate",
            {"model__head__attention": "qqq"},
            "model.head.attention: 'qqq' is not known; known here: additive",
        ),
        ("translate", {"model__head__context": "lst"}, "model.head.context: 'lst' is not known; did you mean 'last'?"),
        ("classify", {"model__head__context": "maxx"}, "model.head.context: 'maxx' is not known; did you mean 'max'?"),
        ("language", {"model__encoder__cell": "zzz"}, "model.encoder.cell: 'zzz' is not known; known here: rnn, "),
        (
            "translate",
            {"model__head__attention": "local_m"},
            "model.head.window: None does not go with attention 'local_m'; set the",
        ),
        ("translate", {"model__head__attention": "local_p"}, "model.head.window: None does not go with"),
        (
            "translate",
            {"model__head__window": 3},
            "model.head.window: 3 does not go with attention 'general'; set null",
        ),
        *(
            (
                "translate",
                {"model__head__attention": kind},
                f"model.head.positions: None does not go with attention '{kind}'; set the number of positions",
            )
            for kind in ("location", "hard")
        ),
        (
            "translate",
            {"model__head__positions": 5},
            "model.head.positions: 5 does not go with attention 'general'; set null",
        ),
        (
            "translate",
            {"model__head__attention": "local_m", "model__head__window": 2, "model__head__positions": 5},
            "model.head.positions: 5 does not go with attention 'local_m'; set null",
        ),
        (
            "translate",
            {"model__head__attention": "hard", "model__head__window": 2, "model__head__positions": 5},
            "model.head.window: 2 does not go with attention 'hard'; set null",
        ),
        (
            "translate",
            {"model__head__attention": "dot", "model__encoder__hidden": 4},
            "model.head.attention: 'dot' compares states of one size, but the encoder has 4 and the decoder 8",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(section: str, changes: dict[str, Any], expected: str) -> None:
    settings = recipe(section, **changes)
    with pytest.raises(ParamsError) as caught:
        check(settings)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)
    with pytest.raises(ParamsError):
        build(settings, {"source": V, "target": V}, {})


@pytest.mark.parametrize(
    "changes",
    [
        {"model__head__attention": "local_m", "model__head__window": 2},
        {"model__head__attention": "location", "model__head__positions": 1},
        {"model__head__attention": "dot"},
        {"model__head__attention": "none", "model__head__context": "learned"},
        {"model__head__cell": "gru_cho", "model__encoder__cell": "lstm_coupled"},
    ],
)
def test_what_fits_is_built(changes: dict[str, Any]) -> None:
    assert torch.isfinite(make(**changes)(batch_of("translate")).loss).all()


class Sum(nn.Module):
    """A head of one's own: an answer from the sum of the states, `times` over."""

    def __init__(
        self, embedding: nn.Module, vocabulary: int, memory_size: int, settings: OwnHead, dropout: float, tied: bool
    ) -> None:
        super().__init__()
        self.times = settings.model_extra["times"]
        self.logits = nn.Linear(memory_size, vocabulary)

    def forward(self, memory: Memory) -> Tensor:
        return self.times * (memory.states_BSH * memory.mask_BS[:, :, None]).sum(1, keepdim=True)


OWN = {"parts": "mine.py", "model__head": {"kind": "sum", "like": "classifier", "times": 3.0}}


def test_a_head_of_ones_own_is_built_and_read_like_the_one_it_is_like(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match=r"model\.head\.kind: 'sum' is not known; known here: classifier, tagger"):
        check(recipe("classify", **OWN))
    monkeypatch.setitem(HEADS, "sum", Sum)
    model, batch = make("classify", **OWN), batch_of("classify")
    assert type(model) is Network
    assert isinstance(model.head, Sum)
    memory = model.encode(batch.source_BS, batch.source_lengths_B)
    sums = torch.stack([memory.states_BSH[row, :length].sum(0) for row, length in enumerate([3, 1, 2])])
    torch.testing.assert_close(model.reading(batch).logits_NV, model.head.logits(3 * sums))
    model(batch).loss.backward()
    assert {name for name, weight in model.named_parameters() if weight.grad is None} == set()


def test_heads_without_a_decoder_are_what_they_are_called() -> None:
    assert isinstance(make("frames").head, Tagger)
    assert isinstance(make("rows").head, Classifier)


def test_an_update_makes_one_gradient_of_a_table_and_it_is_that_of_all_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tiny.pipeline(model__tied=True, embed__dimensions=32, train__sampled_softmax=5)
    rows = [[5, 6, 7], [8, 9]]
    batch = make_batch(rows, [[6, 7], [9, 9, 5]], settings.recipe)
    candidates = Candidates(torch.arange(12), torch.zeros(12))
    gradients = []
    for together in (True, False):
        torch.manual_seed(1)
        model = build(settings.recipe, {"source": 20, "target": 20}, {"target": np.ones((20, 32)) / 9}).double()
        if not together:
            monkeypatch.setattr(type(model), "_together", lambda self, batch, candidates: nullcontext())
        model(batch, candidates).loss.backward()
        gradients.append({name: weight.grad for name, weight in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name])
