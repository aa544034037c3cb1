"""The sequence-to-sequence model of countless tutorials: a decoder that makes one step after another in Python.

Shuffled batches, padded; Bahdanau's attention, prepared anew at every step; the exact softmax, over padding too.
Nothing in it is slow on purpose: this is how it is taught.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from benchmarks.peers.base import Clock, Options, Timing, Training, corpus

PAD, GO, EOS = 0, 1, 2
Pair = tuple[list[int], list[int]]


def train(job: Training, options: Options) -> Timing:
    """Train model M; the model is thrown away."""
    torch.manual_seed(1)
    clock, pairs = Clock(job.warmup), read(job)
    model = Translator(3 + max(token for pair in pairs for side in pair for token in side))
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)
    optimizer = torch.optim.Adam(model.parameters(), lr=job.learning_rate)
    for batch in itertools.islice(batches(pairs, job.batch), job.updates):
        clock.tick(sum(len(source) + len(target) + 1 for source, target in batch))
        source_BS = padded([source for source, _ in batch])
        target_BT = padded([[GO, *target, EOS] for _, target in batch])
        optimizer.zero_grad()
        logits_BTV = model(source_BS, target_BT[:, :-1])
        loss = criterion(logits_BTV.reshape(-1, logits_BTV.shape[2]), target_BT[:, 1:].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return clock.timing()


def read(job: Training) -> list[Pair]:
    """Return the pairs of the corpus."""
    paths = [corpus(job.root) / f"train.{side}" for side in ("source", "target")]
    sides = [[[int(token) for token in line.split()] for line in path.open()] for path in paths]
    return list(zip(*sides, strict=True))


def batches(pairs: list[Pair], size: int) -> Iterator[list[Pair]]:
    """Yield shuffled batches, epoch after epoch."""
    chance = random.Random(1)
    while True:
        chance.shuffle(pairs)
        for first in range(0, len(pairs), size):
            yield pairs[first : first + size]


def padded(rows: list[list[int]]) -> Tensor:
    """Return rows as one tensor."""
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


class Attention(nn.Module):
    """Bahdanau's weights over padded sources."""

    def __init__(self) -> None:
        super().__init__()
        self.energy, self.score = nn.Linear(512 + 512, 512), nn.Linear(512, 1, bias=False)

    def forward(self, hidden_BH: Tensor, states_BSH: Tensor, mask_BS: Tensor) -> Tensor:
        """Return weights_BS."""
        query_BSH = hidden_BH[:, None].repeat(1, states_BSH.shape[1], 1)
        energy_BSH = torch.tanh(self.energy(torch.cat([query_BSH, states_BSH], 2)))
        return self.score(energy_BSH).squeeze(2).masked_fill(~mask_BS, -1e10).softmax(1)


class Translator(nn.Module):
    """Model M: an encoder, and a decoder called in a loop."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding, self.dropout = nn.Embedding(vocabulary, 256, padding_idx=PAD), nn.Dropout(0.2)
        self.encoder = nn.LSTM(256, 256, bidirectional=True, batch_first=True)
        self.bridge, self.attention = nn.Linear(512, 512), Attention()
        self.decoder = nn.LSTMCell(256 + 512, 512)
        self.readout, self.output = nn.Linear(512 + 512, 512), nn.Linear(512, vocabulary)

    def forward(self, source_BS: Tensor, input_BT: Tensor) -> Tensor:
        """Return logits_BTV, made a step at a time."""
        states_BSH, (last, _) = self.encoder(self.dropout(self.embedding(source_BS)))
        hidden_BH = torch.tanh(self.bridge(torch.cat([last[0], last[1]], 1)))
        cell_BH, mask_BS, logits = torch.zeros_like(hidden_BH), source_BS != PAD, []
        for ids_B in input_BT.unbind(1):
            weights_BS = self.attention(hidden_BH, states_BSH, mask_BS)
            context_BH = torch.bmm(weights_BS[:, None], states_BSH).squeeze(1)
            embedded_BD = self.dropout(self.embedding(ids_B))
            hidden_BH, cell_BH = self.decoder(torch.cat([embedded_BD, context_BH], 1), (hidden_BH, cell_BH))
            readout_BH = torch.tanh(self.readout(torch.cat([hidden_BH, context_BH], 1)))
            logits.append(self.output(self.dropout(readout_BH)))
        return torch.stack(logits, 1)
