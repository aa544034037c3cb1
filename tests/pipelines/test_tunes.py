"""ABC as pipelines/tunes.py reads and writes it, and the corpus: settings of one tune are on one side."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.tunes import Found as Piece
from pipelines.tunes import Key, Note, Tune, families, part_of, read, transposed, write
from unroll import parts
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.errors import DataError

ROOT = Path(__file__).parents[2]
HALF = Fraction(1, 2)


def notes(text: str, head: str = "M:4/4\nL:1/8\nK:C\n") -> list[tuple[int | None, int, Fraction]]:
    return [item[:3] for item in read(head + text).items if isinstance(item, Note)]


def lengths(text: str, head: str = "M:4/4\nL:1/8\nK:C\n") -> list[float]:
    return [float(length) for _, _, length in notes(text, head)]


def pitches(text: str, key: str = "C") -> list[tuple[int | None, int]]:
    return [(step, sharp) for step, sharp, _ in notes(text, f"M:4/4\nL:1/8\nK:{key}\n")]


def test_letters_and_marks_tell_the_octave() -> None:
    assert [step for step, _ in pitches("C, C c c' c'' B,, Bz")] == [-7, 0, 7, 14, 21, -8, 6, None]


@pytest.mark.parametrize(
    ("key", "raised"),
    [("C", {}), ("G", {"F": 1}), ("D", {"F": 1, "C": 1}), ("F", {"B": -1}), ("Eb", {"B": -1, "E": -1, "A": -1}),
     ("Am", {}), ("A Minor", {}), ("Edor", {"F": 1, "C": 1}), ("Dmix", {"F": 1}), ("F#m", {"F": 1, "C": 1, "G": 1}),
     ("Glydian", {"F": 1, "C": 1}), ("Bphr", {"F": 1})],
)  # fmt: skip
def test_a_key_raises_and_lowers_its_letters(key: str, raised: dict[str, int]) -> None:
    assert {"CDEFGAB"[step]: sharp for step, sharp in pitches("CDEFGAB", key) if sharp} == raised  # type: ignore[index]


def test_a_sign_holds_for_its_letter_to_the_end_of_the_bar() -> None:
    assert [sharp for _, sharp in pitches("^F F f|F =f F|__B ^^c", "G")] == [1, 1, 1, 1, 0, 0, -2, 2]
    assert [sharp for _, sharp in pitches("^c-|c c|c")] == [1, 1, 0, 0]  # but for a tie, which brings it over the line


def test_lengths_count_in_the_unit() -> None:
    assert lengths("A A2 A/ A// A3/2 A/4 A4/") == [1, 2, 0.5, 0.25, 1.5, 0.25, 2]
    assert lengths("A A2", "M:6/8\nL:1/16\nK:C\n") == [0.5, 1]
    assert lengths("A", "M:2/4\nK:C\n") == [0.5]  # below three quarters a sixteenth is understood
    assert lengths("A", "M:6/8\nK:C\n") == [1]
    assert lengths("A[L:1/16]A") == [1, 0.5]


def test_broken_rhythm_takes_from_one_and_gives_to_the_other() -> None:
    assert lengths("A>B A<B A>>B A2>B2 A>{g}B") == [1.5, 0.5, 0.5, 1.5, 1.75, 0.25, 3, 1, 1.5, 0.5]


def test_tuplets_share_the_time_of_fewer_notes() -> None:
    third = Fraction(2, 3)
    assert [length for *_, length in notes("(3ABc d (2AB (3:2:2A2B c")] == [
        third, third, third, 1, Fraction(3, 2), Fraction(3, 2), 2 * third, third, 1,
    ]  # fmt: skip
    assert lengths("(4ABcd", "M:6/8\nL:1/8\nK:C\n") == [0.75] * 4


def test_of_a_chord_the_highest_note_is_the_melody() -> None:
    assert notes("[CEG]2 +Ac2+ [c/A]") == [(4, 0, 2), (7, 0, 1), (7, 0, HALF)]


def test_ornaments_words_and_slurs_are_passed_over() -> None:
    assert pitches('"Am"u(A{gf}B) ~c .d "^up"Te !trill!f % F\n') == pitches("AB c d e f")


def test_bars_repeats_and_endings_are_kept() -> None:
    marks = [item for item in read("K:C\n|:A|B:|:c|1d:|2e||\nf|[1 g :|[2 a|]").items if isinstance(item, str)]
    assert marks == ["|:", "|", "::", "|", "[1", ":|", "[2", "||", "|", "[1", ":|", "[2", "||"]
    assert [item for item in read("K:C\nA :|\n|: B | | c").items if isinstance(item, str)] == ["::", "|"]


@pytest.mark.parametrize(
    ("text", "told"),
    [("K:C\nABC&def", "'&def'"), ("K:H\nA", "K:H is no key"), ("M:C\nA", "without a key"), ("K:C\nV:2\nA", "voices"),
     ("M:5\nK:C\nA", "M:5 is no meter"), ("L:0\nK:C\nA", "L:0"), ("K:C\n>A", "'>'"), ("X:1\nK:C\n", "no notes"),
     ("K:C\nA/0", "/0"), ("K:C\nA9999999", "A?9999999 is no length")],
)  # fmt: skip
def test_what_is_no_abc_is_told(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told.replace("[", r"\[")):
        read(text)


ROUND = [
    "[M:6/8][K:D]dAF DFA|ded cBA|d3- d2:|",
    "[M:C|][K:D]de|f>^ef>e f>=ed>c|(3fed(3dcB A2de|d2f2 d2::F,2a2 z4|",
    "[M:2/4][L:1/8][K:Gmix]d/e/|ff/d/ff/d/|g/f/e/d/c/d/e/g/|[1c4:|[2c2z2||",
    "[M:9/8][K:Em](3:2:2B2A GFE EFG|A3 A/B/c/d/e/f/ g3|",
]


@pytest.mark.parametrize("text", ROUND)
def test_what_is_written_is_read_as_it_was(text: str) -> None:
    assert write(read(text)) == text


tunes = st.builds(
    lambda meter, key, items: Tune(meter, key, tuple(items)),
    st.sampled_from(["C|", "6/8", "9/8", "2/4"]),
    st.builds(Key, st.integers(0, 6), st.sampled_from([0]), st.sampled_from(["", "m", "dor", "mix"])),
    st.lists(
        st.lists(
            st.builds(
                Note,
                st.integers(-10, 20),
                st.integers(-2, 2),
                st.sampled_from([Fraction(n, d) for n in (1, 2, 3, 4) for d in (1, 2, 4)]),
                st.just(False),
            ),
            min_size=1,
            max_size=6,
        ),
        min_size=1,
        max_size=4,
    ).map(lambda bars: [item for bar in bars for item in (*bar, "|")]),
)


@given(tunes)
@settings(max_examples=50, deadline=None)
def test_any_melody_is_written_such_that_it_is_read_again(tune: Tune) -> None:
    assert read(write(tune)) == tune


def test_a_tune_in_another_key_is_the_same_tune() -> None:
    tune = read("M:6/8\nL:1/8\nK:G\nGAB c^cd|=f2e ^d3|]")
    moved = transposed(tune)
    assert write(moved) == "[M:6/8][K:D]DEF G^GA|=c2B ^A3||"
    assert transposed(moved, tonic=4) == tune


@pytest.mark.parametrize(
    ("text", "adds"),
    [("A|DEF GAB|d3 c3|d3 d2|]", True), ("A|DEF GA|d3 c3|d3 d2|]", False), ("A|DEF GABc|d3 d2|]", False),
     ("A|DEF GAB|1d3 d2:|2d3 d3||", True), ("DEF:|GAB|d3 d3|", True)],
)  # fmt: skip
def test_bars_add_up_to_the_meter(text: str, adds: bool) -> None:
    assert read("M:6/8\nL:1/8\nK:D\n" + text).adds_up() is adds


REEL = "DFAd fdAF|GBdg bgdB|Acea ceac|dfed cABc|dcBA GFED|FAdf afdA|GABc defg|fdec d4|"
OTHER = "ABde f2ed|BdAB dBAF|EFAB d2cd|eaag efed|f2fd e2ec|dBAF ABde|fafd edBd|AFEG FDD2|"
REPEATED = "D2DD D2DD|E2EE E2EE|F2FF F2FF|G2GG G2GG|A2AA A2AA|B2BB B2BB|c2cc c2cc|d2dd d2dd|"


def piece(title: str, music: str) -> Piece:
    return Piece(title, "reel", transposed(read(f"M:C|\nL:1/8\n{music}")))


def test_settings_of_a_tune_are_one_family_whatever_key_ornaments_and_title_they_have() -> None:
    in_g = write(transposed(read(f"[M:C|][K:D]{REEL}"), tonic=4)).partition("]")[2].partition("]")[2]
    varied = REEL.replace("DFAd", "D>FA>d").replace("cABc", "cAAc")
    found = families([
        piece("The Flowing Tide", f"K:D\n{REEL}"), piece("Another -- Reel", f"K:G\n{in_g}"),
        piece("A third", f"K:D\n{varied}"), piece("Flowing Tide, The -- Reel", f"K:D\n{OTHER}"),
        piece("Apart", f"K:D\n{REPEATED}"),
    ])  # fmt: skip
    assert found == [0, 0, 0, 0, 4]


def abc(number: int, title: str, rhythm: str, meter: str, music: str, unit: str = "1/8") -> str:
    return f"X:{number}\nT:{title}\nR:{rhythm}\nM:{meter}\nL:{unit}\nK:D\n{music}\n\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = [f"tune {letter}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    titles = {part: [name for name in names if part_of(name) == part] for part in ("train", "test")}
    text = abc(1, titles["train"][0], "Reel", "C|", REEL) + abc(2, titles["test"][0], "reel", "2/4", OTHER, "1/16")
    text += abc(3, titles["train"][1], "Double Jig", "6/8", "DFA dAF|GBd gdB|Ace aec|d3 d3|")
    text += abc(1120, titles["train"][2], "", "9/8", "DFA dAF ABc|GBd gdB gfe|Ace aec efg|d3 d3 d3|")
    text += abc(9, "Sad", "air", "3/4", "D2F2A2|d6|") + abc(10, "Wrong", "reel", "C|", "GBdg bgdB|DFAd fd|d8|")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "book.abc").write_text(text.replace("R:\n", ""), encoding="latin-1")
    return tmp_path


def rows(folder: Path, part: str) -> list[Row]:
    parts.bring("pipelines/tunes.py", ROOT)
    return list(READERS["tunes"](SimpleNamespace(part=part), folder))


def test_a_row_is_a_dance_and_its_tune_and_what_is_not_used_is_empty(folder: Path) -> None:
    assert sorted((row.source, row.target[:20]) for row in rows(folder, "train")) == [
        ("", ""), ("", ""), ("jig", "[M:6/8][K:D]DFA dAF|"), ("reel", "[M:C|][K:D]DFAd fdAF"),
        ("slip jig", "[M:9/8][K:D]DFA dAF "),
    ]  # fmt: skip
    assert [row[:2] for row in rows(folder, "test")] == [("reel", f"[M:C|][K:D]{OTHER}")]
    assert rows(folder, "valid") == []
