"""The whole model: what is shared, what the sampled softmax sees, that padding does not matter."""

from __future__ import annotations

import numpy as np
import torch

from tests import tiny
from unroll.batches import Batch, make_batch
from unroll.model import Candidates, EncoderDecoder, build, parameters

V, D = 20, 6
TABLE = np.random.default_rng(0).normal(0, 0.5, (V, D)).astype(np.float32)
PAIRS = [([4, 5, 6], [7, 8]), ([9], [10, 11, 12, 13]), ([5, 4], [])]


def make(joint: bool = True) -> EncoderDecoder:
    torch.manual_seed(0)
    recipe = tiny.recipe(
        tiny.pipeline(tokenize__joint=joint, model__hidden=8, model__encoder_layers=2, embed__dimensions=D)
    )
    return build(recipe, {"source": TABLE, "target": TABLE[: V - 3]}).double()


def batch_of(pairs: list[tuple[list[int], list[int]]]) -> Batch:
    return make_batch([np.array(s) for s, _ in pairs], [np.array(t) for _, t in pairs], reverse=False)


def test_a_joint_vocabulary_shares_one_embedding() -> None:
    joint, apart = make(True), make(False)
    assert joint.encoder.embedding is joint.decoder.embedding
    assert apart.encoder.embedding is not apart.decoder.embedding
    assert parameters(apart) - parameters(joint) == V * D


def test_rows_learn_the_same_alone_and_beside_longer_ones() -> None:
    model = make()
    logits, labels = model(batch_of(PAIRS))
    alone = [model(batch_of([pair])) for pair in PAIRS]
    torch.testing.assert_close(logits, torch.cat([found for found, _ in alone]))
    assert labels.tolist() == torch.cat([found for _, found in alone]).tolist()


def test_the_sampled_softmax_is_the_exact_one_over_its_candidates() -> None:
    model, ids = make(), torch.tensor([0, 2, 3, 7, 8, 10, 11, 12, 13, 15])
    offsets = torch.linspace(-1, 1, len(ids)).to(ids.device, model.decoder.logits.weight.dtype)
    batch = batch_of(PAIRS)
    (exact, labels), (sampled, places) = model(batch), model(batch, Candidates(ids, offsets))
    torch.testing.assert_close(sampled, exact[:, ids] + offsets)
    assert ids[places].tolist() == labels.tolist()


def test_embeddings_start_from_what_was_given() -> None:
    np.testing.assert_array_equal(make(False).encoder.embedding.weight.detach().float().numpy(), TABLE)
