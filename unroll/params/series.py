"""`prepare.corpus` of sequences of numbers: long tables, a frame a row, and the .ts files of the UEA archive."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from unroll.params.columns import Column, Files, Header, Where
from unroll.params.sections import Count, Section

LONGEST = 1000
"""frames of a sequence that a model reads at once, see `unroll.predict.predictor.MAX_SOURCE`"""

ColumnOrColumns = Column | Annotated[tuple[Column, ...], Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Series(Section):
    """Sequences of numbers, a frame a row: what sensors, machines and microphones leave in a long table."""

    format: Literal["series"]
    file: Files
    delimiter: Annotated[str, Field(min_length=1, max_length=1)]
    header: Header
    where: Where | None
    id: ColumnOrColumns | None
    """what tells sequences apart; null: a file is one"""
    time: Column | None
    """numbers, or ISO 8601; frames are sorted by it; null: they stand in their order"""
    most_gap: Annotated[float, Field(gt=0)] | None
    """after a longer time without a frame a new sequence begins: in the unit of `time`, of ISO 8601 seconds"""
    channels: Annotated[tuple[Column, ...], Field(min_length=1)]
    """the numbers of a frame"""
    missing: Literal["last", "zero", "drop"] | None
    """a cell without a number becomes the last one of its channel, or zero, or its frame is left out; null: refused"""
    target: Column
    target_names: dict[str, str] | None
    """what the cells of the target stand for"""
    answer: Literal["label", "labels", "number", "numbers", "ahead"]
    """what the target is: a label or a number for a sequence, the same in all of its rows; or one for each frame; or
    the numbers of the frames that follow a window, `horizon` of them"""
    horizon: Annotated[int, Field(ge=1, le=LONGEST)] | None
    """frames that are forecast; null but where `answer` is ahead"""
    season: Count | None
    """frames after which a forecast target repeats itself, as 24 hours: errors are held against those of saying what
    was then; null: against those of saying what was last"""
    group: ColumnOrColumns | None
    """sequences that share it, of one subject, machine or day, never stand in train and test; null: each is its own"""
    part: tuple[Share, Share] | None
    """of each sequence from this share of its frames to that; one that does not begin with the sequence lacks a window
    at its beginning, so that its neighbours are not its frames' neighbours; null: all"""
    window: Annotated[int, Field(ge=2, le=LONGEST)] | None
    """frames of a row, where sequences are longer; null: they are rows as they are"""
    step: Count | None
    """frames from the beginning of a window to that of the next: windows overlap where it is smaller than they are"""

    @property
    def each_frame(self) -> bool:
        """Whether each frame has its answer."""
        return self.answer in ("labels", "numbers")

    @property
    def numeric(self) -> bool:
        """Whether answers are numbers."""
        return self.answer in ("number", "numbers", "ahead")

    @property
    def relatives(self) -> int:
        """How many rows in succession share frames, or a season: they are not drawn by chance one by one."""
        if self.window is None or self.step is None:
            return 1
        return -(-max(self.window + (self.horizon or 0), self.season or 0) // self.step)

    @property
    def shown(self) -> tuple[int, int] | None:
        """Of a forecast: the channel that shows what the target was until now, and its season, or 1; else None."""
        channel = self.target_channel
        return None if channel is None or self.horizon is None else (channel, self.season or 1)

    @property
    def target_channel(self) -> int | None:
        """The channel that shows what the target was until now, counted from 0; None where none does."""
        return self.channels.index(self.target) if self.target in self.channels else None

    @model_validator(mode="after")
    def _fits(self) -> Series:
        if (self.window is None) != (self.step is None):
            raise ValueError("window and step go together: set both, or both null")
        if self.window and self.step and self.step > self.window:
            raise ValueError(f"step {self.step} would leave frames out between windows of {self.window}")
        if self.most_gap and self.time is None:
            raise ValueError("most_gap is a time: name the column of time, or set null")
        self._fits_ahead()
        told = () if self.answer == "ahead" else (("target", self.target),)
        for name, column in (*told, *(("id", one) for one in several(self.id))):
            if column in self.channels:
                raise ValueError(f"{name} '{column}' is one of the channels: the answer would be given away")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("channels: one stands there twice")
        if self.part and self.part[0] >= self.part[1]:
            raise ValueError(f"part {list(self.part)} is empty: write where it begins and where it ends: [0.0, 0.8]")
        return self

    def _fits_ahead(self) -> None:
        if (self.answer == "ahead") != (self.horizon is not None):
            raise ValueError("answer 'ahead' and horizon go together: say how many frames, or set horizon null")
        if self.horizon and self.window is None:
            raise ValueError("answer 'ahead' needs a window: the frames from which those that follow are forecast")
        if self.season and (self.shown is None or self.season > (self.window or 0)):
            raise ValueError(
                "season is for answer 'ahead', with the target among the channels and a window no shorter than a "
                "season: set it so, or season null"
            )


class Ts(Section):
    """The .ts files of the UEA and UCR archives: a line a sequence, colons part channels, the answer is last."""

    format: Literal["ts"]
    file: Files
    target_names: dict[str, str] | None
    """what the answers stand for"""


def several(columns: ColumnOrColumns | None) -> tuple[Column, ...]:
    """Return columns that may be one or none.

    >>> several("subject"), several(None)
    (('subject',), ())
    """
    return () if columns is None else columns if isinstance(columns, tuple) else (columns,)


def overlap(one: Series, other: Series) -> bool:
    """Return whether two corpora are parts in time of the same frames, and have some in common."""
    same = {"part": None, "window": None, "step": None}
    if one.model_copy(update=same) != other.model_copy(update=same):
        return False
    first, second = (corpus.part or (0.0, 1.0) for corpus in (one, other))
    return first[0] < second[1] and second[0] < first[1]
