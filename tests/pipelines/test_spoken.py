"""The speech of pipelines/spoken.yaml: which sentences and voices are whose, and frames with known answers."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pipelines import spoken
from pipelines.spoken import BANDS, HOP, RATE, STACK, VARIANTS, Saying, log_mel, sayings, speaker, vectors
from unroll.data.numbers import read, written
from unroll.errors import DataError

ROOT = Path(__file__).parents[2]
FETCHED = ROOT / "data/spoken/raw"


def tone(hertz: float, seconds: float) -> np.ndarray:
    return np.asarray(1000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE))


def variants(said: list[Saying]) -> set[str]:
    return {one.voice.partition("+")[2] for one in said}


def test_sentences_and_voices_of_the_test_are_never_in_train() -> None:
    said = {part: list(sayings(part, 2000, 1)) for part in ("train", "valid", "test")}
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        assert not {row.text for row in said[one]} & {row.text for row in said[other]}
        assert not set(VARIANTS[one]) & set(VARIANTS[other])
    assert variants(said["train"]) == set(VARIANTS["train"])
    assert variants(said["test"][1::2]) == set(VARIANTS["test"])
    assert variants(said["test"][::2]) <= set(VARIANTS["train"])


def test_sentences_are_short_and_of_few_words() -> None:
    texts = [saying.text.split() for saying in sayings("train", 3000, 1)]
    assert len({" ".join(words) for words in texts}) > 2900
    assert {len(words) for words in texts} <= {*range(3, 11)}
    assert len(Counter(word for words in texts for word in words)) < 100


def test_a_seed_tells_what_is_said() -> None:
    one, same, other = (list(sayings("test", 20, seed)) for seed in (3, 3, 4))
    assert one == same != other


def test_a_tone_is_in_the_band_of_its_pitch() -> None:
    mel = 2595 * np.log10(1 + np.array([80.0, 8000.0]) / 700)
    centres = 700 * (10 ** (np.linspace(*mel, BANDS + 2)[1:-1] / 2595) - 1)
    for band in (2, 8, 15, 22):
        frames = log_mel(tone(centres[band], 0.5))
        assert (frames.argmax(1) == band).all()
        assert frames.max() == pytest.approx(0, abs=0.1)


def test_a_frame_is_20_ms_and_three_are_a_vector() -> None:
    frames = log_mel(tone(440, 1.0))
    assert len(frames) == pytest.approx(1 / HOP, abs=2)
    rows = vectors(tone(440, 1.0))
    assert rows.shape == (-(-len(frames) // STACK), STACK * BANDS)
    assert np.abs(rows).max() <= 1  # a tone that stays is its own mean


def test_silence_at_the_ends_is_left_out_and_loudness_does_not_count() -> None:
    said = np.concatenate([tone(300, 0.3), tone(2000, 0.3)])
    quiet = np.concatenate([np.zeros(RATE), said / 50, np.zeros(RATE)])
    assert len(log_mel(quiet)) == pytest.approx(len(log_mel(said)), abs=3)
    assert vectors(said).tolist() == vectors(said / 50).tolist()


def test_a_row_is_read_as_it_was_written() -> None:
    rows = vectors(np.concatenate([tone(300, 0.3), tone(2000, 0.3)]))
    assert read(written(rows)).tolist() == rows.tolist()


def test_without_its_library_the_speaker_is_told_in_a_line(tmp_path: Path) -> None:
    with speaker(tmp_path) as say, pytest.raises(DataError, match=r"does not say 'hello' .*libespeak-ng\.so"):
        say(Saying("hello", "en+m1", 170, 50))


@pytest.mark.skipif(not FETCHED.is_dir() or sys.platform != "linux", reason="python -m stages.fetch spoken")
def test_the_same_is_said_twice_and_others_sound_otherwise() -> None:
    asked = [Saying("seven green apples", voice, 170, 50) for voice in ("en+m3", "en-us+f3", "en+f3")]
    runs = []
    for _ in range(2):
        with speaker(FETCHED) as say:
            runs.append([say(saying).tolist() for saying in asked])
    assert runs[0] == runs[1]
    assert len({tuple(samples) for samples in runs[0]}) == 3
    with speaker(FETCHED) as say, pytest.raises(DataError, match="no such voice"):
        say(Saying("hello", "en+nobody", 170, 50))


def test_rows_of_a_part_are_frames_words_and_who_says_them(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def whistler(_: Path):  # type: ignore[no-untyped-def]
        yield lambda saying: np.concatenate([tone(200 + 100 * len(word), 0.1) for word in saying.text.split()])

    monkeypatch.setattr(spoken, "speaker", whistler)
    corpus = type("Corpus", (), {"part": "test", "rows": 4, "seed": 3})()
    rows = list(spoken.read(corpus, Path()))
    said = list(sayings("test", 4, 3))
    assert [(row.target, row.attribution) for row in rows] == [(one.text, one.voice) for one in said]
    assert all(read(row.source).shape[1] == STACK * BANDS for row in rows)
