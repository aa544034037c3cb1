from __future__ import annotations

from pathlib import Path

import pytest

from unroll.params.evaluate import Beam, Rank, Sample, Search, Tag
from unroll.registry import card


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_json", ".json")).write_text(text)
    return folder


def test_main_scores_have_short_names_and_others_their_stage_s(tmp_path: Path) -> None:
    write(
        tmp_path,
        evaluate_json='{"baseline": 9.0, "chrf": 60.0, "bleu": 43.7, "of 30+": 9.5, "sentences": 9, "main": "bleu"}',
        train_json='{"bleu": 40.0}',
    )
    found = card.scores(tmp_path)
    assert found == {"bleu": 43.7, "chrf": 60.0, "baseline": 9.0, "evaluate.of_30_": 9.5, "train.bleu": 40.0}
    assert list(card.main_scores(found)) == ["bleu", "chrf", "baseline"]
    write(tmp_path, prepare_json='{"rows": 7}')
    assert card.facts(tmp_path) == {"prepare.rows": "7", "evaluate.sentences": "9"}
    assert card.remarks(tmp_path) == {"evaluate.main": "bleu"}
    assert card.main_score(tmp_path) == "bleu"


def test_every_main_score_leads(tmp_path: Path) -> None:
    for name in ("baseline", "nats_per_letter", "exact"):
        write(tmp_path, evaluate_json=f'{{"accuracy": 90.0, "{name}": 1.5, "main": "{name}"}}')
        assert list(card.scores(tmp_path)) == [name, "accuracy"]


def test_no_reports_no_scores(tmp_path: Path) -> None:
    assert (card.scores(tmp_path), card.main_score(tmp_path), card.headline({})) == ({}, "", "")


def test_rows_part_at_newlines_alone(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"source": "a\u2028b"}\n{"source": "c\x85"}\n', encoding="utf-8")
    assert [row["source"] for row in card.rows(tmp_path)] == ["a\u2028b", "c\x85"]


BEAM = Beam(kind="beam", beam=5, length_penalty=1.0, max_length_ratio=2.0, int8=False, shortlist=0, batch_sentences=64)
SAMPLE = Sample(kind="sample", temperature=0.8, top_k=0, top_p=0.95, max_tokens=9, seed=1, batch_sentences=64)


def test_a_page_shows_scores_and_samples_and_lets_no_text_be_markup() -> None:
    row = {"source": "a|b <img src=x>", "hypothesis": "*c*", "references": ["d\ne"]}
    page = card.page("lstm 8", BEAM, "models:/translate@champion", {"bleu": 43.71, "train.loss": 1.0}, [row], {})
    assert page.startswith("### bleu **43.71**\n")
    assert r"- a\|b \<img src=x\>" + "\n" + r"  - **\*c\***" + "\n  - d e\n" in page
    assert "on 1 test rows; beam 5 unless" in page
    assert "unroll translate --model models:/translate@champion\n" in page


def test_a_page_says_what_becomes_of_the_score_as_people_type(tmp_path: Path) -> None:
    write(tmp_path, evaluate_json='{"bleu": 9.0, "main": "bleu", "stress.lower": 8.5, "stress.lower_lost": 0.5, '
                                  '"stress.copied_names": 90.0}')  # fmt: skip
    found = card.stress_scores(tmp_path)
    assert found == {"lower": 8.5, "lower_lost": 0.5, "copied_names": 90.0}
    row = {"source": "a", "hypothesis": "b", "references": ["c"]}
    page = card.page("lstm 8", BEAM, "models:/m@champion", {"bleu": 9.0}, [row], found)
    assert "| lower | 8.5 | 0.5 |\n| copied names | 90.0 |  |\n" in page
    assert "As people type" not in card.page("lstm 8", BEAM, "models:/m@champion", {"bleu": 9.0}, [row], {})


def test_answers_under_stress_are_read_by_their_slip(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"source": "A"}\n', encoding="utf-8")
    assert card.answers(tmp_path) == card.Answers([{"source": "A"}], {}), "an earlier version had none"
    (tmp_path / "stress.jsonl").write_text('{"source": "a", "slip": "lower"}\n', encoding="utf-8")
    assert card.answers(tmp_path).stress == {"lower": [{"source": "a"}]}


@pytest.mark.parametrize(
    ("search", "command", "asked"),
    [
        (SAMPLE, "generate", "1 test rows; texts drawn at temperature 0.8, top_k 0, top_p 0.95."),
        (Rank(kind="rank", batch_sentences=4), "classify", "1 test rows."),
        (Tag(kind="tag", batch_sentences=4), "tag", "1 test rows."),
    ],
)
def test_a_page_says_how_this_kind_of_model_is_asked(search: Search, command: str, asked: str) -> None:
    page = card.page(
        "lstm 8", search, "models:/m@champion", {}, [{"source": "a", "hypothesis": "b", "references": []}], {}
    )
    assert f"unroll {command} --model models:/m@champion\n" in page
    assert asked in page


def test_a_page_cuts_long_texts_and_shows_rows_that_were_answered() -> None:
    silent = {"source": "", "hypothesis": "", "references": ["unseen"]}
    vectors = {"source": "0.5 " * 500, "hypothesis": "_" * 500, "references": ["3"]}
    page = card.page("rnn 8", BEAM, "models:/m@champion", {}, [silent, vectors] * 20, {})
    assert "unseen" not in page
    assert page.count("  - 3\n") + page.count("  - 3\n\n") >= card.SAMPLES
    assert f"- {('0.5 ' * 500)[: card.LONGEST - 1]}…\n  - **{chr(92)}_" in page
    assert len(page) < 10_000


def test_a_score_has_the_digits_that_mean_something() -> None:
    assert [card.shown(score) for score in (43.714, 100.0, 1.3824, -0.5)] == ["43.71", "100.00", "1.382", "-0.500"]
