"""A new pipeline: whole, valid, named in the grid, its files in place; and nothing is written where it is refused."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
import yaml

from tests import recipes
from unroll.begin.looking import Wanted
from unroll.begin.starting import New, new
from unroll.errors import DataError, ParamsError, UnrollError
from unroll.params.prepare import OfficialSplit
from unroll.params.reading import NO_PARTS, NO_START, grid, load
from unroll.params.tokenize import Pieces

WORDS = ["milk", "tea", "wine", "bread", "rice", "fish", "soup", "salt", "cake", "beer"]
TEXTS = [f"I like {one} and {other}." for one in WORDS for other in WORDS]
TABLE = "text,label\n" + "".join(f'"{text}",{("good", "bad")[n % 2]}\n' for n, text in enumerate(TEXTS))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    recipes.write_project(tmp_path / "project", "translate", recipes.document("translate"))
    return tmp_path / "project"


def start(
    root: Path, files: dict[str, str], name: str = "mine", like: str | None = None, force: bool = False, **wanted: str
) -> New:
    for file, content in files.items():
        (root.parent / file).write_text(content, encoding="utf-8")
    return new(root, name, [root.parent / file for file in files], Wanted(**wanted), like, force)


def test_a_pipeline_is_written_and_named_and_its_files_copied(root: Path) -> None:
    made = start(root, {"mine.csv": TABLE})
    found = load(root, "mine")
    assert made.file == root / "pipelines" / "mine.yaml"
    assert (found.shape, found.register_.name) == ("n_to_one", "mine")
    assert list(grid(root)) == ["translate", "mine"]
    assert (root / "data/sources/mine/mine.csv").read_text() == TABLE
    said = "\n".join(made.said)
    for told in (
        "commas, a header: text, label",
        "100 rows",
        "2 classes",
        "copied to",
        "dvc repro register@mine",
        "minute",
    ):
        assert told in said


def test_what_lies_in_its_place_is_not_copied(root: Path) -> None:
    place = root / "data/sources/own"
    place.mkdir(parents=True)
    (place / "mine.csv").write_text(TABLE)
    made = new(root, "mine", [place / "mine.csv"], Wanted(), None, False)
    assert load(root, "mine").fetch.members == {"own/mine.csv": "mine.csv"}  # type: ignore[union-attr]
    assert "copied" not in "\n".join(made.said)
    assert not (root / "data/sources/mine").exists()


def test_another_pipelines_settings_are_taken(root: Path) -> None:
    pairs = "".join(f"{text}\t{text.replace('like', 'love')}\n" for text in TEXTS)
    start(root, {"mine.tsv": pairs}, like="translate")
    mine, other = load(root, "mine"), load(root, "translate")
    assert (mine.train, mine.model, mine.tokenize) == (other.train, other.model, other.tokenize)
    assert mine.fetch != other.fetch
    with pytest.raises(ParamsError, match="--like translate: "):
        start(root, {"book.txt": "\n".join(TEXTS)}, "book", like="translate")
    assert not (root / "pipelines/book.yaml").exists()


def test_it_goes_on_from_the_model_of_another_pipeline(root: Path) -> None:
    other = load(root, "translate")
    (root.parent / "mine.tsv").write_text("".join(f"{text}\t¡{text}\n" for text in TEXTS), encoding="utf-8")
    new(root, "mine", [root.parent / "mine.tsv"], Wanted(), None, False, "translate")
    found = load(root, "mine")
    assert grid(root)["mine"] == {"parts": NO_PARTS, "start": "data/translate/model"}
    assert (found.train.start_from, found.tokenize.from_start) == ("translate", "both")
    assert found.model.model_copy(update={"dropout": 0.0}) == other.model.model_copy(update={"dropout": 0.0})
    assert found.tokenize.source == other.tokenize.source
    assert found.train.updates < other.train.updates
    assert found.train.learning_rate == other.train.learning_rate / 4


def test_a_text_is_split_in_its_order(root: Path) -> None:
    start(root, {"book.txt": "".join(f"{text}\n" for text in TEXTS)})
    prepare = load(root, "mine").prepare
    assert isinstance(prepare.split, OfficialSplit)
    parts = (prepare.corpus, prepare.split.valid, prepare.split.test)
    assert [part.rows for part in parts] == [(0, 90), (90, 95), (95, 100)]  # type: ignore[union-attr]


def test_lone_names_are_spelled(root: Path) -> None:
    names = "".join(f"{one}{other}\t{('Dutch', 'Greek')[n % 2]}\n" for n, one in enumerate(WORDS) for other in WORDS)
    start(root, {"names.tsv": names})
    source = load(root, "mine").tokenize.source
    assert isinstance(source, Pieces)
    assert source.kind == "char"
    start(root, {"names.tsv": names}, "turned", shape="one_to_n")
    assert load(root, "turned").shape == "one_to_n"


def test_packed_files_are_taken_as_they_are(root: Path) -> None:
    (root.parent / "mine.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    new(root, "mine", [root.parent / "mine.csv.gz"], Wanted(), None, False)
    assert (root / "data/sources/mine/mine.csv.gz").read_bytes()[:2] == b"\x1f\x8b"


def test_nothing_is_written_over_unless_it_is_forced(root: Path) -> None:
    start(root, {"mine.csv": TABLE})
    before = (root / "pipelines/mine.yaml").read_text()
    with pytest.raises(ParamsError, match="is there already; take another name, or --force"):
        start(root, {"mine.csv": TABLE})
    start(root, {"mine.csv": TABLE.replace("good", "fine")}, force=True)
    assert (root / "pipelines/mine.yaml").read_text() == before
    assert list(grid(root)) == ["translate", "mine"]


@pytest.mark.parametrize(
    ("files", "name", "wanted", "error", "message"),
    [
        ({"mine.csv": TABLE}, "a b", {}, ParamsError, "no name for a pipeline"),
        ({"mine.csv": TABLE}, "mine", {"shape": "n_to_two"}, ParamsError, "--shape n_to_two: needed: one of"),
        ({"mine.csv": TABLE}, "mine", {"shape": "n_to_m"}, ParamsError, "these rows are of the shape n_to_one"),
        ({"mine.csv": TABLE}, "mine", {"target": "lable"}, ParamsError, "did you mean 'label'"),
        ({"mine.csv": "".join(TABLE.splitlines(keepends=True)[:20])}, "mine", {}, DataError, "at least 30 are needed"),
        ({"a.en": "a\n" * 40, "a.nl": "b\n" * 41}, "mine", {}, DataError, r"a\.en has 40 lines, but a\.nl has 41"),
        ({"mine.csv": TABLE + '"well", they said,bad\n'}, "mine", {}, DataError, r"mine\.csv:102: "),
    ],
    ids=["a name", "no shape", "another shape", "no column", "few rows", "not parallel", "a ragged row"],
)
def test_what_is_refused_leaves_nothing(
    root: Path, files: dict[str, str], name: str, wanted: dict[str, str], error: type[UnrollError], message: str
) -> None:
    before = (root / "params.yaml").read_text()
    with pytest.raises(error, match=message) as caught:
        start(root, files, name, **wanted)
    assert "\n" not in str(caught.value)
    assert (root / "params.yaml").read_text() == before
    assert [path.name for path in (root / "pipelines").iterdir()] == ["translate.yaml"]
    assert not (root / "data").exists()


def test_all_files_that_are_not_there_are_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"a\.en, b\.nl: no such file"):
        new(root, "mine", [Path("a.en"), Path("b.nl")], Wanted(), None, False)


def test_a_file_of_a_label_that_yaml_reads_otherwise_is_a_label(root: Path) -> None:
    for label in ("no", "yes", "1"):
        (root.parent / f"{label}.txt").write_text("".join(f"{label} {text}\n" for text in TEXTS[:30]))
    new(root, "mine", [root.parent / f"{label}.txt" for label in ("no", "yes", "1")], Wanted(), None, False)
    assert set(load(root, "mine").prepare.corpus.files) == {"no", "yes", "1"}  # type: ignore[union-attr, arg-type]
    text = (root / "pipelines/mine.yaml").read_text()
    (root / "pipelines/mine.yaml").write_text(text.replace("'no': no.txt", "no: no.txt"))
    with pytest.raises(ParamsError, match=r"prepare\.corpus\.files.*False as no text; put it into quotes"):
        load(root, "mine")


def test_the_shipped_grid_takes_a_line(root: Path) -> None:
    shutil.copy(Path(__file__).parents[3] / "params.yaml", root / "params.yaml")
    before = yaml.safe_load((root / "params.yaml").read_text())
    start(root, {"mine.csv": TABLE})
    after = yaml.safe_load((root / "params.yaml").read_text())
    assert after["machine"] == before["machine"]
    assert after["pipelines"] == before["pipelines"] | {"mine": {"parts": NO_PARTS, "start": NO_START}}


CHINESE = {
    "milk": "牛奶",
    "tea": "茶",
    "wine": "酒",
    "bread": "面包",
    "rice": "米饭",
    "fish": "鱼",
    "soup": "汤",
    "salt": "盐",
}
PAIRS = "".join(
    f"I like {one} and {other}\t我喜欢{CHINESE[one]}和{CHINESE[other]}。\n" for one in CHINESE for other in CHINESE
)


def test_chinese_pairs_get_a_score_and_filters_that_fit_them(root: Path) -> None:
    said = "\n".join(start(root, {"mine.tsv": PAIRS}).said)
    found = load(root, "mine")
    assert "filters and BLEU count its letters" in said
    assert (found.train.select_by, found.train.bleu_tokenizer) == ("bleu", "zh")
    assert found.prepare.filters is not None
    assert "0 rows" not in said
    start(root, {"mine.tsv": PAIRS}, name="other", like="translate")
    assert load(root, "other").train.bleu_tokenizer == "zh"


def test_chinese_sources_are_sentences_and_no_words_to_spell(root: Path) -> None:
    turned = "".join("\t".join(reversed(line.split("\t"))) + "\n" for line in PAIRS.splitlines())
    start(root, {"mine.tsv": turned})
    found = load(root, "mine")
    assert (found.tokenize.source.kind, found.train.bleu_tokenizer) == ("bpe", "13a")
