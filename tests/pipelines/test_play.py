"""Tunes become sound: known pitches, lengths and orders; and files that others read."""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipelines import play
from pipelines.play import EIGHTH, PAUSE, RATE, RING, document, frequency, played, pluck, save_sound, sound
from pipelines.tunes import Note, read, write
from unroll.errors import DataError, ParamsError

ROOT = Path(__file__).parents[2]
ONE = Fraction(1)


def heard(music: str, head: str = "M:6/8\nL:1/8\nK:C\n") -> str:
    """Return the letters that are played."""
    return "".join("CDEFGABcdefgab"[note.step or 0] for note in played(read(head + music)))


def loudest(samples: np.ndarray) -> float:
    """Return the frequency in hertz that is strongest."""
    strengths = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(np.argmax(strengths) * RATE / (8 * len(samples)))


def test_the_a_above_middle_c_has_440_hertz() -> None:
    pitches = {"A": 440, "a": 880, "A,": 220, "^A": 466.16, "C": 261.63, "_B": 466.16, "c'": 1046.5}
    for written, hertz in pitches.items():
        note = next(item for item in read(f"K:C\n{written}").items if isinstance(item, Note))
        assert frequency(note) == pytest.approx(hertz, abs=0.01)
        assert loudest(pluck(frequency(note), 1.0)) == pytest.approx(hertz, rel=0.002)


def test_the_key_says_which_letters_are_raised() -> None:
    in_d = [frequency(note) for note in played(read("K:D\nFc"))]
    assert in_d == pytest.approx([369.99, 554.37], abs=0.01)


@pytest.mark.parametrize(
    ("music", "order"),
    [("AB:|cd||", "ABABcd"), ("AB|:cd:|ef:|", "ABcdcdefef"), ("A|:B::c:|d", "ABBccd"), ("A||B:|c", "ABBc"),
     ("A|1B:|2c||d", "ABAcd"), ("|:A|1B:|2c:|:d|1e:|2f||", "ABAcdedf"), ("ABc", "ABc"), ("A-A|B-|B", "AB")],
)  # fmt: skip
def test_repeats_and_endings_are_played_in_their_turn(music: str, order: str) -> None:
    assert heard(music) == order


def test_a_note_lasts_as_long_as_the_unit_and_the_meter_say() -> None:
    for head, eighths in (("M:6/8\nL:1/8\n", 6), ("M:6/8\nL:1/16\n", 3), ("M:6/8\nL:1/4\n", 12)):
        samples = sound(read(f"{head}K:C\nABc A>Bc|"))
        assert len(samples) / RATE == pytest.approx(eighths * EIGHTH["6/8"] + RING, abs=0.001)


def test_a_note_begins_when_the_one_before_ends_and_rests_are_silent() -> None:
    samples = sound(read("M:6/8\nL:1/8\nK:C\nz2A z3|"))
    begin = round(2 * EIGHTH["6/8"] * RATE)
    assert not samples[:begin].any()
    assert np.abs(samples[begin : begin + 500]).max() > 0.5
    assert np.abs(samples[-500:]).max() < 0.01


def test_what_is_saved_is_a_sound_file_and_the_same_twice(tmp_path: Path) -> None:
    tunes = [read("M:C|\nL:1/8\nK:D\nDFAd fdAF|D8|"), read("K:G\nG")]
    for name in ("one.wav", "two.wav"):
        save_sound(tunes, tmp_path / name)
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()
    with wave.open(str(tmp_path / "one.wav")) as file:
        assert file.getparams()[:3] == (1, 2, RATE)
        seconds = 16 * EIGHTH["C|"] + 0.2 + 2 * (RING + PAUSE)
        assert file.getnframes() / RATE == pytest.approx(seconds, abs=0.01)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert 0.75 < np.abs(samples).max() / 32767 < 0.85


def test_a_file_of_abc_has_a_header_for_each_tune_and_is_read_again() -> None:
    lines = ["[M:6/8][K:D]A|dAF DFA|d3 d2::e|fed cBA|[1d3 d3:|[2d3 d2||", "[M:C|][K:Am]ABcd e4|"]
    text = document([read(line) for line in lines])
    assert text.startswith("X:1\nT:Tune 1\nM:6/8\nL:1/8\nK:D\nA|dAF DFA|d3 d2::\ne|fed cBA|")
    assert [write(read(abc)) for _, abc in play.tunes_of(text)] == lines


def test_it_is_run_behind_what_a_model_says(tmp_path: Path) -> None:
    said = "[M:6/8][K:D]dAF DFA|d3 d3||\n[M:6/8][K:D]dAF (\x02|\n"
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.play", str(tmp_path / "a.wav")], input=said, cwd=ROOT, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "line 2: " in done.stderr
    assert done.stderr.endswith("a.wav: 1 tunes\n")
    assert (tmp_path / "a.wav").stat().st_size > 2 * RATE


def test_what_cannot_be_played_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hello\n"))
    with pytest.raises(DataError, match="no tune in ABC"):
        play.main([str(tmp_path / "a.wav")])
    for arguments in ([], ["a.mp3"], ["a.wav", "b.wav"]):
        with pytest.raises(ParamsError, match="usage"):
            play.main(arguments)
