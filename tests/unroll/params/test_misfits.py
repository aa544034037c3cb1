"""Parameters that do not fit each other are refused in one line; every such rule is hit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import accepted, changed, message
from unroll.params.misfits import MISFITS

VECTORS_IN = {"tokenize.source": {"kind": "vectors", "width": 64, "scale": None}}
VECTOR = {"kind": "vector", "hidden": 8, "layers": 1, "activation": "tanh"}
FILTERS = changed("translate", {})["prepare"]["filters"]
BEAM, SAMPLE = (changed(name, {})["evaluate"]["search"] for name in ("translate", "name"))
NOISE = {
    "copies": 2, "seed": 1, "joined": 0.0, "words": 0.0, "names": 0.0, "no_end_mark": 0.2, "lower": 0.1,
    "capitals": 0.0, "title": 0.0, "no_accents": 0.0, "typos": 0.1, "spaces": 0.0, "quotes": 0.0,
}  # fmt: skip
TYPED = {"sentences": "en", "case": True, "copied": True}
WORDS = {"kind": "word", "vocab_size": 60, "lowercase": False}
SERIES = {
    "format": "series", "file": "a.csv", "delimiter": ",", "header": "auto", "where": None, "id": "id", "time": None,
    "most_gap": None, "channels": ["x", "y"], "missing": None, "target": "label", "target_names": None,
    "answer": "label", "horizon": None, "season": None, "group": None, "part": None, "window": None, "step": None,
}  # fmt: skip
BY_GROUP = {"prepare.split.by": "group", "tokenize.source.width": 2}
UNFITTING: list[tuple[str, dict[str, Any], str]] = [
    (
        "translate",
        {"train.start_parts": ["encoder"]},
        "train.start_parts is for train.start_from: name",
    ),
    ("translate", {"tokenize.from_start": "both"}, "tokenize.from_start is for train.start_from: name the model there"),
    ("translate", {"train.sampled_softmax": 8000}, "train.sampled_softmax must be smaller than the vocab_size"),
    ("caption", {"train.sampled_softmax": 300}, "train.sampled_softmax must be smaller than the vocab_size"),
    ("translate", {"train.warmup": 10_000}, "train.warmup must be smaller than train.updates"),
    ("digit", {"tokenize.source": {"kind": "label"}}, "'series' or 'ts' and tokenize.source.kind 'vectors'"),
    ("letter", VECTORS_IN, "'series' or 'ts' and tokenize.source.kind 'vectors'"),
    ("digit", {"tokenize.source.width": 32}, "tokenize.source.width must be prepare.corpus.frame"),
    ("rows", {"prepare.corpus": SERIES, "tokenize.source.width": 2}, "prepare.split.by must be 'group' with"),
    ("rows", {"prepare.split.by": "group"}, "prepare.split.by must be 'group' with"),
    ("rows", BY_GROUP | {"prepare.corpus": SERIES, "tokenize.source.width": 3}, "must be the number of prepare.corpus"),
    ("frames", BY_GROUP | {"prepare.corpus": SERIES}, "prepare.corpus.answer must be 'labels' or 'numbers' in the"),
    ("rows", BY_GROUP | {"prepare.corpus": SERIES | {"answer": "number"}}, "'number', 'numbers' or 'ahead' and"),
    (
        "frames",
        BY_GROUP | {"prepare.corpus": SERIES | {"answer": "labels"}, "tokenize.target": {"kind": "label"}},
        "prepare.corpus.answer 'labels' needs tokenize.target.kind 'space'",
    ),
    ("rows", {"prepare.corpus.frame": 4}, "tokenize.source.width must be prepare.corpus.frame"),
    (
        "digit",
        {"embed.kind": "imported", "embed.source_vectors": "v.txt"},
        "embed.source_vectors are for tokens, and the source is vectors: set null",
    ),
    ("nationality", {"prepare.filters": FILTERS}, "prepare.filters are for pairs of sentences: set null"),
    ("language", {"tokenize.source.kind": "suffix"}, "tokenize kind 'suffix' is for what is read"),
    ("letter", {"prepare.corpus.pairs": False}, "prepare.corpus.pairs goes with shape one_to_one"),
    ("language", {"prepare.corpus.pairs": True}, "prepare.corpus.pairs goes with shape one_to_one"),
    (
        "language",
        {"model.head": {"kind": "tagger"}},
        "prepare.corpus.format 'lines' has no targets: set model.head.kind 'language_model'",
    ),
    (
        "frames",
        {"model.head": {"kind": "language_model"}},
        "model.head.kind 'language_model' reads running text: set prepare.corpus.format 'lines'",
    ),
    ("classify", {"tokenize.typed": TYPED}, "tokenize.typed is for sentences that become sentences"),
    ("translate", {"tokenize.source": WORDS, "tokenize.typed": TYPED}, "tokenize.typed is for sentences that become"),
    ("language", {"noise": NOISE}, "noise is for texts with an answer: set null"),
    ("frames", {"noise": NOISE}, "noise is for texts with an answer: set null"),
    ("classify", {"noise": NOISE | {"joined": 0.1}}, "noise.joined and noise.words are for pairs of texts: set 0.0"),
    ("translate", {"noise": NOISE | {"names": 0.1}}, "noise.names is for tokenize.typed.copied: set 0.0"),
    ("language", {"tokenize.target": {"kind": "label"}}, "says what it reads: set tokenize.target null"),
    ("language", {"model.encoder.bidirectional": True}, "model.encoder.bidirectional would read what is to be"),
    ("translate", {"train.bptt": 9}, "train.bptt is for running text, which a language_model reads: set null"),
    ("language", {"train.select_by": "accuracy"}, "train.select_by must be 'loss' with a language_model"),
    (
        "classify",
        {"train.scheduled_sampling": 0.5},
        "train.scheduled_sampling is for a decoder or a forecaster: set 0.0",
    ),
    ("letter", {"tokenize.source": WORDS}, "model.encoder.kind 'vector' reads one item"),
    ("digit", {"prepare.corpus.join": 2}, "model.encoder.kind 'vector' reads one item"),
    ("name", {"model.head.attention": "general"}, "model.head.attention has no memory to look back at"),
    ("caption", {"model.head.attention": "dot"}, "model.head.attention has no memory to look back at"),
    ("frames", {"model.reverse_source": True}, "model.reverse_source would part the answers from their positions"),
    ("language", {"model.reverse_source": True}, "model.reverse_source would part the answers from their positions"),
    ("classify", {"model.tied": True}, "model.tied needs embeddings of the target"),
    ("translate", {"embed.kind": "one_hot"}, "model.tied needs embeddings of the target"),
    ("frames", {"model.tied": True}, "model.tied on a tagger needs one vocabulary for both sides"),
    ("language", {"model.encoder.hidden": 128}, "model.tied needs model.encoder.hidden and embed.dimensions to be"),
    (
        "rating",
        {"tokenize.target": {"kind": "label"}},
        "tokenize.target.kind 'vectors' and model.head.kind 'regressor'",
    ),
    ("rating", {"model.head.context": None}, "model.head.context must be null in the shape n_to_n"),
    ("rating", {"train.label_smoothing": 0.1}, "numbers have no labels: set train.select_by 'loss'"),
    ("rating", {"train.select_by": "accuracy"}, "numbers have no labels: set train.select_by 'loss'"),
    ("forecast", {"model.head.horizon": 5}, "model.head.horizon must be prepare.corpus.horizon"),
    (
        "forecast",
        {"prepare.corpus": SERIES | {"channels": ["x"], "answer": "number"}},
        "prepare.corpus.answer 'ahead' and model.head.kind 'forecaster' go together",
    ),
    ("forecast", {"model.head.seasons": [8], "model.head.channel": 1}, "model.head.seasons look back in one channel"),
    (
        "forecast",
        {
            "model.head.seasons": [8],
            "prepare.corpus.channels": ["x", "y"],
            "tokenize.source.width": 2,
            "prepare.split": {"kind": "grouped", "by": "group", "valid": 0.1, "test": 0.1, "largest_component": 9},
        },
        "model.head.channel must be the place of prepare.corpus.target",
    ),
    ("forecast", {"train.sampled_softmax": 5}, "numbers have no labels: set train.select_by 'loss'"),
    ("forecast", {"model.tied": True}, "model.tied needs embeddings of the target"),
    ("classify", {"train.select_by": "span_f1"}, "train.select_by 'span_f1' is for a tagger"),
    ("translate", {"train.select_by": "macro_f1"}, "train.select_by 'macro_f1' and 'macro_recall' are for"),
    ("translate", {"train.class_weights": "balanced"}, "train.class_weights are for a classifier or a tagger"),
    ("classify", {"train.class_weights": {"human": 2.0}, "train.sampled_softmax": 3}, "go with the exact softmax"),
    ("translate", {"train.bleu_tokenizer": None}, "train.bleu_tokenizer is needed where texts become texts"),
    ("translate", {"embed.frozen": True}, "model.tied and embed.frozen would leave no output layer to learn"),
]


@pytest.mark.parametrize(("name", "changes", "expected"), UNFITTING, ids=[f"{p}-{m[:40]}" for p, _, m in UNFITTING])
def test_parts_that_do_not_fit_are_refused_in_one_line(name: str, changes: dict[str, Any], expected: str) -> None:
    line = message(name, changes)
    assert line.startswith(f"{name}: ")
    assert expected in line


def test_every_misfit_is_hit() -> None:
    refused = [message(name, changes) for name, changes, _ in UNFITTING]
    for misfit in MISFITS:
        assert any(misfit.message in line for line in refused), misfit.message


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("language", {"model.tied": False, "model.encoder.hidden": 128}),
        ("translate", {"model.tied": False, "embed.frozen": True}),
        ("translate", {"model.tied": False, "embed.kind": "one_hot"}),
        ("language", {"train.bptt": None}),
        ("name", {"evaluate.search": BEAM}),
        ("name", {"model.head.attention": "none"}),
        ("translate", {"evaluate.search": SAMPLE, "train.scheduled_sampling": 1.0}),
        ("letter", {"train.sampled_softmax": 10}),
        ("classify", {"train.class_weights": {"human": 2}, "train.select_by": "macro_f1"}),
        ("frames", {"train.class_weights": "balanced", "train.select_by": "span_f1"}),
        ("translate", {"train.select_by": "chrf", "train.bleu_tokenizer": "zh"}),
        ("rows", BY_GROUP | {"prepare.corpus": SERIES}),
        ("frames", BY_GROUP | {"prepare.corpus": SERIES | {"answer": "labels", "window": 8, "step": 4}}),
    ],
)
def test_what_fits_is_taken(name: str, changes: dict[str, Any]) -> None:
    accepted(name, changes)
