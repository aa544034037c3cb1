"""`prepare`: which rows there are, how they are cleaned, and how they are split."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from unroll.params.columns import Column, Columns, Files, Span, Where
from unroll.params.sections import Count, Fraction, Name, RelativePath, Section
from unroll.params.series import Series, Ts, overlap


class Tsv(Columns):
    """Rows of tab-separated columns, one pair a row."""

    format: Literal["tsv"]
    attribution_column: Column | None


class Aligned(Section):
    """Two files whose n-th lines belong together."""

    format: Literal["aligned"]
    source_file: Files
    target_file: Files
    """as many as there are source files"""


class Lines(Section):
    """Texts without a target: what comes next is the target."""

    format: Literal["lines"]
    files: Annotated[tuple[RelativePath, ...], Field(min_length=1)]
    pairs: bool
    """a row for every two neighbouring characters of a line, its beginning and its end as empty texts"""
    rows: Span | None = None
    """of all lines of the files; null: all"""


class Labelled(Section):
    """A file of lines for each label."""

    format: Literal["labelled"]
    files: Annotated[dict[str, RelativePath], Field(min_length=1)]
    """{label: its file}"""
    label: Literal["source", "target"]
    """the side that the label is on"""


class Csv(Columns):
    """Rows of comma-separated cells, quoted where need be; rows count from 0, the header among them."""

    format: Literal["csv"]
    rows: Span | None
    target_names: dict[str, str] | None
    """what the cells of the target column stand for"""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


class Jsonl(Section):
    """A JSON object a line; keys within keys are parted by points: translation.en."""

    format: Literal["jsonl"]
    file: Files
    source_key: str
    target_key: str
    target_names: dict[str, str] | None
    """what the values of the target stand for, as JSON writes them"""
    where: Where | None


class Conll(Section):
    """A word and its tag a line, an empty line behind each sentence: CoNLL's files, and CoNLL-U."""

    format: Literal["conll"]
    file: Files
    source_column: int
    target_column: int
    """columns count from 0, or with -1 from the last; tabs part them, or spaces where there is no tab"""

    @property
    def columns(self) -> tuple[int, int]:
        """Where a word and its tag are."""
        return self.source_column, self.target_column


class Tagged(Section):
    """A sentence a line, each word with its tag behind it: The/DT dog/NN barks/VBZ."""

    format: Literal["tagged"]
    file: Files
    delimiter: Annotated[str, Field(min_length=1, max_length=1)]
    """between a word and its tag; the last one of several counts"""


class Foldered(Section):
    """A folder of text files for each label, which is the folder's name."""

    format: Literal["folders"]
    folder: RelativePath
    label: Literal["source", "target"]
    """the side that the label is on"""
    lines: bool
    """a row for each line; false: for each file"""


class Table(Section):
    """Rows of numbers, comma-separated: real vectors, and what they are to become."""

    format: Literal["table"]
    file: RelativePath
    rows: Span | None
    columns: Span
    frame: Count
    """numbers in a vector: a row of 64 is a sequence of 8 frames of 8, or one of 64"""
    divisor: Annotated[float, Field(gt=0)]
    target_column: Annotated[int, Field(ge=0)]
    target_names: dict[str, str] | None
    join: Count | None
    """this many rows in a sequence, its target a label for each frame; null: each row has its target"""

    @model_validator(mode="after")
    def _cells_fit(self) -> Table:
        first, end = self.columns
        if (end - first) % self.frame:
            raise ValueError(f"columns {list(self.columns)} do not make whole frames of {self.frame} numbers")
        if first <= self.target_column < end:
            raise ValueError(
                f"target_column {self.target_column} is one of the columns: the answer would be given away"
            )
        return self


class OwnCorpus(Section):
    """What a reader of one's own reads; what else stands here is for that reader, see `unroll.data.readers`."""

    model_config = ConfigDict(extra="allow")

    format: Name


FORMATS = {
    "tsv": Tsv, "aligned": Aligned, "lines": Lines, "labelled": Labelled, "csv": Csv, "table": Table,
    "jsonl": Jsonl, "conll": Conll, "tagged": Tagged, "folders": Foldered, "series": Series, "ts": Ts,
}  # fmt: skip


def _format(corpus: Any) -> str:
    name = corpus.get("format") if isinstance(corpus, dict) else getattr(corpus, "format", None)
    return name if isinstance(name, str) and name in FORMATS else "own"


Corpus = Annotated[
    Annotated[Tsv, Tag("tsv")]
    | Annotated[Aligned, Tag("aligned")]
    | Annotated[Lines, Tag("lines")]
    | Annotated[Labelled, Tag("labelled")]
    | Annotated[Csv, Tag("csv")]
    | Annotated[Table, Tag("table")]
    | Annotated[Jsonl, Tag("jsonl")]
    | Annotated[Conll, Tag("conll")]
    | Annotated[Tagged, Tag("tagged")]
    | Annotated[Foldered, Tag("folders")]
    | Annotated[Series, Tag("series")]
    | Annotated[Ts, Tag("ts")]
    | Annotated[OwnCorpus, Tag("own")],
    Discriminator(_format),
]
By = Literal["both", "source", "target", "group"]
"""the sides by which rows belong together: those that share one go to the same split; group: sequences of numbers by
their groups, see `unroll.params.series`"""


class GroupedSplit(Section):
    """Our own split, without leakage: whole connected components go to one side."""

    kind: Literal["grouped"]
    by: By
    valid: Annotated[Fraction, Field(gt=0)]
    test: Annotated[Fraction, Field(gt=0)]
    largest_component: Count
    """components of more rows than this stay in train"""

    @model_validator(mode="after")
    def _leaves_some(self) -> GroupedSplit:
        if self.valid + self.test >= 1:
            raise ValueError("valid and test must leave something to train on: their sum must be below 1")
        return self


class OfficialSplit(Section):
    """Validation and test rows that somebody published: kept as they are, and their leakage reported."""

    kind: Literal["official"]
    by: By
    valid: Corpus | Annotated[Fraction, Field(gt=0)]
    """where nobody published validation rows: the share of train, by whole connected components, that serves"""
    test: Corpus


class Filters(Section):
    """Which pairs of sentences are kept."""

    max_words: Count
    """of a side; where a script puts no spaces between words, each letter counts as one: `unroll.data.lengths`"""
    max_characters: Count
    max_length_ratio: Annotated[float, Field(ge=1)]
    min_letters: Annotated[float, Field(ge=0, le=1)]
    """the least share of letters among the characters that are not spaces"""


class Prepare(Section):
    """Cleaning, filtering and splitting of raw rows."""

    corpus: Corpus
    unicode: Literal["NFC", "NFKC"]
    filters: Filters | None
    """null keeps every row that has what it needs"""
    max_rows: Count | None
    """keep this many rows of the whole corpus, chosen by hash; null keeps all"""
    split: Annotated[GroupedSplit | OfficialSplit, Field(discriminator="kind")]

    @property
    def tested(self) -> Corpus:
        """Where the test rows come from."""
        return self.split.test if isinstance(self.split, OfficialSplit) else self.corpus

    @model_validator(mode="after")
    def _parts_in_time(self) -> Prepare:
        if isinstance(self.split, OfficialSplit):
            corpora = (self.corpus, self.split.valid, self.split.test)
            series = [corpus for corpus in corpora if isinstance(corpus, Series)]
            if any(overlap(one, other) for one, other in combinations(series, 2)):
                raise ValueError(
                    "corpus, split.valid and split.test have frames in common: give each a part of its own in time, "
                    "such as [0.0, 0.7], [0.7, 0.8] and [0.8, 1.0], a file, or other cells of where"
                )
        return self
