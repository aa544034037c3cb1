"""Parameters as people write them: one line that names the parameter, exit code 2, and no waiting."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.test_bad_input import Project

pytestmark = pytest.mark.fault("bad parameter")

SECONDS = 5.0
VALUES: dict[str, tuple[str, Any, str]] = {
    "a typo": ("train.lerning_rate", 0.1, "did you mean 'learning_rate'?"),
    "a typo in a section": ("trian", {}, "did you mean 'train'?"),
    "a number as text": ("train.learning_rate", "1e-3", "write 0.001"),
    "a number as words": ("train.updates", "many", "train.updates"),
    "a fraction for a count": ("train.updates", 2.5, "train.updates"),
    "a count below one": ("train.updates", 0, "train.updates"),
    "a negative count": ("train.batch_tokens", -1, "train.batch_tokens"),
    "true for a count": ("train.threads", True, "train.threads"),
    "nothing for a count": ("train.log_every", None, "train.log_every"),
    "a list for a number": ("train.clip", [1], "train.clip"),
    "a section for a number": ("train.clip", {"norm": 1}, "train.clip"),
    "a number for a section": ("train", 3, "train"),
    "nothing for a section": ("model", None, "model"),
    "infinity": ("train.learning_rate", float("inf"), "train.learning_rate"),
    "not a number": ("train.learning_rate", float("nan"), "train.learning_rate"),
    "a negative rate": ("train.learning_rate", -0.1, "train.learning_rate"),
    "a rate of nothing": ("train.learning_rate", 0, "train.learning_rate"),
    "dropout of all": ("model.dropout", 1.0, "model.dropout"),
    "more than all dropped": ("model.dropout", 1.5, "model.dropout"),
    "an unknown decay": ("train.decay", "exponential", "train.decay"),
    "an unknown precision": ("train.precision", "8-true", "train.precision"),
    "an unknown accelerator": ("train.accelerator", "abacus", "train.accelerator"),
    "an unknown shape": ("shape", "n_to_k", "shape"),
    "an unknown encoder": ("model.encoder.kind", "convolution", "model.encoder"),
    "an unknown head": ("model.head.kind", "oracle", "model.head"),
    "an unknown tokenizer": ("tokenize.source.kind", "bpee", "tokenize.source"),
    "an unknown search": ("evaluate.search.kind", "luck", "evaluate.search"),
    "an unknown format": ("prepare.corpus.format", "xlsx", "prepare.corpus"),
    "an unknown normal form": ("prepare.unicode", "NFX", "prepare.unicode"),
    "an unknown split": ("prepare.split.kind", "random", "prepare.split"),
    "a vocabulary of one": ("tokenize.source.vocab_size", 1, "vocab_size"),
    "more held out than there is": ("prepare.split.valid", 1.5, "prepare.split.valid"),
    "a warm-up longer than training": ("train.warmup", 10**6, "train.warmup must be smaller than train.updates"),
    "a beam of none": ("evaluate.search.beam", 0, "evaluate.search.beam"),
    "no dimensions": ("embed.dimensions", 0, "embed.dimensions"),
    "a hash that is none": ("fetch", {"kind": "url", "url": "https://x", "sha256": "abc", "member": "a"}, "sha256"),
    "a path out of the folder": ("fetch.members", {"spa.tsv": "../spa.tsv"}, "must be a path inside the folder"),
    "an absolute path": ("fetch.members", {"spa.tsv": "/tmp/spa.tsv"}, "must be a path inside the folder"),
    "no files to fetch": ("fetch", {"kind": "files"}, "fetch.members"),
    "odd halves of two directions": ("model.encoder.hidden", 33, "hidden"),
    "nothing to tie": ("embed.kind", "one_hot", "model.tied needs embeddings of the target"),
}
FILES: dict[str, bytes] = {
    "no YAML": b"mine: [",
    "a tab for spaces": b"mine:\n\ttrain: 3\n",
    "another pipeline alone": b"other: {}\n",
    "a list": b"- mine\n",
    "a word": b"mine\n",
    "nothing": b"",
    "Latin-1": "mine: {a: señor}\n".encode("latin-1"),
    "NULs": bytes(100),
    "an alias to nothing": b"mine: *other\n",
    "a section that holds itself": b"mine: &mine {shape: n_to_m, train: *mine}\n",
    "a day that is none": b"mine: 2020-13-45\n",
    "a thousand sections deep": b"mine: " + b"{a: " * 3000,
    "code": b"mine: !!python/object/apply:os.system [ls]\n",
}


@pytest.fixture
def mine(tmp_path: Path) -> Project:
    return Project(tmp_path)


def hold(mine: Project, says: str) -> None:
    began = time.monotonic()
    code, _, told = mine.run("fetch")
    assert time.monotonic() - began < SECONDS
    assert code == 2, told
    (line,) = told.splitlines()
    assert line.startswith("unroll: params.yaml")
    assert says in line
    assert not (mine.folder / "data" / "mine").exists()


@pytest.mark.parametrize("kind", VALUES)
def test_a_value(mine: Project, kind: str) -> None:
    path, value, says = VALUES[kind]
    mine.change(path, value)
    hold(mine, says)


@pytest.mark.parametrize("kind", FILES)
def test_a_file(mine: Project, kind: str) -> None:
    mine.parameters = FILES[kind]
    hold(mine, "")
