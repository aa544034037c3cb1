"""Own data in a minute: from files as people have them, by unroll new alone, to a trained model and its answer."""

from __future__ import annotations

import csv
import gzip
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stages import embed, evaluate, fetch, prepare, tokenize, train
from tests import recipes
from unroll.begin.checking import check
from unroll.begin.looking import Wanted
from unroll.begin.starting import new
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline
from unroll.params.reading import changed, load
from unroll.predict import loading

RANDOM = random.Random(1)
DUTCH = {"I": "ik", "you": "jij", "we": "wij", "they": "zij"}
FOOD = {"milk": "melk", "tea": "thee", "wine": "wijn", "bread": "brood", "rice": "rijst", "fish": "vis", "soup": "soep"}
PAIRS = [
    (f"{who} like {one} and {other}", f"{DUTCH[who]} lust {FOOD[one]} en {FOOD[other]}")
    for who in DUTCH
    for one in FOOD
    for other in FOOD
]
TOPICS = {
    "food": [*FOOD],
    "sport": ["goal", "match", "team", "player", "score"],
    "weather": ["rain", "wind", "snow", "storm"],
}
ROWS = [(f'The {one}, it said, was "no {other}".', topic) for topic, words in TOPICS.items()
        for one in words for other in words for _ in range(2) if one != other or topic != "food"]  # fmt: skip
SYLLABLES = {"Dutch": ["van", "boom", "kerk", "huis", "dijk"], "Italian": ["ro", "si", "ni", "li", "ta"]}
NAMES = [("".join(RANDOM.choices(syllables, k=3)).capitalize(), label)
         for label, syllables in SYLLABLES.items() for _ in range(60)]  # fmt: skip
TAGS = {"the": "DET", "a": "DET"} | dict.fromkeys(FOOD, "NOUN") | {"falls": "VERB", "waits": "VERB"}


def parallel(folder: Path) -> list[Path]:
    for name, side in (("mine.en", 0), ("mine.nl", 1)):
        (folder / name).write_text("".join(f"{pair[side]}\n" for pair in PAIRS), encoding="utf-8")
    return [folder / "mine.en", folder / "mine.nl"]


def table(folder: Path) -> list[Path]:
    with (folder / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "split"])
        writer.writerows((n, text, label, "test" if n % 5 == 0 else "train") for n, (text, label) in enumerate(ROWS))
    return [folder / "mine.csv"]


def tabbed(folder: Path) -> list[Path]:
    (folder / "mine.tsv.gz").write_bytes(gzip.compress("".join(f"{one}\t{two}\n" for one, two in PAIRS).encode()))
    return [folder / "mine.tsv.gz"]


def objects(folder: Path) -> list[Path]:
    lines = (json.dumps({"text": text, "topic": {"name": label}}) for text, label in ROWS)
    (folder / "mine.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return [folder / "mine.jsonl"]


def folders(folder: Path) -> list[Path]:
    for number, (text, label) in enumerate(ROWS):
        (folder / "mine" / label).mkdir(parents=True, exist_ok=True)
        (folder / "mine" / label / f"{number}.txt").write_text(f"{text}\n", encoding="utf-8")
    return [folder / "mine"]


def columns(folder: Path) -> list[Path]:
    sentences = [(first, noun, verb) for first in ("the", "a") for noun in FOOD for verb in ("falls", "waits")] * 3
    text = "\n".join("".join(f"{word}\t{TAGS[word]}\n" for word in words) for words in sentences)
    (folder / "mine.conll").write_text(text, encoding="utf-8")
    return [folder / "mine.conll"]


def book(folder: Path) -> list[Path]:
    (folder / "book.txt").write_text("".join(f"{one}. {one}.\n" for one, _ in PAIRS), encoding="utf-8")
    return [folder / "book.txt"]


def rated(folder: Path) -> list[Path]:
    worth = {word: place - 3 for place, word in enumerate(FOOD)}
    rows = [
        (f"{one} and {other}", f"{worth[one] + worth[other] + RANDOM.random():.3f}") for one in FOOD for other in FOOD
    ]
    lines = "".join(f"{text},{number}\n" for text, number in rows * 3)
    (folder / "ratings.csv").write_text(f"text,rating\n{lines}", encoding="utf-8")
    return [folder / "ratings.csv"]


def sensors(folder: Path) -> list[Path]:
    """A long table of 12 channels: what somebody says is 7 to 29 frames, higher or lower by who says it."""
    path = folder / "sensors.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["utterance", "time", *(f"c{n}" for n in range(12)), "speaker"])
        writer.writerows(
            [n, t, *(f"{RANDOM.gauss(1000 + 5 * (n % 3), 1):.2f}" for _ in range(12)), "abc"[n % 3]]
            for n in range(60) for t in range(7 + n % 23)
        )  # fmt: skip
    return [path]


def walking(folder: Path) -> list[Path]:
    """A recording that has a label for each frame, and stands still between its walks."""
    moves = [n // 40 % 2 for n in range(3000)]
    lines = "".join(
        f"{n / 10},{RANDOM.gauss(9 * move, 1):.2f},{'walk' if move else 'rest'}\n" for n, move in enumerate(moves)
    )
    (folder / "walking.csv").write_text(f"seconds,x,activity\n{lines}", encoding="utf-8")
    return [folder / "walking.csv"]


def tides(folder: Path) -> list[Path]:
    """Hours of a level that rises and falls every twelve."""
    lines = "".join(
        f"2026-{1 + n // 672:02}-{1 + n // 24 % 28:02}T{n % 24:02}:00:00,{RANDOM.gauss(n % 12, 0.1):.2f}\n"
        for n in range(2500)
    )
    (folder / "tides.csv").write_text(f"time,level\n{lines}", encoding="utf-8")
    return [folder / "tides.csv"]


def names(folder: Path) -> list[Path]:
    (folder / "names.csv").write_text("".join(f"{name};{label}\n" for name, label in NAMES), encoding="utf-8")
    return [folder / "names.csv"]


SMALL = {
    "embed.dimensions": 32, "model.encoder.hidden": 32, "train.updates": 60, "train.warmup": 5,
    "train.learning_rate": 0.02, "train.validate_every": 30, "evaluate.stress": None, "evaluate.pictures": 0,
    "noise": None,
}  # fmt: skip
SMALLER = {"embed.epochs": 1, "model.head.hidden": 32, "train.updates": 20, "train.validate_every": 20}
SPEAKING = SMALL | SMALLER
NUMBERS = {"model.encoder.hidden": 8, "train.updates": 40}
JOURNEYS: dict[str, tuple[Callable[[Path], list[Path]], dict[str, str], dict[str, object], str]] = {
    "parallel files": (parallel, {}, SPEAKING, "I like milk and tea"),
    "a table with a header": (table, {}, SMALL, "The rain was wind."),
    "packed pairs": (tabbed, {}, SPEAKING, "I like milk and tea"),
    "JSON lines": (objects, {}, SMALL, "The rain was wind."),
    "a folder a class": (folders, {}, SMALL, "The rain was wind."),
    "words and tags": (columns, {}, SMALL, "the milk waits"),
    "a text": (book, {}, SMALL | {"train.updates": 20, "evaluate.search.max_tokens": 20}, "I like"),
    "names": (names, {}, SMALL, "Dijkboom"),
    "numbers": (rated, {}, SMALL, "milk and soup"),
    "a long table": (sensors, {}, SMALL | NUMBERS, "; ".join([" ".join(["1010"] * 12)] * 9)),
    "frames with labels": (walking, {}, SMALL | NUMBERS, "0; 0.1; 9; 8; 9"),
    "a series to go on with": (
        tides,
        {},
        SMALL | NUMBERS | {"model.head.hidden": 8},
        "; ".join(str(n % 12) for n in range(24)),
    ),
    "new names": (names, {"shape": "one_to_n"}, SPEAKING | {"model.encoder.hidden": 16}, "Dutch"),
}
EXPECTED = {"a table with a header": "weather", "JSON lines": "weather", "a folder a class": "weather",
            "words and tags": "DET NOUN VERB", "names": "Dutch", "a long table": "c",
            "frames with labels": "rest rest walk walk walk"}  # fmt: skip


@pytest.mark.parametrize("journey", JOURNEYS)
def test_from_files_to_an_answer(
    journey: str, tmp_path: Path, blank_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, wanted, small, asked = JOURNEYS[journey]
    (tmp_path / "files").mkdir()
    root = tmp_path / "project"
    recipes.write_project(root, "other", recipes.document("translate"))
    shutil.copy(blank_store, root / "mlflow.db")
    monkeypatch.chdir(root)
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)

    new(Path(), "mine", make(tmp_path / "files"), Wanted(**wanted), None, False)
    assert check(Path(), "mine").wrong == []
    pipeline, places = changed(load(Path(), "mine"), small), Folders(Path(), "mine")
    for stage in (fetch, prepare, tokenize, embed, train, evaluate):
        run: Callable[[Pipeline, Folders], None] = stage.run
        run(pipeline, places)
    (answer,), *_ = loading.load(places.model).predict([asked])
    assert answer.text
    assert EXPECTED.get(journey, answer.text) == answer.text
    scores = json.loads((places.reports / "evaluate.json").read_text(encoding="utf-8"))
    assert scores["main"] in scores


def test_a_header_becomes_no_class(tmp_path: Path) -> None:
    root = tmp_path / "project"
    recipes.write_project(root, "other", recipes.document("translate"))
    new(root, "mine", table(tmp_path), Wanted(), None, False)
    places = Folders(root, "mine")
    for stage in (fetch, prepare, tokenize):
        stage.run(load(root, "mine"), places)
    config = json.loads((places.tokenized / "target.tokenizer.json").read_text(encoding="utf-8"))
    assert sorted(config["vocabulary"][-3:]) == sorted(TOPICS)
