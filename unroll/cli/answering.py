"""What is asked, from stdin or a table, and the lines in which answers are told."""

from __future__ import annotations

import json
import sys
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from unroll import telling
from unroll.errors import DataError, ParamsError

if TYPE_CHECKING:
    from unroll.params.evaluate import Search
    from unroll.predict.predictor import Encoding, Prediction, Predictor

LONGEST_LINE = 2**20
"""Bytes of a line of stdin: models read fewer."""
NOTHING: Mapping[str, str | int] = {}


def answer(
    predictor: Predictor,
    search: Search,
    texts: Iterable[str] | None,
    n_best: int,
    show: Callable[[int, int, Prediction], str],
    table: Path | None = None,
) -> None:
    """Print the answers to texts, to the sequences of a table, or to the lines of stdin.

    Args:
        show: (the text's number from 0, an answer's rank from 1, the answer) -> its lines.
    """
    typed = not texts and not table and sys.stdin.isatty()
    lines = iter(texts) if texts else stdin_lines()
    if table:
        if texts:
            raise ParamsError("--table: texts stand beside it; ask one of them, then the other")
        lines, show = _sequences(predictor, table, show)
    # A person at the keyboard wants an answer to each line; a file is read in large windows.
    answers: Iterable[list[Prediction]] = (
        (predictor.predict([line], n_best, search)[0] for line in lines)
        if typed
        else predictor.stream(lines, n_best, search)
    )
    for number, predictions in enumerate(answers, 1):
        for rank, prediction in enumerate(predictions, 1):
            print(telling.harmless(show(number - 1, rank, prediction)), flush=typed)
        if predictions[0].truncated:
            print(f"unroll: line {number}: too long; only its beginning was read", file=sys.stderr)
        if predictions[0].cut_off and search.kind == "beam":  # of drawn texts --max-tokens is the end
            print(f"unroll: line {number}: the answer is cut off: it did not come to its end", file=sys.stderr)


def _sequences(
    predictor: Predictor, table: Path, show: Callable[[int, int, Prediction], str]
) -> tuple[Iterator[str], Callable[[int, int, Prediction], str]]:
    """Return the sequences of a table as texts, and what shows an answer behind the name of its sequence."""
    from unroll.data.readers import questions

    names: list[str] = []

    def texts() -> Iterator[str]:
        for name, text in questions(predictor.recipe.prepare.corpus, table):
            names.append(name)
            yield text

    def named(number: int, rank: int, prediction: Prediction) -> str:
        if show is _row:
            name, _, line = names[number].partition("\t")
            return _row(number, rank, prediction, {"sequence": name} | ({"line": int(line)} if line else {}))
        shown = show(number, rank, prediction)
        return "\n".join(f"{names[number]}\t{line}" if line else line for line in shown.split("\n"))

    return texts(), named


def prompts_of_stdin() -> Iterator[str]:
    """Yield the lines of stdin, or an empty prompt where nobody wrote any."""
    lines = iter(()) if sys.stdin.isatty() else stdin_lines()
    yield next(lines, "")
    yield from lines


def stdin_lines() -> Iterator[str]:
    """Yield the lines of stdin; of one that no model reads to its end the beginning."""
    number = 0
    while raw := sys.stdin.buffer.readline(LONGEST_LINE):
        number, rest = number + 1, raw
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = sys.stdin.buffer.readline(LONGEST_LINE)
        try:
            decoder = getincrementaldecoder("utf-8")()  # no character is wrong for being cut in two
            yield decoder.decode(raw.rstrip(b"\r\n"), final=rest is raw)
        except UnicodeDecodeError as error:
            raise DataError(
                f"stdin:{number}: not UTF-8 ({error.reason}); convert it first, for example with iconv"
            ) from None


def telling_cuts(found: Iterable[Encoding]) -> Iterator[Encoding]:
    """Yield what an encoder makes of texts, and tell on stderr of those that were too long."""
    for number, one in enumerate(found, 1):
        if one.truncated:
            print(f"unroll: line {number}: too long; only its beginning was read", file=sys.stderr)
        yield one


def scored(text: str, score: float, scores: bool) -> str:
    """Return a text, behind its score if that is asked for."""
    return f"{score:.4f}\t{text}" if scores else text


def translated(prediction: Prediction, scores: bool, alignments: bool) -> str:
    """Return an answer, behind its score and before its alignments if these are asked for."""
    from unroll.predict.shown import alignments as aligned

    text = scored(prediction.text, prediction.score, scores)
    return f"{text}\t{' '.join(f'{s}-{t}' for s, t in aligned(prediction))}" if alignments else text


def estimated(prediction: Prediction, interval: bool) -> str:
    """Return numbers, before the ends of their interval if that is asked for.

    Raises:
        ParamsError: the model has learnt no quantiles.
    """
    if not interval:
        return prediction.text
    if prediction.interval is None:
        raise ParamsError("--interval is for a model that has learnt quantiles: set model.head.quantiles")
    return "\t".join([prediction.text, *prediction.interval])


def tagged(prediction: Prediction, scores: bool) -> str:
    """Return labels in a line, behind their score if that is asked for."""
    return scored(" ".join(prediction.target_tokens), prediction.score, scores)


def columns_of(number: int, rank: int, prediction: Prediction) -> str:
    """Return a line for each token: the token, its label, and the label's probability if it was asked for."""
    from unroll.predict.steps import Stepped

    rows = [prediction.source_tokens, prediction.target_tokens]
    if isinstance(prediction, Stepped):
        rows.append([f"{step.probability:.4f}" for step in prediction.steps])
    return "".join("\t".join(row) + "\n" for row in zip(*rows, strict=True))


def tag_conll(predictor: Predictor, search: Search, column: int | None) -> None:
    """Print the lines of stdin with their tags as one more column; what is no word stays as it is.

    Raises:
        DataError: a line has no word, or the model parts words otherwise.
    """
    from unroll.data import conll
    from unroll.predict.steps import Stepped

    waiting = deque[list[conll.Line]]()

    def texts() -> Iterator[str]:
        for sentence in conll.sentences(stdin_lines()):
            at = conll.column_of_words(sentence) if column is None else column
            waiting.append(sentence)
            yield " ".join(conll.word_at(line, at, "stdin") for line in sentence if line.cells)

    for (answer,) in predictor.stream(texts(), 1, search):
        sentence = waiting.popleft()
        words = [line for line in sentence if line.cells]
        tags = list(answer.target_tokens)
        if answer.truncated:
            print(f"unroll: line {sentence[0].number}: too long; only its beginning was read", file=sys.stderr)
            tags += ["_"] * (len(words) - len(tags))
        if len(tags) != len(words):
            raise DataError(
                f"stdin:{sentence[0].number}: {len(words)} words, of which this model makes {len(tags)}: its "
                "tokenize.source.kind parts words; only 'space' and 'suffix' take them as they are"
            )
        if isinstance(answer, Stepped):
            chances = [f"{step.probability:.4f}" for step in answer.steps]
            tags = ["\t".join(pair) for pair in zip_longest(tags, chances, fillvalue="_")]
        found = iter(tags)
        for line in sentence:
            print(telling.harmless("\t".join([*line.cells, next(found)]) if line.cells else line.text))
        print()


def _row(number: int, rank: int, prediction: Prediction, of: Mapping[str, str | int] = NOTHING) -> str:
    """Return a line of JSON, with what an answer is `of` first."""
    from unroll.predict.shown import row

    return json.dumps({**of, **row(number, rank, prediction, details=True)}, ensure_ascii=False)


def shows(line: Callable[[Prediction], str], as_json: bool) -> Callable[[int, int, Prediction], str]:
    """Return what shows an answer: as JSON, or as a line, and below it a line for each of its steps, if it has them."""
    from unroll.predict.steps import Stepped

    if as_json:
        return _row

    def show(number: int, rank: int, prediction: Prediction) -> str:
        if not isinstance(prediction, Stepped):
            return line(prediction)
        told = [(step.token, step.probability, *sum(step.alternatives, ())) for step in prediction.steps]
        lines = ["\t".join(part if isinstance(part, str) else f"{part:.4f}" for part in step) for step in told]
        return "\n".join([line(prediction), *lines, ""])

    return show
