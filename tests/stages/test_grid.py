"""Every pipeline of params.yaml, cut down, through every stage from raw files to its scores."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import math
import random
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from stages import embed, evaluate, prepare, tokenize, train
from tests.grammar import OBJECTS, PAIRS
from tests.pipelines import watch
from unroll import parts
from unroll.artifacts import store
from unroll.artifacts.manifest import sha256
from unroll.asking import ASKINGS
from unroll.data.rows import SPLITS, read_rows, references
from unroll.evaluate.reports import DRAWN
from unroll.folders import Folders
from unroll.params import reading
from unroll.params.misfits import FIXED
from unroll.params.model import DecoderParams
from unroll.params.pipeline import Pipeline
from unroll.params.tokenize import Vectors
from unroll.predict import checkpoints, loading
from unroll.shapes import SHAPES

ROOT = Path(__file__).parents[2]
PIPELINES = tuple(reading.grid(ROOT))
STAGES = (prepare, tokenize, embed, train, evaluate)
CUT = {
    "prepare.max_rows": 300, "embed.epochs": 1, "train.updates": 12, "train.warmup": 2, "train.validate_every": 6,
    "train.log_every": 3, "train.validation_rows": 5, "evaluate.pictures": 2, "machine.threads": 1,
    "machine.processes": 1, "machine.accelerator": "cpu",
}  # fmt: skip
"""As `make smoke`, and smaller still."""
SHORTER = {
    "spoken": {"prepare.corpus.rows": 150, "prepare.split.valid.rows": 10, "prepare.split.test.rows": 20},
    "tunes": {"evaluate.search.max_tokens": 40},
}
"""What takes long before it is cut down, or after."""


NOTHING: Mapping[str, Any] = {}


def cut(pipeline: str, changes: Mapping[str, Any] = NOTHING) -> Pipeline:
    """Return a shipped pipeline, cut down, with other values of some parameters."""
    return reading.changed(reading.load(ROOT, pipeline), CUT | SHORTER.get(pipeline, {}) | dict(changes))


def sentences(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [rng.choice(PAIRS)[0] for _ in range(count)]


def write_pairs(raw: Path) -> None:
    (raw / "spa.tsv").write_text("".join(f"{s}\t{t}\tme\n" for s, t in PAIRS), encoding="utf-8")


def write_names(raw: Path, files: list[str]) -> None:
    for seed, file in enumerate(files):
        rng = random.Random(seed)
        letters = rng.sample("aeiou", 3) + rng.sample("bcdfghjklmnprstvz", 6)
        names = ["".join(rng.choices(letters, k=rng.randint(3, 8))).title() for _ in range(20)]
        (raw / file).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def write_scans(raw: Path, count: int) -> None:
    rng = random.Random(1)
    rows = []
    for number in range(count):
        stripes = [16 * (cell // 7 % 10 == number % 10) + rng.randint(-2, 2) for cell in range(64)]
        rows.append([*(min(16, max(0, grey)) for grey in stripes), number % 10])
    lines = "".join(",".join(map(str, row)) + "\n" for row in rows)
    (raw / "digits.csv.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))


def write_running_text(raw: Path) -> None:
    for seed, (split, count) in enumerate(zip(("train", "valid", "test"), (300, 10, 10), strict=True)):
        text = "".join(f" {line.replace('.', ' .')} \n" for line in sentences(count, seed))
        (raw / f"{split}.raw.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def write_questions(raw: Path) -> None:
    rng = random.Random(1)
    asked = {0: "What is", 1: "Which of them was", 2: "What is short for", 3: "Who had", 4: "How many", 5: "Where was"}
    with (raw / "trec.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["", "coarse", "fine", "text"])
        for number in range(5952):
            label = rng.randrange(6)
            rows.writerow([number, label, 0, f"{asked[label]} {rng.choice(list(OBJECTS))} number {number} ?"])
    vectors = "".join(f"{word} {' '.join(['0.5', '-0.5'] * 25)}\n" for word in ("what", "who", "milk", "?"))
    (raw / "glove.6B.50d.txt.bz2").write_bytes(bz2.compress(vectors.encode()))


def write_reviews(raw: Path) -> None:
    rng, worth = random.Random(1), {"good": 2, "clever": 1, "dull": -1, "bad": -2}
    rows = [rng.choices([*worth], k=rng.randint(3, 9)) for _ in range(400)]
    lines = "".join(f"{n},{sum(map(worth.get, row)) / 3},{' '.join(row)} film {n}\n" for n, row in enumerate(rows))
    (raw / "films.gz").write_bytes(gzip.compress(f"id,sentiment,text\n{lines}".encode(), mtime=0))


def write_tagged(raw: Path) -> None:
    lines = (" ".join(f"{word}/{word[0].upper()}" for word in line.split()) for line in sentences(400, 1))
    (raw / "tagged-en-oanc.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_dictionary(raw: Path) -> None:
    words = {word.strip(".").lower() for line in sentences(400, 1) for word in line.split()}
    sounds = ((f"{a}{b}{a}", f"{a.upper()} {b.upper()}1 {a.upper()}") for a in "bdfgklmnprst" for b in "aeiou")
    entries = [*((word, " ".join(word.upper())) for word in sorted(words) if word.isalpha()), *sounds]
    (raw / "cmudict.dict").write_text("".join(f"{word} {said} # made up\n" for word, said in entries), encoding="utf-8")


def write_films(raw: Path) -> None:
    rng = random.Random(1)
    words = {0: ["dull", "bad", "film"], 1: ["good", "clever", "film"]}
    kinds = [(label, source) for source in ("imdb", "rotten_tomatoes") for label in words]
    rows = ((" ".join(rng.choices(words[kind[0]], k=8)) + f"<br />{n}", *kind) for kind in kinds for n in range(100))
    with (raw / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("text", "label", "source"), *rows])


def write_vowels(raw: Path) -> None:
    rng = random.Random(1)
    for file in ("train.ts", "test.ts"):
        rows = []
        for speaker in (1 + number % 9 for number in range(90)):
            frames = rng.randint(7, 20)
            channels = (",".join(f"{rng.gauss(speaker, 1):.3f}" for _ in range(frames)) for _ in range(12))
            rows.append(":".join([*channels, str(speaker)]))
        head = "@problemName vowels\n@timeStamps false\n@classLabel true 1 2 3 4 5 6 7 8 9\n@data\n"
        (raw / file).write_text(head + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def write_demand(raw: Path) -> None:
    hours = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number) for number in range(3000))
    lines = (f"{hour:%Y-%m-%d %H:%M:%S},{hour.hour + number % 7}\n" for number, hour in enumerate(hours))
    (raw / "demand.csv").write_text("ts,y\n" + "".join(lines), encoding="utf-8")


def write_tunes(raw: Path) -> None:
    rng = random.Random(1)
    bars = {"reel": ("C|", 8), "hornpipe": ("C|", 8), "jig": ("6/8", 6), "slip jig": ("9/8", 9)}
    for number in range(80):
        dance, (meter, length) = rng.choice([*bars.items()])
        music = "|".join("".join(rng.choices("DEFGABcd", k=length)) for _ in range(4))
        head = f"X:1\nT:{chr(97 + number % 26)}{chr(97 + number // 26)}\nR:{dance}\nM:{meter}\nL:1/8\nK:G\n"
        (raw / f"{number}.abc").write_text(f"{head}{music}|]\n", encoding="utf-8")


def write_docstrings(raw: Path) -> None:
    for number in range(200):
        path = raw / f"{('sympy', 'networkx', 'librosa')[number % 3]}/part{number}.py"
        path.parent.mkdir(exist_ok=True)
        told = " ".join(sentences(4, number))
        path.write_text(f'"""Return number {number}.\n\n{told} It is number {number}.\n"""\n', encoding="utf-8")


@contextmanager
def whistled(_: Path) -> Iterator[Callable[[Any], np.ndarray]]:
    """In the place of a synthesizer: each word is a tone, the longer the lower."""
    seconds = np.arange(3000) / 22_050
    yield lambda said: np.concatenate([np.sin(9000 / len(word) * seconds) for word in said.text.split()])


def bring_parts(params: Pipeline) -> None:
    """Run a module of parts, with what it has to say without its library."""
    if params.parts is not None:
        parts.bring(params.parts, ROOT)
        module = sys.modules[f"unroll_parts_{sha256(ROOT / params.parts)[:16]}"]
        if hasattr(module, "speaker"):
            module.speaker = whistled


def write_raw(params: Pipeline, folders: Folders) -> None:
    """Write files of the names and forms that the pipeline would fetch, in them little."""
    source: Any = params.prepare.corpus
    with store.writing(folders.raw, "raw", {}) as raw:
        if source.format == "tsv":
            write_pairs(raw)
        elif source.format == "csv":
            (write_questions if source.file == "trec.csv" else write_reviews)(raw)
        elif source.format in ("table", "scenes"):
            write_scans(raw, 250 if source.format == "table" else 1797)
        elif source.format == "tagged":
            write_tagged(raw)
        elif source.format == "pronunciations":
            write_dictionary(raw)
        elif source.format == "films":
            write_films(raw)
        elif source.format == "ts":
            write_vowels(raw)
        elif source.format == "series":
            write_demand(raw)
        elif source.format == "tunes":
            write_tunes(raw)
        elif source.format == "docstrings":
            write_docstrings(raw)
        elif source.format == "exercises":
            watch.write(raw / source.file, 10)
        elif params.reads_on:
            write_running_text(raw)
        elif source.format not in ("stories", "spoken"):  # which are made of nothing
            write_names(raw, list(source.files.values() if source.format == "labelled" else source.files))


@pytest.fixture(scope="module")
def walk(blank_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Pipeline, Folders]]:
    """A function that runs all stages of a pipeline in a folder of its own."""

    def walk(pipeline: str, changes: Mapping[str, Any] = NOTHING) -> tuple[Pipeline, Folders]:
        params, root = cut(pipeline, changes), tmp_path_factory.mktemp(pipeline)
        shutil.copy(blank_store, root / "mlflow.db")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(root)
            for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE"):
                patch.delenv(name, raising=False)
            folders = Folders(Path(), pipeline)
            write_raw(params, folders)
            if params.parts is not None:
                (root / params.parts).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / params.parts, root / params.parts)
                bring_parts(params)
            for stage in STAGES:
                stage.run(params, folders)
        return params, Folders(root, pipeline)

    return walk


@pytest.fixture(scope="module", params=PIPELINES)
def walked(request: pytest.FixtureRequest, walk: Callable[..., tuple[Pipeline, Folders]]) -> tuple[Pipeline, Folders]:
    """A pipeline after its evaluation."""
    return walk(request.param)


def outs(pipeline: str) -> Iterator[str]:
    """Yield the paths that dvc.yaml says the stages write, register apart."""
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for stage in (module.__name__.rpartition(".")[2] for module in STAGES):
        for kind in ("outs", "metrics", "plots"):
            for out in declared[stage]["do"].get(kind, []):
                path = out if isinstance(out, str) else next(iter(out))
                yield path.replace("${key}", pipeline)


def contents(folders: Folders) -> dict[str, bytes]:
    """Every file that the stages wrote."""
    wholes = (path for name in ("data", "reports") for path in (folders.root / name).rglob("*") if path.is_file())
    return {path.relative_to(folders.root).as_posix(): path.read_bytes() for path in wholes}


def test_a_pipeline_writes_what_dvc_is_told_and_nothing_else(walked: tuple[Pipeline, Folders]) -> None:
    _, folders = walked
    declared = list(outs(folders.pipeline))
    assert [path for path in declared if not (folders.root / path).exists()] == []
    known = tuple(f"{path}/" for path in (*declared, f"data/{folders.pipeline}/raw"))
    assert [path for path in contents(folders) if not f"{path}/".startswith(known)] == []


def test_its_rows_are_split_without_leakage(walked: tuple[Pipeline, Folders]) -> None:
    params, folders = walked
    assert all(list(read_rows(folders.prepared / f"{split}.tsv")) for split in SPLITS)
    report = json.loads((folders.reports / "prepare.json").read_text())
    if params.prepare.split.kind == "grouped":
        assert {report[f"{split}_leakage_percent"] for split in SPLITS[1:]} == {0}


def test_its_score_leads_its_report_and_is_that_of_its_rows(walked: tuple[Pipeline, Folders]) -> None:
    params, folders = walked
    report = json.loads((folders.reports / "evaluate.json").read_text())
    assert isinstance(report[report["main"]], float)
    assert (params.evaluate.baseline is None) == ("baseline" not in report)
    rows = [json.loads(line) for line in (folders.evaluation / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {"source", "references", "hypothesis"} <= rows[0].keys()
    if report["main"] not in ("bleu", "chrf"):
        total, weight = (sum(row[name] for row in rows) for name in ("value", "weight"))
        worth = {
            "accuracy": lambda: 100 * total / weight,
            "nats": lambda: -total / weight,
            "nats_per_letter": lambda: -total / weight,
            "perplexity": lambda: math.exp(-total / weight),
            "mae": lambda: -total / weight,
            "bits_per_letter": lambda: -total / math.log(2) / report["letters"],
        }[report["main"]]
        assert report[report["main"]] == pytest.approx(worth(), rel=1e-3)


def test_its_checkpoint_is_asked_as_it_is_to_be(walked: tuple[Pipeline, Folders]) -> None:
    params, folders = walked
    made = checkpoints.load(folders.model)
    assert made.recipe == params.recipe
    assert params.model.head.family in ASKINGS[params.evaluate.search.kind].heads
    train_report = json.loads((folders.reports / "train.json").read_text())
    assert train_report["updates"] == CUT["train.updates"]


def test_its_pictures_are_pictures(walked: tuple[Pipeline, Folders]) -> None:
    params, folders = walked
    drawn = {path.name: path.read_bytes()[:4] for path in (folders.reports / "pictures").iterdir()}
    assert set(drawn.values()) == {b"\x89PNG"}
    assert "curves.png" in drawn
    assert bool(drawn.keys() & {"scans.png", "series.png", "forecasts.png"}) == isinstance(
        params.tokenize.source, Vectors
    )
    assert ("attention.png" in drawn) == looks(params, folders)


def looks(params: Pipeline, folders: Folders) -> bool:
    """Return whether a model looks anywhere as it says what is long enough, and short enough, to be drawn."""
    head = params.model.head
    if not isinstance(head, DecoderParams) or head.attention in FIXED:
        return False
    said = loading.load(folders.model, params.evaluate.search)([*references(folders.prepared / "test.tsv")])
    return any(len(one.target_tokens) in DRAWN and len(one.source_tokens) > 1 for one in said)


@pytest.mark.parametrize("pipeline", ["name", "language"])
def test_the_same_parameters_give_the_same_bytes_at_every_stage(
    walk: Callable[..., tuple[Pipeline, Folders]], pipeline: str
) -> None:
    first, second = (contents(walk(pipeline)[1]) for _ in range(2))
    assert f"data/{pipeline}/model/model.safetensors" in first
    assert [path for path in first if first[path] != second.get(path)] == []
    assert first.keys() == second.keys()


def test_every_kind_of_search_and_every_shape_is_shipped() -> None:
    shipped = [reading.load(ROOT, name) for name in PIPELINES]
    assert {pipeline.evaluate.search.kind for pipeline in shipped} == ASKINGS.keys()
    assert {pipeline.shape for pipeline in shipped} == SHAPES.keys()


def test_every_file_is_in_the_grid() -> None:
    assert sorted(PIPELINES) == sorted(path.stem for path in (ROOT / "pipelines").glob("*.yaml"))


PLAIN = {"model.head.window": None, "model.head.positions": None, "model.head.input_feeding": False}
OTHERS = {
    "a gru": {"model.encoder.cell": "gru", "model.head.cell": "gru"},
    "no attention": PLAIN | {"model.head.attention": "none"},
    "a hard attention": PLAIN | {"model.head.attention": "hard", "model.head.positions": 40},
    "another size": {"model.encoder.hidden": 32, "embed.dimensions": 48, "model.head.hidden": 24},
}
"""What somebody may set in a shipped pipeline."""


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_a_shipped_translator_with_other_parts_is_walked_through_too(
    walk: Callable[..., tuple[Pipeline, Folders]], changes: dict[str, Any]
) -> None:
    walked = walk("translate", changes)
    test_a_pipeline_writes_what_dvc_is_told_and_nothing_else(walked)
    test_its_checkpoint_is_asked_as_it_is_to_be(walked)
    test_its_pictures_are_pictures(walked)
