"""Commands that ask a real checkpoint: what they print."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import tiny
from unroll.predict import loading
from unroll.predict.shown import alignments
from unroll.serve.forms import Answer


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


def test_a_language_model_goes_on_from_prompts(unroll: Callable[..., tuple[int, str, str]], language: Path) -> None:
    command = ("generate", "--model", language, "--max-tokens", 4)
    code, out, err = unroll(*command, "--count", 3, "the milk", "the tea")
    lines = out.splitlines()
    assert (code, len(lines), err) == (0, 6, "")
    assert all(line.startswith(prompt) for line, prompt in zip(lines, ["the milk"] * 3 + ["the tea"] * 3, strict=True))
    assert all(len(line.split()) <= 2 + 4 for line in lines)
    assert unroll(*command, "--n-best", 3, stdin=b"the milk\nthe tea\n")[1] == out
    assert unroll(*command, "--count", 3, "--seed", 9, "the milk", "the tea")[1] != out


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


def test_a_flipped_bit_is_refused_by_every_command(unroll: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    for command in (("translate", "--model", folder, "tea"), ("lineage", folder)):
        code, out, err = unroll(*command)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert "model.safetensors: SHA-256 differs" in err


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
