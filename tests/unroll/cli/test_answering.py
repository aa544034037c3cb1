"""Lines of stdin, tables, and the lines of answers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from unroll.predict import loading


def test_no_lines_no_answers(unroll: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    assert unroll("translate", "--model", folder) == (0, "", "")


def test_scores_and_alignments_are_columns_of_each_answer(
    unroll: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    code, out, _ = unroll("translate", "--model", folder, "--n-best", 3, "--scores", "--alignments", "I drink milk")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert [len(row) for row in rows] == [3, 3, 3]
    values = [float(score) for score, _, _ in rows]
    assert values == sorted(values, reverse=True)
    for _, _, links in rows:
        pairs = [tuple(map(int, link.split("-"))) for link in links.split()]
        assert [target for _, target in pairs] == list(range(len(pairs)))
        assert all(0 <= source < 3 for source, _ in pairs)


def test_a_line_too_long_is_answered_and_told(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unroll.predict.predictor.MAX_SOURCE", 2)
    code, out, err = unroll("translate", "--model", folder, "tea", "I drink milk")
    assert (code, len(out.splitlines())) == (0, 2)
    assert "unroll: line 2: too long; only its beginning was read\n" in err


def test_without_a_prompt_a_text_is_drawn_from_its_beginning(
    unroll: Callable[..., tuple[int, str, str]], language: Path
) -> None:
    code, out, err = unroll("generate", "--model", language, "--count", 2)
    assert (code, out.count("\n"), err) == (0, 2, "")
    assert unroll("generate", "--model", language, "--count", 2, "")[1] == out


def test_labels_stand_in_a_line_or_beside_their_tokens(
    unroll: Callable[..., tuple[int, str, str]], tagger: Path
) -> None:
    text = "0 0 0 0 0 0 0 1;1 0 0 0 0 0 0 0"
    code, out, _ = unroll("tag", "--model", tagger, text)
    labels = out.split()
    assert (code, len(labels), out) == (0, 2, f"{' '.join(labels)}\n")
    score, line = unroll("tag", "--model", tagger, "--scores", text)[1].split("\t")
    assert (float(score) < 0, line) == (True, out)
    told = unroll("tag", "--model", tagger, "--columns", stdin=f"{text}\n{text}\n".encode())[1]
    assert (
        told == "".join(f"{place}\t{label}\n" for place, label in enumerate(labels, 1)) + "\n" + told[len(told) // 2 :]
    )
    assert told.count("\n") == 6
    scored = unroll("tag", "--model", tagger, "--columns", "--scores", text)[1].splitlines()[:2]
    assert [line.rpartition("\t")[0] for line in scored] == told.splitlines()[:2]
    likely = [float(line.rpartition("\t")[2]) for line in scored]
    assert math.exp(float(score)) == pytest.approx(math.prod(likely) ** (1 / 2), abs=1e-3)


def test_steps_stand_below_their_answer(unroll: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    command = ("translate", "--model", folder, "--beam", 1)
    code, out, _ = unroll(*command, "--alternatives", 2, "I drink milk", "tea")
    answers, steps = [], []
    for answer, *lines in (block.split("\n") for block in out.strip("\n").split("\n\n")):
        answers.append(answer)
        steps.append([line.split("\t") for line in lines])
    assert (code, answers) == (0, unroll(*command, "I drink milk", "tea")[1].splitlines())
    for of_one in steps:
        assert of_one[-1][0] == "<eos>"
        assert all((token, p) == (best, likeliest) for token, p, best, likeliest, _, _ in of_one[:-1])
    assert unroll(*command, "--steps", "tea")[1].splitlines()[1].split("\t") == steps[1][0][:2]


def test_the_sequences_of_a_table_are_answered_behind_their_names(
    unroll: Callable[..., tuple[int, str, str]], listener: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("t,x,y,id\n2,3,4,a\n1,1,2,a\n3,5,6,a\n1,7,8,b\n", encoding="utf-8")
    predictor, command = loading.load(listener), ("classify", "--model", listener, "--table", tmp_path / "new.csv")
    said = [one.text for one in predictor(["1 2; 3 4", "5 6", "7 8"])]
    code, out, err = unroll(*command)
    places = [("a", 3), ("a", 4), ("b", 5)]
    assert code == 0
    assert out.splitlines() == [f"{name}\t{line}\t{one}" for (name, line), one in zip(places, said, strict=True)]
    assert "new.csv: 1 of 2 sequences stood out of order" in err
    found = [json.loads(line) for line in unroll(*command, "--json")[1].splitlines()]
    assert [(one["sequence"], one["line"]) for one in found] == places
    assert [one["text"] for one in found] == said


def test_a_table_is_asked_of_models_of_sequences_alone(
    unroll: Callable[..., tuple[int, str, str]], listener: Path, tagger: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("id,t,x\na,1,2\n", encoding="utf-8")
    table = ("--table", tmp_path / "new.csv")
    code, _, err = unroll("tag", "--model", tagger, *table)
    assert (code, "a table is asked of a model of series or ts" in err) == (2, True)
    code, _, err = unroll("classify", "--model", listener, *table)
    assert (code, "new.csv:1: no column 'y'" in err) == (3, True)
    code, _, err = unroll("classify", "--model", listener, *table, "1 2")
    assert (code, "--table: texts stand beside it" in err) == (2, True)


def test_numbers_are_estimated_with_their_interval(
    unroll: Callable[..., tuple[int, str, str]], regressor: Path
) -> None:
    predictor = loading.load(regressor)
    low, middle, high = (f"{number:.6g}" for number in predictor("a good film").numbers_TWQ[0, 0])  # type: ignore[index]
    assert unroll("estimate", "--model", regressor, "a good film") == (0, f"{middle}\n", "")
    line = unroll("estimate", "--model", regressor, "--interval", "a good film")[1]
    assert line == f"{middle}\t{low}\t{high}\n"
    assert float(low) <= float(middle) <= float(high)
    assert (
        "a regressor cannot classify; ask it with unroll estimate" in unroll("classify", "--model", regressor, "x")[2]
    )


CONLL = "# text = the milk waits\nthe\t1\nmilk\t2\nwaits\t3\n\n\n# newdoc\n\nthe 4\ntea 5\n"


def test_words_in_columns_come_back_with_their_tags(
    unroll: Callable[..., tuple[int, str, str]], word_tagger: Path
) -> None:
    one, two = (best.text.split() for best, *_ in loading.load(word_tagger).predict(["the milk waits", "the tea"]))
    code, out, err = unroll("tag", "--model", word_tagger, "--format", "conll", stdin=CONLL.encode())
    assert (code, err) == (0, "")
    assert out == (
        f"# text = the milk waits\nthe\t1\t{one[0]}\nmilk\t2\t{one[1]}\nwaits\t3\t{one[2]}\n\n"
        f"# newdoc\n\nthe\t4\t{two[0]}\ntea\t5\t{two[1]}\n\n"
    )
    scored = unroll("tag", "--model", word_tagger, "--format", "conll", "--scores", stdin=b"1 the\n2 tea\n")[1]
    assert re.fullmatch(r"(\d \w+ \w+ 0\.\d{4}\n){2}\n", scored.replace("\t", " "))
    numbers = unroll("tag", "--model", word_tagger, "--format", "conll", "--column", 1, stdin=b"1 the\n2 tea\n")[1]
    assert [line.split("\t")[2:] for line in numbers.splitlines()] == [[two[0]], [two[1]], []]


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "told"),
    [
        (("--format", "conl"), "", 2, "--format: 'conll' alone"),
        (("--format", "conll", "the"), "", 2, "--format: 'conll' alone"),
        (("--format", "conll", "--column", "3"), "the 1\n", 3, "stdin:1: column 3 is empty, of 2"),
        (("--format", "conll"), "the\u200b\t1\n\u200b\t2\n", 3, "stdin:1: 2 words, of which this model makes 1"),
    ],
)
def test_columns_that_cannot_be_read_are_one_line(
    unroll: Callable[..., tuple[int, str, str]],
    word_tagger: Path,
    arguments: tuple[str, ...],
    stdin: str,
    code: int,
    told: str,
) -> None:
    found, _, err = unroll("tag", "--model", word_tagger, *arguments, stdin=stdin.encode())
    assert (found, err.count("\n")) == (code, 1)
    assert told in err
