"""A decoder says the target one token at a time, looking back at the memory.

`step` is the specification, and what search calls. `unroll` is teacher forcing over a whole target; where no step
depends on what came of the one before, it runs as one kernel call and one attention over all positions. A test holds
the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from unroll.nn.attention import ATTENTIONS, CONTEXTS, Look, Memory, Policy
from unroll.nn.cells import CELLS, State
from unroll.nn.layers import Stack
from unroll.params.model import DecoderParams


@dataclass(frozen=True)
class DecoderState:
    """All that one step hands to the next, for rows that are hypotheses; the memory's rows are sentences.

    Attributes:
        layers: the state of each recurrent layer.
        feed_BD: the last attentional vector (input feeding), else of width 0.
        keys_BSH: what attention prepared.
        memory: the encoder's memory, with the decoder's own C. Row r looks at sentence r // K, with K rows a sentence.
        weights_BS: where the last step looked.
        scored_B: how many source positions it compared to find out.
        steps: how many were made.
    """

    layers: tuple[State, ...]
    feed_BD: Tensor
    keys_BSH: Tensor
    memory: Memory
    weights_BS: Tensor
    scored_B: Tensor
    steps: int

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> DecoderState:
        """Return the state of some rows, in a new order; of some sentences, if theirs change too."""
        layers = tuple(tuple(part[rows] for part in state) for state in self.layers)
        keys, memory = self.keys_BSH, self.memory
        if sentences is not None:
            keys, memory = keys[sentences], memory.select(sentences)
        looked = self.weights_BS[rows], self.scored_B[rows]
        return DecoderState(layers, self.feed_BD[rows], keys, memory, *looked, self.steps)


def bound(settings: DecoderParams) -> int | None:
    """Return how far the attention of a decoder looks: the parameter that its class names, or None."""
    name = ATTENTIONS[settings.attention].bounded_by
    return None if name is None else cast(int, getattr(settings, name))


class Bridge(nn.Module):
    """C -> the decoder's first state: tanh(W C + b), one for each tensor of each layer (Cho 2014)."""

    def __init__(self, memory_size: int, hidden: int, layers: int, states: int) -> None:
        super().__init__()
        self.layers, self.states = layers, states
        self.linear = nn.Linear(memory_size, layers * states * hidden)

    def forward(self, context_BH: Tensor) -> tuple[State, ...]:
        """Return the first state of each layer."""
        parts = torch.tanh(self.linear(context_BH)).chunk(self.layers * self.states, 1)
        return tuple(tuple(parts[i * self.states : (i + 1) * self.states]) for i in range(self.layers))


class Decoder(nn.Module):
    """A recurrent decoder with attention, before its step (Bahdanau 2015) or after it (Luong 2015).

    With query `before`: context from the last state, then the step reads [embedding, context].
    With query `after`: the step reads the embedding (and with input feeding the last attentional vector), then the
    context from the new state. Either way the readout is r = tanh(W [state, context]), and the logits are E r + b;
    `tied`, r is as wide as an embedding and E is the embedding itself (Press and Wolf 2017), else r is as wide as a
    state.

    Args:
        embedding: ids -> vectors of `embedding.embedding_dim`.
        vocabulary: V, the number of tokens that can be said.
        memory_size: the width of a memory state.
        settings: its section of the pipeline file.
        dropout: of embeddings, between layers and of readouts.
        tied: whether the output layer is the embedding.
    """

    def __init__(
        self,
        embedding: nn.Module,
        vocabulary: int,
        memory_size: int,
        settings: DecoderParams,
        dropout: float,
        tied: bool,
    ) -> None:
        super().__init__()
        embedded = cast(int, embedding.embedding_dim)
        width = embedded if tied else settings.hidden
        self.before, self.input_feeding = settings.query == "before", settings.input_feeding
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        self.context = CONTEXTS[settings.context](memory_size)
        self.attention = ATTENTIONS[settings.attention](settings.hidden, memory_size, bound(settings))
        fed = self.attention.context_size if self.before else width if self.input_feeding else 0
        cell = CELLS[settings.cell]
        widths = [embedded + fed] + [settings.hidden] * (settings.layers - 1)
        self.stack = Stack([cell(wide, settings.hidden) for wide in widths], dropout, settings.residual)
        self.bridge = Bridge(memory_size, settings.hidden, settings.layers, cell.states)
        self.readout = nn.Linear(settings.hidden + self.attention.context_size, width)
        self.logits = nn.Linear(width, vocabulary)
        nn.init.zeros_(self.logits.bias)
        if tied:
            self.logits.weight = cast(nn.Parameter, embedding.weight)

    def initial(self, memory: Memory, beams: int = 1) -> DecoderState:
        """Return the state before the first step, with `beams` rows for each sentence."""
        memory = replace(memory, context_BH=self.context(memory))
        rows = torch.arange(len(memory.mask_BS), device=memory.mask_BS.device).repeat_interleave(beams)
        feed_BD = memory.states_BSH.new_zeros(len(rows), self.readout.out_features if self.input_feeding else 0)
        weights_BS = memory.states_BSH.new_zeros(len(rows), memory.mask_BS.shape[1])
        scored_B = torch.zeros_like(rows)
        layers = tuple(tuple(part[rows] for part in state) for state in self.bridge(memory.context_BH))
        return DecoderState(layers, feed_BD, self.attention.prepare(memory), memory, weights_BS, scored_B, 0)

    def step(self, ids_B: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return (logits_BV, state) after one more token of each row."""
        readout_BD, state = self.advance(ids_B, state)
        return self.logits(readout_BD), state

    def advance(self, ids_B: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return (readout_BD, state) after one more token of each row; the logits are linear in the readout."""
        readout_BD, _, state = self._step(self._embed(ids_B), state)
        return self.dropout(readout_BD), state

    def unroll(self, input_BT: Tensor, state: DecoderState) -> Tensor:
        """Return logits_BTV under teacher forcing."""
        return self.logits(self.read(input_BT, state, 0.0)[0])

    def read(self, input_BT: Tensor, state: DecoderState, own: float) -> tuple[Tensor, Policy | None]:
        """Return (readouts_BTD, the policy of a hard attention in training); the logits are linear in the readouts.

        Each input but the first is, with probability `own`, the token that the decoder itself found likeliest at the
        step before (scheduled sampling, Bengio 2015). No gradient passes through that choice. 0 is teacher forcing.
        """
        x_BTD = self._embed(input_BT)
        if not ((self.before and not self.attention.fixed) or self.input_feeding or own):
            return self._sweep(x_BTD, state)
        readouts: list[Tensor] = []
        policies = []
        for x_BD in x_BTD.unbind(1):
            if own and readouts:
                x_BD = self._mix(x_BD, readouts[-1], own)
            readout_BD, policy, state = self._step(x_BD, state)
            readouts.append(self.dropout(readout_BD))
            policies.append(policy)
        return torch.stack(readouts, 1), _join(policies)

    def _sweep(self, x_BTD: Tensor, state: DecoderState) -> tuple[Tensor, Policy | None]:
        batch, steps = x_BTD.shape[:2]
        steps_T = torch.arange(state.steps, state.steps + steps, device=x_BTD.device)
        if self.before:  # a fixed context depends on no query: any will do
            look = self.attention.attend(x_BTD, state.keys_BSH, state.memory, steps_T)
            x_BTD = torch.cat([x_BTD, look.context_BTH], 2)
        hidden_BTH, _ = self.stack.unroll(x_BTD, torch.full((batch,), steps), state.layers)
        if not self.before:
            look = self.attention.attend(hidden_BTH, state.keys_BSH, state.memory, steps_T)
        return self.dropout(self._readout(hidden_BTH, look.context_BTH)), look.policy

    def _mix(self, x_BD: Tensor, readout_BD: Tensor, own: float) -> Tensor:
        with torch.no_grad():
            said_B = self.logits(readout_BD).argmax(1)
        own_B1 = torch.rand(len(x_BD), 1, device=x_BD.device) < own
        return torch.where(own_B1, self._embed(said_B), x_BD)

    def _step(self, x_BD: Tensor, state: DecoderState) -> tuple[Tensor, Policy | None, DecoderState]:
        if self.before:
            look = self._attend(state.layers[-1][0], state)
            hidden_BH, layers = self.stack.step(torch.cat([x_BD, look.context_BTH.flatten(0, 1)], 1), state.layers)
        else:
            hidden_BH, layers = self.stack.step(torch.cat([x_BD, state.feed_BD], 1), state.layers)
            look = self._attend(hidden_BH, state)
        readout_BD = self._readout(hidden_BH, look.context_BTH.flatten(0, 1))
        feed_BD = readout_BD if self.input_feeding else state.feed_BD
        weights_BS, scored_B = look.weights_BTS.flatten(0, 1), look.scored_BT.flatten()
        after = DecoderState(layers, feed_BD, state.keys_BSH, state.memory, weights_BS, scored_B, state.steps + 1)
        return readout_BD, look.policy, after

    def _attend(self, query_BH: Tensor, state: DecoderState) -> Look:
        # The rows of one sentence are queries to one memory, which therefore is never copied.
        query_BKH = query_BH.view(len(state.keys_BSH), -1, query_BH.shape[1])
        steps_K = torch.full((query_BKH.shape[1],), state.steps, device=query_BH.device)
        return self.attention.attend(query_BKH, state.keys_BSH, state.memory, steps_K)

    def _embed(self, ids: Tensor) -> Tensor:
        return self.dropout(self.embedding(ids))

    def _readout(self, hidden: Tensor, context: Tensor) -> Tensor:
        return torch.tanh(self.readout(torch.cat([hidden, context], -1)))


def _join(policies: list[Policy | None]) -> Policy | None:
    """Return the policy of all steps from that of each."""
    drawn = [policy for policy in policies if policy is not None]
    return Policy(*(torch.cat(parts, 1) for parts in zip(*drawn, strict=True))) if drawn else None
