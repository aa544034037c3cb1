"""The whole model, built from the names in params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from unroll.attention import Memory
from unroll.batches import Batch
from unroll.decoders import Decoder, DecoderState
from unroll.encoders import SequenceEncoder
from unroll.params import Recipe


@dataclass  # not frozen: under mixed precision Fabric casts its fields
class Candidates:
    """The part of a vocabulary over which a sampled softmax runs.

    Attributes:
        ids_C: sorted, each once; all labels are among them.
        offsets_C: added to their logits. A candidate that was drawn stands for many that were not: with log of how
            many, the sum of exp(logit) is on average that of the whole vocabulary (Bengio and Senecal 2003).
    """

    ids_C: Tensor
    offsets_C: Tensor


class EncoderDecoder(nn.Module):
    """An encoder, and a decoder that looks back at what it leaves behind (Sutskever 2014, Bahdanau 2015)."""

    def __init__(self, encoder: SequenceEncoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, source_BS: Tensor, lengths_B: Tensor) -> Memory:
        """Return the memory of a batch of sources."""
        return self.encoder(source_BS, lengths_B)

    def initial(self, memory: Memory, beams: int = 1) -> DecoderState:
        """Return the decoder's state before the first token."""
        return self.decoder.initial(memory, beams)

    def step(self, ids_B: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return (logits_BV, state) after one more token."""
        return self.decoder.step(ids_B, state)

    def forward(self, batch: Batch, candidates: Candidates | None = None) -> tuple[Tensor, Tensor]:
        """Return (logits_NV, labels_N) at the batch's real target positions, under teacher forcing.

        With `candidates`, logits are over them alone and labels count in them: the sampled softmax.
        """
        memory = self.encode(batch.source_BS, batch.source_lengths_B)
        readouts_BTD = self.decoder.read(batch.input_BT, self.initial(memory))
        mask_BT = batch.mask_BT
        readouts_ND, labels_N, output = readouts_BTD[mask_BT], batch.output_BT[mask_BT], self.decoder.logits
        if candidates is None:
            return output(readouts_ND), labels_N
        chosen_C = candidates.ids_C
        bias_C = output.bias[chosen_C] + candidates.offsets_C
        return nn.functional.linear(readouts_ND, output.weight[chosen_C], bias_C), torch.searchsorted(
            chosen_C, labels_N
        )


ENCODERS: dict[str, type[SequenceEncoder]] = {"sequence": SequenceEncoder}
HEADS: dict[str, type[Decoder]] = {"decoder": Decoder}


def build(recipe: Recipe, vectors: Mapping[str, np.ndarray]) -> EncoderDecoder:
    """Return a model whose embeddings start from `vectors`, V x D for `source` and `target`.

    With a joint vocabulary both sides share one embedding, the target's. Every other weight is drawn from torch's
    global generator: seed it first.
    """
    embeddings = {
        side: nn.Embedding.from_pretrained(torch.tensor(table, dtype=torch.float32), freeze=False)
        for side, table in vectors.items()
    }
    source = embeddings["target" if recipe.tokenize.joint else "source"]
    encoder = ENCODERS[recipe.encoder](source, recipe.model)
    return EncoderDecoder(encoder, HEADS[recipe.head](embeddings["target"], recipe.model.hidden, recipe.model))


def parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters, shared ones counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
