"""Files of every form are the corpus that a person would have written for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unroll.begin.looking import Look, Wanted, look, parts_of
from unroll.data import readers
from unroll.errors import DataError, ParamsError
from unroll.params.prepare import Prepare
from unroll.params.reading import parse

REST = {
    "unicode": "NFC", "filters": None, "max_rows": None,
    "split": {"kind": "grouped", "by": "both", "valid": 0.1, "test": 0.1, "largest_component": 50},
}  # fmt: skip
ROWS = [(f"Row {n} says that it is {word}.", word) for n, word in enumerate(["good", "bad"] * 10)]


def looked(folder: Path, files: dict[str, str], **wanted: str) -> Look:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    tops = list(dict.fromkeys(folder / name.split("/")[0] for name in files))
    return look(tops, Wanted(**wanted))


def read(found: Look, folder: Path, part: str = "train") -> list[tuple[str, str]]:
    """Return the rows that the corpus section of a look reads."""
    corpus = parse(Prepare, {"corpus": found.corpora[part]} | REST, part).corpus
    return [row[:2] for row in readers.read(corpus, folder)]


def cells(delimiter: str, *header: str) -> str:
    rows = [delimiter.join(row) for row in ([header] if header else []) + ROWS]
    return "".join(f"{row}\n" for row in rows)


@pytest.mark.parametrize("header", [("text", "label"), ()])
@pytest.mark.parametrize(("name", "delimiter"), [("mine.csv", ","), ("mine.csv", ";"), ("mine.tsv", "\t")])
def test_tables_with_a_header_and_without(tmp_path: Path, name: str, delimiter: str, header: tuple[str, ...]) -> None:
    found = looked(tmp_path, {name: cells(delimiter, *header)})
    assert (found.rows, found.corpora.keys()) == ("classes", {"train"})
    assert read(found, tmp_path) == ROWS
    turned = looked(tmp_path, {name: cells(delimiter, *header)}, shape="one_to_n")
    assert read(turned, tmp_path) == [(word, text) for text, word in ROWS]


def test_a_column_names_the_split(tmp_path: Path) -> None:
    table = "text,label,fold\n" + "".join(
        f"{text},{word},{'Test' if n % 5 == 0 else 'dev' if n % 5 == 1 else 'train'}\n"
        for n, (text, word) in enumerate(ROWS)
    )
    found = looked(tmp_path, {"mine.csv": table})
    assert list(found.corpora) == ["train", "valid", "test"]
    assert read(found, tmp_path, "test") == ROWS[::5]
    assert read(found, tmp_path, "valid") == ROWS[1::5]
    assert len(read(found, tmp_path)) == 12
    assert any("'fold' tells train from test" in line for line in found.said)


def long_table(first: int, last: int, *more: str) -> str:
    rows = (f"{n},{t},{n * 7 % 5}.{t},{'ab'[n % 2]}{''.join(more)}\n" for n in range(first, last) for t in range(20))
    return "".join(rows)


def test_a_long_table_with_a_file_or_cells_for_each_split(tmp_path: Path) -> None:
    header = "id,time,x,label"
    files = {"my_train.csv": f"{header}\n{long_table(0, 60)}", "my_test.csv": f"{header}\n{long_table(60, 80)}"}
    found = looked(tmp_path, files)
    assert (found.rows, list(found.corpora)) == ("sequences", ["train", "test"])
    assert len(read(found, tmp_path, "test")) == 20
    one = f"{header},split\n{long_table(0, 60, ',train')}{long_table(60, 80, ',test')}"
    found = looked(tmp_path, {"one.csv": one})
    assert [len(read(found, tmp_path, part)) for part in ("train", "test")] == [60, 20]


def test_the_uea_archives_files(tmp_path: Path) -> None:
    head = "#a\n@univariate false\n@dimensions 2\n@classLabel true a b\n@data\n"
    found = looked(tmp_path, {"X_TRAIN.ts": f"{head}1,2:3,4:a\n", "X_TEST.ts": f"{head}5:6:b\n"})
    assert (found.rows, list(found.corpora)) == ("sequences", ["train", "test"])
    assert read(found, tmp_path) == [("1 3; 2 4", "a")]
    assert found.said == ["X_TRAIN.ts, X_TEST.ts: sequences of the UEA archive, of 2 channels"]


def test_objects_a_line(tmp_path: Path) -> None:
    lines = [json.dumps({"id": f"x{n}", "text": text, "of": {"kind": word}}) for n, (text, word) in enumerate(ROWS)]
    assert read(looked(tmp_path, {"mine.jsonl": "\n".join(lines)}), tmp_path) == ROWS
    tagged = [json.dumps({"words": ["milk", f"w{n}"], "tags": ["N", "X"]}) for n in range(20)]
    found = looked(tmp_path, {"mine.jsonl": "\n".join(tagged)}, source="words", target="tags")
    assert (found.rows, read(found, tmp_path)[1]) == ("tags", ("milk w1", "N X"))


def test_parallel_files(tmp_path: Path) -> None:
    files = {"mine.en": "a\nb\n", "mine.nl": "c\nd\n"}
    found = looked(tmp_path, files)
    assert (found.rows, read(found, tmp_path)) == ("pairs", [("a", "c"), ("b", "d")])
    found = looked(tmp_path, files | {"test.en": "e\n", "test.nl": "f\n", "more.en": "g\n", "more.nl": "h\n"})
    assert read(found, tmp_path, "test") == [("e", "f")]
    assert sorted(read(found, tmp_path)) == [("a", "c"), ("b", "d"), ("g", "h")]
    assert look([tmp_path / "mine.nl", tmp_path / "mine.en"], Wanted()).corpora["train"]["source_file"] == "mine.nl"
    (tmp_path / "en.txt").write_text("a\nb\n")
    (tmp_path / "nl.txt").write_text("c\nd\n")
    assert look([tmp_path / "en.txt", tmp_path / "nl.txt"], Wanted()).rows == "pairs"


def test_a_file_or_a_folder_for_each_class(tmp_path: Path) -> None:
    found = looked(tmp_path, {"Dutch.txt": "de Boer\nJansen\n", "Czech.txt": "Blaha\n", "Greek.txt": "Kokinos\n"})
    assert sorted(read(found, tmp_path))[0] == ("Blaha", "Czech")
    found = looked(tmp_path, {"mine/no/1.txt": "a\nb", "mine/yes/1.txt": "c"})
    assert read(found, tmp_path) == [("a b", "no"), ("c", "yes")]
    found = looked(tmp_path, {"own/no.txt": "a\n", "own/yes.txt": "b\nc\n"})
    assert read(found, tmp_path) == [("a", "no"), ("b", "yes"), ("c", "yes")]
    found = looked(
        tmp_path, {"set/train/no/1": "a", "set/train/yes/1": "b", "set/test/no/2": "c", "set/test/yes/2": "d"}
    )
    assert read(found, tmp_path, "test") == [("c", "no"), ("d", "yes")]


def test_words_and_tags(tmp_path: Path) -> None:
    found = looked(tmp_path, {"mine.conll": "the x DT\nmilk y NN\n\nit z PRP\nis q VBZ\n"})
    assert (found.rows, read(found, tmp_path)) == ("tags", [("the milk", "DT NN"), ("it is", "PRP VBZ")])
    row = "{}\t{}\t_\t{}\t_\t_\t_\t_\t_\t_\n"
    found = looked(
        tmp_path,
        {
            "u.conllu": "# id = 1\n"
            + row.format(1, "it", "P")
            + row.format(2, "is", "V")
            + "\n"
            + row.format(1, "a", "D")
            + row.format(2, "b", "N")
        },
    )
    assert read(found, tmp_path) == [("it is", "P V"), ("a b", "D N")]
    with pytest.raises(ParamsError, match="--target 7: needed: the number of a column, from 0 to 2"):
        look([tmp_path / "mine.conll"], Wanted(target="7"))


def test_a_text(tmp_path: Path) -> None:
    found = looked(tmp_path, {"book.txt": "It rained.\nAll slept.\n"})
    assert (found.rows, read(found, tmp_path)) == ("running", [("It rained.", ""), ("All slept.", "")])
    official = looked(tmp_path, {"train.txt": "a\nb\n", "valid.txt": "c\n", "test.txt": "d\n"})
    assert official.rows == "running"
    assert read(official, tmp_path, "test") == [("d", "")]


def test_what_a_person_wants_to_know_is_said(tmp_path: Path) -> None:
    table = "user,date,text,stars\n" + "".join(
        f"u{n % 3},2024-01-{n + 1:02},{text},{n % 5}\n" for n, (text, _) in enumerate(ROWS)
    )
    said = "\n".join(looked(tmp_path, {"mine.csv": table}).said)
    for told in (
        "rows of one user may stand in train and in test",
        "'date' is a time",
        "5 whole numbers",
        "left out: user, date",
    ):
        assert told in said


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({"a.csv": cells(",", "text", "label"), "b.txt": "It rained.\n"}, ParamsError, "several kinds: a.csv is csv"),
        (
            {"a.csv": cells(",", "text", "label"), "b.csv": cells(",", "txt", "label")},
            ParamsError,
            "b.csv has other columns",
        ),
        ({"a.en": "a\n", "b.nl": "b\n", "c.nl": "b\n"}, ParamsError, "parallel files come in twos"),
        ({"x/a.txt": "a\n"}, DataError, "neither a folder for each class nor a file"),
        ({"x/a/1": "a\n", "y/a/1": "a\n"}, ParamsError, "several folders"),
        ({"a.en": "caf\udce9\n"}, DataError, r"a\.en:1: byte 4 .*Latin-1"),
    ],
)
def test_what_cannot_be_told_is_one_line(
    tmp_path: Path, files: dict[str, str], error: type[Exception], message: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(error, match=message) as caught:
        look(list(dict.fromkeys(tmp_path / name.split("/")[0] for name in files)), Wanted())
    assert "\n" not in str(caught.value)


def test_parts_need_a_test() -> None:
    assert list(parts_of([Path("train.en"), Path("dev.en")])) == ["train"]
    assert list(parts_of([Path("my_train.en"), Path("my-dev.en"), Path("my.test.en")])) == ["train", "valid", "test"]
