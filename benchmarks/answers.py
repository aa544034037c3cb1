"""What no score of `evaluate` says of some pipelines' answers: `python -m benchmarks.answers tunes`, or another.

    tunes     of a hundred tunes drawn, how many are ABC, come to an end, and have bars that add up to the meter
    spoken    of a hundred words, how many are wrong, in voices that train has and in others
    stories   of a hundred answers, how many are right, by the facts that a question needs
    scene     BLEU of the sentences; of a hundred how many are right as a whole, by the scans that they name

With --baseline also what counts, or knows by heart, makes of the same rows, in some minutes: n-grams of other lengths
than evaluate's; the words of the training sentence that sounds most alike.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.common import ROOT
from pipelines import spoken, tunes
from unroll.data.numbers import read
from unroll.data.rows import Row, read_rows
from unroll.errors import DataError
from unroll.evaluate import metrics
from unroll.evaluate.baselines import ngram
from unroll.evaluate.scores import pairs_of
from unroll.folders import Folders
from unroll.training.validation import bleu

Answers = list[dict[str, Any]]
Report = dict[str, float]


def main(
    pipeline: Annotated[str, typer.Argument(help="tunes, spoken, stories or scene, evaluated.")],
    baseline: Annotated[bool, typer.Option(help="Beside what counts, or knows by heart.")] = False,
) -> None:
    """Print the figures of a pipeline's answers to its test rows, as JSON."""
    folders = Folders(ROOT, pipeline)
    print(json.dumps(REPORTS[pipeline](answers_of(folders), folders.prepared, baseline), indent=2))


def answers_of(folders: Folders) -> Answers:
    """Return the test rows of a pipeline with what its model said, as evaluate wrote them."""
    lines = (folders.evaluation / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


# --- tunes ------------------------------------------------------------------------------------------------------------


def of_tunes(answers: Answers, prepared: Path, baseline: bool) -> Report:
    """Return what part of the tunes drawn is sound, in percent; and the nats a letter of n-grams."""
    judged = np.array([soundness(answer["hypothesis"]) for answer in answers])
    report = dict(zip(("abc", "ended", "adds_up"), (100 * judged.mean(0)).round(1).tolist(), strict=True))
    if baseline:
        train, test = (pairs_of(prepared / f"{split}.tsv") for split in ("train", "test"))
        report |= {f"{n}gram": round(ngram(train, test, n, conditional=True), 4) for n in (3, 4, 5, 6, 8)}
    return report


def soundness(text: str) -> tuple[bool, bool, bool]:
    """Return whether a text is ABC; and comes to its end, at a double line or a repeat; and its bars add up, too.

    >>> soundness("[M:6/8][K:D]A|dAF DFA|ded c2||"), soundness("[M:6/8][K:D]A|dAF DF|ded c2||")
    ((True, True, True), (True, True, False))
    >>> soundness("[M:6/8][K:D]dAF DFA|ded c"), soundness("[M:6/8][K:D]&")
    ((True, False, False), (False, False, False))
    """
    try:
        tune = tunes.read(text)
    except DataError:
        return False, False, False
    ended = tune.items[-1] in ("||", ":|", "::")
    return True, ended, ended and tune.adds_up()


# --- speech -----------------------------------------------------------------------------------------------------------


def of_speech(answers: Answers, prepared: Path, baseline: bool) -> Report:
    """Return the word error rates, in percent, of seen and of unseen voices."""
    rows = list(read_rows(prepared / "test.tsv"))
    said = {answer["source"]: answer["hypothesis"] for answer in answers}
    report = by_voice(rows, [said[row.source] for row in rows], "")
    if baseline:
        report |= by_voice(rows, most_alike(list(read_rows(prepared / "train.tsv")), rows), "_most_alike")
    return report


def by_voice(rows: Sequence[Row], said: Sequence[str], name: str) -> Report:
    """Return the word error rate of what was said to rows: in all, in voices that train has, and in others."""
    unseen = [row.attribution.partition("+")[2] in spoken.VARIANTS["test"] for row in rows]
    report: Report = {}
    for group, wanted in (("all", (True, False)), ("seen_voices", (False,)), ("unseen_voices", (True,))):
        chosen = [place for place, new in enumerate(unseen) if new in wanted]
        report[f"wer_{group}{name}"] = round(wer([said[i] for i in chosen], [rows[i].target for i in chosen]), 2)
    return report


def wer(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the word error rate, in percent: words to be changed, added or left out, of those wanted.

    >>> wer(["two red cups", "a b c"], ["two cups", "a x c d"])
    50.0
    """
    edits, words = zip(*(metrics.edits(one, [other]) for one, other in zip(said, wanted, strict=True)), strict=True)
    return 100 * sum(edits) / sum(words)


def most_alike(train: Sequence[Row], asked: Sequence[Row]) -> list[str]:
    """Return for each row the words of the training row nearest by dynamic time warping (Sakoe and Chiba 1978)."""
    frames = [read(row.source) for row in train]
    lengths_N = np.array(list(map(len, frames)))
    known_NTW = np.zeros((len(frames), lengths_N.max(), frames[0].shape[1]), np.float32)
    for known_TW, row_TW in zip(known_NTW, frames, strict=True):
        known_TW[: len(row_TW)] = row_TW
    return [train[int(warped(read(row.source), known_NTW, lengths_N).argmin())].target for row in asked]


def warped(asked_SW: np.ndarray, known_NTW: np.ndarray, lengths_N: np.ndarray) -> np.ndarray:
    """Return how far a sequence is from each of N others along the best path, where a step in both counts twice."""
    products_NTS = known_NTW @ asked_SW.T.astype(np.float32)
    squares_NT1, squares_S = (known_NTW**2).sum(2, keepdims=True), (asked_SW**2).sum(1)
    costs_STN = np.sqrt(np.maximum(squares_NT1 + squares_S - 2 * products_NTS, 0)).transpose(2, 1, 0)
    before_TN = np.full(costs_STN.shape[1:], np.inf)
    for step, costs_TN in enumerate(costs_STN):
        here_TN = np.empty_like(before_TN)
        for t, costs_N in enumerate(costs_TN):
            both = before_TN[t - 1] + 2 * costs_N if t else (2 * costs_N if step == 0 else np.inf)
            left = here_TN[t - 1] + costs_N if t else np.inf
            here_TN[t] = np.minimum(np.minimum(both, left), before_TN[t] + costs_N)
        before_TN = here_TN
    return before_TN[lengths_N - 1, np.arange(len(lengths_N))] / (lengths_N + len(asked_SW))


# --- stories and scenes -----------------------------------------------------------------------------------------------


def of_stories(answers: Answers, prepared: Path, baseline: bool) -> Report:
    """Return what part of the answers is right, in percent, for each number of facts that a question needs."""
    return _exact(answers, lambda answer: f"facts_{facts_of(answer['source'])}")


def facts_of(text: str) -> int:
    """Return how many facts of a story its question needs, which its form tells.

    >>> [facts_of(f"Mary got the milk. {asked}") for asked in ("Where is Mary?", "Where is the milk?")]
    [1, 2]
    >>> facts_of("Mary got the milk. Where was the milk before the garden?")
    3
    """
    question = text.rpartition(". ")[2]
    return 3 if question.startswith("Where was ") else 2 if question.startswith("Where is the ") else 1


def of_scenes(answers: Answers, prepared: Path, baseline: bool) -> Report:
    """Return the BLEU of the sentences; and what part of them is right as a whole, in percent, by the scans wanted."""
    score = bleu([answer["hypothesis"] for answer in answers], [answer["references"] for answer in answers])
    return {"bleu": round(score, 2)} | _exact(answers, lambda answer: f"scans_{answer['references'][0].count(' at ')}")


def _exact(answers: Answers, group: Callable[[dict[str, Any]], str]) -> Report:
    groups: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for answer in answers:
        groups[group(answer)].append((answer["hypothesis"], answer["references"]))
    return {name: round(metrics.exact(*zip(*found, strict=True)), 2) for name, found in sorted(groups.items())}


REPORTS: dict[str, Callable[[Answers, Path, bool], Report]] = {
    "tunes": of_tunes, "spoken": of_speech, "stories": of_stories, "scene": of_scenes,
}  # fmt: skip

if __name__ == "__main__":
    typer.run(main)
