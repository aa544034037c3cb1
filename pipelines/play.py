"""Tunes in ABC -> sound, or an ABC file: what the model of pipelines/tunes.yaml makes up, to be heard.

    unroll generate --model models:/tunes@champion --count 3 reel | python -m pipelines.play reels.wav
    unroll generate --model data/tunes/model --top-p 0.95 --max-tokens 1000 jig | python -m pipelines.play jig.abc

A registered version draws as it was scored; of a folder one says how, or tunes of more than 200 letters are cut off.
What comes in is a tune a line, as the model says it, or a file of ABC. Plucked strings, by numpy alone.
"""

from __future__ import annotations

import re
import sys
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipelines.tunes import BARS, Note, Tune, read, write
from unroll.errors import DataError, ParamsError, one_line

RATE = 22_050
SEMITONES = (0, 2, 4, 5, 7, 9, 11)
"""of the letters from C to B above C"""
EIGHTH = {"C|": 0.14, "6/8": 0.17, "9/8": 0.17}
"""{meter: the seconds of an eighth}, as people dance; 0.2 of others"""
ENDINGS = [f"[{number}" for number in range(1, 10)]
HARMONICS, RING, PAUSE = 8, 0.4, 1.0
"""Of a string; seconds that it rings on behind its note; seconds behind a tune."""


def frequency(note: Note) -> float:
    """Return the pitch of a note in hertz: equal temperament, the A above middle C being 440.

    >>> round(frequency(Note(0, 0, 1)), 2)
    261.63
    """
    assert note.step is not None, "a rest has no pitch"
    return float(440 * 2 ** ((SEMITONES[note.step % 7] + 12 * (note.step // 7) + note.sharp - 9) / 12))


def played(tune: Tune) -> list[Note]:
    """Return the notes of a tune as they are played: repeats and endings in their turn, what is tied as one note.

    A repeat goes back, once, to the last "|:", the last double line or where the last repeat ended.
    """
    notes, items = list[Note](), (*tune.items, "|")
    begin, at, turn, passed = 0, 0, 1, False
    while at < len(items):
        item, at = items[at], at + 1
        if isinstance(item, Note):
            if not passed:
                notes.append(item)
        elif item.startswith("["):
            passed = item != f"[{turn}"
        elif item in (":|", "::") and turn == 1:
            at, turn, passed = begin, 2, False
        elif item in BARS[1:] and items[at] not in ENDINGS:
            begin, turn, passed = at, 1, False
    return _joined(notes)


def _joined(notes: Sequence[Note]) -> list[Note]:
    joined = list[Note]()
    for note in notes:
        if joined and joined[-1].tied and joined[-1][:2] == note[:2]:
            joined[-1] = note._replace(length=joined[-1].length + note.length)
        else:
            joined.append(note)
    return joined


def sound(tune: Tune) -> np.ndarray:
    """Return a tune as samples, `RATE` of them a second."""
    eighth = EIGHTH.get(tune.meter, 0.2)
    notes = played(tune)
    ends = np.cumsum([float(note.length) * eighth for note in notes])
    samples = np.zeros(round((ends[-1] + RING) * RATE) + 1)
    for note, end in zip(notes, ends, strict=True):
        if note.step is not None:
            begin = round((end - float(note.length) * eighth) * RATE)
            tone = pluck(frequency(note), float(note.length) * eighth)[: len(samples) - begin]
            samples[begin : begin + len(tone)] += tone
    return samples


def pluck(hertz: float, seconds: float) -> np.ndarray:
    """Return a string that is plucked, and damped when its note is over: the higher a harmonic, the sooner it fades."""
    t = np.arange(round((seconds + RING) * RATE)) / RATE
    harmonics = [k for k in range(1, HARMONICS + 1) if k * hertz < RATE / 2]
    tone = sum(np.sin(2 * np.pi * k * hertz * t) * np.exp(-(1 + k) * t) / k for k in harmonics)
    envelope = np.minimum(t / 0.005, 1) * np.exp(-12 * np.maximum(t - seconds, 0))
    return np.asarray(tone * envelope)


def save_sound(tunes: Sequence[Tune], path: Path) -> None:
    """Write tunes one behind the other as a WAV file, 16 bits, one channel."""
    pause = np.zeros(round(PAUSE * RATE))
    samples = np.concatenate([part for tune in tunes for part in (sound(tune), pause)])
    loudest = max(float(np.abs(samples).max()), 1e-9)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * (0.8 * 32767 / loudest)).astype("<i2").tobytes())


def document(tunes: Sequence[Tune]) -> str:
    """Return tunes as a file of ABC, a line of music for each part."""
    parts = []
    for number, tune in enumerate(tunes, start=1):
        music = re.sub(r"(\|\||:\||::)(?!\[|$)", r"\1\n", re.sub(r"^(\[\w:[^\]]*\])+", "", write(tune)))
        parts.append(f"X:{number}\nT:Tune {number}\nM:{tune.meter}\nL:1/8\nK:{tune.key}\n{music}\n")
    return "\n".join(parts)


def tunes_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield (where, ABC) for each tune: a line each as a model says them, or those of a file, each behind its X:."""
    if not re.search(r"^K:", text, re.MULTILINE):
        yield from ((f"line {n}", line) for n, line in enumerate(text.splitlines(), start=1) if line.strip())
        return
    whole = re.split(r"^(?=X:)", text, flags=re.MULTILINE)
    yield from ((f"tune {n}", tune) for n, tune in enumerate(filter(str.strip, whole), start=1))


def main(arguments: Sequence[str]) -> None:
    """Write what stdin has to a file of sound or of ABC; what is no ABC is told, and passed over.

    Raises:
        ParamsError: the file is to be something else.
        DataError: no tune came in.
    """
    if len(arguments) != 1 or Path(arguments[0]).suffix not in (".wav", ".abc"):
        raise ParamsError("usage: python -m pipelines.play FILE.wav, or FILE.abc; tunes come in by stdin")
    path, tunes = Path(arguments[0]), list[Tune]()
    for where, text in tunes_of(sys.stdin.read()):
        try:
            tunes.append(read(text))
        except DataError as error:
            print(f"play: {where}: {error}; passed over", file=sys.stderr)
    if not tunes:
        raise DataError("stdin: no tune in ABC; pipe one in: unroll generate --model data/tunes/model reel")
    if path.suffix == ".wav":
        save_sound(tunes, path)
    else:
        path.write_text(document(tunes), encoding="utf-8", newline="")
    print(f"{path}: {len(tunes)} tunes", file=sys.stderr)


if __name__ == "__main__":
    with one_line():
        main(sys.argv[1:])
