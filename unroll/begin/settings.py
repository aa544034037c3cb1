"""Settings of a pipeline by what is to be learnt and how many rows there are, as the shipped pipelines have them.

Small corpora are read more often, by smaller models, of which more is dropped out: what a training gets is a number of
readings of its rows, between a least and the number of updates that the shipped pipeline of its kind has.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from unroll.begin.stock import CASED, Side, Stock
from unroll.training.spans import marked

Section = dict[str, Any]
SIZES = {500: 1_000, 1_000: 3_000, 2_000: 10_000, 4_000: 50_000, 8_000: math.inf}
"""{pieces of a vocabulary: for fewer rows than this}"""


class Task(NamedTuple):
    """What is to be learnt: the kind of model that it takes, and how long a batch of a like one took on two cores.

    Attributes:
        shape: of the model.
        asked: by which command.
        milliseconds: an update.
    """

    shape: str
    asked: str
    milliseconds: float


TASKS = {
    "pairs": Task("n_to_m", "translate", 40),
    "spellings": Task("n_to_m", "translate", 40),
    "classes": Task("n_to_one", "classify", 18),
    "names": Task("n_to_one", "classify", 35),
    "numbers": Task("n_to_one", "estimate", 20),
    "tags": Task("n_to_n", "tag", 30),
    "sequences": Task("n_to_one", "classify", 40),
    "quantities": Task("n_to_one", "estimate", 40),
    "frames": Task("n_to_n", "tag", 80),
    "ahead": Task("n_to_m", "estimate", 60),
    "letters": Task("n_to_n", "generate", 51),
    "words": Task("n_to_n", "generate", 104),
    "new names": Task("one_to_n", "generate", 18),
}
"""{what the rows are: what is made of them}"""


def settings(task: str, stock: Stock, split: Section, running: bool) -> dict[str, Section | None]:
    """Return all sections that are settings: of a pipeline what is not its files.

    Args:
        split: `prepare.split`.
        running: lines are a text that goes on from one to the next.
    """
    made = MADE[task](stock, running)
    made["prepare"] = {"unicode": "NFC", "filters": _filters(task, stock), "max_rows": None, "split": split}
    return made


def _filters(task: str, stock: Stock) -> Section | None:
    if task != "pairs":
        return None
    return {"max_words": 50, "max_characters": 400, "max_length_ratio": 4.0, "min_letters": 0.5}


def grouped(rows: int, by: str) -> Section:
    """Return a split of our own: some two thousand rows to validate and twice as many to test, of few rows a tenth."""
    return {
        "kind": "grouped", "by": by, "valid": _share(2_000 / rows), "test": _share(4_000 / rows),
        "largest_component": max(rows, 50) if by == "group" else 50,
    }  # fmt: skip


def _share(wanted: float) -> float:
    return round(min(max(wanted, 0.02), 0.1), 2)


def _updates(readings: float, batches: float, least: int, most: int) -> int:
    """Return readings of so many batches as updates, to two digits."""
    found = int(min(max(readings * batches, least), most))
    return found - found % int(10 ** max(len(str(found)) - 2, 0))


def _dropout(rows: int, few: int, many: int) -> float:
    return 0.3 if rows < few else 0.2 if rows < many else 0.0


def _pieces(side: Side, rows: int) -> int:
    """Return the size of a vocabulary of pieces: more where there are more rows to learn them from, or more letters."""
    wanted = next(
        (size for size, most in zip(SIZES, (1_000, 3_000, 10_000, 50_000), strict=False) if rows < most), 8_000
    )
    return min(max(wanted, 300 + 2 * len(side.letters)), 50_000)


def _letters(*sides: Side) -> Section:
    known = len(set().union(*(side.letters for side in sides)))
    return {"kind": "char", "vocab_size": min(max(400, 300 + known), 50_000), "lowercase": False}


def _words(kind: str, side: Side, lowercase: bool) -> Section:
    # Words that occur once are left out, so that training sees what it is like not to know one.
    return {"kind": kind, "vocab_size": min(max(side.recurring + 10, 100), 30_000), "lowercase": lowercase}


def _tokenize(source: Section, target: Section | None) -> Section:
    return {"source": source, "target": target, "from_start": None, "typed": None}


def _train(updates: int, batch_tokens: int, learning_rate: float, **others: Any) -> Section:
    return {
        "start_from": None, "start_parts": None,
        "updates": updates, "batch_tokens": batch_tokens, "learning_rate": learning_rate,
        "bptt": None, "restart_streams": 0.05, "warmup": min(100, updates // 5), "decay": "cosine", "weight_decay": 0.0,
        "clip": 1.0, "label_smoothing": 0.0, "scheduled_sampling": 0.0, "sampled_softmax": 0, "log_every": 20,
        "validate_every": max(updates // 10, 1), "validation_rows": 500, "select_by": "loss",
        "bleu_tokenizer": None, "class_weights": None, "patience": 5,
        "average": 1, "precision": "32-true", "seed": 1,
    } | others  # fmt: skip


def _embed(dimensions: int, kind: str = "random") -> Section:
    return {
        "kind": kind, "frozen": False, "dimensions": dimensions, "row_length": 4.0, "epochs": 3, "window": 5,
        "negatives": 5, "seed": 1, "neighbours_of": [], "source_vectors": None, "target_vectors": None,
    }  # fmt: skip


def _model(encoder: Section, head: Section, dropout: float, tied: bool = False) -> Section:
    return {"dropout": dropout, "encoder": encoder, "head": head, "reverse_source": False, "tied": tied}


def _reader(hidden: int, both_ways: bool = True) -> Section:
    return {
        "kind": "sequence", "cell": "lstm", "hidden": hidden, "layers": 1, "bidirectional": both_ways,
        "residual": False,
    }  # fmt: skip


def _speaker(hidden: int, attention: str, query: str) -> Section:
    return {
        "kind": "decoder", "context": "last", "cell": "lstm", "hidden": hidden, "layers": 1, "residual": False,
        "attention": attention, "window": None, "positions": None, "query": query, "input_feeding": False,
    }  # fmt: skip


def _noise(copies: int, **shares: float) -> Section:
    kinds = ("joined", "words", "names", "no_end_mark", "lower", "capitals", "title", "no_accents", "typos", "spaces",
             "quotes")  # fmt: skip
    return {"copies": copies, "seed": 1, **dict.fromkeys(kinds, 0.0), **shares}


def _evaluate(search: Section, baseline: str | None, stress: int | None) -> Section:
    return {"search": search, "baseline": baseline, "pictures": 8, "stress": stress}


BEAM = {
    "kind": "beam", "beam": 5, "length_penalty": 1.0, "max_length_ratio": 2.0, "int8": False, "shortlist": 0,
    "batch_sentences": 64,
}  # fmt: skip
RANK = {"kind": "rank", "batch_sentences": 256}
TAG = {"kind": "tag", "batch_sentences": 64}
ESTIMATE = {"kind": "estimate", "batch_sentences": 256}
NUMBER = {"kind": "vectors", "width": 1, "scale": "standard"}


def _sample(temperature: float, top_p: float, max_tokens: int) -> Section:
    return {
        "kind": "sample", "temperature": temperature, "top_k": 0, "top_p": top_p, "max_tokens": max_tokens, "seed": 1,
        "batch_sentences": 64,
    }  # fmt: skip


def bleu_tokenizer(side: Side) -> str:
    """Return how BLEU is to part a side: a tokenizer of sacreBLEU that needs no package of its own."""
    if side.spaced:
        return "13a"
    return "zh" if side.script == "CJK" and not side.japanese else "char"


def _pairs(stock: Stock, _: bool) -> dict[str, Section | None]:
    rows, size = stock.rows, _pieces(stock.target, stock.rows)
    hidden = 128 if rows < 5_000 else 256
    tokens = stock.target.characters / (4 if stock.target.spaced else 1.5)
    updates = _updates(30, tokens / 450, 500, 10_000)
    typed = rows >= 2_000 and {stock.source.script, stock.target.script} <= set(CASED)
    shares = {"joined": 0.06, "words": 0.06, "names": 0.15, "no_end_mark": 0.15, "lower": 0.1, "typos": 0.05}
    return {
        "noise": _noise(4, **shares) if typed else None,
        "tokenize": _tokenize({"kind": "bpe", "vocab_size": size, "lowercase": False}, None)
        | {"typed": {"sentences": None, "case": True, "copied": True} if typed else None},
        "embed": _embed(hidden, "skipgram"),
        "model": _model(_reader(hidden), _speaker(hidden, "general", "after"), _dropout(rows, 20_000, 100_000), True),
        "train": _train(
            updates, 450, 0.004, label_smoothing=0.1, sampled_softmax=1_000 if size >= 8_000 else 0,
            select_by="bleu", bleu_tokenizer=bleu_tokenizer(stock.target),
        ),
        "evaluate": _evaluate(BEAM, None, 2_000 if typed else None),
    }  # fmt: skip


def _spellings(stock: Stock, _: bool) -> dict[str, Section | None]:
    made, rows = _pairs(stock, False), stock.rows
    hidden = 128 if rows < 5_000 else 256
    return made | {
        "noise": None,
        "tokenize": _tokenize(_letters(stock.source), _letters(stock.target)),
        "embed": _embed(64),
        "model": _model(_reader(hidden), _speaker(hidden, "general", "after"),
                        _dropout(rows, 20_000, 200_000)),
        "train": _train(_updates(30, stock.target.characters / 512, 500, 6_000), 512, 0.004, select_by="accuracy",
                        bleu_tokenizer="char"),
        "evaluate": _evaluate(BEAM, None, None),
    }  # fmt: skip


def _classes(stock: Stock, _: bool) -> dict[str, Section | None]:
    rows, spaced = stock.rows, stock.source.spaced
    source = _words("word", stock.source, lowercase=True) if spaced else _letters(stock.source)
    copies = 4 if stock.source.script in CASED else 0
    return {
        "noise": _noise(copies, no_end_mark=0.2, typos=0.05) if copies else None,
        "tokenize": _tokenize(source, {"kind": "label"}),
        "embed": _embed(100),
        "model": _model(_reader(128 if rows < 2_000 else 256), {"kind": "classifier", "context": "max"}, 0.3),
        "train": _train(_updates(16, rows / 64, 300, 3_000), 64, 0.003, select_by="accuracy", label_smoothing=0.1,
                        patience=10),
        "evaluate": _evaluate(RANK, "naive_bayes", 500 if copies else None),
    }  # fmt: skip


def _numbers(stock: Stock, _: bool) -> dict[str, Section | None]:
    made, rows = _classes(stock, False), stock.rows
    source = made["tokenize"]["source"]  # type: ignore[index]
    head = {"kind": "regressor", "context": "max", "loss": "squared", "quantiles": [0.1, 0.5, 0.9]}
    return made | {
        "tokenize": _tokenize(source, NUMBER),
        "model": _model(_reader(128), head, 0.5),
        "train": _train(_updates(8, rows / 64, 300, 3_000), 64, 0.002, patience=10),
        "evaluate": _evaluate(ESTIMATE, "ridge", 500 if made["noise"] else None),
    }


def _names(stock: Stock, _: bool) -> dict[str, Section | None]:
    made = _classes(stock, False)
    return made | {
        "noise": _noise(4, no_accents=0.2, typos=0.05) if made["noise"] else None,
        "tokenize": _tokenize(_letters(stock.source) | {"lowercase": True}, {"kind": "label"}),
        "embed": _embed(64),
        "train": _train(_updates(25, stock.rows / 256, 300, 1_500), 256, 0.004, select_by="accuracy"),
    }


def _tags(stock: Stock, _: bool) -> dict[str, Section | None]:
    words = stock.source.words.total() * stock.rows / max(min(stock.rows, stock.source.texts.total()), 1)
    known = min(max(stock.source.recurring * 3 // 2 + 10, 100), 30_000)  # of which the ends may take a third
    words_and_ends = {"kind": "suffix", "vocab_size": known, "lowercase": False}
    tags = {"kind": "space", "vocab_size": max(len(stock.target.words) + 10, 8), "lowercase": False}
    select_by = "span_f1" if marked(stock.target.words) else "accuracy"
    return {
        "noise": None,
        "tokenize": _tokenize(words_and_ends, tags),
        "embed": _embed(100),
        "model": _model(_reader(128 if stock.rows < 2_000 else 256), {"kind": "tagger"}, 0.3),
        "train": _train(_updates(12, words / 640, 300, 4_000), 640, 0.005, select_by=select_by),
        "evaluate": _evaluate(TAG, "most_frequent_tag", None),
    }


def _running(stock: Stock, running: bool) -> dict[str, Section | None]:
    letters = stock.source.characters
    hidden = 192 if letters < 500_000 else 320
    batch = 1_600 if running else 512
    return {
        "noise": None,
        "tokenize": _tokenize(_letters(stock.source), None),
        "embed": _embed(64),
        "model": _model(_reader(hidden, False), {"kind": "language_model"}, _dropout(letters, 1_000_000, 5_000_000)),
        "train": _train(_updates(15, letters / batch, 300, 6_000), batch, 0.004, bptt=50 if running else None),
        "evaluate": {
            "search": _sample(0.8, 0.95, 300 if running else 40), "baseline": "xz" if running else None, "pictures": 0,
            "stress": None,
        },
    }  # fmt: skip


def _running_words(stock: Stock, running: bool) -> dict[str, Section | None]:
    made = _running(stock, running)
    words = stock.source.length * stock.rows
    return made | {
        "tokenize": _tokenize(_words("space", stock.source, lowercase=False), None),
        "embed": _embed(256),
        "model": _model(
            _reader(256, False), {"kind": "language_model"}, _dropout(int(words), 500_000, 1_000_000), True
        ),
        "train": _train(_updates(8, words / 1_400, 300, 4_000), 1_400, 0.004, bptt=70 if running else None,
                        sampled_softmax=2_000 if stock.source.recurring > 8_000 else 0),
        "evaluate": _evaluate(_sample(0.8, 0.95, 60), None, None) | {"pictures": 0},
    }  # fmt: skip


def _new_names(stock: Stock, _: bool) -> dict[str, Section | None]:
    encoder = {"kind": "vector", "hidden": 64, "layers": 0, "activation": "tanh"}
    return {
        "noise": None,
        "tokenize": _tokenize({"kind": "label"}, _letters(stock.target)),
        "embed": _embed(64),
        "model": _model(encoder, _speaker(256, "final", "before"), 0.3),
        "train": _train(_updates(13, stock.target.characters / 512, 300, 3_000), 512, 0.004),
        "evaluate": _evaluate(_sample(1.0, 1.0, 2 * int(stock.target.characters / stock.rows) + 20), "fourgram", None),
    }


def _channels(stock: Stock) -> Section:
    """Return how frames are read, of which the stock has the first of each row."""
    width = len(next(iter(stock.source.texts)).split())
    return {"kind": "vectors", "width": width, "scale": "standard"}


def _sequences(stock: Stock, _: bool) -> dict[str, Section | None]:
    rows = stock.rows
    return {
        "noise": None,
        "tokenize": _tokenize(_channels(stock), {"kind": "label"}),
        "embed": _embed(64),
        "model": _model(_reader(64 if rows < 2_000 else 128), {"kind": "classifier", "context": "max"}, 0.3),
        "train": _train(_updates(120, rows / 64, 300, 3_000), 64, 0.005, patience=10),
        "evaluate": _evaluate(RANK, "logistic", None),
    }


def _quantities(stock: Stock, _: bool) -> dict[str, Section | None]:
    head = {"kind": "regressor", "context": "max", "loss": "squared", "quantiles": [0.1, 0.5, 0.9]}
    return _sequences(stock, False) | {
        "tokenize": _tokenize(_channels(stock), NUMBER),
        "model": _model(_reader(64 if stock.rows < 2_000 else 128), head, 0.3),
        "evaluate": _evaluate(ESTIMATE, "ridge", None),
    }


def _frames(stock: Stock, _: bool) -> dict[str, Section | None]:
    frames = stock.target.words.total()
    tags = {"kind": "space", "vocab_size": max(len(stock.target.words) + 10, 8), "lowercase": False}
    return {
        "noise": None,
        "tokenize": _tokenize(_channels(stock), tags),
        "embed": _embed(64),
        "model": _model(_reader(64 if frames < 50_000 else 128), {"kind": "tagger"}, 0.3),
        "train": _train(_updates(60, frames / 1_280, 300, 3_000), 1_280, 0.005, patience=10),
        "evaluate": _evaluate(TAG, "logistic", None),
    }


def _ahead(stock: Stock, _: bool) -> dict[str, Section | None]:
    horizon = next(iter(stock.target.texts)).count(";") + 1
    hidden = 64 if stock.rows < 50_000 else 128
    spoken = {key: value for key, value in _speaker(hidden, "general", "after").items() if key != "kind"}
    numbers = {"loss": "squared", "quantiles": [0.1, 0.5, 0.9]}
    # The target is the last of the channels, as `unroll.begin.long` has them; who knows its season sets it.
    width = _channels(stock)["width"]
    head = {
        "kind": "forecaster",
        "horizon": horizon,
        "seasons": [1],
        "channel": width - 1,
        **spoken,
        **numbers,
        "cell": "gru",
    }
    reader = _reader(hidden, both_ways=False) | {"cell": "gru"}
    return {
        "noise": None,
        "tokenize": _tokenize(_channels(stock), NUMBER),
        "embed": _embed(64),
        "model": _model(reader, head, 0.0),
        "train": _train(_updates(10, stock.rows / 64, 300, 3_000), 64 * horizon, 0.004, scheduled_sampling=1.0,
                        weight_decay=0.01, patience=10, average=3),
        "evaluate": _evaluate(ESTIMATE, "seasonal_naive", None),
    }  # fmt: skip


MADE: dict[str, Callable[[Stock, bool], dict[str, Section | None]]] = {
    "pairs": _pairs, "spellings": _spellings, "classes": _classes, "names": _names, "numbers": _numbers, "tags": _tags,
    "sequences": _sequences, "quantities": _quantities, "frames": _frames,
    "ahead": _ahead,
    "letters": _running, "words": _running_words, "new names": _new_names,
}  # fmt: skip
