"""The command line, on a real checkpoint: what it prints, what it refuses, and with which exit code."""

from __future__ import annotations

import io
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import recipes, tiny
from tests.listening import free_port
from tests.tracked import answers, make_folders, register
from tests.unroll.artifacts.test_signing import keys
from tests.unroll.params.test_misfits import SERIES
from unroll import cli
from unroll.predict import loading
from unroll.predict.shown import alignments
from unroll.serve.forms import Answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.checkpoint(tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [("the milk is cold", ""), ("the tea is hot", "")] * 5
    return tiny.checkpoint(tmp_path_factory.mktemp("language"), tiny.pipeline("language", hidden=16), rows)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [("Who drinks milk ?", "human"), ("Where is it ?", "location")] * 5
    return tiny.checkpoint(tmp_path_factory.mktemp("classify"), tiny.pipeline("classify"), rows)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [("0 0 0 0 0 0 0 1;1 0 0 0 0 0 0 0", "3 7"), ("0 0 0 0 0 0 0 1", "3")] * 5
    return tiny.checkpoint(tmp_path_factory.mktemp("frames"), tiny.pipeline("frames"), rows)


@pytest.fixture(scope="module")
def word_tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [("the milk waits", "DET NOUN VERB"), ("the tea", "DET NOUN")] * 5
    changes = {"tokenize__source": {"kind": "suffix", "vocab_size": 20, "lowercase": False},
               "prepare__corpus": {"format": "tagged", "file": "a.txt", "delimiter": "/"}}  # fmt: skip
    return tiny.checkpoint(tmp_path_factory.mktemp("words"), tiny.pipeline("frames", **changes), rows)


@pytest.fixture(scope="module")
def regressor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows, head = [("a good film", "2.5"), ("a bad film", "-2")] * 5, {"kind": "regressor", "context": "last"}
    head |= {"loss": "squared", "quantiles": (0.1, 0.5, 0.9)}
    return tiny.checkpoint(tmp_path_factory.mktemp("rating"), tiny.pipeline("rating", model__head=head), rows)


@pytest.fixture
def unroll(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs a command line on some stdin; it returns the exit code, stdout and stderr."""

    def run(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["unroll", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_arguments_and_stdin_get_the_predictors_answers(
    unroll: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    texts, predictor = ["I drink milk", "", "tea"], loading.load(folder)
    expected = [best.text for best, *_ in predictor.predict(texts)]
    code, out, err = unroll("translate", "--model", folder, *texts)
    assert (code, out) == (0, "".join(f"{line}\n" for line in expected))
    told = [
        f"unroll: line {n}: the answer is cut off"
        for n, (one,) in enumerate(predictor.predict(texts), 1)
        if one.cut_off
    ]
    assert [line.partition(":  ")[0][: len(told[0])] for line in err.splitlines()] == told if told else not err
    assert unroll("translate", "--model", folder, stdin="\n".join(texts).encode())[1].split("\n") == [*expected, ""]
    search = predictor.search.model_copy(update={"beam": 1})
    greedy = [best.text for best, *_ in predictor.predict(texts, search=search)]
    assert unroll("translate", "--model", folder, "--beam", 1, *texts)[1].split("\n") == [*greedy, ""]
    search = predictor.search.model_copy(update={"int8": True, "shortlist": 3})
    quick = [best.text for best, *_ in predictor.predict(texts, search=search)]
    assert unroll("translate", "--model", folder, "--int8", "--shortlist", 3, *texts)[1].split("\n") == [*quick, ""]


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


def test_a_language_model_goes_on_from_prompts(unroll: Callable[..., tuple[int, str, str]], language: Path) -> None:
    command = ("generate", "--model", language, "--max-tokens", 4)
    code, out, err = unroll(*command, "--count", 3, "the milk", "the tea")
    lines = out.splitlines()
    assert (code, len(lines), err) == (0, 6, "")
    assert all(line.startswith(prompt) for line, prompt in zip(lines, ["the milk"] * 3 + ["the tea"] * 3, strict=True))
    assert all(len(line.split()) <= 2 + 4 for line in lines)
    assert unroll(*command, "--n-best", 3, stdin=b"the milk\nthe tea\n")[1] == out
    assert unroll(*command, "--count", 3, "--seed", 9, "the milk", "the tea")[1] != out


def test_without_a_prompt_a_text_is_drawn_from_its_beginning(
    unroll: Callable[..., tuple[int, str, str]], language: Path
) -> None:
    code, out, err = unroll("generate", "--model", language, "--count", 2)
    assert (code, out.count("\n"), err) == (0, 2, "")
    assert unroll("generate", "--model", language, "--count", 2, "")[1] == out


def test_what_is_drawn_is_as_it_was_asked_for(unroll: Callable[..., tuple[int, str, str]], language: Path) -> None:
    asked = {"temperature": 0.5, "top_k": 3, "top_p": 0.5, "max_tokens": 9, "seed": 4}
    options = [word for name, value in asked.items() for word in (f"--{name.replace('_', '-')}", value)]
    code, out, _ = unroll("generate", "--model", language, "--scores", *options, "the")
    predictor = loading.load(language)
    ((best,),) = predictor.predict(["the"], 1, predictor.search.model_copy(update=asked))
    assert (code, out) == (0, f"{best.score:.4f}\t{best.text}\n")


def test_a_decoder_can_be_sampled(unroll: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    code, out, _ = unroll("generate", "--model", folder, "--count", 2, "--max-tokens", 5, "I drink milk")
    assert (code, out.count("\n")) == (0, 2)


def test_classes_come_with_their_probabilities(unroll: Callable[..., tuple[int, str, str]], classifier: Path) -> None:
    code, out, _ = unroll("classify", "--model", classifier, "--n-best", 3, "--scores", "Who ?")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert sorted(label for _, label in rows) == ["human", "location"]
    shares = [float(share) for share, _ in rows]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1.0001
    assert unroll("classify", "--model", classifier, "Who ?")[1] == f"{rows[0][1]}\n"


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


def test_a_line_of_json_is_what_a_server_answers(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, tagger: Path, classifier: Path
) -> None:
    code, out, _ = unroll("translate", "--model", folder, "--json", "--n-best", 2, "--steps", "I drink milk", "tea")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, [(row["input"], row["rank"]) for row in rows]) == (0, [(0, 1), (0, 2), (1, 1), (1, 2)])
    answers = loading.load(folder).predict(["I drink milk", "tea"], 2)
    for row, one in zip(rows, [one for found in answers for one in found], strict=True):
        assert (row["text"], row["target_tokens"]) == (one.text, one.target_tokens)
        assert row["alignments"] == [list(pair) for pair in alignments(one)]
        assert [step["token"] for step in row["steps"]] == [*one.target_tokens, "<eos>"]
        Answer.model_validate(row, extra="forbid")
    (row,) = map(json.loads, unroll("tag", "--model", tagger, "--json", "0 0 0 0 0 0 0 1")[1].splitlines())
    assert row["steps"][0]["probability"] == pytest.approx(math.exp(row["score"]))
    (row,) = map(json.loads, unroll("classify", "--model", classifier, "--json", "Who ?")[1].splitlines())
    assert (row["text"], row["target_tokens"]) == (row["target_tokens"][0], [row["text"]])


WRONG = [
    ("translate", "language", "a language model cannot translate; ask it with unroll generate"),
    ("translate", "classifier", "a classifier cannot translate; ask it with unroll classify"),
    ("generate", "tagger", "a tagger cannot generate; ask it with unroll tag"),
    ("classify", "folder", "a decoder cannot classify; ask it with unroll translate"),
    ("tag", "language", "a language model cannot tag; ask it with unroll generate"),
]


@pytest.mark.parametrize(("command", "model", "message"), WRONG)
def test_a_command_for_another_kind_of_model_names_the_right_one(
    unroll: Callable[..., tuple[int, str, str]], command: str, model: str, message: str, request: pytest.FixtureRequest
) -> None:
    code, out, err = unroll(command, "--model", request.getfixturevalue(model), "tea")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_text_that_is_no_vector_is_one_line(unroll: Callable[..., tuple[int, str, str]], tagger: Path) -> None:
    code, out, err = unroll("tag", "--model", tagger, "1 2")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "has 2 numbers where 8 are needed" in err


def test_what_cannot_be_answered_is_one_line_and_a_code(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, tmp_path: Path
) -> None:
    latin = unroll("translate", "--model", folder, stdin="tea\nseñor\n".encode("latin-1"))
    assert (latin[0], latin[2].count("\n")) == (3, 1)
    assert re.match(r"unroll: stdin:2: not UTF-8 .*iconv", latin[2])

    missing = unroll("translate", "--model", tmp_path / "none", "tea")
    assert (missing[0], missing[1], missing[2].count("\n")) == (2, "", 1)
    assert "no such folder; make one with make repro" in missing[2]

    (tmp_path / "empty").mkdir()
    assert unroll("translate", "--model", tmp_path / "empty", "tea")[0] == 4


@pytest.mark.parametrize("option", [("--beam", 0), ("--n-best", -1), ("--beam", "x"), ("--colour",)])
def test_options_that_make_no_sense_are_refused(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, option: tuple[object, ...]
) -> None:
    code, out, err = unroll("translate", "--model", folder, *option, "tea")
    assert (code, out) == (2, "")
    assert str(option[0]) in err


@pytest.mark.parametrize(("option", "name"), [(("--temperature", 0), "temperature"), (("--top-p", 1.5), "top_p")])
def test_draws_that_make_no_sense_are_refused(
    unroll: Callable[..., tuple[int, str, str]], language: Path, option: tuple[object, ...], name: str
) -> None:
    code, out, err = unroll("generate", "--model", language, *option, "tea")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"unroll: generate: {name}: should be ")


def test_a_flipped_bit_is_refused_by_every_command(unroll: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    for command in (("translate", "--model", folder, "tea"), ("lineage", folder)):
        code, out, err = unroll(*command)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert "model.safetensors: SHA-256 differs" in err


def test_lineage_prints_the_ancestry(unroll: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    code, out, _ = unroll("lineage", folder)
    assert code == 0
    for name in ("model", "tokenized", "prepared"):
        assert re.search(rf"\b{name}\b", out)


def test_with_a_public_key_only_what_its_owner_signed_is_asked(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    folder, (secret, public) = tiny.checkpoint(tmp_path), keys(tmp_path)
    asked, verified = ("translate", "tea", "--model", folder), ("verify", folder)
    unsigned = unroll(*asked, "--public-key", public)
    assert (unsigned[0], unsigned[1], unsigned[2].count("\n")) == (4, "", 1)
    assert unsigned[2] == unroll("serve", folder, "--public-key", public, "--port", free_port())[2]
    assert unroll(*verified)[1] == f"whole\t{folder}\tnot signed\n"
    assert unroll(*verified, "--public-key", public)[:2] == (4, f"whole\t{folder}\tnot signed\n")
    files = "".join(f"signed\t{tmp_path / name}.sig\n" for name in ("model", "lexicon"))
    assert unroll("sign", folder, "--key", secret)[:2] == (0, files)
    assert unroll(*verified) == (0, f"whole\t{folder}\tsigned, not checked\n", "")
    assert unroll(*verified, "--public-key", public) == (0, f"whole\t{folder}\tsigned\n", "")
    assert unroll(*asked, "--public-key", public) == unroll(*asked)
    other = keys(tmp_path, "other")[1]
    assert unroll(*asked, "--public-key", other)[0] == 4
    assert unroll(*verified, "--public-key", other)[:2] == (4, f"whole\t{folder}\twrongly signed\n")


def test_help_names_every_command(unroll: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = unroll("--help")
    assert code == 0
    assert all(command in out for command in ("translate", "generate", "classify", "tag", "lineage", "ui"))


def test_a_plan_needs_a_pipeline_that_is_tokenized(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes.write_project(tmp_path, "mine", recipes.document("translate"))
    monkeypatch.chdir(tmp_path)
    assert unroll("plan", "mien")[::2] == (
        2,
        "unroll: pipelines/mien.yaml: no such file; did you mean 'mine'?\n",
    )
    assert unroll("plan", "mine")[::2] == (
        3,
        "unroll: data/mine/tokenized: not there yet; make it with dvc repro embed@mine\n",
    )


def test_pipeline_files_are_checked_before_anything_is_made(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipes.write_project(tmp_path, "mine", recipes.section(tiny.pipeline()))
    assert unroll("check") == (0, "", "")
    assert unroll("check", "mine") == (0, "mine: its files are not fetched yet, so its rows were not read\n", "")
    file = tmp_path / "pipelines" / "mine.yaml"
    file.write_text(file.read_text().replace("learning_rate: ", "learning_rate: fast # "))
    code, out, err = unroll("check")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "learning_rate" in err
    file.write_text(file.read_text().replace("updates: ", "updates: 0 # "))
    code, out, err = unroll("check", "mine")
    assert (code, out, err.count("unroll: "), err.count("\n")) == (2, "", 2, 2)


def test_a_pipeline_is_begun_with_files(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipes.write_project(tmp_path, "other", recipes.section(tiny.pipeline()))
    (tmp_path / "my.tsv").write_text("".join(f"I see {n} of them.\tIk zie er {n}.\n" for n in range(99)))
    code, out, err = unroll("new", "mine", "my.tsv")
    assert (code, err) == (0, "")
    assert "99 rows" in out
    assert "dvc repro register@mine" in out
    assert unroll("check") == (0, "", "")
    code, out, err = unroll("check", "mine")
    assert (code, out.startswith("mine: prepare: 99 rows read; dropped: none"), err) == (0, True, "")
    assert unroll("new", "mine", "my.tsv")[0] == 2
    assert unroll("new", "more", "no.tsv")[::2] == (3, "unroll: no.tsv: no such file; name files that are there\n")


def test_champions_are_listed_moved_and_moved_back(unroll: Callable[..., tuple[int, str, str]], home: Path) -> None:
    for seed, right in ((1, 2), (2, 6)):
        register(make_folders(home / str(seed), answers(right), seed))
    code, out, _ = unroll("versions", "translate")
    assert (code, [line.split("\t")[:3] for line in out.splitlines()]) == (
        0, [["2", "challenger champion", "bleu 100.00"], ["1", "", "bleu 33.33"]],
    )  # fmt: skip
    assert unroll("promote", "translate", 1)[:2] == (0, "translate version 1 is champion; version 2 was\n")
    assert unroll("rollback", "translate")[:2] == (0, "translate version 2 is champion again; version 1 was\n")
    assert unroll("promote", "translate", 9)[2] == "unroll: translate: no version 9; there are: 2, 1\n"


def test_a_packaged_model_says_how_it_is_started(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, tmp_path: Path
) -> None:
    code, out, _ = unroll("package", tmp_path / "out", "--model", folder)
    assert (code, out.splitlines()[-1]) == (
        0, f"cd {tmp_path / 'out'} && pip install -r requirements.txt && python -m unroll serve model",
    )  # fmt: skip
    assert (tmp_path / "out" / "Dockerfile").is_file()
    assert unroll("package", tmp_path / "out", "--model", folder)[0] == 2


def test_what_is_compared_is_told_in_three_forms(
    unroll: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes.write_project(tmp_path, "mine", recipes.document("translate"))
    (tmp_path / "reports/mine").mkdir(parents=True)
    (tmp_path / "reports/mine/evaluate.json").write_text('{"main": "bleu", "bleu": 41.5}')
    monkeypatch.chdir(tmp_path)
    here = ("compare", "mine", "workspace")
    assert [line.split() for line in unroll(*here)[1].splitlines()] == [["workspace"], ["bleu", "41.50"]]
    assert unroll(*here, "--csv")[1] == "name,bleu\nworkspace,41.50\n"
    assert json.loads(unroll(*here, "--json")[1]) == [{"name": "workspace", "scores": {"bleu": "41.50"}, "params": {}}]
    assert unroll(*here, "away")[0] == 2


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Path:
    corpus = SERIES | {"time": "t", "window": 2, "step": 1}
    changes = {"prepare__corpus": corpus, "prepare__split__by": "group", "tokenize__source__width": 2}
    rows = [(f"{n} 0; 1 {n}", "yes" if n % 2 else "no") for n in range(20)]
    return tiny.checkpoint(tmp_path_factory.mktemp("series"), tiny.pipeline("rows", **changes), rows)


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


def test_an_encoder_is_asked(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, tagger: Path, language: Path, tmp_path: Path
) -> None:
    wanted = loading.load(folder).encode(["I drink milk", "tea"])
    code, out, err = unroll("encode", "--model", folder, stdin=b"I drink milk\ntea\n")
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (np.array([row["vector"] for row in rows], np.float32) == wanted).all()

    code, out, _ = unroll("encode", "--model", folder, "--output", tmp_path / "a.npy", "I drink milk", "tea")
    assert (code, out) == (0, f"{tmp_path / 'a.npy'}\t2 x 32\n")
    assert (np.load(tmp_path / "a.npy", allow_pickle=False) == wanted).all()

    code, out, _ = unroll("encode", "--model", tagger, "--states", "0 0 0 0 0 0 0 1;1 0 0 0 0 0 0 0")
    row = json.loads(out)
    assert (row["tokens"], len(row["states"])) == (["1", "2"], 2)

    for arguments, says in (
        (["--model", tagger, "0 0 0 0 0 0 0 1"], f"--model {tagger}: the model answers at each position"),
        (["--model", language, "the"], f"--model {language}: a language model has no summary"),
        (["--model", folder, "--format", "npy", "tea"], "--format npy needs a file: --output vectors.npy"),
        (["--model", folder, "--output", tmp_path / "no/a.npy", "tea"], "its folder is not there; name a file"),
    ):
        code, out, err = unroll("encode", *arguments)
        assert (code, out) == (2, "")
        assert says in err
        assert err.count("\n") == 1


def test_embeddings_go_out(
    unroll: Callable[..., tuple[int, str, str]], folder: Path, tagger: Path, tmp_path: Path
) -> None:
    code, out, err = unroll("export", "embeddings", "--model", folder, "--output", tmp_path / "a.txt")
    lines = (tmp_path / "a.txt").read_text(encoding="utf-8").splitlines()
    assert (code, err) == (0, "")
    assert out == f"{tmp_path / 'a.txt'}\t{len(lines) - 1} tokens of 16 numbers\n"
    assert lines[0] == f"{len(lines) - 1} 16"
    code, _, err = unroll("export", "embeddings", "--model", tagger, "--output", tmp_path / "b.txt")
    assert (code, err) == (2, f"unroll: --model {tagger}: --side source: the model has no embeddings of its source\n")
    code, _, err = unroll("export", "embeddings", "--model", folder, "--output", tmp_path / "no/b.txt")
    assert code == 2


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
