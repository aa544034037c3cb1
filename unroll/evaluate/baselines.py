"""Closed-form models of pairs of source and target: what a trained model of the same rows has to beat.

Each is fitted by counting. How strongly counts are smoothed is tried on every tenth training row with a model of the
other nine tenths; the model that is scored then counts them all. Nothing is drawn by chance: the same rows in the same
order give the same result, in an order that does not repeat itself every ten rows a fair one. Neither the training nor
the test rows may be empty.
"""

from __future__ import annotations

import lzma
from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from unroll.data.numbers import read

Pairs = Sequence[tuple[str, str]]
"""source and target of each row"""
Unit = Literal["letters", "words"]
Floats = npt.NDArray[np.float64]

CONSTANTS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""what may be added to every count; of equally good ones the smallest is taken"""
STRENGTHS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""how many letters seen a guess from a shorter context may be worth"""

_START, _END = "\x02", "\x03"  # text in normal form has no control characters


def _nine_and_one(train: Pairs) -> tuple[Pairs, Pairs]:
    # By position, so that a file sorted by class is held out evenly.
    return [pair for place, pair in enumerate(train) if place % 10 != 9], train[9::10]


def majority(train: Pairs) -> str:
    """Return the most frequent target, of equally frequent ones the first in the order of code points."""
    return _most(Counter(target for _, target in train))


def most_frequent_tag(train: Pairs, test: Pairs) -> list[str]:
    """Return for each word of each source its most frequent tag in train; that of all words where train has it not.

    Of equally frequent tags the first in the order of code points. Rows whose tags are not as many as their words are
    passed over in train.
    """
    counts: dict[str, Counter[str]] = {}
    for source, target in train:
        words, tags = source.split(), target.split()
        for word, tag in zip(words, tags, strict=True) if len(words) == len(tags) else ():
            counts.setdefault(word, Counter())[tag] += 1
    usual = {word: _most(tags) for word, tags in counts.items()}
    otherwise = _most(sum(counts.values(), Counter[str]()))
    return [" ".join(usual.get(word, otherwise) for word in source.split()) for source, _ in test]


def _most(counts: Counter[str]) -> str:
    return min(counts, key=lambda name: (-counts[name], name))


# --- one symbol after another -----------------------------------------------------------------------------------------


def bigram(train: Pairs, test: Pairs) -> float:
    """Return the mean nats that a target costs given its source, each one symbol, or "" for a start or an end.

    P(target | source) = (count of the pair + c) / (count of the source + c * symbols) (Lidstone 1920), where c is one
    of `CONSTANTS`. Symbols are the targets of train and one more, for which all others stand.
    """
    rest, held_out = _nine_and_one(train)
    constant = min(CONSTANTS, key=lambda constant: _bigram_nats(rest, held_out, constant).sum())
    return float(_bigram_nats(train, test, constant).mean())


def unigram(train: Pairs, test: Pairs) -> float:
    """Return the mean nats that a target costs a model that does not see its source; else as `bigram`."""
    return bigram([("", target) for _, target in train], [("", target) for _, target in test])


def _bigram_nats(train: Pairs, test: Pairs, constant: float) -> Floats:
    pairs, sources = Counter(train), Counter(source for source, _ in train)
    symbols = len({target for _, target in train}) + 1
    counts = np.array([pairs[pair] for pair in test])
    totals = np.array([sources[source] for source, _ in test])
    return np.log(totals + constant * symbols) - np.log(counts + constant)


# --- letters of a target ----------------------------------------------------------------------------------------------


def trigram(train: Pairs, test: Pairs, conditional: bool) -> float:
    """Return the mean nats that a letter of a target costs given the two before it; see `ngram`."""
    return ngram(train, test, 3, conditional)


def ngram(train: Pairs, test: Pairs, order: int, conditional: bool) -> float:
    """Return the mean nats that a letter of a target costs given the `order` - 1 before it, end marks included.

    A context's counts are joined by `shorter` imagined letters, spread as the model of the context one letter shorter
    predicts them, down to a uniform one over the letters of train, the end mark and one more, for which all other
    letters stand (MacKay and Peto 1995): Jelinek-Mercer interpolation (1980) with weights that grow with the counts.
    A `conditional` model counts the rows of each source apart and imagines `pooled` letters more, spread as the model
    of all rows predicts them after the same context. Both numbers are among `STRENGTHS`.
    """
    rest, held_out = _nine_and_one(train)
    tried, final = _Ngrams(rest, order, conditional), _Ngrams(train, order, conditional)
    seen = tried.lookup(held_out)
    # Without conditioning there is nothing to choose for `pooled`.
    settings = product(STRENGTHS, STRENGTHS if conditional else (1.0,))
    shorter, pooled = min(settings, key=lambda setting: -np.log(tried.probabilities(seen, *setting)).sum())
    return float(-np.log(final.probabilities(final.lookup(test), shorter, pooled)).mean())


class _Ngrams:
    """Counts of letters after contexts of every length below `order`, of all rows and, on demand, of each source."""

    def __init__(self, train: Pairs, order: int, conditional: bool) -> None:
        self.order, self.conditional = order, conditional
        self.counts: Counter[tuple[str | None, str, str]] = Counter()
        for source, context, letter in self._events(train):
            for group in (None, source) if conditional else (None,):
                self.counts.update((group, context[start:], letter) for start in range(order))
        self.totals: Counter[tuple[str | None, str]] = Counter()
        for (group, context, _), count in self.counts.items():
            self.totals[group, context] += count
        self.symbols = len({_END}.union(*(target for _, target in train))) + 1

    def _events(self, rows: Pairs) -> list[tuple[str, str, str]]:
        """Return source, context and letter for each letter and end mark of the targets."""
        width = self.order - 1
        return [
            (source, text[end - width : end], text[end])
            for source, target in rows
            for text in [_START * width + target + _END]
            for end in range(width, len(text))
        ]

    def lookup(self, rows: Pairs) -> Floats:
        """Return (length of context, all rows or the source's, letter's count or context's) for each letter."""
        seen = [
            [
                [[self.counts[group, tail, letter], self.totals[group, tail]] for group in (None, source)]
                for tail in (context[start:] for start in range(self.order - 1, -1, -1))
            ]
            for source, context, letter in self._events(rows)
        ]
        return np.array(seen, dtype=np.float64).reshape(-1, self.order, 2, 2).transpose(1, 2, 3, 0)

    def probabilities(self, seen: Floats, shorter: float, pooled: float) -> Floats:
        """Return the probability of each letter that was looked up."""
        of_all = of_source = np.full(seen.shape[-1], 1 / self.symbols)
        for (count, total), (own_count, own_total) in seen:
            of_all = (count + shorter * of_all) / (total + shorter)
            of_source = (own_count + shorter * of_source + pooled * of_all) / (own_total + shorter + pooled)
        return of_source if self.conditional else of_all


# --- classes of texts -------------------------------------------------------------------------------------------------


def naive_bayes(train: Pairs, test: Pairs, unit: Unit) -> list[str]:
    """Return the most likely target of each test source by multinomial naive Bayes (McCallum and Nigam 1998).

    Counted are words, or runs of one to three letters with marks for both ends. What is added to every count is the
    one of `CONSTANTS` with the highest accuracy plus macro recall: by accuracy alone rare classes are given up. What
    train lacks is passed over. Targets are few: classes, not texts.
    """
    rest, held_out = _nine_and_one(train)
    tried = _NaiveBayes(rest, unit)
    sizes = Counter(target for _, target in held_out)

    def gain(constant: float) -> float:
        guesses = zip(held_out, tried.classify(held_out, constant), strict=True)
        found = [target for (_, target), guess in guesses if guess == target]
        return sum(1 / len(held_out) + 1 / (len(sizes) * sizes[target]) for target in found)

    return _NaiveBayes(train, unit).classify(test, max(CONSTANTS, key=gain))


class _NaiveBayes:
    """Counts of features in each class."""

    def __init__(self, train: Pairs, unit: Unit) -> None:
        self.unit = unit
        self.classes = sorted({target for _, target in train})
        number = {name: place for place, name in enumerate(self.classes)}
        texts = [_features(source, unit) for source, _ in train]
        self.features = {feature: row for row, feature in enumerate(sorted(set[str]().union(*texts)))}
        self.rows = np.zeros(len(self.classes))
        self.counts = np.zeros((len(self.features), len(self.classes)))
        for text, (_, target) in zip(texts, train, strict=True):
            self.rows[number[target]] += 1
            np.add.at(self.counts, ([self.features[feature] for feature in text], number[target]), 1)

    def classify(self, test: Pairs, constant: float) -> list[str]:
        """Return the most likely class of each source, of equally likely ones the first by name."""
        smooth = self.counts + constant
        weights = np.log(smooth) - np.log(smooth.sum(axis=0))
        found = []
        for source, _ in test:
            known = [self.features[feature] for feature in _features(source, self.unit) if feature in self.features]
            found.append(self.classes[int(np.argmax(np.log(self.rows) + weights[known].sum(axis=0)))])
        return found


def _features(text: str, unit: Unit) -> list[str]:
    if unit == "words":
        return text.split()
    marked = _START + text + _END
    return [marked[start : start + n] for n in (1, 2, 3) for start in range(len(marked) - n + 1)]


def logistic(train: Pairs, test: Pairs, each: bool) -> list[str]:
    """Return the most likely label of each test source of vectors by logistic regression, on the scale of train.

    A row is the mean of its vectors, their spread, the first and the last; with `each`, every vector has a label, told
    by its numbers alone.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known_X, asked_X = (_frames([source for source, _ in pairs], each) for pairs in (train, test))
    labels = [label for _, target in train for label in (target.split() if each else [target])]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(known_X, labels)
    said = iter(model.predict(asked_X))
    return [" ".join(next(said) for _ in (target.split() if each else [target])) for _, target in test]


# --- running text -----------------------------------------------------------------------------------------------------


def xz_bits_per_character(train_text: str, test_text: str) -> float:
    """Return the bits for each character of `test_text` by which it lengthens the xz file of `train_text`.

    8 * (bytes of xz(train + test) - bytes of xz(train)) / characters of test, all of UTF-8 text at preset 9 extreme,
    so that the compressor has seen the training text as a model has (Benedetto, Caglioti and Loreto 2002). It looks
    back 64 MiB, no further. Line ends are characters as any other.
    """
    longer, shorter = (_xz_bytes(text) for text in (train_text + test_text, train_text))
    return 8 * (longer - shorter) / len(test_text)


def _xz_bytes(text: str) -> int:
    return len(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


# --- numbers ----------------------------------------------------------------------------------------------------------


def median(train: Pairs, test: Pairs) -> float:
    """Return the mean absolute error of always saying the medians of train, which make it least there."""
    known, wanted = (np.concatenate([read(target) for _, target in pairs]) for pairs in (train, test))
    return float(np.abs(wanted - np.median(known, axis=0)).mean())


def seasonal_naive(pairs: Pairs, channel: int, season: int) -> float:
    """Return the mean absolute error of saying what was so a season before, or two where that is not known yet.

    Sources are vectors up to now, targets the numbers that follow; the same of training rows is what the mean absolute
    scaled error is scaled by (Hyndman and Koehler 2006).

    Args:
        channel: the number of a vector that shows what is to be said.
        season: after how many vectors it repeats itself.
    """
    errors = []
    for source, target in pairs:
        before_S, wanted_T = read(source)[-season:, channel], read(target)[:, 0]
        errors.append(np.abs(wanted_T - np.resize(before_S, len(wanted_T))))
    return float(np.concatenate(errors).mean())


def ridge(train: Pairs, test: Pairs, unit: Unit | Literal["vectors", "lags"]) -> float:
    """Return the mean absolute error of ridge regression (Hoerl and Kennard 1970).

    A text is its words and pairs of words, or its runs of one to three letters, weighted by how rare they are. Vectors
    are read one by one where each has its numbers; else a row is their mean, their spread, the first and the last. By
    lags a row is all of its vectors, and all that follow are said at once: rows then are equally long.
    """
    rest, held_out = _nine_and_one(train)
    strength = min(STRENGTHS, key=lambda strength: _ridge_error(rest, held_out, unit, strength))
    return _ridge_error(train, test, unit, strength)


def _ridge_error(train: Pairs, test: Pairs, unit: Unit | Literal["vectors", "lags"], strength: float) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge

    known, wanted = ([read(target) for _, target in pairs] for pairs in (train, test))
    sources = [[source for source, _ in pairs] for pairs in (train, test)]
    if unit == "lags":
        known, wanted = ([row.reshape(1, -1) for row in rows] for rows in (known, wanted))
        known_X, asked_X = (np.stack([read(text).ravel() for text in texts]) for texts in sources)
    elif unit == "vectors":
        each = any(len(numbers) > 1 for numbers in known)
        known_X, asked_X = (_frames(texts, each) for texts in sources)
    else:
        analyzer, sizes = ("word", (1, 2)) if unit == "words" else ("char", (1, 3))
        words = TfidfVectorizer(analyzer=analyzer, ngram_range=sizes, min_df=2, sublinear_tf=True)
        known_X, asked_X = words.fit_transform(sources[0]), words.transform(sources[1])
    said = Ridge(strength, solver="lsqr").fit(known_X, np.concatenate(known)).predict(asked_X)
    return float(np.abs(said.reshape(-1) - np.concatenate(wanted).reshape(-1)).mean())


def _frames(texts: Sequence[str], each: bool) -> Floats:
    rows = [read(text) for text in texts]
    if each:
        return np.concatenate(rows)
    return np.stack([np.concatenate([row.mean(0), row.std(0), row[0], row[-1]]) for row in rows])
