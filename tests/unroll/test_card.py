from __future__ import annotations

from pathlib import Path

import pytest

from unroll import card
from unroll.errors import DataError


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_json", ".json").replace("_csv", ".csv")).write_text(text)
    return folder


def test_curves_have_a_point_for_every_cell_that_is_a_finite_number(tmp_path: Path) -> None:
    write(tmp_path, curves_csv="update,loss,bleu\n10,2.5,\n20,inf,7\n30,nan,\n")
    assert card.curves(tmp_path / "curves.csv") == {"loss": {10: 2.5}, "bleu": {20: 7.0}}


def test_no_curves_without_a_file(tmp_path: Path) -> None:
    assert card.curves(tmp_path / "curves.csv") == {}


@pytest.mark.parametrize("row", ["10,two", "ten,2", "10,2,3"])
def test_a_cell_that_is_no_number_is_named(tmp_path: Path, row: str) -> None:
    write(tmp_path, curves_csv=f"update,loss\n5,1\n{row}\n")
    with pytest.raises(DataError, match=r"curves\.csv:3: "):
        card.curves(tmp_path / "curves.csv")


def test_main_scores_have_short_names_and_others_their_stage_s(tmp_path: Path) -> None:
    write(
        tmp_path,
        evaluate_json='{"bleu": 43.7, "of 30+": 9.5, "sentences": 9, "signature": "13a"}',
        train_json='{"bleu": 40.0}',
    )
    assert card.scores(tmp_path) == {"bleu": 43.7, "evaluate.of_30_": 9.5, "train.bleu": 40.0}
    write(tmp_path, prepare_json='{"rows": 7}')
    assert card.facts(tmp_path) == {"prepare.rows": "7", "evaluate.sentences": "9"}
    assert card.remarks(tmp_path) == {"evaluate.signature": "13a"}
    assert list(card.main_scores({"chrf": 1.0, "x": 2.0, "bleu": 3.0})) == ["bleu", "chrf"]


def test_rows_part_at_newlines_alone(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"source": "a\u2028b"}\n{"source": "c\x85"}\n', encoding="utf-8")
    assert [row["source"] for row in card.rows(tmp_path)] == ["a\u2028b", "c\x85"]


def test_a_page_shows_scores_and_samples_and_lets_no_text_be_markup() -> None:
    row = {"source": "a|b <img src=x>", "hypothesis": "*c*", "references": ["d\ne"]}
    page = card.page("lstm 8", 5, "models:/translate@champion", {"bleu": 43.71}, [row])
    assert page.startswith("### bleu **43.71**\n")
    assert r"- a\|b \<img src=x\>" + "\n" + r"  - **\*c\***" + "\n  - d e\n" in page
    assert "--model models:/translate@champion" in page
