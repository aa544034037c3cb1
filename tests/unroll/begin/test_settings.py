"""Settings follow the amount of data, and make a valid pipeline of every kind."""

from __future__ import annotations

import pytest

from tests.recipes import MACHINE
from tests.unroll.params.test_misfits import SERIES
from unroll.begin.settings import MADE, TASKS, grouped, settings
from unroll.begin.stock import Stock
from unroll.data.rows import Row
from unroll.params.pipeline import Pipeline
from unroll.params.reading import parse

CORPUS = {"format": "tsv", "file": "a", "source_column": 0, "target_column": 1, "attribution_column": None}
CORPORA: dict[str, dict[str, object]] = {"letters": {"format": "lines", "files": ["a"], "pairs": False}}
CORPORA["words"] = CORPORA["letters"]
for task, answer in (("sequences", "label"), ("quantities", "number"), ("frames", "labels")):
    CORPORA[task] = SERIES | {"channels": ["x", "y", "z"], "answer": answer}
CORPORA["ahead"] = SERIES | {
    "channels": ["x", "y", "z"], "target": "z", "answer": "ahead", "horizon": 1, "window": 9, "step": 1,
}  # fmt: skip


def made(task: str, rows: int, text: str = "I see {}.", answer: str = "Ik zie {}.", running: bool = False) -> Pipeline:
    stock = Stock.of([Row(text.format(n % 50), answer.format(n % 3), "") for n in range(rows)], sided=True)
    by = "group" if CORPORA.get(task, CORPUS)["format"] == "series" else "source"
    document = settings(task, stock, grouped(rows, by), running)
    document["prepare"] = {"corpus": CORPORA.get(task, CORPUS), **(document["prepare"] or {})}
    register = {"name": "mine", "resamples": 100, "p_value": 0.05, "seed": 1, "floor": None}
    whole = {"shape": TASKS[task].shape, "parts": None, "fetch": {"kind": "files", "members": {"a": "a"}}}
    return parse(Pipeline, whole | document | {"register": register, "machine": MACHINE}, task)


def test_every_kind_of_task_has_settings() -> None:
    assert MADE.keys() == TASKS.keys()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("rows", [30, 3_000, 60_000])
def test_settings_make_a_pipeline(task: str, rows: int) -> None:
    found = made(task, rows)
    assert found.shape == TASKS[task].shape
    assert found.train.warmup < found.train.updates
    assert made(task, rows, running=True).train.updates


@pytest.mark.parametrize("task", TASKS)
def test_more_rows_are_learnt_for_longer_by_no_smaller_a_model(task: str) -> None:
    few, many = made(task, 1_000), made(task, 60_000)
    assert few.train.updates < many.train.updates
    assert few.model.dropout >= many.model.dropout
    assert few.model.encoder.hidden <= many.model.encoder.hidden
    assert few.train.updates / 1_000 > many.train.updates / 60_000, "few rows are read more often"


def test_what_has_no_spaces_is_not_counted_in_words() -> None:
    found = made("pairs", 3_000, answer="我喝牛奶{}。")
    assert found.prepare.filters is not None
    assert (found.train.select_by, found.train.bleu_tokenizer) == ("bleu", "zh")
    assert made("pairs", 3_000, answer="牛乳を飲む{}。").train.bleu_tokenizer == "char"
    assert made("pairs", 3_000, answer="ฉันดื่มนม{}").train.bleu_tokenizer == "char"
    assert made("pairs", 3_000).train.bleu_tokenizer == "13a"
    assert found.tokenize.typed is None
    assert made("classes", 3_000, text="我喝牛奶{}。").tokenize.source.kind == "char"


def test_tags_that_mark_spans_are_judged_by_spans() -> None:
    assert made("tags", 90, "we saw Ann {}", "O O B-PER O").train.select_by == "span_f1"
    parts = made("tags", 90, "we saw Ann {}", "P V N N")
    assert (parts.train.select_by, parts.evaluate.baseline) == ("accuracy", "most_frequent_tag")
    assert parts.tokenize.source.kind == "suffix"


def test_few_rows_are_held_out_generously() -> None:
    assert grouped(100, "both")["test"] == 0.1
    assert (grouped(1_000_000, "both")["valid"], grouped(50_000, "both")["test"]) == (0.02, 0.08)
