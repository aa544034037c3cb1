"""What answers step after step, looking back at the memory: a decoder says tokens, a forecaster real numbers.

`one` step is the specification, and what search calls. Teacher forcing goes over a whole target; where no step depends
on what came of the one before, `sweep` does so in one kernel call and one attention over all positions. A test holds
the two equal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from unroll.nn.attention import ATTENTIONS, CONTEXTS, Look, Memory, Policy
from unroll.nn.cells import CELLS, State
from unroll.nn.heads import Numbers
from unroll.nn.layers import Stack
from unroll.params.model import DecoderParams, ForecasterParams, SpeakingParams


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


def bound(settings: SpeakingParams) -> int | None:
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


class Steps(nn.Module, ABC):
    """A recurrent layer that answers step after step, with attention before it (Bahdanau 2015) or after (Luong 2015).

    With query `before`: context from the last state, then the step reads [input, context].
    With query `after`: the step reads the input (and with input feeding the last attentional vector), then the context
    from the new state. Either way the readout is r = tanh(W [state, context]); what is said is linear in it.

    Args:
        embedded: the width of an input.
        memory_size: the width of a memory state.
        settings: its section of the pipeline file.
        dropout: of inputs, between layers and of readouts.
        width: of a readout.
    """

    def __init__(self, embedded: int, memory_size: int, settings: SpeakingParams, dropout: float, width: int) -> None:
        super().__init__()
        self.before, self.input_feeding = settings.query == "before", settings.input_feeding
        self.dropout = nn.Dropout(dropout)
        self.context = CONTEXTS[settings.context](memory_size)
        self.attention = ATTENTIONS[settings.attention](settings.hidden, memory_size, bound(settings))
        fed = self.attention.context_size if self.before else width if self.input_feeding else 0
        cell = CELLS[settings.cell]
        widths = [embedded + fed] + [settings.hidden] * (settings.layers - 1)
        self.stack = Stack([cell(wide, settings.hidden) for wide in widths], dropout, settings.residual)
        self.bridge = Bridge(memory_size, settings.hidden, settings.layers, cell.states)
        self.readout = nn.Linear(settings.hidden + self.attention.context_size, width)

    def initial(self, memory: Memory, beams: int = 1) -> DecoderState:
        """Return the state before the first step, with `beams` rows for each sentence."""
        memory = replace(memory, context_BH=self.context(memory))
        rows = torch.arange(len(memory.mask_BS), device=memory.mask_BS.device).repeat_interleave(beams)
        feed_BD = memory.states_BSH.new_zeros(len(rows), self.readout.out_features if self.input_feeding else 0)
        weights_BS = memory.states_BSH.new_zeros(len(rows), memory.mask_BS.shape[1])
        scored_B = torch.zeros_like(rows)
        layers = tuple(tuple(part[rows] for part in state) for state in self.bridge(memory.context_BH))
        return DecoderState(layers, feed_BD, self.attention.prepare(memory), memory, weights_BS, scored_B, 0)

    @property
    def at_once(self) -> bool:
        """Whether no step depends on what came of the one before but through the state: `sweep` serves."""
        return not ((self.before and not self.attention.fixed) or self.input_feeding)

    def sweep(self, x_BTD: Tensor, state: DecoderState) -> tuple[Tensor, Policy | None]:
        """Return (readouts_BTD, a hard attention's choices) of all steps at once, where `at_once`."""
        batch, steps = x_BTD.shape[:2]
        steps_T = torch.arange(state.steps, state.steps + steps, device=x_BTD.device)
        if self.before:  # a fixed context depends on no query: any will do
            look = self.attention.attend(x_BTD, state.keys_BSH, state.memory, steps_T)
            x_BTD = torch.cat([x_BTD, look.context_BTH], 2)
        hidden_BTH, _ = self.stack.unroll(x_BTD, torch.full((batch,), steps), state.layers)
        if not self.before:
            look = self.attention.attend(hidden_BTH, state.keys_BSH, state.memory, steps_T)
        return self.dropout(self._read_out(hidden_BTH, look.context_BTH)), look.policy

    def one(self, x_BD: Tensor, state: DecoderState) -> tuple[Tensor, Policy | None, DecoderState]:
        """Return (readout_BD, a hard attention's choice, the state) after one more input."""
        if self.before:
            look = self._attend(state.layers[-1][0], state)
            hidden_BH, layers = self.stack.step(torch.cat([x_BD, look.context_BTH.flatten(0, 1)], 1), state.layers)
        else:
            hidden_BH, layers = self.stack.step(torch.cat([x_BD, state.feed_BD], 1), state.layers)
            look = self._attend(hidden_BH, state)
        readout_BD = self._read_out(hidden_BH, look.context_BTH.flatten(0, 1))
        feed_BD = readout_BD if self.input_feeding else state.feed_BD
        weights_BS, scored_B = look.weights_BTS.flatten(0, 1), look.scored_BT.flatten()
        after = DecoderState(layers, feed_BD, state.keys_BSH, state.memory, weights_BS, scored_B, state.steps + 1)
        return self.dropout(readout_BD), look.policy, after

    def run(self, x_BTD: Tensor, state: DecoderState, own: float) -> tuple[Tensor, Policy | None]:
        """Return (readouts_BTD, the policy of a hard attention in training) of inputs.

        Each input but the first is, with probability `own`, made of what the step before said: see `mixed`.
        """
        if self.at_once and not own:
            return self.sweep(x_BTD, state)
        readouts: list[Tensor] = []
        policies = []
        for x_BD in x_BTD.unbind(1):
            if own and readouts:
                x_BD = self.mixed(x_BD, readouts[-1], own)
            readout_BD, policy, state = self.one(x_BD, state)
            readouts.append(readout_BD)
            policies.append(policy)
        return torch.stack(readouts, 1), _join(policies)

    @abstractmethod
    def mixed(self, x_BD: Tensor, readout_BD: Tensor, own: float) -> Tensor:
        """Return an input, some of whose rows are with probability `own` what the last readout says."""

    def _attend(self, query_BH: Tensor, state: DecoderState) -> Look:
        # The rows of one sentence are queries to one memory, which therefore is never copied.
        query_BKH = query_BH.view(len(state.keys_BSH), -1, query_BH.shape[1])
        steps_K = torch.full((query_BKH.shape[1],), state.steps, device=query_BH.device)
        return self.attention.attend(query_BKH, state.keys_BSH, state.memory, steps_K)

    def _read_out(self, hidden: Tensor, context: Tensor) -> Tensor:
        return torch.tanh(self.readout(torch.cat([hidden, context], -1)))


class Decoder(Steps):
    """Says tokens: the logits are E r + b of a readout r.

    `tied`, r is as wide as an embedding and E is the embedding itself (Press and Wolf 2017), else r is as wide as a
    state.

    Args:
        embedding: ids -> vectors of `embedding.embedding_dim`.
        vocabulary: V, the number of tokens that can be said.
        memory_size, settings, dropout: as in `Steps`.
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
        embedded = cast(int, embedding.embedding_dim)
        width = embedded if tied else settings.hidden
        super().__init__(embedded, memory_size, settings, dropout, width)
        self.embedding = embedding
        self.logits = nn.Linear(width, vocabulary)
        nn.init.zeros_(self.logits.bias)
        if tied:
            self.logits.weight = cast(nn.Parameter, embedding.weight)

    def step(self, ids_B: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return (logits_BV, state) after one more token of each row."""
        readout_BD, state = self.advance(ids_B, state)
        return self.logits(readout_BD), state

    def advance(self, ids_B: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return (readout_BD, state) after one more token of each row; the logits are linear in the readout."""
        readout_BD, _, state = self.one(self._embed(ids_B), state)
        return readout_BD, state

    def unroll(self, input_BT: Tensor, state: DecoderState) -> Tensor:
        """Return logits_BTV under teacher forcing."""
        return self.logits(self.read(input_BT, state, 0.0)[0])

    def read(self, input_BT: Tensor, state: DecoderState, own: float) -> tuple[Tensor, Policy | None]:
        """Return (readouts_BTD, the policy of a hard attention in training); the logits are linear in the readouts.

        Each input but the first is, with probability `own`, the token that the decoder itself found likeliest at the
        step before (scheduled sampling, Bengio 2015). No gradient passes through that choice. 0 is teacher forcing.
        """
        return self.run(self._embed(input_BT), state, own)

    def mixed(self, x_BD: Tensor, readout_BD: Tensor, own: float) -> Tensor:
        """As `Steps.mixed`: the token that it finds likeliest."""
        with torch.no_grad():
            said_B = self.logits(readout_BD).argmax(1)
        own_B1 = torch.rand(len(x_BD), 1, device=x_BD.device) < own
        return torch.where(own_B1, self._embed(said_B), x_BD)

    def _embed(self, ids: Tensor) -> Tensor:
        return self.dropout(self.embedding(ids))


class Forecaster(Steps):
    """Says real numbers: each step reads those of the step before, at the first step zeros.

    With seasons, what is said is how far a number is from its base, the number of the first season before, and a step
    reads the numbers of all seasons before. Of its own it reads the middle quantile, as DeepAR (Salinas et al. 2020),
    whose lags these are, a sample.

    Args:
        width: W, the numbers of a step.
        memory_size, settings, dropout: as in `Steps`; inputs stay whole: a number that is dropped is no number.
    Attributes:
        numbers: what it makes of readouts.
    """

    def __init__(
        self,
        embedding: nn.Module,
        width: int,
        memory_size: int,
        settings: ForecasterParams,
        dropout: float,
        tied: bool,
    ) -> None:
        super().__init__(width + len(settings.seasons), memory_size, settings, dropout, settings.hidden)
        self.seasons, self.channel = settings.seasons, settings.channel
        self.numbers = Numbers(width, settings.hidden, settings)

    def lags(self, source_BSW: Tensor, lengths_B: Tensor, steps: int) -> Tensor:
        """Return what was each season before steps, B x T x seasons, less the mean of train.

        Of a source shorter than a season it is the whole source that repeats itself.
        """
        found = [source_BSW.new_zeros(len(source_BSW), steps, 0)]
        for season in self.seasons:
            season_B1 = lengths_B.clamp(max=season)[:, None]
            place_BT = lengths_B[:, None] - season_B1 + torch.arange(steps) % season_B1
            before_BT = source_BSW[..., self.channel].gather(1, place_BT.to(source_BSW.device))
            found.append(before_BT[..., None] - self.numbers.mean_W)
        return torch.cat(found, 2)

    def base(self, before_BTN: Tensor) -> Tensor:
        """Return what is added to numbers, B x T x 1: what was the first season before, or zeros."""
        return before_BTN[..., :1] if self.seasons else before_BTN.new_zeros(*before_BTN.shape[:2], 1)

    def read(
        self, wanted_BTW: Tensor, before_BTN: Tensor, state: DecoderState, own: float
    ) -> tuple[Tensor, Policy | None]:
        """Return (readouts_BTD, the policy of a hard attention in training); the numbers are linear in the readouts.

        Args:
            wanted_BTW: raw numbers, less their base; behind the end of a row anything, or none.
            before_BTN: from `lags`.
            own: with this probability an input is what the step before said, instead of what was wanted there.
        """
        x_BTW = self.numbers.scaled(wanted_BTW).nan_to_num()
        x_BTW = torch.cat([torch.zeros_like(x_BTW[:, :1]), x_BTW[:, :-1]], 1)
        return self.run(self._heard(x_BTW, before_BTN), state, own)

    def mixed(self, x_BD: Tensor, readout_BD: Tensor, own: float) -> Tensor:
        """As `Steps.mixed`: the middle of its numbers; what was a season before stays."""
        middle_BW = self._middle(readout_BD)
        said_BD = torch.cat([middle_BW, x_BD[:, middle_BW.shape[1] :]], 1)
        own_B1 = torch.rand(len(x_BD), 1, device=x_BD.device) < own
        return torch.where(own_B1, said_BD, x_BD)

    def forecast(self, before_BTN: Tensor, state: DecoderState) -> tuple[Tensor, Tensor]:
        """Return (numbers_BTWQ as the targets are, where each step looked, weights_BTS), each step on the one before.

        Inputs are all its own: what `read` does with `own` 1.
        """
        x_BW = before_BTN.new_zeros(len(before_BTN), len(self.numbers.mean_W))
        readouts, weights = [], []
        for before_BN in before_BTN.unbind(1):
            readout_BD, _, state = self.one(self._heard(x_BW, before_BN), state)
            x_BW = self._middle(readout_BD)
            readouts.append(readout_BD)
            weights.append(state.weights_BS)
        numbers_BTWQ = self.numbers.said(torch.stack(readouts, 1)) + self.base(before_BTN)[..., None]
        return numbers_BTWQ, torch.stack(weights, 1)

    def _heard(self, x: Tensor, before: Tensor) -> Tensor:
        """Return what steps hear, on the scale of train: the last numbers, and how far each season is from the base."""
        apart = torch.cat([before[..., :1], before[..., 1:] - before[..., :1]], -1)
        return torch.cat([x, apart / self.numbers.deviation_W], -1) if self.seasons else x

    def _middle(self, readout_BD: Tensor) -> Tensor:
        said_BWQ = self.numbers.scaled_numbers(readout_BD)
        return said_BWQ[..., said_BWQ.shape[-1] // 2]


def _join(policies: list[Policy | None]) -> Policy | None:
    """Return the policy of all steps from that of each."""
    drawn = [policy for policy in policies if policy is not None]
    return Policy(*(torch.cat(parts, 1) for parts in zip(*drawn, strict=True))) if drawn else None
