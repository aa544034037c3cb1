"""A small vocabulary beside the whole one: the same logits for the words in it, and the same looks."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch

from unroll.data.ids import PAD
from unroll.data.lexicon import MARKS
from unroll.nn.model import EncoderDecoder
from unroll.predict import checkpoints, shortlist
from unroll.predict.shortlist import Shortlist


@torch.no_grad()
def test_its_logits_are_those_of_the_whole_vocabulary_at_its_words(tiny_model_folder: Path) -> None:
    found = checkpoints.load(tiny_model_folder)
    model, vocabulary = cast(EncoderDecoder, found.model), len(found.readers["target"])
    words = [np.array([*MARKS, 7, 9, vocabulary - 1]), np.array([*MARKS, 5]), np.array([*MARKS, 4, 8])]
    short = Shortlist(model, model.head.logits, words)
    source_BS, lengths_B = torch.tensor([[5, 6, 7], [8, 9, 0], [4, 0, 0]]), torch.tensor([3, 2, 1])
    memory = model.encode(source_BS, lengths_B)
    whole, state = model.initial(memory, 2), short.initial(memory, 2)
    sentences, places = torch.arange(3), torch.tensor([0, 0, 0, 0, 0, 0])
    for kept in (torch.arange(3), torch.tensor([0, 2])):
        rows = (torch.searchsorted(sentences, kept)[:, None] * 2 + torch.tensor([1, 0])).flatten()
        whole, state = (one.select(rows, torch.searchsorted(sentences, kept)) for one in (whole, state))
        sentences, places = kept, places[rows]
        ids = torch.tensor([words[b][place] for b, place in zip(kept.repeat_interleave(2), places, strict=True)])
        exact_RV, whole = model.step(ids, whole)
        logits_RC, state = short.step(places, state)
        assert torch.equal(state.weights_BS, whole.weights_BS)
        assert torch.equal(state.scored_B, whole.scored_B)
        assert state.scored_B.any()
        for row, sentence in enumerate(kept.repeat_interleave(2).tolist()):
            known = len(words[sentence])
            torch.testing.assert_close(logits_RC[row, :known], exact_RV[row, words[sentence]])
            assert (logits_RC[row, known:] == -torch.inf).all()
        places = torch.tensor([2] * len(places))


def test_marks_stand_where_the_search_looks_for_them() -> None:
    assert (shortlist.GO, shortlist.EOS) == (0, 1)
    assert PAD not in MARKS
