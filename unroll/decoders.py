"""A decoder says the target one token at a time, looking back at the memory.

`step` is the specification, and what search calls. `unroll` is teacher forcing over a whole target; where no step hangs
on the context of the one before, it runs as one kernel call and one attention over all positions. A test holds the two
equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unroll.attention import ATTENTIONS, Memory
from unroll.cells import CELLS, State
from unroll.layers import Stack
from unroll.params import Model


@dataclass(frozen=True)
class DecoderState:
    """All that one step hands to the next, for rows that are hypotheses; the memory's rows are sentences.

    Attributes:
        layers: the state of each recurrent layer.
        feed_BD: the last attentional vector (input feeding), else of width 0.
        keys_BSH: what attention prepared.
        memory: the encoder's memory. Row r looks at sentence r // K, with K rows a sentence.
        weights_BS: where the last step looked.
    """

    layers: tuple[State, ...]
    feed_BD: Tensor
    keys_BSH: Tensor
    memory: Memory
    weights_BS: Tensor

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> DecoderState:
        """Return the state of some rows, in a new order; of some sentences, if theirs change too."""
        layers = tuple(tuple(part[rows] for part in state) for state in self.layers)
        keys, memory = self.keys_BSH, self.memory
        if sentences is not None:
            keys, memory = keys[sentences], memory.select(sentences)
        return DecoderState(layers, self.feed_BD[rows], keys, memory, self.weights_BS[rows])


class Bridge(nn.Module):
    """The encoder's last state -> the decoder's first: tanh(W C + b), one for each tensor of each layer (Cho 2014)."""

    def __init__(self, memory_size: int, hidden: int, layers: int, states: int) -> None:
        super().__init__()
        self.layers, self.states = layers, states
        self.linear = nn.Linear(memory_size, layers * states * hidden)

    def forward(self, memory: Memory) -> tuple[State, ...]:
        """Return the first state of each layer."""
        parts = torch.tanh(self.linear(memory.final[-1][0])).chunk(self.layers * self.states, 1)
        return tuple(tuple(parts[i * self.states : (i + 1) * self.states]) for i in range(self.layers))


class Decoder(nn.Module):
    """A recurrent decoder with attention, before its step (Bahdanau 2015) or after it (Luong 2015).

    With query `before`: context from the last state, then the step reads [embedding, context].
    With query `after`: the step reads the embedding (and with input feeding the last attentional vector), then the
    context from the new state. Either way the readout is r = tanh(W [state, context]), as wide as an embedding, and the
    logits are E r + b; `tied`, E is the embedding itself (Press and Wolf 2017).
    """

    def __init__(self, embedding: nn.Embedding, memory_size: int, params: Model) -> None:
        super().__init__()
        width = embedding.embedding_dim
        self.before, self.input_feeding = params.query == "before", params.input_feeding
        self.embedding = embedding
        self.dropout = nn.Dropout(params.dropout)
        self.attention = ATTENTIONS[params.attention](params.hidden, memory_size)
        fed = self.attention.context_size if self.before else width if self.input_feeding else 0
        cell = CELLS[params.cell]
        cells = [
            cell(width + fed if depth == 0 else params.hidden, params.hidden) for depth in range(params.decoder_layers)
        ]
        self.stack = Stack(cells, params.dropout)
        self.bridge = Bridge(memory_size, params.hidden, params.decoder_layers, cell.states)
        self.readout = nn.Linear(params.hidden + self.attention.context_size, width)
        self.logits = nn.Linear(width, embedding.num_embeddings)
        nn.init.zeros_(self.logits.bias)
        if params.tied:
            self.logits.weight = embedding.weight

    def initial(self, memory: Memory, beams: int = 1) -> DecoderState:
        """Return the state before the first step, with `beams` rows for each sentence."""
        rows = torch.arange(len(memory.mask_BS), device=memory.mask_BS.device).repeat_interleave(beams)
        feed_BD = memory.states_BSH.new_zeros(len(rows), self.embedding.embedding_dim if self.input_feeding else 0)
        weights_BS = memory.states_BSH.new_zeros(len(rows), memory.mask_BS.shape[1])
        layers = tuple(tuple(part[rows] for part in state) for state in self.bridge(memory))
        return DecoderState(layers, feed_BD, self.attention.prepare(memory), memory, weights_BS)

    def step(self, ids_B: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return (logits_BV, state) after one more token of each row."""
        readout_BD, state = self._step(self.dropout(self.embedding(ids_B)), state)
        return self.logits(self.dropout(readout_BD)), state

    def unroll(self, input_BT: Tensor, state: DecoderState) -> Tensor:
        """Return logits_BTV under teacher forcing."""
        return self.logits(self.read(input_BT, state))

    def read(self, input_BT: Tensor, state: DecoderState) -> Tensor:
        """Return readouts_BTD under teacher forcing: the logits are a linear map of them."""
        x_BTD = self.dropout(self.embedding(input_BT))
        if self.before or self.input_feeding:
            readouts = []
            for x_BD in x_BTD.unbind(1):
                readout_BD, state = self._step(x_BD, state)
                readouts.append(readout_BD)
            return self.dropout(torch.stack(readouts, 1))
        lengths_B = torch.full((len(input_BT),), input_BT.shape[1])
        hidden_BTH, _ = self.stack.unroll(x_BTD, lengths_B, state.layers)
        context_BTH, _ = self.attention.attend(hidden_BTH, state.keys_BSH, state.memory)
        return self.dropout(self._readout(hidden_BTH, context_BTH))

    def _step(self, x_BD: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        if self.before:
            context_BH, weights_BS = self._attend(state.layers[-1][0], state)
            hidden_BH, layers = self.stack.step(torch.cat([x_BD, context_BH], 1), state.layers)
        else:
            hidden_BH, layers = self.stack.step(torch.cat([x_BD, state.feed_BD], 1), state.layers)
            context_BH, weights_BS = self._attend(hidden_BH, state)
        readout_BD = self._readout(hidden_BH, context_BH)
        feed_BD = readout_BD if self.input_feeding else state.feed_BD
        return readout_BD, DecoderState(layers, feed_BD, state.keys_BSH, state.memory, weights_BS)

    def _attend(self, query_BH: Tensor, state: DecoderState) -> tuple[Tensor, Tensor]:
        # The rows of one sentence are queries to one memory, which therefore is never copied.
        query_BKH = query_BH.view(len(state.keys_BSH), -1, query_BH.shape[1])
        context_BKH, weights_BKS = self.attention.attend(query_BKH, state.keys_BSH, state.memory)
        return context_BKH.flatten(0, 1), weights_BKS.flatten(0, 1)

    def _readout(self, hidden: Tensor, context: Tensor) -> Tensor:
        return torch.tanh(self.readout(torch.cat([hidden, context], -1)))
