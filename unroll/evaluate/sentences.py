"""What a decoder's answers are worth: BLEU and chrF of sentences, or how often one is right, where that selects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

from unroll.data.lengths import length
from unroll.data.rows import references
from unroll.data.splitting import far_from
from unroll.evaluate import metrics
from unroll.evaluate.classes import accuracy_report, by_target, judged
from unroll.evaluate.scores import Report, Row, Scores, answered, pairs_of, rounded
from unroll.params.tokenize import Pieces
from unroll.predict.predictor import Prediction, Predictor
from unroll.training import validation
from unroll.training.validation import Score, chrf, sentence_score, tokenizer_of

LENGTHS = ((1, 4), (5, 6), (7, 9), (10, 14), (15, None))
"""words in the source as `unroll.data.lengths` counts them, or letters where no source has two, from and to"""


def sentences(predictor: Predictor, prepared: Path) -> Scores:
    """Score the answers of a beam search, beside the greedy ones, for each distinct source and all its references."""
    pairs = references(prepared / "test.tsv")
    best, greedy = (answered(predictor, pairs, f"test, {name}", beam) for name, beam in (("beam", None), ("greedy", 1)))
    if not isinstance(predictor.recipe.tokenize.source, Pieces):
        return _spelled(pairs, best)
    if predictor.recipe.train.select_by == "accuracy":
        return _exact(predictor, references(prepared / "valid.tsv"), pairs, best, greedy)
    far = far_from((source for source, _ in pairs_of(prepared / "train.tsv")), pairs)
    rows: list[Row] = [
        {
            "source": source,
            "references": references,
            "hypothesis": one.text,
            "greedy": other.text,
            "score": round(one.score, 5),
            "chrf": round(metrics.sentence_chrf(one.text, references), 2),
            "far": source in far,
        }
        for (source, references), one, other in zip(pairs.items(), best, greedy, strict=True)
    ]
    valid = references(prepared / "valid.tsv")
    recipe = predictor.recipe
    tokenizer, measure = tokenizer_of(recipe), sentence_score(recipe)
    main = "chrf" if recipe.train.select_by == "chrf" else "bleu"
    report: Report = {"main": main} | _translation_report(rows, tokenizer) | looked(best)
    report |= _on_valid(predictor, valid, main, measure)
    return Scores(rows, rounded(report), dict(by_length(rows, measure)), "words in the source", best)


def _on_valid(predictor: Predictor, valid: dict[str, list[str]], main: str, measure: Score) -> Report:
    """Return the main score of validation, with a beam and greedily."""
    report: Report = {}
    for name, beam in ((f"valid.{main}", None), (f"valid.{main}_greedy", 1)):
        said = answered(predictor, valid, f"valid, {'greedy' if beam else 'beam'}", beam)
        report[name] = measure([one.text for one in said], list(valid.values()))
    return report


def _translation_report(rows: list[Row], tokenizer: str) -> Report:
    """Return the test scores: of beam and greedy search, with one reference, without near neighbours."""
    bleu = partial(validation.bleu, tokenizer=tokenizer)
    references = [row["references"] for row in rows]
    hypotheses, greedy = ([row[name] for row in rows] for name in ("hypothesis", "greedy"))
    report: Report = {
        "bleu": bleu(hypotheses, references),
        "chrf": chrf(hypotheses, references),
        "bleu_greedy": bleu(greedy, references),
        "chrf_greedy": chrf(greedy, references),
        "bleu_one_reference": bleu(hypotheses, [found[:1] for found in references]),
        "sentences": len(rows),
        "signature": metrics.signature(hypotheses, references, tokenizer),
    }
    if far := [row for row in rows if row["far"]]:
        report["bleu_far"] = bleu([row["hypothesis"] for row in far], [row["references"] for row in far])
    return report | {"sentences_far": len(far)}


def looked(answers: Sequence[Prediction]) -> Report:
    """Return the source positions that attention scored for an answer, on average, beside those that there were.

    Scoring all of them for every token is the lecture's cost: 50 words to 50 words are 2,500.
    """
    return {
        "positions_scored": fmean(one.scored for one in answers),
        "positions": fmean(one.weights_TS.size for one in answers),
    }


def by_length(
    rows: list[Row], measure: Score, size: Callable[[str], int] = length
) -> Iterator[tuple[str, tuple[float, int]]]:
    """Yield (label, (score, sentences)) for each bucket of source lengths that has a sentence."""
    for first, last in LENGTHS:
        inside = [row for row in rows if first <= size(row["source"]) <= (last or 10**9)]
        if inside:
            score = measure([row["hypothesis"] for row in inside], [row["references"] for row in inside])
            yield (f"{first}-{last}" if last else f"{first}+"), (score, len(inside))


def _exact(
    predictor: Predictor,
    valid: dict[str, list[str]],
    pairs: dict[str, list[str]],
    best: list[Prediction],
    greedy: list[Prediction],
) -> Scores:
    """Score answers to texts that are right or wrong, as the sounds of a word, and how far off the wrong ones are."""
    rows = _judged(pairs, best)
    said, quick = ([one.text for one in answers] for answers in (best, greedy))
    wanted = list(pairs.values())
    edits, tokens = zip(*(metrics.edits(*texts) for texts in zip(said, wanted, strict=True)), strict=True)
    report = accuracy_report(rows) | looked(best) | _on_valid(predictor, valid, "accuracy", metrics.exact)
    report |= {"accuracy_greedy": metrics.exact(quick, wanted), "edits_percent": 100 * sum(edits) / sum(tokens)}
    letters = all(length(source) == 1 for source in pairs)
    groups = by_length(rows, metrics.exact, len if letters else length)
    rows = [row | {"greedy": text} for row, text in zip(rows, quick, strict=True)]
    return Scores(rows, rounded(report), dict(groups), f"{'letters' if letters else 'words'} in the source", best)


def _spelled(pairs: dict[str, list[str]], answers: list[Prediction]) -> Scores:
    """Score answers that are right or wrong, as the spelled names of digits."""
    rows = _judged(pairs, answers)
    return Scores(rows, accuracy_report(rows), by_target(rows), "what is right", answers)


def _judged(pairs: dict[str, list[str]], answers: list[Prediction]) -> list[Row]:
    """Return the rows of answers, of which those are right that a source has among its references."""
    return [
        judged(source, one.text if one.text in found else found[0], one) | {"references": found}
        for (source, found), one in zip(pairs.items(), answers, strict=True)
    ]
