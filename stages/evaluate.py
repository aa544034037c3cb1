"""Scores, through the very Predictor that is served.

    in   data/<pipeline>/model/
         data/<pipeline>/prepared/{train,valid,test}.tsv
         reports/<pipeline>/curves.csv
    out  data/<pipeline>/evaluation/   test.jsonl, examples.csv, examples.md
         reports/<pipeline>/evaluate.json, bleu_by_length.{csv,png}, curves.png, attention.png

The model is made as its own folder says; `params.evaluate` says how it is to search.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from stages import Folders, main
from unroll import artifacts, card, corpus, metrics, plots
from unroll.params import Evaluate, Pipeline
from unroll.predictor import Prediction, Predictor

LENGTHS = ((1, 4), (5, 6), (7, 9), (10, 14), (15, None))
"""words in the source, from and to"""
EXAMPLES = 10
DRAWN = range(5, 13)
"""target tokens of the sentences whose attention is drawn"""


@dataclass(frozen=True)
class Scored:
    """A distinct test source, its references, and what the model made of it."""

    source: str
    references: list[str]
    hypothesis: str
    greedy: str
    score: float
    chrf: float
    far: bool
    """no train source differs from this one in one word alone"""


def run(params: Pipeline, folders: Folders) -> None:
    """Translate validation and test, score them apart, and keep what a person wants to look at."""
    inputs = {kind: artifacts.verify(getattr(folders, kind), kind) for kind in ("model", "prepared")}
    predictor = Predictor.load(folders.model, params.evaluate.search, params.evaluate.threads)
    pairs = {split: corpus.references(folders.prepared / f"{split}.tsv") for split in ("valid", "test")}
    beam = params.evaluate.search.beam
    answers = {
        (split, width): translated(predictor, found, width, f"{split}, beam {width}")
        for split, found in pairs.items()
        for width in dict.fromkeys((1, beam))
    }

    far = corpus.far_from((row.source for row in corpus.prepared(folders.prepared / "train.tsv")), pairs["test"])
    rows = [
        Scored(
            source,
            references,
            best.text,
            greedy.text,
            round(best.score, 5),
            round(metrics.sentence_chrf(best.text, references), 2),
            source in far,
        )
        for (source, references), best, greedy in zip(
            pairs["test"].items(), answers["test", beam], answers["test", 1], strict=True
        )
    ]
    with artifacts.writing(folders.evaluation, "evaluation", inputs) as folder:
        lines = (json.dumps(asdict(row), ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
        write(folder / "test.jsonl", "".join(lines))
        write(folder / "examples.csv", examples_csv(rows))
        write(folder / "examples.md", examples_markdown(rows))

    valid = list(pairs["valid"].values())
    report = scores(rows) | {
        "valid.bleu": round(metrics.bleu([a.text for a in answers["valid", beam]], valid), 3),
        "valid.bleu_greedy": round(metrics.bleu([a.text for a in answers["valid", 1]], valid), 3),
    }
    artifacts.write_file(folders.reports / "evaluate.json", artifacts.dump_json(report))
    lengths = dict(by_length(rows))
    artifacts.write_file(folders.reports / "bleu_by_length.csv", lengths_csv(lengths))
    plots.bleu_by_length(lengths, folders.reports / "bleu_by_length.png")
    plots.curves(card.curves(folders.reports / "curves.csv"), folders.reports / "curves.png")
    plots.attention(maps(answers["test", beam], params.evaluate), folders.reports / "attention.png")


def translated(predictor: Predictor, sources: Iterable[str], beam: int, what: str) -> list[Prediction]:
    """Return the best answer to each source, behind a progress bar."""
    sources = list(sources)
    shown = tqdm(predictor.stream(sources, beam, n_best=1), what, len(sources), unit=" sentences", dynamic_ncols=True)
    return [best for best, *_ in shown]


def scores(rows: list[Scored]) -> dict[str, float | str]:
    """Return the test scores: of beam and greedy search, with one reference, without near neighbours."""
    references = [row.references for row in rows]
    hypotheses, greedy = [row.hypothesis for row in rows], [row.greedy for row in rows]
    report: dict[str, float | str] = {
        "bleu": metrics.bleu(hypotheses, references),
        "chrf": metrics.chrf(hypotheses, references),
        "bleu_greedy": metrics.bleu(greedy, references),
        "chrf_greedy": metrics.chrf(greedy, references),
        "bleu_one_reference": metrics.bleu(hypotheses, [found[:1] for found in references]),
        "sentences": len(rows),
        "signature": metrics.signature(hypotheses, references),
    }
    if far := [row for row in rows if row.far]:
        report["bleu_far"] = metrics.bleu([row.hypothesis for row in far], [row.references for row in far])
    report["sentences_far"] = len(far)
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in report.items()}


def by_length(rows: list[Scored]) -> Iterator[tuple[str, tuple[float, int]]]:
    """Yield (label, (BLEU, sentences)) for each bucket of source lengths that has a sentence."""
    for first, last in LENGTHS:
        inside = [row for row in rows if first <= len(row.source.split()) <= (last or 10**9)]
        if inside:
            score = metrics.bleu([row.hypothesis for row in inside], [row.references for row in inside])
            yield (f"{first}-{last}" if last else f"{first}+"), (score, len(inside))


def chosen(rows: list[Scored]) -> Iterator[tuple[str, Scored]]:
    """Yield the worst, the median and the best rows by sentence chrF, each with its name."""
    ranked = sorted(rows, key=lambda row: (row.chrf, row.source))
    middle = max((len(ranked) - EXAMPLES) // 2, 0)
    for name, first in (("worst", 0), ("median", middle), ("best", max(len(ranked) - EXAMPLES, 0))):
        yield from ((name, row) for row in ranked[first : first + EXAMPLES])


def lengths_csv(buckets: dict[str, tuple[float, int]]) -> str:
    """Return the scores by length as CSV."""
    lines = (f"{label},{score:.3f},{count}\n" for label, (score, count) in buckets.items())
    return "words,bleu,sentences\n" + "".join(lines)


def examples_csv(rows: list[Scored]) -> str:
    """Return the chosen rows as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["rank", "chrf", "source", "hypothesis", "reference"])
    writer.writerows([name, row.chrf, row.source, row.hypothesis, row.references[0]] for name, row in chosen(rows))
    return out.getvalue()


def examples_markdown(rows: list[Scored]) -> str:
    """Return the chosen rows as a table to read."""
    lines = ["| | chrF | source | hypothesis | a reference |", "|---|---|---|---|---|"]
    for name, row in chosen(rows):
        cells = (text.replace("|", "\\|") for text in (row.source, row.hypothesis, row.references[0]))
        lines.append(f"| {name} | {row.chrf:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def maps(answers: list[Prediction], params: Evaluate) -> list[plots.Map]:
    """Return what the model looked at in a few sentences of middling length, spread evenly over the test."""
    fitting = [answer for answer in answers if len(answer.target_tokens) in DRAWN and answer.source_tokens]
    step = max(len(fitting) // max(params.pictures, 1), 1)
    return [(a.source_tokens, a.target_tokens, a.weights_TS) for a in fitting[::step][: params.pictures]]


def write(path: Path, text: str) -> None:
    """Write a text file, its line ends as they are."""
    path.write_text(text, encoding="utf-8", newline="")


if __name__ == "__main__":
    main(run)
