"""Parameters that do not fit each other, each with the line that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from unroll.params.model import (
    DecoderParams,
    ForecasterParams,
    NumericParams,
    RegressorParams,
    SequenceEncoderParams,
    SpeakingParams,
    VectorEncoderParams,
)
from unroll.params.prepare import FORMATS, Aligned, Csv, Jsonl, Lines, OwnCorpus, Table, Tsv
from unroll.params.series import Series, Ts
from unroll.params.tokenize import Labels, Pieces, Vectors

if TYPE_CHECKING:
    from unroll.params.pipeline import Recipe

FIXED = ("none", "final")
"""attentions that compare nothing"""


class Misfit(NamedTuple):
    """Two parameters that do not fit each other."""

    found: Callable[[Recipe], bool]
    message: str


LABELLING = ("classifier", "tagger")
"""heads that say one of a few labels"""
KNOWN = tuple(FORMATS.values())
PAIRED = (Tsv, Aligned, Csv, Jsonl)
"""formats that can hold pairs of sentences"""
SEQUENCES = (Series, Ts)
"""formats of sequences of numbers"""
NUMERIC = (Table, *SEQUENCES)
"""formats of real vectors"""


def _said(params: Recipe) -> Pieces | Labels | Vectors:
    """Return what answers are made of."""
    return params.tokenize.target or params.tokenize.source


def _vocabulary(params: Recipe) -> int | None:
    pieces = _said(params)
    return pieces.vocab_size if isinstance(pieces, Pieces) else None


def _steps(params: Recipe) -> int | None:
    """Return the number of source positions where the corpus settles it."""
    corpus = params.prepare.corpus
    if isinstance(corpus, Table):
        return (corpus.columns[1] - corpus.columns[0]) // corpus.frame * (corpus.join or 1)
    if isinstance(corpus, OwnCorpus) and isinstance(params.model.encoder, VectorEncoderParams):
        return 1  # whoever reads such rows knows
    return 1 if isinstance(params.tokenize.source, Labels) else None


def _tied_sizes_differ(params: Recipe) -> bool:
    model = params.model
    return model.tied and model.head.each_position and model.encoder.hidden != params.embed.dimensions


def _parallel(params: Recipe) -> bool:
    return all(isinstance(side, Pieces) for side in (params.tokenize.source, _said(params)))


def _sentences_both(params: Recipe) -> bool:
    """Return whether sentences in subwords become sentences in subwords."""
    kinds = params.tokenize.source, _said(params)
    subwords = all(isinstance(kind, Pieces) and kind.kind in ("bpe", "unigram", "char") for kind in kinds)
    return subwords and isinstance(params.model.head, DecoderParams)


MISFITS = (
    Misfit(
        lambda p: p.train.start_from is None and p.train.start_parts is not None,
        "train.start_parts is for train.start_from: name the model there, or set null",
    ),
    Misfit(
        lambda p: p.train.start_from is None and p.tokenize.from_start is not None,
        "tokenize.from_start is for train.start_from: name the model there, or set null",
    ),
    Misfit(
        lambda p: p.tokenize.typed is not None and not _sentences_both(p),
        "tokenize.typed is for sentences that become sentences, both in pieces of kind 'bpe', 'unigram' or 'char': "
        "set null",
    ),
    Misfit(
        lambda p: isinstance(_said(p), Pieces) and _said(p).kind == "suffix",
        "tokenize kind 'suffix' is for what is read: who knows but the end of a word cannot say it; "
        "set another tokenize.target.kind",
    ),
    Misfit(
        lambda p: p.noise is not None and (not isinstance(p.tokenize.source, Pieces) or p.reads_on),
        "noise is for texts with an answer: set null",
    ),
    Misfit(
        lambda p: p.noise is not None and bool(p.noise.joined or p.noise.words) and not _parallel(p),
        "noise.joined and noise.words are for pairs of texts: set 0.0",
    ),
    Misfit(
        lambda p: p.noise is not None and p.noise.names > 0 and not (p.tokenize.typed and p.tokenize.typed.copied),
        "noise.names is for tokenize.typed.copied: set 0.0",
    ),
    Misfit(
        lambda p: p.train.sampled_softmax >= (_vocabulary(p) or p.train.sampled_softmax + 1),
        "train.sampled_softmax must be smaller than the vocab_size of the target",
    ),
    Misfit(lambda p: p.train.warmup >= p.train.updates, "train.warmup must be smaller than train.updates"),
    Misfit(
        lambda p: (
            isinstance(p.prepare.corpus, KNOWN)
            and isinstance(p.prepare.corpus, NUMERIC) != isinstance(p.tokenize.source, Vectors)
        ),
        "prepare.corpus.format 'table', 'series' or 'ts' and tokenize.source.kind 'vectors' go together",
    ),
    Misfit(
        lambda p: (
            (p.prepare.split.by == "group") != isinstance(p.prepare.corpus, SEQUENCES)
            and not isinstance(p.prepare.corpus, OwnCorpus)
        ),
        "prepare.split.by must be 'group' with prepare.corpus.format 'series' or 'ts', and there alone: windows of a "
        "sequence, and sequences of a subject, are relatives whatever numbers they show",
    ),
    Misfit(
        lambda p: (
            isinstance(p.prepare.corpus, Series)
            and isinstance(p.tokenize.source, Vectors)
            and len(p.prepare.corpus.channels) != p.tokenize.source.width
        ),
        "tokenize.source.width must be the number of prepare.corpus.channels",
    ),
    Misfit(
        lambda p: isinstance(p.prepare.corpus, Series) and p.prepare.corpus.each_frame != p.model.head.each_position,
        "prepare.corpus.answer must be 'labels' or 'numbers' in the shape n_to_n, where each frame is answered, and "
        "'label', 'number' or 'ahead' in the others",
    ),
    Misfit(
        lambda p: (
            isinstance(p.prepare.corpus, Series)
            and (p.prepare.corpus.answer == "ahead") != isinstance(p.model.head, ForecasterParams)
        ),
        "prepare.corpus.answer 'ahead' and model.head.kind 'forecaster' go together: what follows a window is said",
    ),
    Misfit(
        lambda p: (
            isinstance(p.prepare.corpus, Series)
            and isinstance(p.model.head, ForecasterParams)
            and p.prepare.corpus.horizon != p.model.head.horizon
        ),
        "model.head.horizon must be prepare.corpus.horizon: the steps of an answer",
    ),
    Misfit(
        lambda p: (
            isinstance(p.model.head, ForecasterParams)
            and bool(p.model.head.seasons)
            and not (
                isinstance(p.tokenize.source, Vectors)
                and p.model.head.channel < p.tokenize.source.width
                and isinstance(p.tokenize.target, Vectors)
                and p.tokenize.target.width == 1
                and not p.model.reverse_source
            )
        ),
        "model.head.seasons look back in one channel of the source for one number: model.head.channel must be below "
        "tokenize.source.width, tokenize.target.width 1, and model.reverse_source false",
    ),
    Misfit(
        lambda p: (
            isinstance(p.model.head, ForecasterParams)
            and bool(p.model.head.seasons)
            and isinstance(p.prepare.corpus, Series)
            and p.model.head.channel != p.prepare.corpus.target_channel
        ),
        "model.head.channel must be the place of prepare.corpus.target among the channels, counted from 0; where it is "
        "not among them, set model.head.seasons []",
    ),
    Misfit(
        lambda p: (
            isinstance(p.prepare.corpus, Series) and p.prepare.corpus.numeric != isinstance(p.tokenize.target, Vectors)
        ),
        "prepare.corpus.answer 'number', 'numbers' or 'ahead' and tokenize.target.kind 'vectors' go together",
    ),
    Misfit(
        lambda p: (
            isinstance(p.prepare.corpus, Series)
            and p.prepare.corpus.answer == "labels"
            and (p.tokenize.target is None or p.tokenize.target.kind != "space")
        ),
        "prepare.corpus.answer 'labels' needs tokenize.target.kind 'space': a word for each frame",
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
        lambda p: p.prepare.filters is not None and not isinstance(p.prepare.corpus, PAIRED),
        "prepare.filters are for pairs of sentences: set null",
    ),
    Misfit(
        lambda p: isinstance(p.prepare.corpus, Lines) and p.prepare.corpus.pairs != (p.shape == "one_to_one"),
        "prepare.corpus.pairs goes with shape one_to_one, and there alone",
    ),
    Misfit(
        lambda p: isinstance(p.prepare.corpus, Lines) and not p.prepare.corpus.pairs and not p.reads_on,
        "prepare.corpus.format 'lines' has no targets: set model.head.kind 'language_model'",
    ),
    Misfit(
        lambda p: p.reads_on and isinstance(p.prepare.corpus, KNOWN) and not isinstance(p.prepare.corpus, Lines),
        "model.head.kind 'language_model' reads running text: set prepare.corpus.format 'lines'",
    ),
    Misfit(
        lambda p: p.reads_on and not p.tokenize.joint,
        "model.head.kind 'language_model' says what it reads: set tokenize.target null",
    ),
    Misfit(
        lambda p: p.reads_on and isinstance(p.model.encoder, SequenceEncoderParams) and p.model.encoder.bidirectional,
        "model.encoder.bidirectional would read what is to be predicted: set false with a language_model",
    ),
    Misfit(
        lambda p: p.train.bptt is not None and not p.reads_on,
        "train.bptt is for running text, which a language_model reads: set null",
    ),
    Misfit(
        lambda p: p.train.select_by != "loss" and p.reads_on,
        "train.select_by must be 'loss' with a language_model: there is no answer to compare",
    ),
    Misfit(
        lambda p: p.train.select_by == "span_f1" and p.model.head.family != "tagger",
        "train.select_by 'span_f1' is for a tagger whose tags mark spans, such as B-PER: set another",
    ),
    Misfit(
        lambda p: p.train.select_by in ("macro_f1", "macro_recall") and p.model.head.family not in LABELLING,
        "train.select_by 'macro_f1' and 'macro_recall' are for a classifier or a tagger: set another",
    ),
    Misfit(
        lambda p: p.train.class_weights is not None and p.model.head.family not in LABELLING,
        "train.class_weights are for a classifier or a tagger: set null",
    ),
    Misfit(
        lambda p: p.train.class_weights is not None and p.train.sampled_softmax > 0,
        "train.class_weights go with the exact softmax: set sampled_softmax 0",
    ),
    Misfit(
        lambda p: p.train.bleu_tokenizer is None and isinstance(p.model.head, DecoderParams) and _parallel(p),
        "train.bleu_tokenizer is needed where texts become texts: set 13a, or zh or char for scripts without spaces",
    ),
    Misfit(
        lambda p: p.train.scheduled_sampling > 0 and not isinstance(p.model.head, SpeakingParams),
        "train.scheduled_sampling is for a decoder or a forecaster: set 0.0",
    ),
    Misfit(
        lambda p: isinstance(p.model.encoder, VectorEncoderParams) and _steps(p) != 1,
        "model.encoder.kind 'vector' reads one item: a 'label', or a table whose rows are one frame; "
        "for a sequence take kind 'sequence'",
    ),
    Misfit(
        lambda p: isinstance(p.model.head, SpeakingParams) and _steps(p) == 1 and p.model.head.attention not in FIXED,
        "model.head.attention has no memory to look back at where the source is one step: set 'final' or 'none'",
    ),
    Misfit(
        lambda p: p.model.reverse_source and p.model.head.each_position,
        "model.reverse_source would part the answers from their positions: set false",
    ),
    Misfit(
        lambda p: (
            p.model.tied
            and (
                p.model.head.family == "classifier"
                or isinstance(p.model.head, NumericParams)
                or p.embed.kind == "one_hot"
            )
        ),
        "model.tied needs embeddings of the target, which a classifier, numbers and one_hot have not: set false",
    ),
    Misfit(
        lambda p: p.model.tied and p.model.head.each_position and not p.tokenize.joint,
        "model.tied on a tagger needs one vocabulary for both sides: set tokenize.target null, or tied false",
    ),
    Misfit(
        _tied_sizes_differ,
        "model.tied needs model.encoder.hidden and embed.dimensions to be equal: the output layer is the embedding",
    ),
    Misfit(
        lambda p: isinstance(p.tokenize.target, Vectors) != isinstance(p.model.head, NumericParams),
        "tokenize.target.kind 'vectors' and model.head.kind 'regressor' or 'forecaster' go together: numbers are what "
        "these answer",
    ),
    Misfit(
        lambda p: isinstance(p.model.head, RegressorParams) and p.model.head.each_position != (p.shape == "n_to_n"),
        "model.head.context must be null in the shape n_to_n, where a regressor answers at each position; there alone",
    ),
    Misfit(
        lambda p: (
            isinstance(p.model.head, NumericParams)
            and (p.train.select_by != "loss" or p.train.sampled_softmax > 0 or p.train.label_smoothing > 0)
        ),
        "numbers have no labels: set train.select_by 'loss', sampled_softmax 0 and label_smoothing 0.0",
    ),
    Misfit(
        lambda p: p.model.tied and p.embed.frozen,
        "model.tied and embed.frozen would leave no output layer to learn: set one of them false",
    ),
)
"""what does not fit, in the order in which it is looked for"""
