"""Long tables as people have them: what tells sequences apart, what is time, what is to be said."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from unroll.begin import long
from unroll.begin.long import Long
from unroll.errors import ParamsError

CHANCE = random.Random(1)


def number() -> str:
    return f"{CHANCE.gauss(0, 1):.3f}"


def write(folder: Path, rows: list[list[object]], delimiter: str = ",") -> Path:
    path = folder / "mine.csv"
    path.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    return path


def seen(
    folder: Path, header: list[str], rows: list[list[object]], target: str | None = None, ahead: bool = False
) -> Long | None:
    return long.look(write(folder, [header, *rows]), ",", True, target, ahead)


def corpus(found: Long | None) -> dict[str, Any]:
    assert found is not None
    return found.corpus


UTTERANCES = [[n, t, number(), number(), "abc"[n // 10]] for n in range(30) for t in range(7 + n % 20)]
VOWELS = ["utterance", "time", "c1", "c2", "speaker"]


def test_an_id_a_time_channels_and_a_class_that_each_sequence_has(tmp_path: Path) -> None:
    found = seen(tmp_path, VOWELS, UTTERANCES)
    assert found is not None
    assert found.kind == "sequences"
    assert found.corpus == {
        "format": "series", "file": "mine.csv", "delimiter": ",", "header": True, "where": None, "id": "utterance",
        "time": "time", "most_gap": None, "channels": ["c1", "c2"], "missing": None, "target": "speaker",
        "target_names": None, "answer": "label", "horizon": None, "season": None,
        "group": None, "part": None, "window": None, "step": None,
    }  # fmt: skip
    assert "30 sequences of 7 to 26 frames: told apart by 'utterance'; 'time' is their time" in found.said[0]


def test_rows_in_any_order_are_told_apart_by_where_no_time_is_there_twice(tmp_path: Path) -> None:
    shuffled = CHANCE.sample(UTTERANCES, len(UTTERANCES))
    assert corpus(seen(tmp_path, VOWELS, shuffled)) == corpus(seen(tmp_path, VOWELS, UTTERANCES))


def test_numbers_that_begin_again_with_each_speaker_need_both(tmp_path: Path) -> None:
    again = [["abc"[int(n) // 10], int(n) % 10, *rest] for n, *rest, _ in UTTERANCES]
    found = corpus(seen(tmp_path, ["speaker", "take", "t", "c1", "c2"], again))
    assert (found["id"], found["time"], found["target"]) == (["speaker", "take"], "t", "speaker")
    bare = long.look(write(tmp_path, again), ",", False, None, False)
    assert (corpus(bare)["id"], corpus(bare)["channels"], corpus(bare)["target"]) == ([0, 1], [3, 4], 0)


def test_a_recording_whose_frames_have_labels_is_parted_in_time(tmp_path: Path) -> None:
    rows = [[f"2026-01-01 00:00:{n // 20:02}.{n % 20 * 50:03}", n % 97, number(), "walk" if n // 100 % 2 else "rest"]
            for n in range(1100)]  # fmt: skip
    found = seen(tmp_path, ["timestamp", "ankle", "trunk", "activity"], rows)
    assert found is not None
    assert (found.kind, found.in_time, found.corpus["id"]) == ("frames", True, None)
    assert (found.corpus["answer"], found.corpus["window"], found.corpus["step"]) == ("labels", 128, 64)
    assert found.corpus["channels"] == ["ankle", "trunk"]
    parts = long.in_time(found.corpus)
    assert [part["part"] for part in parts.values()] == [[0.0, 0.7], [0.7, 0.85], [0.85, 1.0]]
    assert [part["step"] for part in parts.values()] == [64, 128, 128], "no frame is scored twice"


def test_sequences_of_one_subject_are_a_group_where_something_else_is_to_be_said(tmp_path: Path) -> None:
    rows = [[n // 6, n, t, number(), ["sit", "walk", "run"][n % 3]] for n in range(30) for t in range(8)]
    found = corpus(seen(tmp_path, ["subject", "trial", "t", "x", "activity"], rows))
    assert (found["id"], found["group"], found["target"]) == ("trial", "subject", "activity")


def test_a_number_of_each_sequence_is_estimated(tmp_path: Path) -> None:
    rows = [[f"engine {n}", t, number(), number(), 1000 + n / 7] for n in range(40) for t in range(5)]
    found = seen(tmp_path, ["unit", "cycle", "heat", "noise", "life"], rows)
    assert found is not None
    assert (found.kind, found.corpus["answer"], found.corpus["target"]) == ("quantities", "number", "life")
    assert found.corpus["time"] == "cycle", "it counts up in each"


def hourly(hours: int) -> list[list[object]]:
    return [[f"2026-{1 + n // 672:02}-{1 + n // 24 % 28:02} {n % 24:02}:00", n % 5, number()] for n in range(hours)]


def test_numbers_in_time_are_forecast_a_season_ahead(tmp_path: Path) -> None:
    found = seen(tmp_path, ["when", "heat", "demand"], hourly(3000))
    assert found is not None
    assert (found.kind, found.in_time) == ("ahead", True)
    made = found.corpus
    assert (made["target"], made["channels"], made["horizon"], made["season"]) == ("demand", ["heat", "demand"], 24, 24)
    assert (made["window"], made["step"]) == (168, 1)
    assert [part["step"] for part in long.in_time(made).values()] == [1, 24, 24]
    assert "to be said: 'demand', which is forecast, 24 frames ahead" in found.said[1]
    other = corpus(seen(tmp_path, ["when", "heat", "demand"], hourly(3000), target="heat", ahead=True))
    assert (other["target"], other["channels"]) == ("heat", ["demand", "heat"]), "though there are but five of them"


@pytest.mark.parametrize(
    ("step", "season"), [(900, 96), (86_400, 7), (2_629_800, 12), (60, 60), (7, None)],
    ids=["quarters of an hour", "days", "months", "minutes", "sevens of seconds"],
)  # fmt: skip
def test_the_step_of_time_tells_the_season(tmp_path: Path, step: int, season: int | None) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [[(start + timedelta(seconds=step * n)).isoformat(), number()] for n in range(4000)]
    made = corpus(seen(tmp_path, ["time", "y"], rows))
    assert (made["season"], made["horizon"]) == (season, season or 16)


def test_many_series_are_parted_by_which_they_are(tmp_path: Path) -> None:
    rows = [[f"shop {shop}", f"2026-01-01 {hour % 24:02}:{hour // 24:02}", number()] for shop in range(12)
            for hour in range(400)]  # fmt: skip
    found = seen(tmp_path, ["shop", "time", "sold"], rows)
    assert found is not None
    assert (found.kind, found.in_time, found.corpus["id"]) == ("ahead", False, "shop")


def test_a_column_may_name_the_split_of_each_row(tmp_path: Path) -> None:
    rows = [[*row, "test" if int(str(row[0])) > 24 else "train"] for row in UTTERANCES]
    found = seen(tmp_path, [*VOWELS, "split"], rows)
    assert found is not None
    assert found.split is not None
    assert (found.split[0].name, found.split[1], found.in_time) == ("split", ["test", "train"], False)


@pytest.mark.parametrize(("place", "expected"), [(0, "drop"), (3, "last")])
def test_missing_numbers_become_the_last_ones_where_there_are_such(tmp_path: Path, place: int, expected: str) -> None:
    rows = [list(row) for row in UTTERANCES]
    rows[place][2] = "NA"
    assert corpus(seen(tmp_path, VOWELS, rows))["missing"] == expected


def test_another_column_is_said_where_a_person_wants_it(tmp_path: Path) -> None:
    rows = [[*row, "low" if t % 2 else "high"] for t, row in enumerate(UTTERANCES)]
    assert corpus(seen(tmp_path, [*VOWELS, "pitch"], rows, target="pitch"))["answer"] == "labels"
    with pytest.raises(ParamsError, match="--target picth: no such column; did you mean 'pitch'"):
        seen(tmp_path, [*VOWELS, "pitch"], rows, target="picth")


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (["text", "label"], [[f"It rains for {n} days", "weather"] for n in range(40)]),
        (["length", "width", "species"], [[number(), number(), "ab"[n % 2]] for n in range(40)]),
        (["petals", "width", "species"], [[n % 2, number(), "abc"[n // 20]] for n in range(60)]),
        (["month", "passengers"], [[f"1949-{n % 12 + 1:02}", n * 7] for n in range(12)]),
    ],
    ids=["texts", "rows of numbers", "such rows, sorted", "a series with nothing to say"],
)
def test_what_is_no_long_table_is_left_to_others(tmp_path: Path, header: list[str], rows: list[list[object]]) -> None:
    assert seen(tmp_path, header, rows) is None


@pytest.mark.parametrize(("line", "kind"), [("@classLabel true a b", "sequences"), ("@targetlabel true", "quantities")])
def test_a_ts_file_says_itself_what_it_has(tmp_path: Path, line: str, kind: str) -> None:
    (tmp_path / "a.ts").write_text(f"@univariate true\n{line}\n@data\n1,2:a\n", encoding="utf-8")
    assert long.look_ts(tmp_path / "a.ts") == (kind, "sequences of the UEA archive, of 1 channels")


def test_a_ts_file_without_answers_teaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text("@classLabel false\n@data\n1,2\n", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"a\.ts: has neither classes nor numbers to learn"):
        long.look_ts(tmp_path / "a.ts")
