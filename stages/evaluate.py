"""Scores, through the very Predictor that is served.

in   data/<pipeline>/model/
     data/<pipeline>/lexicon/
     data/<pipeline>/prepared/{train,valid,test}.tsv
     reports/<pipeline>/curves.csv
out  data/<pipeline>/evaluation/   test.jsonl, stress.jsonl, examples.csv, examples.md
     reports/<pipeline>/evaluate.json, breakdown.csv, pictures/

The model is made as its own folder says; `evaluate` of the pipeline's file says how it is to be asked.
"""

from __future__ import annotations

from stages import main
from unroll.artifacts import store
from unroll.artifacts.manifest import dump_json
from unroll.evaluate import reports, scoring
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline
from unroll.predict import loading


def run(pipeline: Pipeline, folders: Folders) -> None:
    """Ask a model all test rows, score its answers, and keep what a person wants to look at."""
    inputs = {kind: store.verify(getattr(folders, kind), kind) for kind in ("model", "prepared")}
    predictor = loading.load(folders.model, pipeline.evaluate.search, pipeline.machine.threads)
    scores = scoring.score(predictor, folders.prepared, pipeline.evaluate)
    with store.writing(folders.evaluation, "evaluation", inputs) as folder:
        reports.write(folder, scores)
    store.write_file(folders.reports / "evaluate.json", dump_json(scores.report))
    store.write_file(folders.reports / "breakdown.csv", reports.breakdown_csv(scores.groups))
    reports.draw(scores, predictor.recipe, pipeline.evaluate, folders.reports)


if __name__ == "__main__":
    main(run)
