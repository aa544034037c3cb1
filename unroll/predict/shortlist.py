"""Search among the words that a sentence is likely to need, instead of a whole vocabulary.

The output layer, half of a step's work, shrinks with it, and so does the choice of the best candidates. A small
vocabulary is one of its own: a search sees places in it, `step` knows which tokens they are. Jean et al. (2015) search
so, with a lexicon as here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from unroll.data.ids import PAD
from unroll.nn.attention import Memory
from unroll.nn.model import EncoderDecoder
from unroll.predict.search import Wrapped

GO, EOS = 0, 1
"""The places of `lexicon.MARKS` in every small vocabulary."""


@dataclass(frozen=True)
class ShortState(Wrapped):
    """A decoder's state, and for each sentence its small vocabulary with its part of the output layer."""

    words_BC: Tensor
    weight_BCD: Tensor
    bias_BC: Tensor

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> ShortState:
        """Return the state of some rows, in a new order; of some sentences, if theirs change too."""
        inner = self.inner.select(rows, sentences)
        if sentences is None:
            return replace(self, inner=inner)
        return ShortState(inner, self.words_BC[sentences], self.weight_BCD[sentences], self.bias_BC[sentences])


class Shortlist:
    """A model that says words of small vocabularies, one for each sentence of a batch.

    Args:
        model: makes the steps.
        output: the output layer over the whole vocabulary.
        words: of each sentence.
    """

    def __init__(self, model: EncoderDecoder, output: nn.Linear, words: Sequence[npt.NDArray[np.int64]]) -> None:
        self.model = model
        device = output.weight.device
        longest = max(map(len, words))
        padded = np.stack([np.pad(of_one, (0, longest - len(of_one)), constant_values=PAD) for of_one in words])
        self.words_BC = torch.from_numpy(padded).to(device)
        self.weight_BCD = output.weight[self.words_BC]
        self.bias_BC = output.bias[self.words_BC].masked_fill(self.words_BC == PAD, -torch.inf)

    def initial(self, memory: Memory, beams: int = 1) -> ShortState:
        """Return the state before the first token, with `beams` rows for each sentence."""
        return ShortState(self.model.initial(memory, beams), self.words_BC, self.weight_BCD, self.bias_BC)

    def step(self, places_R: Tensor, state: ShortState) -> tuple[Tensor, ShortState]:
        """Return (logits_RC, state) after one more token, named by its place in its sentence's vocabulary."""
        sentences = len(state.words_BC)
        ids_R = state.words_BC.gather(1, places_R.view(sentences, -1)).flatten()
        readout_RD, inner = self.model.head.advance(ids_R, state.inner)
        readout_BKD = readout_RD.unflatten(0, (sentences, -1))
        logits_BKC = torch.baddbmm(state.bias_BC[:, None], readout_BKD, state.weight_BCD.transpose(1, 2))
        return logits_BKC.flatten(0, 1), replace(state, inner=inner)
